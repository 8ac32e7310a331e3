//! What a running node tells the commands beside it: `node.json` in the state directory.
//!
//! `doorward token issue` makes a token for exactly one resource (RFC 8707), and only the node knows how its resources are
//! named. It writes them down once it has bound its port; the file stays when the node ends, so that a token can be
//! made before the next start. It holds no secret.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The name of the file in the state directory.
const NAME: &str = "node.json";

/// The most that is read of it, in bytes: thousands of servers fit.
const MOST_BYTES: u64 = 1024 * 1024;

/// How the node was started, which decides where its servers are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// `doorward run`: one server, at `/mcp`.
    Run,
    /// `doorward serve`: each server at `/mcp/NAME`.
    Serve,
    /// `doorward demo`: the built-in server, at `/mcp`.
    Demo,
}

/// One guarded server, as callers know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarded {
    /// Its name in the configuration.
    pub name: String,
    /// Its URL, which is the audience of its tokens (RFC 9728 section 2, `resource`).
    pub resource: String,
}

/// The contents of `node.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFile {
    /// The URL that clients know the node by, without a path; also the issuer of its own tokens.
    pub public_url: String,
    /// How it was started.
    pub mode: Mode,
    /// What it guards; at least one.
    pub servers: Vec<Guarded>,
}

impl NodeFile {
    /// Reads what the last node of this state directory wrote; `None` when there never was one.
    ///
    /// # Errors
    ///
    /// When the file is there and can't be read or understood.
    pub fn read(state: &Path) -> Result<Option<Self>, NodeFileError> {
        let path = state.join(NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(NodeFileError::Read { path, source }),
        };
        let text = io::read_to_string(io::Read::take(file, MOST_BYTES))
            .map_err(|source| NodeFileError::Read { path: path.clone(), source })?;
        serde_json::from_str(&text).map(Some).map_err(|_| NodeFileError::Malformed { path })
    }

    /// Writes it in one step: a reader sees the old file or the new one.
    ///
    /// # Errors
    ///
    /// When the state directory can't be written to.
    pub fn write(&self, state: &Path) -> Result<(), NodeFileError> {
        let path = state.join(NAME);
        let beside = state.join(format!(".{NAME}.{}", std::process::id()));
        self.write_beside(&beside)
            .and_then(|()| std::fs::rename(&beside, &path))
            .map_err(|source| NodeFileError::Write { path, source })
    }

    fn write_beside(&self, beside: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        let mut file = create_private(beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

fn create_private(path: &Path) -> io::Result<File> {
    const OWNER_ONLY: u32 = 0o600;
    OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(path)
}

/// `node.json` could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeFileError {
    /// It is there and can't be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// Where it lies.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is not what a node writes.
    #[error("`{}` is not what a node writes; start the node once more, or delete the file", path.display())]
    Malformed {
        /// Where it lies.
        path: PathBuf,
    },
    /// It can't be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// Where it was to lie.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> NodeFile {
        NodeFile {
            public_url: "http://localhost:8700".into(),
            mode: Mode::Run,
            servers: vec![Guarded { name: "server".into(), resource: "http://localhost:8700/mcp".into() }],
        }
    }

    #[test]
    fn what_was_written_is_read_and_a_second_write_replaces_it() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(NodeFile::read(state.path()).unwrap(), None);
        file().write(state.path()).unwrap();
        assert_eq!(NodeFile::read(state.path()).unwrap(), Some(file()));
        let other = NodeFile { mode: Mode::Serve, ..file() };
        other.write(state.path()).unwrap();
        assert_eq!(NodeFile::read(state.path()).unwrap(), Some(other));
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_no_node_wrote_is_refused_with_the_way_out() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join(NAME), "{}").unwrap();
        let said = NodeFile::read(state.path()).unwrap_err().to_string();
        assert!(said.contains("start the node once more"), "{said}");
    }

    #[test]
    fn only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let state = tempfile::tempdir().unwrap();
        file().write(state.path()).unwrap();
        let mode = state.path().join(NAME).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
