//! A message of a client whose headers say the same as its body.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use crate::error::{Refused, RpcError, code};
use crate::head::Head;
use crate::message::{Kind, Limits, Message, Sender};
use crate::method::Method;
use crate::mirror::name_source;
use crate::tool_headers::ToolHeaders;
use crate::value;
use crate::version::{Era, Version};

/// One message of a client, of a known version, whose headers (where its era has them) equal its body.
///
/// Only [`Call::from_http`] and [`Call::from_stdio`] make one; whoever holds a call need not look at a header again.
#[derive(Clone)]
pub struct Call {
    message: Message,
    head: Head,
    version: Version,
}

impl Call {
    /// Reads the body of a POST and holds it against its headers.
    ///
    /// `session_version` is what the legacy session named by [`Head::session`] agreed on; the caller guarantees that this
    /// session was found. It means nothing to a modern request.
    ///
    /// The era is not the client's to blur. A version in `_meta` must stand in the header too and the other way round, so a
    /// request can't shed its header checks by leaving one of them out (HD-02, E19, B23). Without either it is legacy: its
    /// version is the session's, else the header's, else 2025-03-26 (B05), and its `Mcp-*` headers mean nothing.
    ///
    /// # Errors
    ///
    /// Each refusal is ready to be sent and names the id where it was readable (A11):
    ///
    /// - 400 with -32700 or -32600, 413: the body is no message ([`ParseFault`](crate::ParseFault)), or a modern client answers (JS-08);
    /// - 400 with -32022: a version that is not spoken here (A15);
    /// - 400 with -32602: a modern request without its version or capabilities in `_meta` (A14);
    /// - 400 with -32021: tasks without the extension declared on this very request (A61);
    /// - 400 with -32020: `MCP-Protocol-Version`, `Mcp-Method` or `Mcp-Name` is missing, malformed or differs from the body
    ///   (A24 to A27, A62, HD-01). A notification may leave out `Mcp-Method`.
    pub fn from_http(
        head: Head,
        body: Bytes,
        session_version: Option<Version>,
        limits: &Limits,
    ) -> Result<Self, Refused> {
        let message = Message::parse(body, Sender::Client, limits)?;
        let version = http_version(&head, &message, session_version)?;
        if version.era() == Era::Modern {
            modern(&message)?;
            mirrored(&head, &message)?;
        }
        Ok(Self { message, head, version })
    }

    /// Reads one line of a stdio client. There are no headers; `_meta` alone tells the era (VER, STD).
    ///
    /// `session_version` is what this process's handshake agreed on, if there was one.
    ///
    /// # Errors
    ///
    /// As [`Call::from_http`], but for headers. The status means nothing here.
    pub fn from_stdio(line: Bytes, session_version: Option<Version>, limits: &Limits) -> Result<Self, Refused> {
        let message = Message::parse(line, Sender::Client, limits)?;
        let claimed = match message.claimed_version() {
            Some(claimed) => Some(known(claimed, &message)?),
            None => None,
        };
        let version = match (claimed, message.kind()) {
            (Some(version), _) if version.era() == Era::Modern => version,
            // Without a handshake there is nothing that these could belong to but a modern request.
            (None, Kind::Notification { .. } | Kind::Result { .. } | Kind::Error { .. })
                if session_version.is_none() =>
            {
                Version::V2026_07_28
            }
            (claimed, _) => legacy_version(claimed, &message, session_version),
        };
        if version.era() == Era::Modern {
            modern(&message)?;
        }
        Ok(Self { message, head: Head::default(), version })
    }

    /// The protocol version that the message is said in. For a legacy `initialize`, the one that its answer will name.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The era of that version.
    pub fn era(&self) -> Era {
        self.version.era()
    }

    /// The message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The message alone.
    pub fn into_message(self) -> Message {
        self.message
    }

    /// The headers that came with it; empty on stdio.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Holds the `Mcp-Param-*` headers of a modern `tools/call` against its arguments (A28, HD-03). In every other case
    /// there is nothing to hold.
    ///
    /// # Errors
    ///
    /// With 400 and `-32020` when a parameter that `headers` mirrors is in the arguments and not in its header, or the
    /// other way round, when the two differ, or when a header is not decodable.
    pub fn check_params(&self, headers: &ToolHeaders) -> Result<(), Refused> {
        let mirrors = self.era() == Era::Modern && self.message.method() == Some(&Method::ToolsCall);
        // A line has no headers to hold against anything.
        if !mirrors || self.head.version().is_none() {
            return Ok(());
        }
        headers.check(&self.head, self.message.arguments()).map_err(|fault| Refused::header(fault, self.message.id()))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({}, {:?}, {:?})", self.version, self.message, self.head)
    }
}

/// The version of a POST, from header, body and session.
fn http_version(head: &Head, message: &Message, session: Option<Version>) -> Result<Version, Refused> {
    let (header, claimed) = (head.version(), message.claimed_version());
    if let Some(claimed) = claimed
        && header != Some(claimed)
    {
        let what = if header.is_none() { "is missing" } else { "differs from the version in `_meta`" };
        return Err(Refused::header(format!("the header `mcp-protocol-version` {what}"), message.id()));
    }
    let header = match header {
        Some(header) => Some(known(header, message)?),
        None => None,
    };
    Ok(match header {
        Some(version) if version.era() == Era::Modern => version,
        header => legacy_version(header, message, session),
    })
}

fn known(version: &str, message: &Message) -> Result<Version, Refused> {
    Version::parse(version)
        .ok_or_else(|| Refused::bad_request(RpcError::unsupported_version(version, &Version::ALL), message.id()))
}

/// The version of a legacy message. What a session agreed on holds, whatever a later header says.
fn legacy_version(named: Option<Version>, message: &Message, session: Option<Version>) -> Version {
    if message.method() == Some(&Method::Initialize) {
        return Version::negotiated(message.offered_version());
    }
    let session = session.filter(|version| version.era() == Era::Legacy);
    session.or(named).unwrap_or(Version::V2025_03_26)
}

/// What a modern client may say, and what it must say with it.
fn modern(message: &Message) -> Result<(), Refused> {
    let invalid = |code, text: &str| Err(Refused::bad_request(RpcError::new(code, text), message.id()));
    match message.kind() {
        Kind::Result { .. } | Kind::Error { .. } => {
            invalid(code::INVALID_REQUEST, "a client does not send responses in this protocol version")
        }
        Kind::Notification { .. } => Ok(()),
        // It has no place in this era, so what it lacks is not what is wrong with it: the policy calls it unknown (A16).
        Kind::Request { method: Method::Initialize, .. } => Ok(()),
        Kind::Request { .. } if message.claimed_version().is_none() => {
            invalid(code::INVALID_PARAMS, "`params._meta` must hold `io.modelcontextprotocol/protocolVersion`")
        }
        Kind::Request { .. } if message.client_capabilities().is_none() => {
            invalid(code::INVALID_PARAMS, "`params._meta` must hold `io.modelcontextprotocol/clientCapabilities`")
        }
        Kind::Request { .. } if wants_tasks(message) && !declares(message, TASKS) => {
            Err(Refused::bad_request(RpcError::missing_extension(TASKS), message.id()))
        }
        Kind::Request { .. } => Ok(()),
    }
}

/// The extension that tasks belong to.
const TASKS: &str = "io.modelcontextprotocol/tasks";

/// Whether the message asks for what only the tasks extension has.
fn wants_tasks(message: &Message) -> bool {
    matches!(message.method(), Some(Method::TasksGet | Method::TasksUpdate | Method::TasksCancel))
        || !message.listened_tasks().is_empty()
}

/// Whether this very request declares an extension.
fn declares(message: &Message, extension: &str) -> bool {
    let capabilities = message.client_capabilities().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let extensions = capabilities.as_ref().and_then(|capabilities| capabilities.get("extensions"));
    extensions.is_some_and(|extensions| extensions.get(extension).is_some_and(Value::is_object))
}

/// Holds `Mcp-Method` and `Mcp-Name` against the body.
fn mirrored(head: &Head, message: &Message) -> Result<(), Refused> {
    let refused = |text: &str| Err(Refused::header(text, message.id()));
    match (head.method(), message.kind()) {
        (None, Kind::Request { .. }) => return refused("the header `mcp-method` is missing"),
        (Some(header), _) if message.method().map(Method::as_str) != Some(header) => {
            return refused("the header `mcp-method` differs from `method`");
        }
        _ => {}
    }
    // Where the protocol defines no name, a header that names one is nobody's to obey, and never sent on.
    let Some(name) = name_source(message) else {
        return Ok(());
    };
    match head.name().map(value::decode) {
        None => refused("the header `mcp-name` is missing"),
        Some(Err(_)) => refused("the header `mcp-name` is not valid Base64"),
        Some(Ok(header)) if header != name => refused("the header `mcp-name` differs from the name in `params`"),
        Some(Ok(_)) => Ok(()),
    }
}
