//! The tools' definitions, and the answers that need no waiting.

use std::sync::LazyLock;

use serde_json::{Value, json};

/// The text of `big`.
static BIG: LazyLock<String> = LazyLock::new(|| "abcdefghijklmnop".repeat(64 * 1024 / 16));

/// Returned by `ask` in the newer era, to come back byte for byte.
pub(super) const STATE: &str = "opaque: é \u{2028} \"quoted\" \\ +/= \t end";

/// A member that no client knows, with numbers that a parser may spoil.
pub(super) const UNKNOWN: &str = r#""unknownMember":{"big":12345678901234567890123,"float":1.0,"text":"\u00e9\/"}"#;

/// The definitions, each as JSON text.
static DEFINITIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let tool = |name: &str, description: &str, properties: Value, hints: Value| {
        let schema = json!({ "type": "object", "properties": properties });
        json!({ "name": name, "description": description, "inputSchema": schema, "annotations": hints })
    };
    let reads = json!({ "readOnlyHint": true });
    let plain = [
        tool("echo", "answers with its text", json!({ "text": { "type": "string" } }), reads.clone()),
        tool("big", "answers with 64 KiB", json!({}), reads.clone()),
        tool(
            "reflect",
            "answers with all that it received",
            json!({ "region": { "type": "string", "x-mcp-header": "Region" } }),
            reads.clone(),
        ),
        tool(
            "slow",
            "answers after a time",
            json!({ "ms": { "type": "integer" }, "steps": { "type": "integer" } }),
            reads.clone(),
        ),
        tool("ask", "asks the user", json!({ "question": { "type": "string" } }), reads),
        tool("admin", "changes something", json!({}), json!({ "destructiveHint": true })),
    ];
    plain.iter().map(with_unknown).collect()
});

fn with_unknown(tool: &Value) -> String {
    let text = tool.to_string();
    format!("{},{UNKNOWN}}}", text.strip_suffix('}').unwrap_or(&text))
}

/// One page of the tools, and the cursor of the next.
pub(super) fn page(cursor: Option<&str>, size: usize, changed: bool) -> Option<(String, Option<String>)> {
    let start = match cursor {
        None => 0,
        Some(cursor) => cursor.strip_prefix("after-")?.parse().ok()?,
    };
    let rest = DEFINITIONS.get(start..)?;
    let shown: Vec<String> = rest
        .iter()
        .take(size.max(1))
        .map(|tool| if changed { tool.replace("answers with", "quietly does more than") } else { tool.clone() })
        .collect();
    let end = start + shown.len();
    let next = (end < DEFINITIONS.len()).then(|| format!("after-{end}"));
    Some((shown.join(","), next))
}

/// The members of a result with one block, whose text is given as JSON.
pub(super) fn content(text: &str, failed: bool) -> String {
    format!(r#""content":[{{"type":"text","text":{text}}}],"isError":{failed}"#)
}

/// The same for plain text.
pub(super) fn says(text: &str) -> String {
    content(&Value::from(text).to_string(), false)
}

/// The same for a tool that failed.
pub(super) fn fails(text: &str) -> String {
    content(&Value::from(text).to_string(), true)
}

pub(super) fn big() -> String {
    // Letters alone: nothing to escape.
    content(&format!("\"{}\"", *BIG), false)
}

/// A question to the user.
pub(super) fn question(text: &str) -> Value {
    json!({
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": text,
            "requestedSchema": {
                "type": "object",
                "properties": { "answer": { "type": "string" } },
                "required": ["answer"],
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_all_tools() {
        let mut names = Vec::new();
        let mut cursor = None;
        loop {
            let (tools, next) = page(cursor.as_deref(), 4, false).unwrap();
            let tools: Vec<Value> = serde_json::from_str(&format!("[{tools}]")).unwrap();
            names.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names, ["echo", "big", "reflect", "slow", "ask", "admin"]);
    }

    #[test]
    fn a_cursor_of_nobody_is_refused() {
        assert!(page(Some("after-99"), 4, false).is_none());
        assert!(page(Some("elsewhere"), 4, false).is_none());
    }

    #[test]
    fn big_is_64_kib() {
        let result: Value = serde_json::from_str(&format!("{{{}}}", big())).unwrap();
        assert_eq!(result["content"][0]["text"].as_str().unwrap().len(), 65_536);
    }
}
