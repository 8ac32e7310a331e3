//! Who gets through, and what the others are told.

use http::StatusCode;
use serde_json::json;

use crate::kit::{Kit, Plan};

#[tokio::test]
async fn a_proven_caller_calls_a_tool_and_gets_its_answer_under_its_own_id() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let answer = kit.call_tool(Some(&token), "echo", json!({ "text": "hi" })).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["id"], 1);
    assert_eq!(answer.json()["result"]["content"][0]["text"], r#"{"text":"hi"}"#);
    assert!(!answer.header("doorward-decision").is_empty());
}

#[tokio::test]
async fn tk_01_without_a_token_the_answer_is_401_without_an_error_code() {
    let kit = Kit::new();
    let answer = kit.call_tool(None, "echo", json!({})).await;
    answer.assert_401(false);
    assert!(kit.inner.arrived().is_empty(), "the server was not contacted");
}

#[tokio::test]
async fn discovery_is_answered_to_anybody_where_a_rule_says_so() {
    let kit = Kit::new();
    let answer = kit.modern(None, "server/discover", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

#[tokio::test]
async fn cve_2026_54446_without_a_discovery_rule_nobody_gets_in_without_a_token() {
    let mut plan = Plan::default();
    plan.rules.remove(0);
    let kit = Kit::with(plan);
    kit.modern(None, "server/discover", json!({})).await.assert_401(false);
    assert!(kit.inner.keys().is_empty(), "no link, and so no credential of the server, was chosen");
}

#[tokio::test]
async fn what_is_invisible_answers_as_unknown_whatever_the_arguments() {
    let kit = Kit::new();
    let bob = kit.token("bob", &["User"], &[]);
    let hidden = kit.call_tool(Some(&bob), "admin_drop", json!({ "text": "x" })).await;
    let absent = kit.call_tool(Some(&bob), "admin_no_such", json!({})).await;
    assert_eq!(hidden.status, absent.status);
    assert_eq!(hidden.code(), -32602);
    assert_eq!(
        hidden.json()["error"]["message"].as_str().unwrap().replace("admin_drop", "T"),
        absent.json()["error"]["message"].as_str().unwrap().replace("admin_no_such", "T"),
    );
    assert!(kit.inner.calls().is_empty());
}

#[tokio::test]
async fn lg_08_who_is_too_fast_is_told_when_to_come_back_by_address_whatever_the_token() {
    let mut plan = Plan::default();
    plan.settings.limits.address = Some("2/min".parse().unwrap());
    let kit = Kit::with(plan);
    let mut answers = Vec::new();
    for user in ["alice", "bob", "carol"] {
        let token = kit.token(user, &[], &[]);
        let body = crate::kit::modern_body(1, "tools/call", json!({ "name": "echo" }));
        let mut request = crate::kit::modern_request(Some(&token), &body);
        request.extensions_mut().insert(doorward::PeerAddress([203, 0, 113, 7].into()));
        answers.push(kit.send(request).await);
    }
    assert_eq!(answers[1].status, StatusCode::OK);
    let slow = &answers[2];
    assert_eq!((slow.status, slow.code()), (StatusCode::TOO_MANY_REQUESTS, 42_900));
    let seconds: u64 = slow.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(slow.json()["error"]["data"]["retryAfterSeconds"], seconds);
    assert_eq!(kit.inner.calls().len(), 2);
}

#[tokio::test]
async fn sc_01_a_missing_scope_is_403_with_every_scope_in_the_challenge() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &["profile"]);
    let answer = kit.call_tool(Some(&token), "scoped_read", json!({})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"crm.read profile\""), "{challenge}");
    assert_eq!(answer.json()["id"], 1);
    let token = kit.token("alice", &[], &["crm.read"]);
    assert_eq!(kit.call_tool(Some(&token), "scoped_read", json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn sc_04_a_list_shows_what_is_visible_and_is_no_longer_public() {
    let kit = Kit::new();
    let bob = kit.token("bob", &[], &[]);
    let listed = kit.modern(Some(&bob), "tools/list", json!({})).await.json();
    let names: Vec<_> = listed["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["echo", "scoped_read"], "a scope can be asked for, a role can not");
    assert_eq!(listed["result"]["cacheScope"], "private");
    assert_eq!(listed["result"]["tools"][0]["vendorKey"]["kept"].to_string(), "1.0", "unknown fields survive");
    let root = kit.token("root", &["Admin"], &[]);
    let listed = kit.modern(Some(&root), "tools/list", json!({})).await.json();
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 3);
    let prompts = kit.modern(Some(&bob), "prompts/list", json!({})).await.json();
    assert_eq!(prompts["result"]["prompts"].as_array().unwrap().len(), 1);
    let resources = kit.modern(Some(&bob), "resources/list", json!({})).await.json();
    assert_eq!(resources["result"]["resources"][0]["uri"], "file:///open.txt");
    assert_eq!(resources["result"]["resources"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_not_changed_reaches_the_server_byte_for_byte_but_for_the_ids() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let body = concat!(
        r#"{ "params" : {"name":"echo", "vendorParam": 1.0, "arguments":{"n":18446744073709551615,"z":"\u00e9"},"#,
        r#" "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
        r#""io.modelcontextprotocol/clientCapabilities":{}} },  "id": 41, "method":"tools/call","jsonrpc":"2.0" }"#
    );
    let request = crate::kit::base(Some(&token))
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "echo")
        .body(doorward::Body::full(body))
        .unwrap();
    let answer = kit.send(request).await;
    assert_eq!(answer.json()["id"], 41);
    let sent = kit.inner.last();
    let ours = sent.message["id"].to_string();
    assert_eq!(sent.bytes, body.replace(r#""id": 41"#, &format!(r#""id": {ours}"#)));
}
