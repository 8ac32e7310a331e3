//! The node's side of the socket.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use doorward::Guard;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};

use super::{Answer, LONGEST_QUESTION, OpenSession, Question, path::reachable};
use crate::listen::Shutdown;

/// Most commands that are served at once.
const MOST: usize = 16;
/// A command has so long to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Fewer digits could end more than was meant.
const SHORTEST_DIGEST: usize = 8;

/// The socket of a running node. Dropping it removes the file.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

/// The socket could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the command socket `{}`: {source}", path.display())]
pub struct SocketError {
    /// Where.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

impl ControlSocket {
    /// Binds the socket. The caller holds the state directory's lock, so a socket that is there was left by a node that
    /// is gone.
    ///
    /// # Errors
    ///
    /// When the path is taken by something else, or can't be bound.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let failed = |source| SocketError { path: path.to_owned(), source };
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(failed)?,
            Ok(_) => return Err(failed(io::Error::other("something else has this name"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let (through, _directory) = reachable(path).map_err(failed)?;
        let listener = UnixListener::bind(through).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers commands until the node stops.
    pub async fn serve(self, guard: Guard, public_url: String, shutdown: Shutdown) {
        let node = Arc::new(Answering { guard, public_url });
        let places = Arc::new(Semaphore::new(MOST));
        loop {
            let accepted = tokio::select! {
                () = shutdown.stopped() => return,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            if !is_own(&stream) {
                tracing::warn!("a command of another user was refused");
                continue;
            }
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let node = Arc::clone(&node);
            tokio::spawn(async move {
                if let Err(error) = node.converse(stream).await {
                    tracing::debug!(%error, "a command broke off");
                }
                drop(place);
            });
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the other end belongs to this user.
fn is_own(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

struct Answering {
    guard: Guard,
    public_url: String,
}

impl Answering {
    async fn converse(&self, mut stream: UnixStream) -> io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut reader = BufReader::new(reader);
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut reader).take(LONGEST_QUESTION as u64);
            let read = tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await??;
            if read == 0 {
                return Ok(());
            }
            let answer = if line.ends_with(b"\n") {
                self.answer(&line)
            } else {
                Answer::Refused { why: "the question is too long".to_owned() }
            };
            let is_over = !line.ends_with(b"\n");
            let mut text = serde_json::to_vec(&answer).map_err(io::Error::from)?;
            text.push(b'\n');
            tokio::time::timeout(PATIENCE, writer.write_all(&text)).await??;
            if is_over {
                return Ok(());
            }
        }
    }

    fn answer(&self, line: &[u8]) -> Answer {
        let Ok(question) = serde_json::from_slice(line) else {
            return Answer::Refused { why: "the question is not understood by this version".to_owned() };
        };
        match question {
            Question::Hello => {
                Answer::Hello { version: env!("CARGO_PKG_VERSION").to_owned(), public_url: self.public_url.clone() }
            }
            Question::RevokeToken { id, expires_at } => {
                let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(expires_at));
                let Some(expires) = expires else {
                    return Answer::Refused { why: "the expiry is no time".to_owned() };
                };
                self.guard.revoke(&id, expires);
                Answer::Done { count: 1 }
            }
            Question::Sessions => {
                let sessions = self.guard.sessions().iter().map(OpenSession::from).collect();
                Answer::Sessions { sessions }
            }
            Question::EndSessions { digest } => {
                let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                if digest.len() < SHORTEST_DIGEST || !digest.bytes().all(hex) {
                    let why = format!("name at least {SHORTEST_DIGEST} digits of the session");
                    return Answer::Refused { why };
                }
                let count = self.guard.end_sessions(|session| session.digest.starts_with(&digest));
                Answer::Done { count }
            }
        }
    }
}
