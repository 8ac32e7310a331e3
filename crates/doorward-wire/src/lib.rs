//! What was said: MCP messages, read once and strictly, over shared bytes.
//!
//! This crate answers one question for the rest of Doorward: *which message is this, and what does it name?* It holds no
//! policy, does no I/O, starts nothing and reads no clock.
//!
//! - A [`Message`] is one JSON-RPC message. Its bytes stay as they came; reading it only notes where things are. Whatever a
//!   second parser could read differently (a doubled key, a lone surrogate, a batch, a second document) is refused.
//! - A [`Call`] is a message of a client whose HTTP headers, where its era has them, say the same as its body. Only
//!   [`Call::from_http`] and [`Call::from_stdio`] make one, so holding a call means the headers were checked.
//! - An [`Edit`] splices ids in and leaves every other byte alone; a [`Rewrite`] replaces more, and is read again.
//! - [`ToolHeaders`] and [`upstream_headers`] mirror a body into headers for the next hop.
//! - [`CanonicalPath`] gives an HTTP path the one form that both rules and routing see.
//! - [`sse`] and [`lines`] frame messages on streams.
//!
//! ```
//! use doorward_wire::{Call, Head, Limits, Target};
//! use http::{HeaderMap, HeaderValue};
//!
//! let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"weather","_meta":{
//!     "io.modelcontextprotocol/protocolVersion":"2026-07-28",
//!     "io.modelcontextprotocol/clientCapabilities":{}}}}"#;
//! let mut headers = HeaderMap::new();
//! headers.insert("mcp-protocol-version", HeaderValue::from_static("2026-07-28"));
//! headers.insert("mcp-method", HeaderValue::from_static("tools/call"));
//! headers.insert("mcp-name", HeaderValue::from_static("weather"));
//!
//! let call = Call::from_http(Head::read(&headers)?, body.into(), None, &Limits::default())?;
//! assert_eq!(call.message().target(), &Target::Tool("weather".into()));
//!
//! // A header that names another tool than the body is refused before anything is decided.
//! headers.insert("mcp-name", HeaderValue::from_static("admin"));
//! let refused = Call::from_http(Head::read(&headers)?, body.into(), None, &Limits::default()).unwrap_err();
//! assert_eq!((refused.status.as_u16(), refused.error.code), (400, -32020));
//! # Ok::<(), doorward_wire::Refused>(())
//! ```
//!
//! Ids such as `A25` or `HD-01` in the documentation name rows of the project's protocol checklist and attack catalogue;
//! the tests carry the same ids.

mod call;
mod carries;
mod compose;
mod edit;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod head;
mod id;
mod interpret;
pub mod lines;
mod list;
mod message;
mod method;
mod mirror;
mod name;
mod path;
mod place;
mod reader;
mod scan;
pub mod sse;
mod target;
#[cfg(test)]
mod testing;
mod tool_headers;
mod value;
mod version;

pub use call::Call;
pub use carries::Carries;
pub use compose::{error_response, notification, request, result_response};
pub use edit::{Edit, Rewrite, Span};
pub use error::{ParseError, ParseFault, Refused, RpcError, code};
pub use head::Head;
pub use id::{BadId, Id};
pub use list::{Entry, ListKind, Tool};
pub use message::{Kind, Limits, Message, Sender};
pub use method::Method;
pub use mirror::upstream_headers;
pub use name::{BadServerName, ServerName};
pub use path::{CanonicalPath, PathError};
pub use target::Target;
pub use tool_headers::{BadAnnotation, ToolHeaders};
pub use version::{Era, Version};
