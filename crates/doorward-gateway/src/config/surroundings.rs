//! What reading a configuration needs of the machine, as a port: so that every rule is tested without one.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// The largest file that a configuration may name, in bytes: keys, certificates and secrets are small.
pub const MOST_FILE_BYTES: u64 = 1024 * 1024;

/// Files and environment variables, as a configuration sees them.
pub trait Surroundings {
    /// The contents of a regular file of at most [`MOST_FILE_BYTES`].
    ///
    /// # Errors
    ///
    /// A sentence for people, such as `there is no such file`; it never holds contents.
    fn read(&self, path: &Path) -> Result<Contents, String>;

    /// An environment variable, when it is set and is UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether there is a folder at this path.
    fn is_folder(&self, path: &Path) -> bool;

    /// Whether a program can be started: by its path, or by its name along `PATH`.
    fn has_program(&self, program: &Path) -> bool;
}

/// What a file holds, and whether others on this machine may read or write it.
#[derive(Clone)]
pub struct Contents {
    /// The bytes; wiped from memory when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Other users of this machine may read or write the file.
    pub open_to_others: bool,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contents")
            .field("bytes", &self.bytes.len())
            .field("open_to_others", &self.open_to_others)
            .finish()
    }
}

/// The machine that this runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Surroundings for Machine {
    fn read(&self, path: &Path) -> Result<Contents, String> {
        // A named pipe would wait for its writer, so what it is comes first.
        let about = std::fs::metadata(path).map_err(|error| sentence(&error))?;
        if !about.is_file() {
            return Err(if about.is_dir() { "it is a folder".into() } else { "it is not a regular file".into() });
        }
        let mut file = File::open(path).map_err(|error| sentence(&error))?;
        let mut bytes = Zeroizing::new(Vec::new());
        file.by_ref().take(MOST_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| sentence(&error))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_FILE_BYTES {
            return Err(format!("it is larger than {} KiB", MOST_FILE_BYTES / 1024));
        }
        let open_to_others = file.metadata().map_err(|error| sentence(&error)).map(|about| open_to_others(&about))?;
        Ok(Contents { bytes, open_to_others })
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn has_program(&self, program: &Path) -> bool {
        if program.components().count() > 1 {
            return is_program(program);
        }
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| is_program(&dir.join(program))))
    }
}

fn sentence(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::PermissionDenied => "this user may not read it".into(),
        ErrorKind::NotADirectory => "part of its path is not a folder".into(),
        _ => error.to_string().to_lowercase(),
    }
}

#[cfg(unix)]
fn open_to_others(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    const OTHERS_READ_OR_WRITE: u32 = 0o006;
    about.permissions().mode() & OTHERS_READ_OR_WRITE != 0
}

#[cfg(not(unix))]
fn open_to_others(_about: &std::fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    const ANYONE_MAY_RUN: u32 = 0o111;
    path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & ANYONE_MAY_RUN != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file() || path.with_extension("exe").is_file() || path.with_extension("cmd").is_file()
}
