//! Sessions and handles (SE): what the corridor's own tests don't show already, and families of it.

use std::collections::HashSet;
use std::time::Duration;

use doorward::Body;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::kit::forge::with;
use crate::kit::{Kit, LEGACY, Plan, legacy_request, modern_body, modern_request};

fn bare(method: &str, token: Option<&str>, session: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri("/mcp")
        .header("host", "localhost:8700")
        .header("accept", "text/event-stream")
        .header("mcp-protocol-version", LEGACY)
        .header("mcp-session-id", session);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

async fn list(kit: &Kit, token: &str, session: &str) -> StatusCode {
    kit.legacy(Some(token), session, "tools/list", json!({})).await.status
}

/// Everything that a client can send into a session.
fn messages() -> Vec<Value> {
    vec![
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "echo" } }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1, "message": "no" } }),
    ]
}

#[tokio::test]
async fn se_01_nothing_that_can_be_sent_touches_a_foreign_session_and_each_attempt_is_on_record() {
    let kit = Kit::new();
    let alice = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&alice)).await;
    let other_client = kit.token_of("alice", "another-client", &[], &[], Duration::from_secs(600)).0;
    let before = kit.inner.arrived().len();
    for (who, foreign) in [("mallory", kit.token("mallory", &["Admin"], &["crm.read"])), ("a client", other_client)] {
        kit.ledger.clear();
        for message in messages() {
            let answer = kit.send(legacy_request(Some(&foreign), Some(&session), &message)).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{who}: {message}");
        }
        for method in ["GET", "DELETE"] {
            assert_eq!(kit.send(bare(method, Some(&foreign), &session)).await.status, StatusCode::NOT_FOUND);
        }
        let notices = kit.ledger.of_kind("notice");
        let mismatches = notices.iter().filter(|notice| notice["what"] == "session.mismatch").count();
        assert_eq!(mismatches, messages().len() + 2, "{who}: {notices:?}");
        assert!(kit.ledger.lines().iter().all(|line| !line.contains(&session)), "a session id opens a session");
    }
    assert_eq!(kit.inner.arrived().len(), before, "nothing reached the server");
    assert_eq!(list(&kit, &alice, &session).await, StatusCode::OK, "the owner notices nothing");
}

#[tokio::test]
async fn se_02_no_message_in_a_session_does_without_a_token_or_with_a_bad_one() {
    let kit = Kit::new();
    let alice = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&alice)).await;
    let before = kit.inner.arrived().len();
    for message in messages() {
        kit.send(legacy_request(None, Some(&session), &message)).await.assert_401(false);
        kit.send(legacy_request(Some("made-up"), Some(&session), &message)).await.assert_401(true);
    }
    for method in ["GET", "DELETE"] {
        kit.send(bare(method, None, &session)).await.assert_401(false);
        kit.send(bare(method, Some("made-up"), &session)).await.assert_401(true);
    }
    assert_eq!(kit.inner.arrived().len(), before);
    assert_eq!(list(&kit, &alice, &session).await, StatusCode::OK);
}

#[tokio::test]
async fn se_03_ids_are_random_and_nothing_near_one_is_another() {
    let kit = Kit::new();
    let alice = kit.token("alice", &[], &[]);
    let mut ids = HashSet::new();
    for _ in 0..50 {
        ids.insert(kit.initialize(Some(&alice)).await);
    }
    assert_eq!(ids.len(), 50);
    let real = ids.iter().next().unwrap().clone();
    let prefix = ids.iter().fold(real.clone(), |shared, id| {
        shared.chars().zip(id.chars()).take_while(|(one, other)| one == other).map(|(one, _)| one).collect()
    });
    assert!(prefix.len() < 4, "ids share {} characters", prefix.len());
    let before = kit.inner.arrived().len();
    let swapped: String = real
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let near = [
        real[1..].to_owned(),
        real[..real.len() - 1].to_owned(),
        format!("{real}A"),
        format!("{real}="),
        format!("{real},{real}"),
        format!("\"{real}\""),
        swapped,
        format!("0{}", &real[1..]),
        "A".repeat(43),
        "../".repeat(20),
        "%00".to_owned(),
        "x".repeat(10 * 1024),
    ];
    for id in near.iter().filter(|id| **id != real) {
        let status = list(&kit, &alice, id).await;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST), "{id}: {status}");
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    for bytes in [&b"\xff\xfe"[..], b"a b", "é".as_bytes()] {
        let mut request = legacy_request(Some(&alice), Some(&real), &body);
        request.headers_mut().insert("mcp-session-id", HeaderValue::from_bytes(bytes).unwrap());
        let status = kit.send(request).await.status;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST), "{status}");
    }
    let mut doubled = legacy_request(Some(&alice), Some(&real), &body);
    doubled.headers_mut().append("mcp-session-id", HeaderValue::from_str(&real).unwrap());
    assert_eq!(kit.send(doubled).await.status, StatusCode::BAD_REQUEST, "two ids, even equal ones");
    assert!(HeaderValue::from_bytes(b"a\r\nx: y").is_err(), "a line break does not even become a header");
    assert_eq!(kit.inner.arrived().len(), before);
}

#[tokio::test]
async fn se_04_a_session_that_its_owner_ended_is_404_and_a_new_one_can_begin() {
    let kit = Kit::new();
    let alice = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&alice)).await;
    assert_eq!(kit.send(bare("DELETE", Some(&alice), &session)).await.status, StatusCode::NO_CONTENT);
    for message in messages() {
        let answer = kit.send(legacy_request(Some(&alice), Some(&session), &message)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{message}");
    }
    for method in ["GET", "DELETE"] {
        assert_eq!(kit.send(bare(method, Some(&alice), &session)).await.status, StatusCode::NOT_FOUND);
    }
    let again = kit.initialize(Some(&alice)).await;
    assert_ne!(again, session);
    assert_eq!(list(&kit, &alice, &again).await, StatusCode::OK);
}

/// An expired token is refused as a token; its session is then anybody's question, and nobody's answer.
#[tokio::test]
async fn se_04_a_session_outlives_no_token_by_itself() {
    let kit = Kit::new();
    let (short, _) = kit.token_of("alice", "c", &[], &[], Duration::from_secs(60));
    let session = kit.initialize(Some(&short)).await;
    kit.world.pass(Duration::from_secs(120));
    kit.legacy(Some(&short), &session, "tools/list", json!({})).await.assert_401(true);
    let (fresh, _) = kit.token_of("alice", "c", &[], &[], Duration::from_secs(60));
    assert_eq!(list(&kit, &fresh, &session).await, StatusCode::OK, "the same caller, proven anew");
}

#[tokio::test]
async fn se_06_a_session_gives_a_later_token_nothing_that_it_lacks() {
    let kit = Kit::new();
    let wide = kit.token("alice", &[], &["crm.read"]);
    let narrow = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&wide)).await;
    let call = |name: &str| json!({ "name": name, "arguments": {} });
    for _ in 0..2 {
        let allowed = kit.legacy(Some(&wide), &session, "tools/call", call("scoped_read")).await;
        assert_eq!(allowed.status, StatusCode::OK);
        let refused = kit.legacy(Some(&narrow), &session, "tools/call", call("scoped_read")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.header("www-authenticate").contains("scope=\"crm.read\""));
        assert_eq!(kit.legacy(Some(&narrow), &session, "tools/call", call("echo")).await.status, StatusCode::OK);
    }
}

/// The next message of a stream.
async fn next_event(body: &mut Body) -> Value {
    let mut text = String::new();
    loop {
        text.push_str(std::str::from_utf8(body.frame().await.unwrap().unwrap().data_ref().unwrap()).unwrap());
        let data = text.lines().find_map(|line| line.strip_prefix("data:")).map(str::trim);
        if let Some(data) = data.filter(|data| !data.is_empty()) {
            return serde_json::from_str(data).unwrap();
        }
    }
}

/// Questions, running calls and event ids are named within one's own session alone.
#[tokio::test]
async fn se_07_a_question_or_a_call_of_another_session_can_not_be_named() {
    let kit = Kit::new();
    let (alice, bob) = (kit.token("alice", &[], &[]), kit.token("bob", &[], &[]));
    let hers = kit.initialize(Some(&alice)).await;
    let his = kit.initialize(Some(&bob)).await;
    kit.inner.script(|message| {
        (message["method"] == "tools/call").then(|| {
            vec![
                json!({ "jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": { "message": "?" } }),
                json!({ "hang": true }),
            ]
        })
    });
    let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "echo" } });
    let mut stream = kit.open(legacy_request(Some(&alice), Some(&hers), &call)).await.into_body();
    let question = next_event(&mut stream).await;
    let before = kit.inner.arrived().len();
    for message in [
        json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "accept" } }),
        json!({ "jsonrpc": "2.0", "id": question["id"], "error": { "code": 1, "message": "no" } }),
        json!({ "jsonrpc": "2.0", "id": "q", "result": { "action": "accept" } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 5 } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 5, "progress": 1 } }),
    ] {
        let answer = kit.send(legacy_request(Some(&bob), Some(&his), &message)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{message}: {answer:?}");
    }
    assert_eq!(kit.inner.arrived().len(), before, "the server heard nothing");
    assert!(kit.inner.cancelled().is_empty());
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "accept" } });
    assert_eq!(kit.send(legacy_request(Some(&alice), Some(&hers), &answer)).await.status, StatusCode::ACCEPTED);
}

/// A task's id means nothing to anybody but the caller who began it, tampered with or not.
#[tokio::test]
async fn se_07_a_task_of_another_caller_or_a_made_up_one_is_unknown() {
    let kit = Kit::new();
    let (alice, bob) = (kit.token("alice", &[], &[]), kit.token("bob", &["Admin"], &[]));
    let other_client = kit.token_of("alice", "another-client", &[], &[], Duration::from_secs(600)).0;
    kit.inner.script(|message| {
        (message["method"] == "tools/call").then(|| {
            vec![json!({ "jsonrpc": "2.0", "id": message["id"],
                    "result": { "resultType": "task", "taskId": "task-1", "status": "working" } })]
        })
    });
    assert_eq!(kit.call_tool(Some(&alice), "echo", json!({})).await.status, StatusCode::OK);
    let before = kit.inner.arrived().len();
    let ask = |token: &str, method: &str, id: &str| {
        let mut body = modern_body(1, method, json!({ "taskId": id }));
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
        let mut request = modern_request(Some(token), &body);
        request.headers_mut().insert("mcp-name", id.parse().unwrap());
        request
    };
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let unknown = kit.send(ask(&bob, method, "no-such-task")).await;
        for (token, id) in [(&bob, "task-1"), (&other_client, "task-1"), (&alice, "task-2"), (&alice, "TASK-1")] {
            let answer = kit.send(ask(token, method, id)).await;
            assert_eq!((answer.status, answer.code()), (unknown.status, unknown.code()), "{method} {id}");
            assert_eq!(answer.code(), -32602, "{method} {id}: {answer:?}");
        }
    }
    assert_eq!(kit.inner.arrived().len(), before);
    assert_eq!(kit.send(ask(&alice, "tasks/get", "task-1")).await.json()["result"]["resultType"], "complete");
}

#[tokio::test]
async fn se_04_a_session_does_not_follow_its_owner_into_another_tenant() {
    let mut plan = Plan::default();
    plan.tenant = Some("org");
    let kit = Kit::with(plan);
    let of = |org: &str| kit.key.token(&with(kit.claims(), "org", json!(org)));
    let session = kit.initialize(Some(&of("red"))).await;
    assert_eq!(list(&kit, &of("red"), &session).await, StatusCode::OK);
    assert_eq!(list(&kit, &of("blue"), &session).await, StatusCode::NOT_FOUND);
}
