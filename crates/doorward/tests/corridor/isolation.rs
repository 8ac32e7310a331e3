//! Nothing of one caller reaches another, and nothing of the caller's credential reaches a server.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use crate::kit::{Kit, modern_body, modern_request};

#[tokio::test]
async fn pt_01_no_header_of_the_caller_reaches_the_server() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let mut request = modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" })));
    for (name, value) in [
        ("cookie", "session=canary"),
        ("dpop", "canary"),
        ("proxy-authorization", "Basic canary"),
        ("x-api-key", "canary"),
        ("x-forwarded-for", "1.2.3.4"),
        ("mcp-session-id", "canary"),
        ("mcp-init-host", "canary"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(kit.send(request).await.status, StatusCode::OK);
    let sent = kit.inner.last();
    let mut names: Vec<_> = sent.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["mcp-method", "mcp-name", "mcp-protocol-version"]);
    let all = format!("{:?} {}", sent.headers, sent.message);
    assert!(!all.contains(&token) && !all.contains("canary"), "{all}");
}

#[tokio::test]
async fn pt_02_the_callers_own_token_in_a_message_is_refused() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let answer = kit.call_tool(Some(&token), "echo", json!({ "text": token })).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.text().contains(&token));
    assert!(kit.inner.calls().is_empty());
    let params = json!({ "name": "echo", "_meta": { "vendor/note": token } });
    assert_eq!(kit.modern(Some(&token), "tools/call", params).await.status, StatusCode::FORBIDDEN);
    assert!(kit.inner.calls().is_empty());
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &token);
    for header in [token.clone(), format!("=?base64?{encoded}?=")] {
        let mut request = modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" })));
        request.headers_mut().insert("mcp-param-note", header.parse().unwrap());
        assert_eq!(kit.send(request).await.status, StatusCode::FORBIDDEN, "in a mirrored header");
    }
    assert!(kit.inner.calls().is_empty());
    assert!(kit.ledger.lines().iter().all(|line| !line.contains(&token)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_2026_25536_equal_ids_of_two_clients_never_meet() {
    let kit = Kit::new();
    let tokens = [kit.token("alice", &[], &[]), kit.token("bob", &[], &[])];
    kit.inner.script(|message| {
        let text = message["params"]["arguments"]["text"].clone();
        let pause = text.as_str().map_or(0, |text| text.len() as u64 % 7);
        Some(vec![
            json!({ "wait": pause }),
            json!({ "jsonrpc": "2.0", "id": message["id"],
                    "result": { "resultType": "complete", "content": [{ "type": "text", "text": text }] } }),
        ])
    });
    let kit = std::sync::Arc::new(kit);
    let mut tasks = Vec::new();
    for round in 0..500 {
        for (who, token) in tokens.iter().enumerate() {
            let (kit, token) = (kit.clone(), token.clone());
            tasks.push(tokio::spawn(async move {
                let mark = format!("{who}-{round}");
                let answer = kit.call_tool(Some(&token), "echo", json!({ "text": mark })).await;
                assert_eq!(answer.json()["result"]["content"][0]["text"], mark.as_str());
                assert_eq!(answer.json()["id"], 1);
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    let mut numbers: Vec<_> = kit.inner.arrived().iter().map(|arrived| arrived.message["id"].to_string()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 1000, "every message had a number of its own");
}

#[tokio::test]
async fn callers_and_capabilities_never_share_a_link_key() {
    let kit = Kit::new();
    for user in ["alice", "bob"] {
        let token = kit.token(user, &[], &[]);
        for capabilities in [json!({}), json!({ "sampling": {} })] {
            let mut body = modern_body(1, "tools/call", json!({ "name": "echo" }));
            body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
            kit.send(modern_request(Some(&token), &body)).await;
        }
    }
    let keys: std::collections::HashSet<_> = kit.inner.keys().into_iter().collect();
    assert_eq!(keys.len(), 4);
}

#[tokio::test]
async fn js_11_answers_that_are_not_ours_or_not_json_are_dropped() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|message| {
        Some(vec![
            json!({ "raw": "this is not JSON" }),
            json!({ "raw": r#"{"jsonrpc":"2.0","id":1,"id":2,"result":{}}"# }),
            json!({ "jsonrpc": "2.0", "id": 424_242, "result": { "stolen": true } }),
            json!([{ "jsonrpc": "2.0", "id": message["id"], "result": {} }]),
            json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "resultType": "complete", "mine": true } }),
        ])
    });
    let events = kit.call_tool(Some(&token), "echo", json!({})).await.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["result"]["mine"], true);
}

#[tokio::test]
async fn a_server_that_is_down_gives_one_clear_error_without_a_detail() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.inner.break_down();
    let answer = kit.call_tool(Some(&token), "echo", json!({})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_GATEWAY, 50_200));
    assert!(!answer.text().contains("10.1.2.3") && !answer.text().contains("os error"), "{answer:?}");
    assert_eq!(answer.json()["id"], 1);
    let (decisions, outcomes) = (kit.ledger.of_kind("decision"), kit.ledger.of_kind("outcome"));
    assert_eq!((decisions.len(), outcomes.len()), (1, 1), "one decision and one outcome");
    assert_eq!(outcomes[0]["ending"], "upstream_failed");
}

#[tokio::test]
async fn a39_a_call_that_takes_too_long_ends_with_a_clear_error_and_is_cancelled() {
    let mut plan = crate::kit::Plan::default();
    plan.call_timeout = Duration::from_millis(100);
    let kit = Kit::with(plan);
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|_| Some(vec![json!({ "hang": true })]));
    let answer = tokio::time::timeout(Duration::from_secs(10), kit.call_tool(Some(&token), "echo", json!({}))).await;
    let answer = answer.expect("the call ends by itself");
    assert_eq!(answer.code(), 50_400, "{answer:?}");
    assert_eq!(answer.json()["id"], 1);
    crate::kit::eventually("the call was cancelled", || kit.inner.cancelled().len() == 1).await;
}

#[tokio::test]
async fn a10_a_modern_client_that_goes_away_cancels_its_call() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|_| Some(vec![json!({ "hang": true })]));
    let response =
        kit.open(modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" })))).await;
    let ours = kit.inner.last().message["id"].as_u64().unwrap();
    drop(response);
    crate::kit::eventually("the call was cancelled", || kit.inner.cancelled() == [ours]).await;
    let outcome = kit.ledger.of_kind("outcome").pop().unwrap();
    assert_eq!(outcome["ending"], "cancelled", "a dropped exchange still gets its outcome");
}

#[tokio::test]
async fn a_stream_ends_within_a_second_of_the_revocation_of_its_token() {
    use doorward::Surroundings;
    let kit = Kit::new();
    let (token, id) = kit.token_of("alice", "c", &[], &[], Duration::from_secs(3600));
    kit.inner.script(|_| Some(vec![json!({ "hang": true })]));
    let body = modern_body(1, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } }));
    let response = kit.open(modern_request(Some(&token), &body)).await;
    kit.guard.revoke(&id, kit.world.now() + Duration::from_secs(3600));
    let ended = tokio::time::timeout(Duration::from_secs(1), crate::kit::Answer::read(response)).await;
    assert!(ended.is_ok(), "the stream went on");
    let outcome = kit.ledger.of_kind("outcome").pop().unwrap();
    assert_eq!((&outcome["ending"], &outcome["reason"]), (&Value::from("ended"), &Value::from("revoked")));
}

#[tokio::test]
async fn a_stream_ends_within_a_second_of_a_change_of_the_rules_that_no_longer_allows_it() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|_| Some(vec![json!({ "hang": true })]));
    let body = modern_body(1, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } }));
    let response = kit.open(modern_request(Some(&token), &body)).await;
    kit.guard.replace_rules(kit.guard.policy().book());
    let unchanged = crate::kit::Answer::read(response);
    tokio::pin!(unchanged);
    let short = Duration::from_millis(200);
    assert!(tokio::time::timeout(short, &mut unchanged).await.is_err(), "the same rules end nothing");
    let only_admins =
        crate::kit::Plan { rules: vec![crate::kit::rule(crate::kit::tool("*"), &["Admins"])], ..Default::default() };
    kit.guard.replace_rules(only_admins.book());
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut unchanged).await.is_ok(), "the stream went on");
}

#[tokio::test]
async fn c06_a_tool_with_broken_header_annotations_is_not_shown_to_a_modern_client() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|message| {
        (message["method"] == "tools/list").then(|| {
            let tool = |name: &str, kind: &str| {
                json!({ "name": name, "inputSchema": { "type": "object", "properties": {
                    "a": { "type": kind, "x-mcp-header": "A" } } } })
            };
            vec![json!({ "jsonrpc": "2.0", "id": message["id"], "result": {
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
                "tools": [tool("sound", "string"), tool("broken", "number")] } })]
        })
    });
    let listed = kit.modern(Some(&token), "tools/list", json!({})).await.json();
    let names: Vec<_> = listed["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(names, ["sound"]);
}

#[tokio::test]
async fn a61_a_client_that_did_not_declare_tasks_may_not_ask_for_one() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let mut request = modern_request(Some(&token), &modern_body(1, "tasks/get", json!({ "taskId": "t-1" })));
    request.headers_mut().insert("mcp-name", "t-1".parse().unwrap());
    let answer = kit.send(request).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, -32021));
    assert!(answer.json()["error"]["data"]["requiredCapabilities"].is_object());
}

#[tokio::test]
async fn e24_a_tasks_id_is_the_owners_alone() {
    let kit = Kit::new();
    let alice = kit.token("alice", &[], &[]);
    let bob = kit.token("bob", &[], &[]);
    kit.inner.script(|message| {
        (message["method"] == "tools/call").then(|| {
            vec![json!({ "jsonrpc": "2.0", "id": message["id"],
                    "result": { "resultType": "task", "taskId": "t-1", "status": "working" } })]
        })
    });
    kit.call_tool(Some(&alice), "echo", json!({})).await;
    let ask = |token: String| {
        let mut body = modern_body(1, "tasks/get", json!({ "taskId": "t-1" }));
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
        let mut request = modern_request(Some(&token), &body);
        request.headers_mut().insert("mcp-name", "t-1".parse().unwrap());
        request
    };
    assert_eq!(kit.send(ask(alice)).await.json()["result"]["resultType"], "complete");
    let foreign = kit.send(ask(bob)).await;
    assert_eq!(foreign.code(), -32602, "{foreign:?}");
}
