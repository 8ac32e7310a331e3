//! Why a message is not a message, and how that is said to the caller.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use crate::compose::error_response;
use crate::id::Id;
use crate::version::Version;

/// The JSON-RPC error codes of MCP 2026-07-28, basic/index §Error Codes.
pub mod code {
    /// The text is not JSON.
    pub const PARSE: i64 = -32700;
    /// The JSON is no message.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters do not fit the method, or a required `_meta` entry is missing (A14).
    pub const INVALID_PARAMS: i64 = -32602;
    /// A fault on this side.
    pub const INTERNAL: i64 = -32603;
    /// A header is missing, malformed or says something else than the body (A24, A25, A28).
    pub const HEADER_MISMATCH: i64 = -32020;
    /// The request needs a capability that it does not declare (A17).
    pub const MISSING_CAPABILITY: i64 = -32021;
    /// The protocol version is not spoken here (A15).
    pub const UNSUPPORTED_VERSION: i64 = -32022;
}

/// A JSON-RPC error object.
#[derive(Clone, PartialEq)]
pub struct RpcError {
    /// The error code, see [`code`].
    pub code: i64,
    /// One sentence for people. It never holds a secret or a value of an argument.
    pub message: String,
    /// Details that a program can read.
    pub data: Option<Value>,
}

impl RpcError {
    /// An error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The answer to a version that is not spoken here (A15): it names `supported` and repeats `requested`, of which an
    /// overlong one is cut.
    pub fn unsupported_version(requested: &str, supported: &[Version]) -> Self {
        const LONGEST: usize = 64;
        let supported: Vec<Value> = supported.iter().map(|version| version.as_str().into()).collect();
        let requested: String = requested.chars().take(LONGEST).collect();
        Self {
            code: code::UNSUPPORTED_VERSION,
            message: "the protocol version is not supported; use one of `supported`".to_owned(),
            data: Some(serde_json::json!({ "supported": supported, "requested": requested })),
        }
    }

    /// The answer to a request that needs an extension which it does not declare (A17, A61).
    pub fn missing_extension(extension: &str) -> Self {
        Self {
            code: code::MISSING_CAPABILITY,
            message: "the request needs a client capability that it does not declare".to_owned(),
            data: Some(serde_json::json!({ "requiredCapabilities": { "extensions": { extension: {} } } })),
        }
    }
}

/// Shows no data: it may repeat what the caller sent.
impl fmt::Debug for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcError({}: {})", self.code, self.message)
    }
}

/// What is wrong with the bytes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseFault {
    /// More bytes than the limit (JS-03).
    TooLarge,
    /// The bytes are not UTF-8: overlong forms, lone surrogates and other encodings (JS-05, HD-13).
    NotUtf8,
    /// A byte order mark stands before the message (JS-05).
    ByteOrderMark,
    /// The text is not one JSON document (RFC 8259): what was expected instead.
    Syntax(&'static str),
    /// An array of messages (A05, JS-02).
    Batch,
    /// Containers are nested deeper than the limit (JS-04).
    TooDeep,
    /// The objects hold more keys than the limit, counted together (JS-04).
    TooManyKeys,
    /// An object names one key twice, after unescaping (JS-01, E18).
    DuplicateKey,
    /// A number that parsers read differently (JS-04).
    Number,
    /// A NUL character, spelled as an escape, where another parser could end the text (JS-05).
    Nul,
    /// A JSON document that is no JSON-RPC message of MCP: which rule it breaks.
    Envelope(&'static str),
    /// A message whose parameters don't fit its method: which rule they break.
    Params(&'static str),
}

impl fmt::Display for ParseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::TooLarge => "the message is larger than the limit",
            Self::NotUtf8 => "the message is not UTF-8",
            Self::ByteOrderMark => "a byte order mark stands before the message; send plain UTF-8",
            Self::Batch => "batches are not supported; send one message at a time",
            Self::TooDeep => "the message is nested deeper than the limit",
            Self::TooManyKeys => "the message holds more keys than the limit",
            Self::DuplicateKey => "an object names the same key twice",
            Self::Number => "a number can't be read the same way everywhere; send it as a string",
            Self::Nul => "a NUL character is not allowed",
            Self::Syntax(rule) => return write!(f, "the message is not JSON: {rule}"),
            Self::Envelope(rule) | Self::Params(rule) => rule,
        };
        f.write_str(text)
    }
}

/// Bytes that are no message, where it shows, and the id to answer with where one could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    fault: ParseFault,
    offset: usize,
    id: Option<Id>,
}

impl ParseError {
    pub(crate) fn new(fault: ParseFault, offset: usize) -> Self {
        Self { fault, offset, id: None }
    }

    pub(crate) fn with_id(self, id: Option<Id>) -> Self {
        Self { id, ..self }
    }

    /// What is wrong.
    pub fn fault(&self) -> ParseFault {
        self.fault
    }

    /// Where it was seen, in bytes from the start.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The id of the refused message, where exactly one could be read (A11).
    pub fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// The JSON-RPC code that names the fault.
    pub fn code(&self) -> i64 {
        match self.fault {
            ParseFault::NotUtf8 | ParseFault::ByteOrderMark | ParseFault::Syntax(_) => code::PARSE,
            ParseFault::Params(_) => code::INVALID_PARAMS,
            _ => code::INVALID_REQUEST,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.fault, self.offset)
    }
}

impl std::error::Error for ParseError {}

/// What is refused before anything is decided: the answer, ready to be sent.
#[derive(Clone, PartialEq)]
pub struct Refused {
    /// The HTTP status; of no use on stdio.
    pub status: StatusCode,
    /// The JSON-RPC error.
    pub error: RpcError,
    /// The id of the message, left out of the answer only where it could not be read (A11).
    pub id: Option<Id>,
}

impl Refused {
    pub(crate) fn bad_request(error: RpcError, id: Option<&Id>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, id: id.cloned() }
    }

    /// A header that is missing, malformed or contradicts the body: 400 and `-32020` (A24, A25, A28).
    pub(crate) fn header(message: impl Into<String>, id: Option<&Id>) -> Self {
        Self::bad_request(RpcError::new(code::HEADER_MISMATCH, message), id)
    }

    /// The same refusal with the id that `body` carries, for a refusal made before the body was read. An id that can't be
    /// read, or is not the only one, stays out (A11).
    #[must_use]
    pub fn naming(self, body: &[u8]) -> Self {
        let id = self.id.or_else(|| std::str::from_utf8(body).ok().and_then(readable_id));
        Self { id, ..self }
    }

    /// The body of the answer.
    pub fn body(&self) -> Bytes {
        error_response(self.id.as_ref(), &self.error)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({}, {:?}, id: {:?})", self.status.as_u16(), self.error, self.id)
    }
}

impl From<ParseError> for Refused {
    fn from(error: ParseError) -> Self {
        let status = match error.fault {
            ParseFault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, error: RpcError::new(error.code(), error.to_string()), id: error.id }
    }
}

/// The id of a document that is JSON and has exactly one at its top level, whatever else is wrong with it.
pub(crate) fn readable_id(text: &str) -> Option<Id> {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        id: Option<&'a serde_json::value::RawValue>,
    }
    // A derived struct refuses a second `id`, and reading on to the end refuses what is not one document.
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    Id::parse(envelope.id?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a11_an_id_is_repeated_when_exactly_one_is_readable() {
        assert_eq!(readable_id(r#"{"id":7,"x":{"a":1,"a":2}}"#), Some(Id::number(7)));
        assert_eq!(readable_id(r#"{"\u0069d":7}"#), Some(Id::number(7)));
        for text in
            [r#"{"id":7,"id":8}"#, r#"{"id":7"#, r#"{"id":null}"#, r#"{"id":{}}"#, r#"[{"id":7}]"#, r#"{"id":7} {}"#]
        {
            assert_eq!(readable_id(text), None, "{text}");
        }
    }

    #[test]
    fn a15_the_answer_to_an_unknown_version_names_the_known_ones() {
        let error = RpcError::unsupported_version("1900-01-01", &Version::ALL);
        assert_eq!(error.code, -32022);
        let data = error.data.unwrap();
        assert_eq!(data["requested"], "1900-01-01");
        assert_eq!(data["supported"], serde_json::json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]));
    }

    #[test]
    fn a_refusal_made_before_the_body_was_read_can_name_its_id_later() {
        let refused = Refused::header("doubled", None);
        assert_eq!(refused.clone().naming(br#"{"id":7}"#).id, Some(Id::number(7)));
        assert_eq!(refused.clone().naming(b"\xff").id, None);
        assert_eq!(refused.naming(b"{}").id, None);
    }
}
