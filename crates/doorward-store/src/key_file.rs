//! The key that signs our tokens, in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use zeroize::Zeroizing;

use crate::private::{self, NotPrivate};

/// An Ed25519 key pair is 85 bytes long in PKCS#8.
const MOST_BYTES: u64 = 4096;

/// An Ed25519 key pair in PKCS#8 form (RFC 8410), read from a file that only its owner can read.
///
/// The bytes are wiped from memory when the value ends.
pub struct KeyFile {
    pkcs8: Zeroizing<Vec<u8>>,
}

impl KeyFile {
    /// Reads the key, or makes one where there is no file.
    ///
    /// A new file appears whole or not at all and never replaces another: of two processes that
    /// start at once, both get the key of the first.
    ///
    /// # Errors
    ///
    /// When the file can't be read or made, is open to others, or holds no Ed25519 key.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        match open(path) {
            Ok(file) => Self::read(path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(path)?;
                Self::load(path)
            }
            Err(error) => Err(NotPrivate::io(path)(error).into()),
        }
    }

    /// Reads the key.
    ///
    /// # Errors
    ///
    /// As [`KeyFile::load_or_create`], and when there is no file.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let file = open(path).map_err(NotPrivate::io(path))?;
        Self::read(path, file)
    }

    fn read(path: &Path, file: File) -> Result<Self, KeyFileError> {
        private::check_file(path, &file)?;
        let mut pkcs8 = Zeroizing::new(Vec::with_capacity(256));
        file.take(MOST_BYTES).read_to_end(&mut pkcs8).map_err(NotPrivate::io(path))?;
        match Ed25519KeyPair::from_pkcs8(&pkcs8) {
            Ok(_) => Ok(Self { pkcs8 }),
            Err(_) => Err(KeyFileError::NoKey { path: path.to_owned() }),
        }
    }

    /// The key pair in PKCS#8 form: a secret.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyFile(redacted)")
    }
}

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file can't be used.
    #[error("the signing key can't be used: {0}")]
    Unusable(#[from] NotPrivate),
    /// The file holds something else.
    #[error("the signing key `{path}` holds no Ed25519 key in PKCS#8 form: restore it, or move it away and a new key is made (tokens signed with the old one then end)", path = .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// No key could be made.
    #[error("the system gave no randomness for a new signing key")]
    NoRandomness,
}

fn open(path: &Path) -> io::Result<File> {
    // A FIFO in the file's place must not hang the start.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(nonblocking).open(path)
}

fn create(path: &Path) -> Result<(), KeyFileError> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyFileError::NoRandomness)?;
    match private::create_whole(path, document.as_ref()) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(NotPrivate::io(path)(error).into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_key_is_private_and_read_back() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("signing.key");
        let made = KeyFile::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(KeyFile::load_or_create(&path).unwrap().pkcs8(), made.pkcs8());
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_fix() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("signing.key");
        KeyFile::load_or_create(&path).unwrap();
        for open in [0o640, 0o604, 0o644, 0o620] {
            fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
            let shown = path.display();
            assert_eq!(
                KeyFile::load_or_create(&path).unwrap_err().to_string(),
                format!(
                    "the signing key can't be used: `{shown}` is open to other users (mode {open:04o}): run `chmod 600 {shown}`"
                )
            );
        }
    }

    #[test]
    fn a_file_without_a_key_is_refused_and_kept() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("signing.key");
        for content in [&b""[..], b"-----BEGIN PRIVATE KEY-----", &[0; 10_000]] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let refused = KeyFile::load_or_create(&path);
            assert!(matches!(refused, Err(KeyFileError::NoKey { .. })));
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_directory_in_its_place_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let refused = KeyFile::load_or_create(temp.path()).unwrap_err().to_string();
        assert!(refused.ends_with("is not a file"), "{refused}");
    }

    #[test]
    fn of_many_that_start_at_once_all_get_one_key() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("signing.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| KeyFile::load_or_create(&path).unwrap().pkcs8().to_vec())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| key == &keys[0]));
    }

    #[test]
    fn debug_shows_no_key() {
        let temp = tempfile::tempdir().unwrap();
        let key = KeyFile::load_or_create(&temp.path().join("k")).unwrap();
        assert_eq!(format!("{key:?}"), "KeyFile(redacted)");
    }
}
