//! A command's side of the socket.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
};

use super::{Answer, LONGEST, OpenSession, Question, path::reachable, seconds};

/// How long a node has to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The socket's name in the state directory.
const NAME: &str = "node.sock";

/// A conversation with a running node.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// The node did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It could not be reached, though its socket is there.
    #[error("the running node cannot be reached: {0}")]
    Unreachable(#[from] io::Error),
    /// It did not answer in time.
    #[error("the running node did not answer in time")]
    TimedOut,
    /// It answered with something else.
    #[error("the running node answered something unexpected; is it of another version?")]
    Unexpected,
    /// It said no.
    #[error("the running node refused: {0}")]
    Refused(String),
}

impl Client {
    /// Connects to the node of a state directory; nothing when none runs.
    ///
    /// # Errors
    ///
    /// When one runs and can't be reached.
    pub async fn connect(state: &Path) -> Result<Option<Self>, ControlError> {
        let (through, _directory) = match reachable(&state.join(NAME)) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match UnixStream::connect(through).await {
            Ok(stream) => Ok(Some(Self { stream: BufReader::new(stream) })),
            // No socket, or one that a killed node left behind.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells the node that a token is revoked. When this returns, the node accepts it no more and its streams end.
    ///
    /// # Errors
    ///
    /// When the node did not acknowledge it.
    pub async fn revoke_token(&mut self, id: &str, expires_at: SystemTime) -> Result<(), ControlError> {
        let question = Question::RevokeToken { id: id.to_owned(), expires_at: seconds(expires_at) };
        self.done(&question).await.map(drop)
    }

    /// The open sessions of the legacy era.
    ///
    /// # Errors
    ///
    /// When the node did not answer.
    pub async fn sessions(&mut self) -> Result<Vec<OpenSession>, ControlError> {
        match self.ask(&Question::Sessions).await? {
            Answer::Sessions { sessions } => Ok(sessions),
            Answer::Refused { why } => Err(ControlError::Refused(why)),
            Answer::Hello { .. } | Answer::Done { .. } => Err(ControlError::Unexpected),
        }
    }

    /// Ends the sessions whose digest begins with `digest`, and tells how many there were.
    ///
    /// # Errors
    ///
    /// When the node did not acknowledge it, or the beginning is too short to be meant.
    pub async fn end_sessions(&mut self, digest: &str) -> Result<usize, ControlError> {
        self.done(&Question::EndSessions { digest: digest.to_owned() }).await
    }

    /// The node's version and public URL.
    ///
    /// # Errors
    ///
    /// When the node did not answer.
    pub async fn hello(&mut self) -> Result<(String, String), ControlError> {
        match self.ask(&Question::Hello).await? {
            Answer::Hello { version, public_url } => Ok((version, public_url)),
            Answer::Refused { why } => Err(ControlError::Refused(why)),
            Answer::Sessions { .. } | Answer::Done { .. } => Err(ControlError::Unexpected),
        }
    }

    async fn done(&mut self, question: &Question) -> Result<usize, ControlError> {
        match self.ask(question).await? {
            Answer::Done { count } => Ok(count),
            Answer::Refused { why } => Err(ControlError::Refused(why)),
            Answer::Hello { .. } | Answer::Sessions { .. } => Err(ControlError::Unexpected),
        }
    }

    async fn ask(&mut self, question: &Question) -> Result<Answer, ControlError> {
        let mut text = serde_json::to_vec(question).map_err(io::Error::from)?;
        text.push(b'\n');
        let asking = async {
            self.stream.get_mut().write_all(&text).await?;
            let mut line = Vec::new();
            (&mut self.stream).take(LONGEST as u64).read_until(b'\n', &mut line).await?;
            io::Result::Ok(line)
        };
        let line = tokio::time::timeout(PATIENCE, asking).await.map_err(|_| ControlError::TimedOut)??;
        serde_json::from_slice(&line).map_err(|_| ControlError::Unexpected)
    }
}
