//! One JSON-RPC message.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::edit::{Edit, Piece, Span, shifted, splice};
use crate::error::{ParseError, ParseFault, readable_id};
use crate::id::Id;
use crate::interpret::{Mark, Meaning, Shape, interpret};
use crate::method::Method;
use crate::scan::scan;
use crate::target::Target;

/// How much a message may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest message, in bytes.
    pub max_bytes: usize,
    /// How deep containers may be nested; the message itself is the first level.
    pub max_depth: usize,
    /// How many keys all objects may have together.
    pub max_keys: usize,
}

/// 4 MiB, 128 levels, 100,000 keys.
impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 4 << 20, max_depth: 128, max_keys: 100_000 }
    }
}

/// Who says a message, which decides how strictly its values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A caller. Numbers and NUL escapes that two parsers could read differently are refused too (JS-04, JS-05).
    Client,
    /// A guarded server. What it found may hold any number and any text.
    Server,
}

/// What kind of message this is, with what every message of the kind has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'m> {
    /// Wants an answer.
    Request {
        /// The id that the answer will carry.
        id: &'m Id,
        /// What is asked for.
        method: &'m Method,
    },
    /// Wants none.
    Notification {
        /// What is told.
        method: &'m Method,
    },
    /// A good answer.
    Result {
        /// The id of the request.
        id: &'m Id,
    },
    /// An answer that says what went wrong.
    Error {
        /// The id of the request, absent where its sender could not read it.
        id: Option<&'m Id>,
        /// The JSON-RPC error code.
        code: i64,
    },
}

/// One JSON-RPC message of MCP, read strictly and kept as it came.
///
/// A clone is cheap. [`fmt::Debug`] shows kind, method and length, never content.
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    inner: Arc<Inner>,
}

struct Inner {
    text: String,
    meaning: Meaning,
}

/// Lets [`Bytes`] and [`Message`] share one text, which is known to be UTF-8 only through its type.
struct Shared(Arc<Inner>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    ///
    /// For everything that a second parser could read differently or that is no message of MCP: see [`ParseFault`]
    /// (JS-01 to JS-05, JS-07, A05, A11). The error carries the id to answer with where exactly one could be read.
    pub fn parse(bytes: Bytes, from: Sender, limits: &Limits) -> Result<Self, ParseError> {
        if bytes.len() > limits.max_bytes {
            return Err(ParseError::new(ParseFault::TooLarge, limits.max_bytes));
        }
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(ParseError::new(ParseFault::ByteOrderMark, 0));
        }
        let text = String::from_utf8(bytes.into())
            .map_err(|error| ParseError::new(ParseFault::NotUtf8, error.utf8_error().valid_up_to()))?;
        let meaning = scan(&text, from, limits).and_then(|found| interpret(&text, &found, from));
        match meaning {
            Ok(meaning) => Ok(Self::new(text, meaning)),
            Err((fault, offset)) => Err(ParseError::new(fault, offset).with_id(readable_id(&text))),
        }
    }

    fn new(text: String, meaning: Meaning) -> Self {
        let inner = Arc::new(Inner { text, meaning });
        Self { bytes: Bytes::from_owner(Shared(Arc::clone(&inner))), inner }
    }

    /// The message, byte for byte.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The message as text.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// What kind of message this is.
    pub fn kind(&self) -> Kind<'_> {
        match &self.meaning().shape {
            Shape::Request { id, method } => Kind::Request { id: &id.id, method },
            Shape::Notification { method } => Kind::Notification { method },
            Shape::Result { id } => Kind::Result { id: &id.id },
            Shape::Error { id, code } => Kind::Error { id: id.as_ref().map(|mark| &mark.id), code: *code },
        }
    }

    /// The message's own id.
    pub fn id(&self) -> Option<&Id> {
        id_of(self.meaning().shape.id())
    }

    /// The method of a request or notification.
    pub fn method(&self) -> Option<&Method> {
        self.meaning().shape.method()
    }

    /// `params`, as JSON text.
    pub fn params(&self) -> Option<&str> {
        self.part(self.meaning().params)
    }

    /// `result`, as JSON text.
    pub fn result(&self) -> Option<&str> {
        self.part(self.meaning().result)
    }

    /// `error`, as JSON text.
    pub fn error(&self) -> Option<&str> {
        self.part(self.meaning().error)
    }

    /// `params.arguments` of `tools/call` and `prompts/get`, as JSON text. Null counts as absent.
    pub fn arguments(&self) -> Option<&str> {
        self.part(self.meaning().arguments)
    }

    /// What the message names, from its parameters.
    pub fn target(&self) -> &Target {
        &self.meaning().target
    }

    /// The task ids whose state a `subscriptions/listen` wants to be told (Tasks extension, A60). The policy must judge
    /// each, as it does the resources of [`Message::target`].
    pub fn listened_tasks(&self) -> &[String] {
        &self.meaning().task_ids
    }

    /// `_meta` of the parameters or the result, as JSON text. Null counts as absent.
    pub fn meta(&self) -> Option<&str> {
        self.part(self.meaning().meta)
    }

    /// The progress token: of a request, under which it wants to be told; of `notifications/progress`, what it tells of.
    pub fn progress_token(&self) -> Option<&Id> {
        id_of(self.meaning().progress_token.as_ref())
    }

    /// The subscription that a notification or result belongs to (A36).
    pub fn subscription_id(&self) -> Option<&Id> {
        id_of(self.meaning().subscription_id.as_ref())
    }

    /// The request that a `notifications/cancelled` names.
    pub fn cancelled_id(&self) -> Option<&Id> {
        id_of(self.meaning().cancelled_id.as_ref())
    }

    /// The protocol version that `_meta` claims (A14). It may be one that nobody speaks.
    pub fn claimed_version(&self) -> Option<&str> {
        self.meaning().claimed_version.as_deref()
    }

    /// The client's capabilities, as JSON text: of `initialize` in its parameters, else in `_meta` (A14, A17).
    pub fn client_capabilities(&self) -> Option<&str> {
        self.part(self.meaning().capabilities)
    }

    /// The protocol version that an `initialize` offers, or that the result of one names.
    pub fn offered_version(&self) -> Option<&str> {
        self.meaning().offered_version.as_deref()
    }

    /// The log level that a modern request asks for (A37).
    pub fn log_level(&self) -> Option<&str> {
        self.meaning().log_level.as_deref()
    }

    /// `result.resultType`; absent means `complete` (C08).
    pub fn result_type(&self) -> Option<&str> {
        self.meaning().result_type.as_deref()
    }

    /// Starts an edit.
    pub fn edit(&self) -> Edit<'_> {
        Edit::new(self)
    }

    /// The span of `part`, a piece of text that an accessor of this very message gave, or that lies within one. `None` when
    /// it is text of something else.
    pub fn span_of(&self, part: &str) -> Option<Span> {
        let start = (part.as_ptr() as usize).checked_sub(self.text().as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        // Text that starts inside this message's memory and ends there is text of this message.
        self.text().get(start..end).map(|_| Span::new(start, end))
    }

    pub(crate) fn meaning(&self) -> &Meaning {
        &self.inner.meaning
    }

    /// The message with `pieces` put in. The caller guarantees that they don't overlap, that each is one JSON value in
    /// place of another, and that `meaning`, but for its spans, is right for the result.
    pub(crate) fn spliced(&self, meaning: Meaning, mut pieces: Vec<Piece>) -> Self {
        pieces.sort_by_key(Piece::start);
        let text = splice(self.text(), &pieces);
        Self::new(text, meaning.shifted(|span| shifted(span, &pieces)))
    }

    fn part(&self, span: Option<Span>) -> Option<&str> {
        span.map(|span| span.of(self.text()))
    }
}

fn id_of(mark: Option<&Mark>) -> Option<&Id> {
    mark.map(|mark| &mark.id)
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind() {
            Kind::Request { .. } => "request",
            Kind::Notification { .. } => "notification",
            Kind::Result { .. } => "result",
            Kind::Error { .. } => "error",
        };
        write!(f, "Message({kind}")?;
        if let Some(method) = self.method() {
            write!(f, ", {method:?}")?;
        }
        write!(f, ", {} bytes)", self.bytes.len())
    }
}
