//! Files and directories that belong to one user alone.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The bits of a mode that let anyone but the owner in.
const OTHERS: u32 = 0o077;

/// Why a file or directory is not used.
///
/// What a node keeps is worth as much as what it guards, so a door that stands open is a reason to
/// stop, not to warn.
#[derive(Debug, thiserror::Error)]
pub enum NotPrivate {
    /// Others than the owner have access.
    #[error("`{path}` is open to other users (mode {mode:04o}): run `chmod {wanted:o} {path}`", path = .path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// The mode that it has.
        mode: u32,
        /// The mode that it should have.
        wanted: u32,
    },
    /// It belongs to another user than the one who runs this process.
    #[error("`{path}` belongs to user id {owner}, but this process runs as user id {us}: run as its owner, or give it to this user", path = .path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// It is something else than it should be.
    #[error("`{path}` is not a {wanted}", path = .path.display())]
    NotA {
        /// Which.
        path: PathBuf,
        /// `directory` or `file`.
        wanted: &'static str,
    },
    /// It can't be read or made.
    #[error("`{path}` can't be used: {error}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl NotPrivate {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}

/// Makes a directory (and its parents) with mode 0700 where it is missing, and refuses one that
/// others can enter.
pub(crate) fn directory(path: &Path) -> Result<(), NotPrivate> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => NotPrivate::NotA { path: path.to_owned(), wanted: "directory" },
        _ => NotPrivate::Io { path: path.to_owned(), error },
    })?;
    let metadata = std::fs::metadata(path).map_err(NotPrivate::io(path))?;
    if !metadata.is_dir() {
        return Err(NotPrivate::NotA { path: path.to_owned(), wanted: "directory" });
    }
    check(path, &metadata, 0o700)
}

/// Refuses an open file that others can read, or that is not ours.
pub(crate) fn check_file(path: &Path, file: &File) -> Result<(), NotPrivate> {
    let metadata = file.metadata().map_err(NotPrivate::io(path))?;
    if !metadata.is_file() {
        return Err(NotPrivate::NotA { path: path.to_owned(), wanted: "file" });
    }
    check(path, &metadata, 0o600)
}

fn check(path: &Path, metadata: &Metadata, wanted: u32) -> Result<(), NotPrivate> {
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us {
        return Err(NotPrivate::Foreign { path: path.to_owned(), owner: metadata.uid(), us });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(NotPrivate::Open { path: path.to_owned(), mode, wanted });
    }
    Ok(())
}

/// Makes a file that must not exist yet, with mode 0600, for appending.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

/// Puts a whole file in place, or nothing at all: written under another name, brought to the disk,
/// then linked. An existing file is never replaced ([`io::ErrorKind::AlreadyExists`]).
pub(crate) fn create_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut mark = [0; 8];
    aws_lc_rs::rand::fill(&mut mark).map_err(io::Error::other)?;
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(format!(".{:016x}", u64::from_be_bytes(mark)));
    let draft = path.with_file_name(name);
    let placed = (|| {
        let mut file = create_new(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::hard_link(&draft, path)
    })();
    let removed = std::fs::remove_file(&draft);
    placed?;
    removed?;
    sync_parent(path)
}

/// Brings the entry of a new file to the disk.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
