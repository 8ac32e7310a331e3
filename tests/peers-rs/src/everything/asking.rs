//! Tools of the 2025-11-25 era that send requests of their own to the client.

use rmcp::{
    RoleServer,
    model::{CallToolResult, CreateMessageRequestParams, ElicitRequestParams, JsonObject},
    service::{RequestContext, ServiceError},
};
use serde_json::{Value, json, to_value};

use super::json::{fails, plain_tool, says, text_argument, text_at, typed};

pub(super) fn tools() -> Vec<Value> {
    vec![
        tool_with("test_sampling", "asks the client's model", "prompt"),
        tool_with("test_elicitation", "asks the user for a name and an address", "message"),
        plain_tool("test_elicitation_sep1034_defaults", "asks with a default in every field"),
        plain_tool("test_elicitation_sep1330_enums", "asks with every kind of choice"),
    ]
}

fn tool_with(name: &str, description: &str, argument: &str) -> Value {
    json!({
        "name": name,
        "description": description,
        "inputSchema": {
            "type": "object",
            "properties": { argument: { "type": "string" } },
            "required": [argument],
        },
    })
}

pub(super) async fn call(
    name: &str,
    arguments: &JsonObject,
    context: &RequestContext<RoleServer>,
) -> Option<CallToolResult> {
    Some(match name {
        "test_sampling" => sample(text_argument(arguments, "prompt", "hello"), context).await,
        "test_elicitation" => {
            let message = text_argument(arguments, "message", "who are you?");
            elicit(message, contact(), context).await
        }
        "test_elicitation_sep1034_defaults" => elicit("check the defaults", defaults(), context).await,
        "test_elicitation_sep1330_enums" => elicit("choose", choices(), context).await,
        _ => return None,
    })
}

async fn sample(prompt: &str, context: &RequestContext<RoleServer>) -> CallToolResult {
    let request: CreateMessageRequestParams = typed(json!({
        "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
        "maxTokens": 64,
    }));
    match context.peer.create_message(request).await {
        Ok(result) => {
            let result = to_value(result).unwrap_or_default();
            says(format!("LLM response: {}", text_at(&result, "/content/text", "no text")))
        }
        Err(error) => refused(&error),
    }
}

async fn elicit(message: &str, schema: Value, context: &RequestContext<RoleServer>) -> CallToolResult {
    let request: ElicitRequestParams = typed(json!({ "mode": "form", "message": message, "requestedSchema": schema }));
    match context.peer.create_elicitation(request).await {
        Ok(result) => {
            let result = to_value(result).unwrap_or_default();
            let action = text_at(&result, "/action", "none");
            let content = result.get("content").cloned().unwrap_or_default();
            says(format!("User response: action={action}, content={content}"))
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &ServiceError) -> CallToolResult {
    fails(format!("the client didn't answer: {error}"))
}

fn contact() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": { "type": "string", "description": "how to address you" },
            "email": { "type": "string", "description": "where to write to" },
        },
        "required": ["username", "email"],
    })
}

/// SEP-1034: a default for every primitive type.
fn defaults() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": {
                "type": "string",
                "enum": ["active", "inactive", "pending"],
                "default": "active",
            },
            "verified": { "type": "boolean", "default": true },
        },
        "required": [],
    })
}

/// SEP-1330: one and many of a list, with and without titles, and the older
/// `enumNames`.
fn choices() -> Value {
    let titled = |titles: [&str; 3]| {
        json!([
            { "const": "value1", "title": titles[0] },
            { "const": "value2", "title": titles[1] },
            { "const": "value3", "title": titles[2] },
        ])
    };
    let plain = json!(["option1", "option2", "option3"]);
    json!({
        "type": "object",
        "properties": {
            "untitledSingle": { "type": "string", "enum": plain },
            "titledSingle": {
                "type": "string",
                "oneOf": titled(["First Option", "Second Option", "Third Option"]),
            },
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": { "type": "array", "items": { "type": "string", "enum": plain } },
            "titledMulti": {
                "type": "array",
                "items": { "anyOf": titled(["First Choice", "Second Choice", "Third Choice"]) },
            },
        },
        "required": [],
    })
}
