//! Errors, logs and administration (ER): what the corridor says when something fails, and what it writes.

use doorward::audit::testing::FailingSink;
use doorward::{Body, Surroundings};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::kit::{Kit, Plan, base, initialize_body, legacy_request, modern_body, modern_request};
use crate::log::Log;
use crate::proof::nobody_was_asked;

#[tokio::test]
async fn er_01_markup_in_what_is_sent_comes_back_as_json_alone() {
    let kit = Kit::new();
    let token = kit.token("alice", &["Admin"], &[]);
    let markup = "<script>alert(1)</script>";
    let body = modern_body(1, "tools/call", json!({ "name": format!("admin{markup}") }));
    let bob = kit.token("bob", &[], &[]);
    for (token, body) in [
        (Some(&bob), body),
        (Some(&token), modern_body(1, markup, json!({}))),
        (None, modern_body(1, "tools/call", json!({ "name": markup }))),
    ] {
        let mut request = modern_request(token.map(String::as_str), &body);
        request.headers_mut().insert("user-agent", HeaderValue::from_static("<script>alert(1)</script>"));
        let answer = kit.send(request).await;
        assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!format!("{:?}", answer.headers).contains("<script>"), "{answer:?}");
    }
}

#[tokio::test]
async fn er_07_a_foreign_host_with_a_good_token_reaches_nothing() {
    let kit = Kit::new();
    let token = kit.token("root", &["Admin"], &[]);
    for host in [
        "evil.test",
        "evil.test:8700",
        "localhost",
        "localhost:8701",
        "localhost.evil.test:8700",
        "127.0.0.1.evil.test:8700",
        "localhost:8700.evil.test",
        "0.0.0.0:8700",
        "[::]:8700",
        "127.1:8700",
        "2130706433:8700",
        "",
        "localhost:8700@evil",
        "evil@localhost:8700",
        "localhost:8700, evil.test",
        "localhost :8700",
        "local\u{137}ost:8700",
    ] {
        let mut request = modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" })));
        request.headers_mut().insert("host", HeaderValue::from_bytes(host.as_bytes()).unwrap());
        let answer = kit.send(request).await;
        assert!(
            matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST),
            "{host}: {answer:?}"
        );
    }
    let mut none = modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" })));
    none.headers_mut().remove("host");
    assert_eq!(kit.send(none).await.status, StatusCode::BAD_REQUEST);
    let mut two = modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" })));
    two.headers_mut().append("host", "evil.test".parse().unwrap());
    assert_eq!(kit.send(two).await.status, StatusCode::BAD_REQUEST);
    nobody_was_asked(&kit, "foreign hosts");
    assert!(kit.ledger.lines().iter().all(|line| !line.contains("evil")), "an attacker's name is not written down");
}

#[tokio::test]
async fn er_08_a_foreign_origin_with_a_good_token_reaches_nothing() {
    let kit = Kit::new();
    let token = kit.token("root", &["Admin"], &[]);
    let call = |origin: &str| {
        let mut request = modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" })));
        request.headers_mut().insert("origin", HeaderValue::from_bytes(origin.as_bytes()).unwrap());
        request
    };
    for origin in [
        "null",
        "https://evil.test",
        "http://localhost.evil.test",
        "http://localhost:8700.evil.test",
        "http://evil.test/http://localhost:8700",
        "http://localhost",
        "http://localhost:8701",
        "https://localhost:8700",
        "http://localhost:8700/",
        "http://localhost:8700, https://evil.test",
        "file://",
        "",
        "http://user@localhost:8700",
        "http://127.0.0.1.nip.io:8700",
        "http://[::ffff:127.0.0.1]:8700",
        "chrome-extension://abc",
    ] {
        let answer = kit.send(call(origin)).await;
        assert!(matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST), "{origin}: {answer:?}");
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{origin}");
    }
    let mut two = call("http://localhost:8700");
    two.headers_mut().append("origin", "https://evil.test".parse().unwrap());
    assert!(kit.send(two).await.status.is_client_error());
    nobody_was_asked(&kit, "foreign origins");
    assert_eq!(kit.send(call("http://localhost:8700")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn er_10_nothing_that_is_sent_breaks_a_line_of_the_ledger_or_of_the_log() {
    let log = Log::catch();
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let bob = kit.token("bob", &[], &[]);
    let evil = "forged\r\n{\"kind\":\"decision\"}\u{1b}[31m\u{202e}{{7*7}}${jndi:ldap://x}\u{2028}\u{85}end";
    let mut requests = Vec::new();
    for (token, method) in
        [(Some(&token), "tools/call"), (Some(&bob), "prompts/get"), (None, "tools/call"), (None, evil)]
    {
        let mut body = modern_body(1, method, json!({ "name": evil, "arguments": { evil: evil } }));
        body["id"] = json!(evil);
        body["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({ "name": evil, "version": evil });
        let mut request = base(token.map(String::as_str)).header("mcp-protocol-version", "2026-07-28");
        request = request.header("user-agent", "x".repeat(1 << 20)).header("mcp-method", "tools/call");
        requests.push(request.body(Body::full(body.to_string())).unwrap());
        requests.push(legacy_request(token.map(String::as_str), None, &body));
    }
    let mut hello = initialize_body();
    hello["params"]["clientInfo"] = json!({ "name": evil, "title": evil, "version": evil });
    requests.push(legacy_request(Some(&token), None, &hello));
    requests.push(
        base(Some("forged\u{1b}")).body(Body::empty()).unwrap_or_else(|_| base(None).body(Body::empty()).unwrap()),
    );
    for request in requests {
        kit.send(request).await;
    }
    let fails = "forged\r\nupstream\u{1b}[31m";
    kit.inner.script(move |message| {
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "error": { "code": 1, "message": fails } });
        Some(vec![json!({ "raw": "forged\r\nline" }), answer])
    });
    kit.call_tool(Some(&token), "echo", json!({})).await;
    let lines = kit.ledger.lines();
    assert!(lines.len() > 10);
    for line in &lines {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object());
        assert!(line.len() < 4096 && !line.contains("forged") && line.bytes().all(|byte| byte >= b' '), "{line}");
    }
    let text = log.text();
    assert!(text.contains("refused"), "something was logged: {text}");
    assert!(!text.contains("forged") && !text.contains("jndi") && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn er_11_without_randomness_nothing_is_carried_out() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.world.run_dry();
    for request in [
        modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" }))),
        legacy_request(Some(&token), None, &initialize_body()),
    ] {
        let answer = kit.send(request).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.body.is_empty(), "no detail: {answer:?}");
    }
    nobody_was_asked(&kit, "no randomness");
}

#[tokio::test]
async fn er_11_a_clock_that_jumps_closes_and_never_opens() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let now = kit.world.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = u64::try_from(now).unwrap();
    let year = 365 * 24 * 3600 * 1000;
    for (case, millis) in [("1970", 0), ("a year back", now - year), ("a year on", now + year), ("far on", 1 << 50)] {
        kit.world.jump(millis);
        let answer = kit.call_tool(Some(&token), "echo", json!({})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{case}: {answer:?}");
    }
    nobody_was_asked(&kit, "a wrong clock");
    kit.world.jump(now);
    assert_eq!(kit.call_tool(Some(&token), "echo", json!({})).await.status, StatusCode::OK, "and mends by itself");
}

#[tokio::test]
async fn er_11_what_fails_behind_the_door_is_told_without_a_detail() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    kit.inner.break_down();
    for request in [
        modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" }))),
        legacy_request(Some(&token), None, &initialize_body()),
    ] {
        let answer = kit.send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{answer:?}");
        for detail in ["os error", "10.1.2.3", "panicked", "src/", ".rs", "backtrace", "0x"] {
            assert!(!answer.text().contains(detail), "{detail}: {answer:?}");
        }
        assert!(!answer.header("doorward-decision").is_empty());
    }
}

/// A disk that fills up at any point of a call: what is answered well is on record, and nothing else is sent.
#[tokio::test]
async fn er_12_wherever_the_ledger_fails_no_call_goes_unrecorded() {
    for writes in 0..4 {
        for places in 0..2 {
            let sink = FailingSink::after(writes, places);
            let mut plan = Plan::default();
            plan.ledger = Some(sink.ledger());
            let kit = Kit::with(plan);
            let token = kit.token("root", &["Admin"], &[]);
            let answer = kit.call_tool(Some(&token), "admin_drop", json!({})).await;
            let decisions = sink.kept().of_kind("decision");
            let case = format!("{writes} writes, {places} places: {answer:?} {decisions:?}");
            if kit.inner.arrived().is_empty() {
                assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{case}");
                assert_eq!(answer.code(), 50_300, "{case}");
            } else {
                assert_eq!((decisions.len(), &decisions[0]["verdict"]), (1, &json!("allow")), "{case}");
                assert_eq!(sink.kept().of_kind("outcome").len(), 1, "{case}");
            }
            // Refusals say that they could not be written down, and refuse all the same.
            assert!(!kit.call_tool(None, "admin_drop", json!({})).await.status.is_success(), "{case}");
        }
    }
}
