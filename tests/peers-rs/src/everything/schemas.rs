//! Tools that matter for their definitions: the JSON Schema of 2020-12, and a
//! parameter that travels in a header.

use rmcp::{
    ErrorData,
    model::{CallToolResult, JsonObject, Tool},
};
use serde_json::{Value, json};

use super::json::{says, text_argument, typed};

/// The tool with an argument that is mirrored in `Mcp-Param-Value` (SEP-2243).
const CUSTOM_HEADER: &str = "test_custom_header";

pub(super) fn tools() -> Vec<Value> {
    vec![wide_schema(), mirrored()]
}

/// The definition that rmcp checks headers against.
pub(super) fn get(name: &str) -> Option<Tool> {
    (name == CUSTOM_HEADER).then(|| typed(mirrored()))
}

pub(super) fn call(name: &str, arguments: &JsonObject) -> Option<Result<CallToolResult, ErrorData>> {
    Some(match name {
        "json_schema_2020_12_tool" => Ok(says(format!("stored {}", text_argument(arguments, "name", "no name")))),
        CUSTOM_HEADER => match arguments.get("value").and_then(Value::as_str) {
            Some(value) => Ok(says(value)),
            None => Err(ErrorData::invalid_params("`value` must be a string", None)),
        },
        _ => return None,
    })
}

fn mirrored() -> Value {
    json!({
        "name": CUSTOM_HEADER,
        "description": "answers with an argument that also travels in a header",
        "inputSchema": {
            "type": "object",
            "properties": { "value": { "type": "string", "x-mcp-header": "Value" } },
            "required": ["value"],
        },
    })
}

/// Every keyword here must reach the client as it stands (SEP-1613, SEP-2106).
fn wide_schema() -> Value {
    json!({
        "name": "json_schema_2020_12_tool",
        "description": "has a schema with anchors, references and conditions",
        "inputSchema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {
                "address": {
                    "$anchor": "addressDef",
                    "type": "object",
                    "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
                },
            },
            "properties": {
                "name": { "type": "string" },
                "address": { "$ref": "#/$defs/address" },
                "contactMethod": { "type": "string", "enum": ["phone", "email"] },
                "phone": { "type": "string" },
                "email": { "type": "string" },
            },
            "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
            "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
            "then": { "required": ["phone"] },
            "else": { "required": ["email"] },
            "additionalProperties": false,
        },
    })
}
