//! Records that belong to no single call.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use doorward_wire::ServerName;
use serde::{Serialize, Serializer};

use crate::{DecisionId, Reason, Text, Who};

/// One authentication event: a credential that was verified anew, or one that was refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Authentication {
    /// The id of the decision that it belongs to, or one of its own.
    pub id: DecisionId,
    /// When.
    #[serde(serialize_with = "crate::time::serialize")]
    pub at: SystemTime,
    /// What came of it.
    #[serde(flatten)]
    pub result: AuthenticationResult,
    /// Whom it proved. None when it failed: what an unproven token claims is never written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<Who>,
    /// The guarded server that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerName>,
    /// The address that the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The id (`jti`) of the token, once it was validated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<Text>,
}

/// The result of an authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", content = "reason", rename_all = "snake_case")]
pub enum AuthenticationResult {
    /// The credential holds.
    Ok,
    /// It does not.
    Failed(Reason),
}

/// Something that happened beside the calls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// An id of its own, or that of the decision which it follows from.
    pub id: DecisionId,
    /// When.
    #[serde(serialize_with = "crate::time::serialize")]
    pub at: SystemTime,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What a notice tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what")]
#[non_exhaustive]
pub enum What {
    /// The node began to serve.
    #[serde(rename = "started")]
    Started {
        /// The version of Doorward.
        version: Text,
        /// How many servers it guards.
        servers: usize,
    },
    /// The node stopped in good order. A ledger that lacks this record ends in a crash.
    #[serde(rename = "stopped")]
    Stopped,
    /// An earlier segment ended in the middle of a line, which was closed with a line end: the
    /// node before was killed, and that one record was never acknowledged to anybody.
    #[serde(rename = "torn_tail")]
    TornTail {
        /// The segment's file name.
        segment: Text,
        /// The bytes of the incomplete line.
        bytes: u64,
    },
    /// The ledger could not write for a while. Calls were refused meanwhile.
    #[serde(rename = "ledger_resumed")]
    LedgerResumed {
        /// How many records were refused.
        refused: u64,
    },
    /// A session was opened.
    #[serde(rename = "session.opened")]
    SessionOpened(Session),
    /// A session ended.
    #[serde(rename = "session.closed")]
    SessionClosed {
        /// Which.
        #[serde(flatten)]
        session: Session,
        /// Why: the caller, an operator, a time-out, a change of standing.
        why: SessionEnd,
    },
    /// Somebody named a session that is not theirs.
    #[serde(rename = "session.mismatch")]
    SessionMismatch {
        /// Whose name came with it, and the session's fingerprint.
        #[serde(flatten)]
        session: Session,
        /// The address that the request came from.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
    },
    /// We issued a token.
    #[serde(rename = "token.issued")]
    TokenIssued(Token),
    /// One of our tokens was revoked.
    #[serde(rename = "token.revoked")]
    TokenRevoked(Token),
    /// A message of an upstream belonged to no exchange, or was not released.
    #[serde(rename = "event.dropped")]
    EventDropped {
        /// The server that sent it.
        server: ServerName,
        /// Why.
        why: DropReason,
    },
    /// A server's catalogue changed.
    #[serde(rename = "catalogue.changed")]
    CatalogueChanged {
        /// The server.
        server: ServerName,
        /// Entries that are new.
        added: usize,
        /// Entries that are gone.
        removed: usize,
        /// Entries with another definition.
        changed: usize,
    },
    /// An upstream became reachable, or its process started.
    #[serde(rename = "upstream.started")]
    UpstreamStarted {
        /// The server.
        server: ServerName,
    },
    /// An upstream was lost, or its process ended.
    #[serde(rename = "upstream.lost")]
    UpstreamLost {
        /// The server.
        server: ServerName,
        /// The exit code, for a process that returned one.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<i32>,
    },
    /// The configuration or a certificate was read anew.
    #[serde(rename = "reloaded")]
    Reloaded {
        /// What was read: `certificate`, `configuration`, `keys`.
        part: &'static str,
    },
}

/// A session in a notice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Session {
    /// The session's fingerprint.
    pub session: Fingerprint,
    /// Who: of an opened or closed session its owner, of a mismatch the one who came.
    pub who: Who,
    /// The guarded server.
    pub server: ServerName,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The caller ended it.
    Caller,
    /// An operator ended it.
    Operator,
    /// It was idle for too long.
    Idle,
    /// It was too old.
    Age,
    /// The caller's roles or claims changed.
    Standing,
    /// The caller's token was revoked.
    Revoked,
    /// The upstream ended its side.
    Upstream,
    /// The node stopped.
    Stopping,
}

/// One of our tokens in a notice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Token {
    /// Its id (`jti`).
    pub token_id: Text,
    /// For whom.
    pub subject: Text,
    /// Through which client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text>,
}

/// Why a message of an upstream was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// It named no exchange that is open.
    NoExchange,
    /// It could not be read as a message.
    BadMessage,
    /// It was larger than the limit.
    TooLarge,
    /// No rule lets this message through.
    NotAllowed,
    /// Its target is invisible to the caller.
    Invisible,
    /// A server shared by several callers asked a question or spoke to all.
    Shared,
    /// It carried the caller's own credential back.
    Credential,
}

impl DropReason {
    /// The word for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoExchange => "no_exchange",
            Self::BadMessage => "bad_message",
            Self::TooLarge => "too_large",
            Self::NotAllowed => "not_allowed",
            Self::Invisible => "invisible",
            Self::Shared => "shared",
            Self::Credential => "credential",
        }
    }
}

/// The beginning of a digest: enough to find a session in a list, far too little to name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    /// Takes the first eight bytes of a SHA-256 digest.
    #[must_use]
    pub const fn of_digest(digest: &[u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *digest;
        Self([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
