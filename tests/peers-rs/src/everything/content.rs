//! Tools that answer at once, with each kind of content.

use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use super::json::{blocks, fails, plain_tool, says};

/// A picture of one red pixel, as PNG.
pub(super) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

/// Four silent samples, as WAV: 8 kHz, 8 bit, one channel.
const SILENCE: &str = "UklGRigAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQQAAACAgICA";

pub(super) fn tools() -> Vec<Value> {
    vec![
        plain_tool("test_simple_text", "answers with one text"),
        plain_tool("test_image_content", "answers with a picture"),
        plain_tool("test_audio_content", "answers with a sound"),
        plain_tool("test_embedded_resource", "answers with a resource inside"),
        plain_tool("test_multiple_content_types", "answers with text, picture and resource"),
        plain_tool("test_error_handling", "always fails"),
    ]
}

pub(super) fn call(name: &str) -> Option<CallToolResult> {
    Some(match name {
        "test_simple_text" => says("This is a simple text response for testing."),
        "test_image_content" => blocks(json!([picture()])),
        "test_audio_content" => blocks(json!([{ "type": "audio", "data": SILENCE, "mimeType": "audio/wav" }])),
        "test_embedded_resource" => {
            blocks(json!([resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")]))
        }
        "test_multiple_content_types" => blocks(json!([
            { "type": "text", "text": "Multiple content types test:" },
            picture(),
            resource("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
        ])),
        "test_error_handling" => fails("This tool intentionally returns an error for testing"),
        _ => return None,
    })
}

pub(super) fn picture() -> Value {
    json!({ "type": "image", "data": PIXEL, "mimeType": "image/png" })
}

pub(super) fn resource(uri: &str, kind: &str, text: &str) -> Value {
    json!({ "type": "resource", "resource": { "uri": uri, "mimeType": kind, "text": text } })
}
