//! The hop to a guarded server: what an upstream must be able to do.
//!
//! The corridor hands over only [`Outgoing`] values, and only [`crate::exchange`] makes them: from a permit that
//! was cleared and recorded, or from the closed list of things Doorward says itself. An implementation therefore
//! can't send anything that was not decided.

mod http;
mod outgoing;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use ::http::StatusCode;
use async_trait::async_trait;
use bytes::Bytes;
use doorward_identity::CallerKey;
use doorward_wire::{ServerName, Version};
use futures::stream::BoxStream;

pub use self::http::HttpUpstream;
pub(crate) use self::outgoing::WireIds;
pub use self::outgoing::{Outgoing, Own};

/// A guarded server, as the corridor sees it.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// The link for one key: a process, or an HTTP conversation.
    ///
    /// Two different keys must never share a link, so that a server's question or state can't reach another
    /// person. Fails when the server can't be reached or a cap on links is met.
    async fn link(&self, key: &LinkKey) -> Result<Arc<dyn Link>, UpstreamError>;

    /// How the server is doing, for readiness pages. Never blocks.
    fn state(&self) -> UpstreamState {
        UpstreamState::Unknown
    }
}

/// One conversation with a guarded server.
#[async_trait]
pub trait Link: Send + Sync + 'static {
    /// Sends one message. A request is answered by frames; a notification or an answer by [`Shape::Accepted`].
    ///
    /// Must not be repeated by the implementation once a byte was written: a tool call is never sent twice.
    async fn send(&self, out: Outgoing) -> Result<Incoming, UpstreamError>;

    /// Opens the stream for what belongs to no request (legacy era, the GET stream), resuming after the given
    /// event id if there is one.
    async fn listen(&self, resume: Option<&str>) -> Result<Incoming, UpstreamError>;

    /// The caller went away: stop the exchange with this number (checklist A10, C19).
    async fn cancel(&self, id: u64);

    /// Ends the conversation: the session is deleted, or the process is stopped.
    async fn close(&self);

    /// Whether a further [`Link::send`] can work.
    fn is_alive(&self) -> bool;
}

/// Whose link it is. Two keys that differ never share a connection's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LinkKey {
    /// The server.
    pub server: ServerName,
    /// The person or program on whose behalf it is used.
    pub owner: Owner,
    /// The protocol version spoken on it.
    pub version: Version,
    /// A digest of the capabilities that the client declared, as a server may use no others (checklist E03, E23), and
    /// of the tenant that the caller acts in, as one person in two tenants shares nothing (CVE-2026-54052).
    pub capabilities: [u8; 32],
    /// The legacy session that it serves, one link a session; absent in the modern era.
    pub session: Option<u64>,
}

/// The owner of a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A proven caller.
    Caller(CallerKey),
    /// Nobody: only discovery travels on such a link until a proven caller takes it over.
    Anonymous,
}

/// What came back for one message.
pub struct Incoming {
    /// The HTTP status to relay, as the upstream gave it or as the checklist demands for a process (A16).
    pub status: StatusCode,
    /// How the frames arrive.
    pub shape: Shape,
    /// The frames, at most one of which is the response.
    pub frames: BoxStream<'static, Result<Frame, UpstreamError>>,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("status", &self.status).field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// How frames arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing follows: the message was taken.
    Accepted,
    /// Exactly one frame, the response.
    Single,
    /// An event stream.
    Stream,
    /// Not known yet: a process answers when it likes, so the responder looks at the first frame.
    Open,
}

/// One event of an upstream, not yet parsed.
#[derive(Clone)]
pub struct Frame {
    /// The SSE event id, if the upstream gave one.
    pub id: Option<String>,
    /// The SSE reconnection time in milliseconds, if the upstream gave one.
    pub retry: Option<u64>,
    /// One JSON-RPC message; absent in an event that only primes a stream.
    pub data: Option<Bytes>,
}

impl Frame {
    /// A frame that is only a message.
    #[must_use]
    pub fn message(data: Bytes) -> Self {
        Self { id: None, retry: None, data: Some(data) }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content may be anybody's data.
        write!(f, "Frame({} bytes)", self.data.as_ref().map_or(0, Bytes::len))
    }
}

/// How a server is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamState {
    /// Not used yet.
    Unknown,
    /// The last exchange worked.
    Ready,
    /// The last attempts failed.
    Failing {
        /// Since when.
        since: SystemTime,
        /// What happened, one line, no secret.
        why: String,
    },
}

/// Why an upstream could not be used. The texts are for the log; a client only learns the kind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// No connection, or no process.
    #[error("the server can't be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("the server did not answer in time")]
    TimedOut,
    /// A message larger than the limit.
    #[error("the server sent a message over the limit of {0} bytes")]
    TooLarge(usize),
    /// The connection or process ended before the answer.
    #[error("the server ended before it answered")]
    Closed,
    /// The answer is not MCP.
    #[error("the server's answer is not MCP: {0}")]
    Protocol(String),
    /// The server asked for a credential or sent elsewhere; neither is followed (PT-03).
    #[error("the server answered with status {0}, which is not followed")]
    Status(StatusCode),
    /// The legacy conversation is over at the server: the client must begin a new session.
    #[error("the server ended the session")]
    SessionEnded,
    /// The server offers no standalone stream.
    #[error("the server offers no standalone stream")]
    NoStream,
    /// The server speaks only versions of the other era.
    #[error("the server does not speak this protocol version")]
    WrongEra {
        /// What it speaks.
        supported: Vec<Version>,
    },
    /// A cap on processes or connections is met.
    #[error("the cap of {0} links to this server is met")]
    Exhausted(usize),
}
