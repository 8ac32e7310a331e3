//! The directory in which a node keeps everything.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::private::{self, NotPrivate};

/// The state directory: mode 0700, owned by the user who runs Doorward.
///
/// Commands open it beside a running node. What only one process may do at a time (serving, mending
/// a torn ledger) asks for the [`NodeLock`].
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// Opens the directory, and makes it (with its parents) where it is missing.
    ///
    /// # Errors
    ///
    /// When it can't be made, is no directory, belongs to somebody else, or lets others in.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, NotPrivate> {
        let path = path.into();
        private::directory(&path)?;
        Ok(Self { path })
    }

    /// Takes the directory for one node. The lock ends with the returned value, or with the process,
    /// however it ends.
    ///
    /// # Errors
    ///
    /// When another process has it.
    pub fn lock(&self) -> Result<NodeLock, LockError> {
        let path = self.path.join("lock");
        let io = |error| LockError::Unusable(NotPrivate::io(&path)(error));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Taken { path: self.path.clone(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        // Whose it is helps the next one's message; the lock holds without it.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(NodeLock { _file: file })
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join("doorward.db")
    }

    /// The file of the key that signs our tokens.
    #[must_use]
    pub fn signing_key(&self) -> PathBuf {
        self.path.join("signing.key")
    }

    /// The socket on which a running node takes commands.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("node.sock")
    }

    /// A directory below, made with mode 0700 where it is missing.
    ///
    /// `name` is a single component, fixed in the code.
    ///
    /// # Errors
    ///
    /// As [`StateDir::open`].
    pub fn subdirectory(&self, name: &'static str) -> Result<PathBuf, NotPrivate> {
        let path = self.path.join(name);
        private::directory(&path)?;
        Ok(path)
    }
}

/// The proof that this process is the one node of a state directory.
#[derive(Debug)]
pub struct NodeLock {
    _file: File,
}

/// The state directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another node has it.
    #[error("another node is using the state directory `{path}`{by}: stop it, or choose another directory with `--state`",
        path = .path.display(), by = .holder.map(|id| format!(" (process {id})")).unwrap_or_default())]
    Taken {
        /// The directory.
        path: PathBuf,
        /// The process that has it, as it said itself.
        holder: Option<u32>,
    },
    /// The lock file can't be used.
    #[error(transparent)]
    Unusable(#[from] NotPrivate),
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_new_directory_is_for_its_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b/state");
        let state = StateDir::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&temp.path().join("a")), 0o700);
        assert_eq!(mode(&state.subdirectory("ledger").unwrap()), 0o700);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused_with_the_fix() {
        for open in [0o755, 0o750, 0o701, 0o1777] {
            let temp = tempfile::tempdir().unwrap();
            fs::set_permissions(temp.path(), Permissions::from_mode(open)).unwrap();
            let refused = StateDir::open(temp.path()).unwrap_err().to_string();
            let path = temp.path().display();
            assert_eq!(refused, format!("`{path}` is open to other users (mode {open:04o}): run `chmod 700 {path}`"));
        }
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        if std::os::unix::fs::chown(temp.path(), Some(54_321), None).is_err() {
            eprintln!("skipped: only root can give a directory away");
            return;
        }
        let refused = StateDir::open(temp.path()).unwrap_err();
        assert!(matches!(refused, NotPrivate::Foreign { owner: 54_321, .. }), "{refused}");
    }

    #[test]
    fn a_file_is_no_state_directory() {
        let temp = tempfile::NamedTempFile::new().unwrap();
        let refused = StateDir::open(temp.path()).unwrap_err().to_string();
        assert_eq!(refused, format!("`{}` is not a directory", temp.path().display()));
    }

    #[test]
    fn two_nodes_do_not_share_a_directory() {
        let temp = tempfile::tempdir().unwrap();
        fs::set_permissions(temp.path(), Permissions::from_mode(0o700)).unwrap();
        let state = StateDir::open(temp.path()).unwrap();
        let first = state.lock().unwrap();
        let refused = state.lock().unwrap_err().to_string();
        assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
        assert!(StateDir::open(temp.path()).is_ok(), "a command opens it beside the node");
        drop(first);
        assert!(state.lock().is_ok());
        assert_eq!(mode(&temp.path().join("lock")), 0o600);
    }
}
