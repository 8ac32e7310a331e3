//! From JSON as it is written here to rmcp's types.

use rmcp::{
    ErrorData,
    model::{CallToolResult, InputRequests, InputRequiredResult, JsonObject},
};
use serde_json::{Value, json};

/// Reads a constant of this crate as one of rmcp's types.
///
/// # Panics
///
/// When the constant is wrong: the first request shows it.
pub(super) fn typed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    match serde_json::from_value(value) {
        Ok(typed) => typed,
        Err(error) => panic!("a fixture doesn't fit its type: {error}"),
    }
}

/// A tool's result with one block of text.
pub(super) fn says(text: impl Into<String>) -> CallToolResult {
    blocks(json!([text_block(text)]))
}

/// A tool's result that reports that the tool failed.
pub(super) fn fails(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(typed(json!([text_block(text)])))
}

/// A tool's result with the given content blocks.
pub(super) fn blocks(content: Value) -> CallToolResult {
    CallToolResult::success(typed(content))
}

/// A content block of text.
pub(super) fn text_block(text: impl Into<String>) -> Value {
    json!({ "type": "text", "text": text.into() })
}

/// The entry of a tool that takes no arguments.
pub(super) fn plain_tool(name: &str, description: &str) -> Value {
    json!({ "name": name, "description": description, "inputSchema": { "type": "object", "properties": {} } })
}

/// A form with one required field.
pub(super) fn form(message: &str, field: &str, kind: &str) -> Value {
    json!({
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": message,
            "requestedSchema": {
                "type": "object",
                "properties": { field: { "type": kind } },
                "required": [field],
            },
        },
    })
}

/// A request to the client's model.
pub(super) fn sampling(prompt: &str) -> Value {
    json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
            "maxTokens": 64,
        },
    })
}

/// A request for the client's roots.
pub(super) fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}

/// An answer that asks for `requests` first.
pub(super) fn needs(requests: Value, state: Option<String>) -> InputRequiredResult {
    let requests: InputRequests = typed(requests);
    InputRequiredResult::new((!requests.is_empty()).then_some(requests), state)
}

/// The text at `pointer` below `value`, or `otherwise`.
pub(super) fn text_at<'a>(value: &'a Value, pointer: &str, otherwise: &'a str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or(otherwise)
}

/// A text argument of a tool.
pub(super) fn text_argument<'a>(arguments: &'a JsonObject, name: &str, otherwise: &'a str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or(otherwise)
}

/// The error for a name that nothing here answers to.
pub(super) fn unknown(kind: &str, name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("unknown {kind} `{name}`"), None)
}
