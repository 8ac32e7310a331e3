//! What may travel to an upstream.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorward_audit::{OutcomeSlot, Recorded};
use doorward_identity::Caller;
use doorward_policy::{Permit, Principal};
use doorward_privacy::Cleared;
use doorward_wire::{Carries, Head, Id, Limits, Message, Sender, ToolHeaders, Version, upstream_headers};
use http::HeaderMap;

/// One message on its way to an upstream, under our own number.
///
/// There is no public constructor: a message comes from a permit that was cleared and recorded, or from [`Own`].
#[derive(Debug)]
pub struct Outgoing {
    id: Option<u64>,
    message: Message,
    version: Version,
    headers: HeaderMap,
    deadline: Duration,
    caller: Option<Arc<Caller>>,
}

/// The ids that the client chose and that ours stand for on this hop (checklist E13, CVE-2026-25536).
#[derive(Clone, Debug, Default)]
pub(crate) struct WireIds {
    /// Our number: JSON-RPC id, progress token and subscription id at once.
    pub(crate) ours: Option<u64>,
    /// The client's JSON-RPC id.
    pub(crate) request: Option<Id>,
    /// The client's progress token.
    pub(crate) progress: Option<Id>,
}

impl Outgoing {
    /// Opens a recorded, cleared permit and puts our number in the place of the client's ids.
    ///
    /// `replaced` is set for messages that name another exchange: an answer to a server's question takes that
    /// server's id, a cancellation the number of the exchange that it ends.
    pub(crate) fn from_recorded(
        recorded: Recorded<Cleared<Permit>>,
        ours: Option<u64>,
        named: Option<&Id>,
        tool: Option<&ToolHeaders>,
        deadline: Duration,
    ) -> (Self, WireIds, Permit, OutcomeSlot) {
        let (cleared, slot) = recorded.open();
        let permit = cleared.into_inner();
        let call = permit.call();
        let original = call.message();
        let ids = WireIds { ours, request: original.id().cloned(), progress: original.progress_token().cloned() };
        let mut edit = original.edit();
        if let Some(number) = ours.map(Id::number) {
            edit = edit.id(&number);
            if ids.progress.is_some() {
                edit = edit.progress_token(&number);
            }
        }
        if let Some(named) = named {
            edit = match original.cancelled_id() {
                Some(_) => edit.cancelled_id(named),
                None => edit.id(named),
            };
        }
        let message = edit.finish();
        let headers = upstream_headers(call.version(), &message, tool, call.head());
        let caller = match permit.principal() {
            Principal::Caller(caller) => Some(Arc::clone(caller)),
            Principal::Anonymous(_) => None,
        };
        let out = Self { id: ours, message, version: call.version(), headers, deadline, caller };
        (out, ids, permit, slot)
    }

    /// A message that Doorward says on its own account.
    pub(crate) fn own(own: &Own, version: Version, id: Option<u64>, deadline: Duration) -> Option<Self> {
        let message = Message::parse(own.text(id), Sender::Client, &Limits::default()).ok()?;
        let headers = upstream_headers(version, &message, None, &Head::default());
        Some(Self { id, message, version, headers, deadline, caller: None })
    }

    /// Our number of this exchange; absent for a notification and for an answer to a server's question.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        self.id
    }

    /// The message, with our number in it.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The protocol version that it is written in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The MCP headers of an HTTP hop, computed from the message as it is sent (checklist C03 to C05).
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Who is calling, for a server in the same program. It never travels over a network.
    #[must_use]
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.as_ref()
    }

    /// How long an answer may take at most.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl Carries for Outgoing {
    fn message(&self) -> &Message {
        &self.message
    }
}

/// Everything that Doorward says to an upstream on its own account: a closed list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Own {
    /// Asks which era a server speaks (checklist C14, C18).
    Probe,
    /// Answers a server's `ping` (checklist B17).
    Pong {
        /// The server's id of its ping.
        id: Id,
    },
    /// Refuses a server's request that this caller must not be asked.
    Decline {
        /// The server's id of its request.
        id: Id,
    },
    /// Ends an exchange whose caller went away (checklist C19).
    Cancel {
        /// Our number of the exchange.
        exchange: u64,
    },
}

impl Own {
    /// The message as it stands on the wire. `id` is used by requests only.
    #[must_use]
    pub fn text(&self, id: Option<u64>) -> Bytes {
        let text = match self {
            Self::Probe => format!(
                concat!(
                    r#"{{"jsonrpc":"2.0","id":{},"method":"server/discover","params":{{"_meta":{{"#,
                    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                    r#""io.modelcontextprotocol/clientInfo":{{"name":"doorward","version":"{}"}},"#,
                    r#""io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
                ),
                id.unwrap_or_default(),
                env!("CARGO_PKG_VERSION"),
            ),
            Self::Pong { id } => format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, id.as_json()),
            Self::Decline { id } => format!(
                r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32601,"message":"this client does not answer that"}}}}"#,
                id.as_json()
            ),
            Self::Cancel { exchange } => format!(
                concat!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","#,
                    r#""params":{{"requestId":{},"reason":"the caller went away"}}}}"#
                ),
                exchange
            ),
        };
        Bytes::from(text)
    }
}
