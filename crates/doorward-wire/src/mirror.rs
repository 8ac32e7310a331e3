//! The headers of a request to an upstream, computed from the body that is really sent.

use http::{HeaderMap, HeaderValue};

use crate::head::{self, Head};
use crate::message::{Kind, Message};
use crate::method::Method;
use crate::tool_headers::ToolHeaders;
use crate::value;
use crate::version::{Era, Version};

/// The MCP headers with which `message` goes to an upstream that speaks `version` (C03 to C05, E21).
///
/// Nothing of the caller's own headers is trusted: version, method and name come from `message`, as do the parameters that
/// `tool` mirrors. `Mcp-Param-*` headers that `tool` doesn't know, or all where no tool is known, go on as they came in
/// `seen` (A29). A legacy upstream gets `MCP-Protocol-Version` alone, and not before the handshake has agreed on one.
pub fn upstream_headers(version: Version, message: &Message, tool: Option<&ToolHeaders>, seen: &Head) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let initialize = message.method() == Some(&Method::Initialize);
    if version.era() == Era::Legacy && initialize {
        return headers;
    }
    headers.insert(head::VERSION, HeaderValue::from_static(version.as_str()));
    if version.era() == Era::Legacy {
        return headers;
    }
    // A method that no header can hold has no encoded form either; it is unknown, and a notification may go without.
    if let Some(method) = message.method().and_then(|method| value::plain(method.as_str())) {
        headers.insert(head::METHOD, method);
    }
    if let Some(name) = name_source(message).and_then(value::encode) {
        headers.insert(head::NAME, name);
    }
    for (name, value) in seen.params() {
        if !tool.is_some_and(|tool| tool.mirrors(name)) {
            headers.insert(name.clone(), value.clone());
        }
    }
    if message.method() == Some(&Method::ToolsCall)
        && let Some(tool) = tool
    {
        tool.write(message.arguments(), &mut headers);
    }
    headers
}

/// The text that `Mcp-Name` mirrors; `None` for a message that has no such header (A25, A62).
pub(crate) fn name_source(message: &Message) -> Option<&str> {
    match message.kind() {
        Kind::Request {
            method:
                Method::ToolsCall
                | Method::PromptsGet
                | Method::ResourcesRead
                | Method::TasksGet
                | Method::TasksUpdate
                | Method::TasksCancel,
            ..
        } => message.target().name(),
        _ => None,
    }
}
