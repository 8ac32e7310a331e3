//! What is on record, and what never is.

use std::sync::Arc;

use doorward::audit::Ledger;
use doorward::audit::testing::{FailingSink, fixed_clock, moment};
use http::StatusCode;
use serde_json::json;

use crate::kit::{Kit, Plan, base, legacy_request, modern_body, modern_request};

#[tokio::test]
async fn every_call_has_one_decision_before_it_is_sent_and_one_outcome_with_the_same_id() {
    let kit = Kit::new();
    let token = kit.token("alice", &["User"], &[]);
    let answer = kit.call_tool(Some(&token), "echo", json!({ "text": "hi" })).await;
    let decisions = kit.ledger.of_kind("decision");
    let outcomes = kit.ledger.of_kind("outcome");
    assert_eq!((decisions.len(), outcomes.len()), (1, 1));
    assert_eq!(decisions[0]["id"], answer.header("doorward-decision"));
    assert_eq!(outcomes[0]["id"], decisions[0]["id"]);
    assert_eq!(decisions[0]["verdict"], "allow");
    assert_eq!(decisions[0]["who"]["subject"], "alice");
    assert_eq!(decisions[0]["method"], "tools/call");
    assert_eq!(outcomes[0]["ending"], "answered");
}

#[tokio::test]
async fn every_refusal_has_one_decision_whose_id_the_client_gets_in_header_and_meta() {
    let kit = Kit::new();
    let token = kit.token("bob", &[], &[]);
    let answer = kit.call_tool(Some(&token), "admin_drop", json!({})).await;
    let decision = kit.ledger.of_kind("decision").pop().unwrap();
    assert_eq!((&decision["verdict"], &decision["reason"]), (&json!("refuse"), &json!("invisible")));
    assert_eq!(decision["id"], answer.header("doorward-decision"));
    assert_eq!(answer.json()["error"]["data"]["_meta"]["doorward/decision"], decision["id"]);
}

#[tokio::test]
async fn authentications_are_on_record_failed_ones_without_a_word_of_the_token() {
    let kit = Kit::new();
    kit.call_tool(Some("aaaa.canary.bbbb"), "echo", json!({})).await.assert_401(true);
    let token = kit.token("alice", &[], &[]);
    kit.call_tool(Some(&token), "echo", json!({})).await;
    kit.call_tool(Some(&token), "echo", json!({})).await;
    let records = kit.ledger.of_kind("authentication");
    assert_eq!(records.len(), 2, "one failure, and one success until the token is verified anew: {records:?}");
    assert_eq!((&records[0]["result"], &records[1]["result"]), (&json!("failed"), &json!("ok")));
    assert!(kit.ledger.lines().iter().all(|line| !line.contains("canary")));
}

#[tokio::test]
async fn er_12_when_the_ledger_takes_no_record_nothing_is_sent() {
    let mut plan = Plan::default();
    plan.ledger = Some(Ledger::new(Arc::new(FailingSink::new()), fixed_clock(moment())));
    let kit = Kit::with(plan);
    let token = kit.token("alice", &[], &[]);
    let answer = kit.call_tool(Some(&token), "echo", json!({})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert!(kit.inner.arrived().is_empty());
}

#[tokio::test]
async fn cve_2026_42282_canaries_in_every_field_are_in_no_record() {
    const CANARY: &str = "CANARY-7f3a";
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let mut requests = Vec::new();
    for token in [None, Some(token.as_str()), Some("not-a-token-CANARY-7f3a")] {
        for method in ["tools/call", "prompts/get", "resources/read", "completion/complete", "x/CANARY-7f3a"] {
            let params = json!({
                "name": CANARY, "uri": format!("file:///{CANARY}"), "arguments": { CANARY: CANARY, "text": CANARY },
                "ref": { "type": "ref/prompt", "name": CANARY }, "_meta": { "x/CANARY-7f3a": CANARY, "progressToken": CANARY },
                "cursor": CANARY, "taskId": CANARY,
            });
            let mut body = modern_body(1, method, params);
            body["id"] = json!(CANARY);
            requests.push(modern_request(token, &body));
            requests.push(legacy_request(token, Some(CANARY), &body));
        }
        requests.push(base(token).header("x-canary", CANARY).body(doorward::Body::full(CANARY)).unwrap());
        requests.push(
            base(token).header("user-agent", CANARY).body(doorward::Body::full(format!("{{\"{CANARY}\""))).unwrap(),
        );
        requests.push(base(token).header("origin", format!("http://{CANARY}")).body(doorward::Body::empty()).unwrap());
        requests.push(
            base(token)
                .header("cookie", CANARY)
                .uri(format!("/mcp?token={CANARY}"))
                .body(doorward::Body::empty())
                .unwrap(),
        );
    }
    let count = requests.len();
    for request in requests {
        kit.send(request).await;
    }
    assert!(kit.ledger.lines().len() >= count);
    for line in kit.ledger.lines() {
        assert!(!line.contains("CANARY") && !line.contains("canary"), "{line}");
    }
}

#[test]
fn the_published_table_names_every_code_of_our_own() {
    use doorward::own_code as own;
    let table = include_str!("../../../../docs/errors.md");
    for code in [
        own::NO_CREDENTIAL,
        own::BAD_CREDENTIAL,
        own::FORBIDDEN,
        own::INSUFFICIENT_SCOPE,
        own::INTERCEPTED,
        own::NOT_CLEARED,
        own::WRONG_ORIGIN,
        own::NO_SESSION,
        own::TOO_FAST,
        own::FAULT,
        own::BAD_UPSTREAM,
        own::NOT_RECORDED,
        own::UPSTREAM_TIMEOUT,
    ] {
        assert!(table.contains(&format!("| {code} | ")), "{code} is missing");
        assert!(!(-32_768..=-32_000).contains(&code), "{code} is reserved");
    }
}
