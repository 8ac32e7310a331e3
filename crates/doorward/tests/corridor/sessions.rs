//! Sessions of the legacy era: bound, expiring, and never a proof.

use std::time::Duration;

use doorward::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::kit::{Kit, LEGACY, initialize_body, legacy_request};

async fn list(kit: &Kit, token: Option<&str>, session: &str) -> StatusCode {
    kit.legacy(token, session, "tools/list", json!({})).await.status
}

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

#[tokio::test]
async fn a_session_opens_with_initialize_and_ends_with_delete() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    assert!(session.len() >= 43 && session.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{session}");
    assert_eq!(list(&kit, Some(&token), &session).await, StatusCode::OK);
    assert_eq!(kit.send(bare("DELETE", Some(&token), &session)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(list(&kit, Some(&token), &session).await, StatusCode::NOT_FOUND);
    crate::kit::eventually("the upstream's side was closed too", || kit.inner.closed() == [1]).await;
}

#[tokio::test]
async fn se_01_a_foreign_session_is_404_like_an_unknown_one_and_stays_unharmed() {
    let kit = Kit::new();
    let alice = kit.token("alice", &[], &[]);
    let mallory = kit.token("mallory", &["Admin"], &[]);
    let session = kit.initialize(Some(&alice)).await;
    let foreign = kit.legacy(Some(&mallory), &session, "tools/list", json!({})).await;
    let unknown = kit.legacy(Some(&mallory), &"A".repeat(43), "tools/list", json!({})).await;
    assert_eq!((foreign.status, unknown.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    let plain = |answer: &crate::kit::Answer| {
        let mut body = answer.json();
        body["error"]["data"] = Value::Null;
        body
    };
    assert_eq!(plain(&foreign), plain(&unknown), "indistinguishable");
    for method in ["GET", "DELETE"] {
        assert_eq!(kit.send(bare(method, Some(&mallory), &session)).await.status, StatusCode::NOT_FOUND, "{method}");
    }
    assert_eq!(list(&kit, Some(&alice), &session).await, StatusCode::OK);
    let notices = kit.ledger.of_kind("notice");
    assert!(notices.iter().any(|notice| notice["what"] == "session.mismatch"), "{notices:?}");
}

#[tokio::test]
async fn se_02_a_session_without_a_token_is_401() {
    let kit = Kit::new();
    let alice = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&alice)).await;
    kit.legacy(None, &session, "tools/list", json!({})).await.assert_401(false);
    kit.send(bare("GET", None, &session)).await.assert_401(false);
    kit.send(bare("DELETE", None, &session)).await.assert_401(false);
    assert_eq!(list(&kit, Some(&alice), &session).await, StatusCode::OK);
}

#[tokio::test]
async fn se_03_a_guessed_or_malformed_session_id_is_refused() {
    let kit = Kit::new();
    let alice = kit.token("alice", &[], &[]);
    let huge = "x".repeat(10 * 1024);
    for id in ["1", "0", "admin", huge.as_str(), "../../etc", "a b"] {
        let status = list(&kit, Some(&alice), id).await;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST), "{status}");
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let mut request = legacy_request(Some(&alice), None, &body);
    request.headers_mut().insert("mcp-protocol-version", LEGACY.parse().unwrap());
    assert_eq!(kit.send(request).await.status, StatusCode::BAD_REQUEST, "no session id at all");
}

#[tokio::test]
async fn se_04_an_idle_session_and_an_old_one_are_gone() {
    let kit = Kit::new();
    let (alice, _) = kit.token_of("alice", "c", &[], &[], Duration::from_secs(100_000));
    let session = kit.initialize(Some(&alice)).await;
    kit.world.pass(Duration::from_secs(29 * 60));
    assert_eq!(list(&kit, Some(&alice), &session).await, StatusCode::OK, "still in use");
    kit.world.pass(Duration::from_secs(30 * 60));
    assert_eq!(list(&kit, Some(&alice), &session).await, StatusCode::NOT_FOUND, "idle");
    let session = kit.initialize(Some(&alice)).await;
    for _ in 0..(12 * 60 / 20) {
        kit.world.pass(Duration::from_secs(20 * 60));
        let _ = list(&kit, Some(&alice), &session).await;
    }
    assert_eq!(list(&kit, Some(&alice), &session).await, StatusCode::NOT_FOUND, "old");
}

#[tokio::test]
async fn se_04_a_session_ends_when_the_roles_change_or_the_token_is_revoked() {
    let kit = Kit::new();
    let (user, _) = kit.token_of("alice", "c", &["User"], &[], Duration::from_secs(3600));
    let session = kit.initialize(Some(&user)).await;
    let (admin, _) = kit.token_of("alice", "c", &["Admin"], &[], Duration::from_secs(3600));
    assert_eq!(list(&kit, Some(&admin), &session).await, StatusCode::NOT_FOUND);
    assert_eq!(list(&kit, Some(&user), &session).await, StatusCode::NOT_FOUND, "and it stays gone");
    let (token, id) = kit.token_of("alice", "c", &["User"], &[], Duration::from_secs(3600));
    let session = kit.initialize(Some(&token)).await;
    kit.guard.revoke(&id, kit_end(&kit));
    kit.legacy(Some(&token), &session, "tools/list", json!({})).await.assert_401(true);
}

fn kit_end(kit: &Kit) -> std::time::SystemTime {
    use doorward::Surroundings;
    kit.world.now() + Duration::from_secs(3600)
}

#[tokio::test]
async fn a_session_of_one_server_is_unknown_to_another() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    let other = kit.other_server("ops");
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let request = legacy_request(Some(&token), Some(&session), &body);
    let answer = crate::kit::Answer::read(tower::ServiceExt::oneshot(other, request).await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
    let refused = kit.ledger.of_kind("decision").pop().unwrap();
    assert_eq!(refused["reason"], "unknown_session");
}

#[tokio::test]
async fn se_06_each_request_is_judged_by_its_own_token() {
    let kit = Kit::new();
    let (wide, _) = kit.token_of("alice", "c", &[], &["crm.read"], Duration::from_secs(3600));
    let (narrow, _) = kit.token_of("alice", "c", &[], &[], Duration::from_secs(3600));
    let (other, _) = kit.token_of("alice", "another-client", &[], &["crm.read"], Duration::from_secs(3600));
    let session = kit.initialize(Some(&wide)).await;
    let call = json!({ "name": "scoped_read", "arguments": {} });
    assert_eq!(kit.legacy(Some(&wide), &session, "tools/call", call.clone()).await.status, StatusCode::OK);
    assert_eq!(kit.legacy(Some(&narrow), &session, "tools/call", call.clone()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(kit.legacy(Some(&other), &session, "tools/call", call).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn se_08_a_session_id_that_the_client_proposes_is_ignored() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let proposed = "A".repeat(43);
    let answer = kit.send(legacy_request(Some(&token), Some(&proposed), &initialize_body())).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_ne!(answer.header("mcp-session-id"), proposed);
    assert_eq!(list(&kit, Some(&token), &proposed).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_anonymous_session_discovers_only_and_becomes_the_first_proven_callers() {
    let kit = Kit::new();
    let session = kit.initialize(None).await;
    assert_eq!(kit.legacy(None, &session, "ping", json!({})).await.status, StatusCode::OK);
    kit.legacy(None, &session, "tools/list", json!({})).await.assert_401(false);
    let alice = kit.token("alice", &[], &[]);
    assert_eq!(list(&kit, Some(&alice), &session).await, StatusCode::OK);
    let bob = kit.token("bob", &[], &[]);
    assert_eq!(list(&kit, Some(&bob), &session).await, StatusCode::NOT_FOUND, "it is alice's now");
    kit.legacy(None, &session, "ping", json!({})).await.assert_401(false);
}

#[tokio::test]
async fn a_servers_question_is_asked_under_our_id_and_answered_once() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    kit.inner.script(|message| {
        (message["method"] == "tools/call").then(|| {
            vec![
                json!({ "jsonrpc": "2.0", "id": "their-question", "method": "elicitation/create",
                        "params": { "message": "sure?" } }),
                json!({ "hang": true }),
            ]
        })
    });
    let body = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "echo" } });
    let response = kit.open(legacy_request(Some(&token), Some(&session), &body)).await;
    let mut stream = response.into_body();
    let question = next_event(&mut stream).await;
    assert_eq!(question["method"], "elicitation/create");
    assert_ne!(question["id"], "their-question");
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "accept" } });
    let mallory = kit.token("mallory", &[], &[]);
    assert_eq!(
        kit.send(legacy_request(Some(&mallory), Some(&session), &answer)).await.status,
        StatusCode::NOT_FOUND,
        "nobody else answers it"
    );
    assert_eq!(kit.send(legacy_request(Some(&token), Some(&session), &answer)).await.status, StatusCode::ACCEPTED);
    assert_eq!(kit.inner.last().message["id"], "their-question");
    assert_eq!(
        kit.send(legacy_request(Some(&token), Some(&session), &answer)).await.status,
        StatusCode::BAD_REQUEST,
        "js_08: no question is open any more"
    );
}

/// The next message of an event stream.
pub(crate) async fn next_event(body: &mut Body) -> Value {
    use http_body_util::BodyExt;
    let mut text = String::new();
    loop {
        let frame = body.frame().await.expect("an event").unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        if let Some(data) =
            text.lines().find_map(|line| line.strip_prefix("data:")).filter(|data| !data.trim().is_empty())
        {
            return serde_json::from_str(data.trim()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_cancellation_names_our_number_at_the_server_and_only_ones_own_call() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    kit.inner.script(|message| (message["method"] == "tools/call").then(|| vec![json!({ "hang": true })]));
    let body = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "echo" } });
    let response = kit.open(legacy_request(Some(&token), Some(&session), &body)).await;
    let ours = kit.inner.last().message["id"].clone();
    let cancel =
        |id: i64| json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
    let foreign = kit.send(legacy_request(Some(&token), Some(&session), &cancel(6))).await;
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
    let own = kit.send(legacy_request(Some(&token), Some(&session), &cancel(5))).await;
    assert_eq!(own.status, StatusCode::ACCEPTED, "{own:?}");
    assert_eq!(kit.inner.last().message["params"]["requestId"], ours);
    drop(response);
}

#[tokio::test]
async fn a_broken_stream_with_event_ids_is_resumed_by_its_owner_with_the_clients_id() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    kit.inner.script(|message| {
        if message["method"] == "tools/call" {
            // An event with an id, then the stream ends before the answer.
            return Some(vec![
                json!({ "jsonrpc": "2.0", "method": "notifications/message", "sse_id": "e1",
                        "params": { "level": "info", "data": message["id"] } }),
                json!({ "wait": 1 }),
            ]);
        }
        (message["method"] == "listen").then(|| {
            assert_eq!(message["resume"], "e1");
            vec![json!({ "jsonrpc": "2.0", "id": 1_000_000, "result": {} })]
        })
    });
    let body = json!({ "jsonrpc": "2.0", "id": "mine", "method": "tools/call", "params": { "name": "echo" } });
    let cut = kit.send(legacy_request(Some(&token), Some(&session), &body)).await;
    let ours = cut.events()[0]["params"]["data"].clone();
    assert_eq!(cut.events().len(), 1, "no error: the answer may still come");
    kit.inner.script(move |message| {
        (message["method"] == "listen").then(|| {
            vec![
                json!({ "jsonrpc": "2.0", "id": 1_000_000, "result": { "foreign": true } }),
                json!({ "jsonrpc": "2.0", "id": ours, "result": { "content": [] } }),
            ]
        })
    });
    let mut request = bare("GET", Some(&token), &session);
    request.headers_mut().insert("last-event-id", "e1".parse().unwrap());
    let resumed = kit.send(request).await;
    assert_eq!(resumed.events().len(), 1, "{resumed:?}");
    assert_eq!(resumed.json()["id"], "mine");
}

#[tokio::test]
async fn b11_an_event_id_that_this_session_was_never_given_resumes_nothing() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    kit.inner.script(|_| Some(vec![json!({ "hang": true })]));
    let mut request = bare("GET", Some(&token), &session);
    request.headers_mut().insert("last-event-id", "somebody-elses".parse().unwrap());
    assert_eq!(kit.open(request).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unanswered_question_or_a_broken_stream_takes_no_place_among_the_callers_calls() {
    let mut plan = crate::kit::Plan::default();
    plan.settings.limits.concurrent = std::num::NonZeroU32::new(2);
    let kit = Kit::with(plan);
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    kit.inner.script(|message| {
        (message["method"] == "tools/call").then(|| {
            vec![
                json!({ "jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": {}, "sse_id": "e" }),
                json!({ "wait": 1 }),
            ]
        })
    });
    for id in 0..6 {
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "echo" } });
        let answer = kit.send(legacy_request(Some(&token), Some(&session), &body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{id}: {answer:?}");
    }
}

#[tokio::test]
async fn js_07_an_id_that_is_still_under_way_is_refused() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    kit.inner.script(|message| (message["method"] == "tools/call").then(|| vec![json!({ "hang": true })]));
    let body = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "echo" } });
    let first = kit.open(legacy_request(Some(&token), Some(&session), &body)).await;
    let second = kit.send(legacy_request(Some(&token), Some(&session), &body)).await;
    assert_eq!(second.status, StatusCode::BAD_REQUEST);
    drop(first);
    tokio::time::sleep(Duration::from_millis(20)).await;
    kit.inner.script(|_| None);
    assert_eq!(kit.send(legacy_request(Some(&token), Some(&session), &body)).await.status, StatusCode::OK);
}
