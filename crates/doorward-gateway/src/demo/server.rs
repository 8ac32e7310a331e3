//! The built-in server's protocol: both eras, as small as they get.

use bytes::Bytes;
use doorward_wire::{Era, Id, Message, Method, RpcError, Target, Version, code, error_response, result_response};
use serde_json::{Value, json};

use super::tools;

const INSTRUCTIONS: &str = "A demonstration. `addNumbers` is for everyone, `adminRestart` for administrators, `customerData` for who may see customers.";

/// Answers one request.
pub(super) fn answer(version: Version, id: &Id, method: &Method, message: &Message) -> Bytes {
    let result = match (version.era(), method) {
        (Era::Legacy, Method::Initialize) => Ok(initialized(version)),
        (Era::Legacy, Method::Ping) => Ok(json!({})),
        (Era::Modern, Method::Discover) => Ok(discovered()),
        (era, Method::ToolsList) => Ok(listed(era)),
        (era, Method::ToolsCall) => called(era, message),
        _ => Err(RpcError::new(code::METHOD_NOT_FOUND, "this server has no such method")),
    };
    match result {
        Ok(result) => result_response(id, &result),
        Err(error) => error_response(Some(id), &error),
    }
}

fn server_info() -> Value {
    json!({ "name": "doorward-demo", "title": "Doorward demonstration", "version": env!("CARGO_PKG_VERSION") })
}

fn initialized(version: Version) -> Value {
    json!({
        "protocolVersion": version.as_str(),
        "capabilities": { "tools": {} },
        "serverInfo": server_info(),
        "instructions": INSTRUCTIONS,
    })
}

fn discovered() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": Version::MODERN.map(Version::as_str),
        "capabilities": { "tools": {} },
        "instructions": INSTRUCTIONS,
        "ttlMs": 60_000,
        "cacheScope": "public",
        "_meta": { "io.modelcontextprotocol/serverInfo": server_info() },
    })
}

fn listed(era: Era) -> Value {
    let tools = tools::definitions();
    match era {
        Era::Modern => json!({ "resultType": "complete", "tools": tools, "ttlMs": 60_000, "cacheScope": "public" }),
        Era::Legacy => json!({ "tools": tools }),
    }
}

fn called(era: Era, message: &Message) -> Result<Value, RpcError> {
    let Target::Tool(name) = message.target() else {
        return Err(RpcError::new(code::INVALID_PARAMS, "the call names no tool"));
    };
    let arguments = message.arguments().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| json!({}));
    let said = tools::call(name, &arguments)
        .ok_or_else(|| RpcError::new(code::INVALID_PARAMS, format!("Unknown tool: {name}")))?;
    let (text, is_error) = match said {
        Ok(text) => (text, false),
        Err(text) => (text, true),
    };
    let mut result = json!({ "content": [{ "type": "text", "text": text }], "isError": is_error });
    if let (Era::Modern, Some(result)) = (era, result.as_object_mut()) {
        result.insert("resultType".to_owned(), json!("complete"));
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use doorward_wire::{Limits, Sender, request};

    use super::*;

    fn ask(version: Version, method: &Method, params: &Value) -> Value {
        let id = Id::number(7);
        let bytes = request(&id, method, Some(params));
        let message = Message::parse(bytes, Sender::Client, &Limits::default()).unwrap();
        serde_json::from_slice(&answer(version, &id, method, &message)).unwrap()
    }

    #[test]
    fn b03_a_legacy_client_gets_its_handshake() {
        let said = ask(
            Version::V2025_06_18,
            &Method::Initialize,
            &json!({"protocolVersion": "2025-06-18", "capabilities": {}}),
        );
        assert_eq!(said["id"], 7);
        assert_eq!(said["result"]["protocolVersion"], "2025-06-18");
        assert_eq!(ask(Version::V2025_06_18, &Method::Ping, &json!({}))["result"], json!({}));
    }

    #[test]
    fn a16_each_era_knows_its_own_methods_only() {
        for method in [Method::Initialize, Method::Ping, Method::SetLevel] {
            assert_eq!(ask(Version::V2026_07_28, &method, &json!({}))["error"]["code"], -32601, "{}", method.as_str());
        }
        assert_eq!(ask(Version::V2025_11_25, &Method::Discover, &json!({}))["error"]["code"], -32601);
    }

    #[test]
    fn a18_a20_a48_a_modern_client_can_discover_and_list() {
        let discovered = ask(Version::V2026_07_28, &Method::Discover, &json!({}))["result"].clone();
        assert_eq!(discovered["supportedVersions"], json!(["2026-07-28"]));
        let listed = ask(Version::V2026_07_28, &Method::ToolsList, &json!({}))["result"].clone();
        for result in [&discovered, &listed] {
            assert_eq!(result["resultType"], "complete");
            assert!(result["ttlMs"].is_u64() && result["cacheScope"].is_string());
        }
        assert_eq!(listed["tools"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn a42_an_unknown_tool_is_an_error_and_a_failing_one_a_result() {
        let call = |name: &str, arguments: Value| {
            ask(Version::V2026_07_28, &Method::ToolsCall, &json!({"name": name, "arguments": arguments}))
        };
        assert_eq!(call("noSuchTool", json!({}))["error"]["code"], -32602);
        assert_eq!(call("addNumbers", json!({"a": "x"}))["result"]["isError"], true);
        let good = call("addNumbers", json!({"a": 2, "b": 40}));
        assert_eq!(good["result"]["content"][0]["text"], "42");
        assert_eq!(good["result"]["resultType"], "complete");
    }
}
