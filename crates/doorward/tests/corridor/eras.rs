//! What each era demands of the door.

use http::StatusCode;
use serde_json::{Value, json};

use crate::kit::{Kit, modern_body, modern_request};

#[tokio::test]
async fn hd_01_a_header_that_names_another_tool_is_refused_before_anything_is_decided() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let mut request = modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "admin_drop" })));
    request.headers_mut().insert("mcp-name", "echo".parse().unwrap());
    let answer = kit.send(request).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32020));
    assert!(kit.inner.arrived().is_empty());
}

#[tokio::test]
async fn hd_02_a_version_that_is_unknown_or_contradictory_is_refused() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let body = modern_body(1, "tools/list", json!({}));
    for (version, code) in [("2025-11-25", -32020), ("2024-01-01", -32020)] {
        let mut request = modern_request(Some(&token), &body);
        request.headers_mut().insert("mcp-protocol-version", version.parse().unwrap());
        let answer = kit.send(request).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, code), "{version}");
    }
    let mut unknown = body.clone();
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2031-01-01");
    let mut request = modern_request(Some(&token), &unknown);
    request.headers_mut().insert("mcp-protocol-version", "2031-01-01".parse().unwrap());
    let answer = kit.send(request).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32022));
    assert!(answer.json()["error"]["data"]["supported"].as_array().unwrap().contains(&json!("2026-07-28")));
    let mut request = modern_request(Some(&token), &body);
    request.headers_mut().append("mcp-protocol-version", "2026-07-28".parse().unwrap());
    assert_eq!(kit.send(request).await.status, StatusCode::BAD_REQUEST, "two values");
}

#[tokio::test]
async fn a16_removed_and_unknown_methods_of_the_modern_era_are_404_with_the_id() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "no/such"] {
        let answer = kit.modern(Some(&token), method, json!({})).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, -32601), "{method}");
        assert_eq!(answer.json()["id"], 1, "{method}");
    }
}

#[tokio::test]
async fn js_08_a_response_from_a_client_is_refused_in_the_modern_era() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let body = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    let request = crate::kit::base(Some(&token))
        .header("mcp-protocol-version", "2026-07-28")
        .body(doorward::Body::full(body.to_string()))
        .unwrap();
    assert_eq!(kit.send(request).await.status, StatusCode::BAD_REQUEST);
    assert!(kit.inner.arrived().is_empty());
}

#[tokio::test]
async fn a08_a_server_that_asks_on_a_modern_stream_is_not_heard() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|message| {
        (message["method"] == "tools/call").then(|| {
            vec![
                json!({ "jsonrpc": "2.0", "id": 99, "method": "elicitation/create", "params": {} }),
                json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "resultType": "complete", "content": [] } }),
            ]
        })
    });
    let answer = kit.call_tool(Some(&token), "echo", json!({})).await;
    assert_eq!(answer.events().len(), 1, "{answer:?}");
    assert_eq!(answer.json()["result"]["content"], json!([]));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(kit.inner.arrived().len(), 1, "c17: nor answered, for a client of this era sends no responses");
}

#[tokio::test]
async fn progress_reaches_the_client_under_its_own_token_and_foreign_progress_does_not() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|message| {
        let ours = &message["params"]["_meta"]["progressToken"];
        (message["method"] == "tools/call").then(|| {
            let progress = |token: &Value, progress: u64| {
                json!({ "jsonrpc": "2.0", "method": "notifications/progress",
                        "params": { "progressToken": token, "progress": progress } })
            };
            vec![
                progress(ours, 1),
                progress(&json!(987_654), 2),
                json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "resultType": "complete" } }),
            ]
        })
    });
    let params = json!({ "name": "echo", "_meta": { "progressToken": "mine" } });
    let events = kit.modern(Some(&token), "tools/call", params).await.events();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0]["params"]["progressToken"], "mine");
    assert_ne!(kit.inner.last().message["params"]["_meta"]["progressToken"], "mine");
}

#[tokio::test]
async fn a36_a_subscription_carries_the_clients_own_id() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|message| {
        let meta = json!({ "io.modelcontextprotocol/subscriptionId": message["id"] });
        let note = |method: &str, params: Value| {
            let mut params = params;
            params["_meta"] = meta.clone();
            json!({ "jsonrpc": "2.0", "method": method, "params": params })
        };
        (message["method"] == "subscriptions/listen").then(|| {
            vec![
                note("notifications/subscriptions/acknowledged", json!({ "notifications": {} })),
                note("notifications/resources/updated", json!({ "uri": "secret://vault" })),
                json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed",
                        "params": { "_meta": { "io.modelcontextprotocol/subscriptionId": 424_242 } } }),
                note("notifications/resources/updated", json!({ "uri": "file:///open.txt" })),
                json!({ "jsonrpc": "2.0", "method": "notifications/progress",
                        "params": { "progressToken": message["id"], "progress": 1 } }),
                json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "resultType": "complete", "_meta": meta } }),
            ]
        })
    });
    let params = json!({ "notifications": { "resourceSubscriptions": ["file:///open.txt"] } });
    let events = kit.modern(Some(&token), "subscriptions/listen", params).await.events();
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(events[1]["params"]["uri"], "file:///open.txt", "what is invisible is not told");
    for event in &events {
        let meta = event["params"]["_meta"].as_object().or(event["result"]["_meta"].as_object()).unwrap();
        assert_eq!(meta["io.modelcontextprotocol/subscriptionId"], 1);
    }
}

#[tokio::test]
async fn se_10_a_session_id_in_the_modern_era_is_ignored_and_grants_nothing() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    let mut request = modern_request(None, &modern_body(1, "tools/list", json!({})));
    request.headers_mut().insert("mcp-session-id", session.parse().unwrap());
    kit.send(request).await.assert_401(false);
    let mut request = modern_request(Some(&token), &modern_body(1, "tools/list", json!({})));
    request.headers_mut().insert("mcp-session-id", "no-such".parse().unwrap());
    let answer = kit.send(request).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.headers.get("mcp-session-id").is_none());
}

#[tokio::test]
async fn a04_get_and_delete_have_no_place_in_the_modern_era() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    for method in ["GET", "DELETE"] {
        let request = http::Request::builder()
            .method(method)
            .uri("/mcp")
            .header("host", "localhost:8700")
            .header("authorization", format!("Bearer {token}"))
            .header("mcp-protocol-version", "2026-07-28")
            .body(doorward::Body::empty())
            .unwrap();
        let answer = kit.send(request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), "POST");
    }
}
