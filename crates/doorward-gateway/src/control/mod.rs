//! How commands speak to a running node: a socket in its state directory, one JSON object per line.
//!
//! A command that revokes a token returns only after the node has acknowledged it, so no request pays for a look-up and
//! none gets through in between. The socket lies in a directory of mode 0700, is itself 0600, and takes no connection of
//! another user; it can end things and list them, never start or allow anything.

mod client;
mod path;
mod server;

use std::time::SystemTime;

use doorward::SessionSummary;
use serde::{Deserialize, Serialize};

pub use self::{
    client::{Client, ControlError},
    server::{ControlSocket, SocketError},
};

/// Longest line either side reads, in bytes.
const LONGEST: usize = 16 * 1024 * 1024;
/// Longest question.
const LONGEST_QUESTION: usize = 64 * 1024;

/// What a command asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Question {
    /// Who is there?
    Hello,
    /// This token is revoked; it would have been good until then.
    RevokeToken { id: String, expires_at: u64 },
    /// Which sessions are open?
    Sessions,
    /// End the sessions whose digest begins so.
    EndSessions { digest: String },
}

/// What the node answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
enum Answer {
    Hello { version: String, public_url: String },
    Done { count: usize },
    Sessions { sessions: Vec<OpenSession> },
    Refused { why: String },
}

/// An open session of the legacy era, as an operator may know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    /// Hex of the digest of its id; it opens nothing.
    pub digest: String,
    /// The server's name.
    pub server: String,
    /// Who holds it; nothing while it is anonymous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<SessionOwner>,
    /// When it was opened, in seconds since 1970.
    pub opened_at: u64,
    /// When it was last used, in seconds since 1970.
    pub last_used: u64,
}

/// Who holds a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOwner {
    /// Who vouched.
    pub issuer: String,
    /// For whom.
    pub subject: String,
    /// Through which client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

impl From<&SessionSummary> for OpenSession {
    fn from(summary: &SessionSummary) -> Self {
        Self {
            digest: summary.digest.clone(),
            server: summary.server.to_string(),
            owner: summary.owner.as_ref().map(|key| SessionOwner {
                issuer: key.issuer().to_owned(),
                subject: key.subject().to_owned(),
                client: key.client().map(str::to_owned),
            }),
            opened_at: seconds(summary.opened),
            last_used: seconds(summary.last_used),
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
