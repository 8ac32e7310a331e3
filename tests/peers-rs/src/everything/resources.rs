//! The resources, and the one template.

use rmcp::{
    ErrorData,
    model::{ReadResourceResult, Resource, ResourceTemplate},
};
use serde_json::{Value, json};

use super::{content::PIXEL, json::typed};

pub(super) fn list() -> Vec<Resource> {
    typed(json!([
        { "uri": "test://static-text", "name": "text", "description": "a fixed text", "mimeType": "text/plain" },
        { "uri": "test://static-binary", "name": "binary", "description": "a fixed picture", "mimeType": "image/png" },
        { "uri": "test://watched-resource", "name": "watched", "description": "one to subscribe to", "mimeType": "text/plain" },
    ]))
}

pub(super) fn templates() -> Vec<ResourceTemplate> {
    typed(json!([{
        "uriTemplate": "test://template/{id}/data",
        "name": "template",
        "description": "data of any id",
        "mimeType": "application/json",
    }]))
}

pub(super) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let content = match uri {
        "test://static-text" => text(uri, "text/plain", "This is the content of the static text resource."),
        "test://static-binary" => json!({ "uri": uri, "mimeType": "image/png", "blob": PIXEL }),
        "test://watched-resource" => text(uri, "text/plain", "watched"),
        _ => {
            let id =
                uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data")).ok_or_else(|| {
                    let data = json!({ "uri": uri });
                    ErrorData::resource_not_found(format!("no resource `{uri}`"), Some(data))
                })?;
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            text(uri, "application/json", &data.to_string())
        }
    };
    Ok(ReadResourceResult::new(typed(json!([content]))))
}

fn text(uri: &str, kind: &str, text: &str) -> Value {
    json!({ "uri": uri, "mimeType": kind, "text": text })
}
