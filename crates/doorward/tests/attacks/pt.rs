//! Token passthrough (PT): what the corridor sends. Real servers of both kinds are asked in the tests of the peers.

use doorward::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::kit::forge::{Key, b64};
use crate::kit::{Kit, LEGACY, initialize_body, legacy_request, modern_body, modern_request};
use crate::proof::is_rs401;

/// Headers that a client may send and that are meant for the guard, or for nobody.
const OURS: [&str; 12] = [
    "cookie",
    "dpop",
    "proxy-authorization",
    "x-api-key",
    "x-forwarded-for",
    "x-forwarded-authorization",
    "x-auth-token",
    "x-amz-security-token",
    "mcp-init-host",
    "traceparent",
    "referer",
    "user-agent",
];

fn with_secrets(mut request: Request<Body>) -> Request<Body> {
    for name in OURS {
        request.headers_mut().insert(name, format!("canary-{name}").parse().unwrap());
    }
    request
}

#[tokio::test]
async fn pt_01_no_header_of_the_caller_reaches_the_server_in_either_era() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let call = modern_body(1, "tools/call", json!({ "name": "echo" }));
    assert_eq!(kit.send(with_secrets(modern_request(Some(&token), &call))).await.status, StatusCode::OK);
    let opened = kit.send(with_secrets(legacy_request(Some(&token), None, &initialize_body()))).await;
    let session = opened.header("mcp-session-id").to_owned();
    for body in [
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "echo" } }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }),
    ] {
        let mut request = with_secrets(legacy_request(Some(&token), Some(&session), &body));
        request.headers_mut().insert("mcp-name", "canary".parse().unwrap());
        request.headers_mut().insert("mcp-param-x", "canary".parse().unwrap());
        assert!(kit.send(request).await.status.is_success());
    }
    for arrived in kit.inner.arrived() {
        let names: Vec<_> = arrived.headers.keys().map(http::HeaderName::as_str).collect();
        let allowed = ["mcp-protocol-version", "mcp-method", "mcp-name"];
        assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
        let all = format!("{:?} {}", arrived.headers, arrived.message);
        for secret in [&token, &session, "canary"] {
            assert!(!all.contains(secret), "{all}");
        }
    }
    let owners = format!("{:?}", kit.inner.keys());
    assert!(!owners.contains(&token) && !owners.contains(&session), "{owners}");
}

/// A token, its JSON spelling with every character escaped, and its signature alone.
fn spellings(token: &str) -> Vec<(&'static str, String)> {
    let signature = token.rsplit('.').next().unwrap();
    let escaped: String = token.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let one = format!("\\u{:04X}{}", token.as_bytes()[0], &token[1..]);
    let late = token.len() - 5;
    let in_signature = format!("{}\\u{:04x}{}", &token[..late], token.as_bytes()[late], &token[late + 1..]);
    vec![
        ("plain", token.to_owned()),
        ("as a header", format!("Bearer {token}")),
        ("in a URL", format!("https://evil.example/?t={token}&x=1")),
        ("the signature alone", signature.to_owned()),
        ("escaped", escaped),
        ("the first character escaped", one),
        ("a character of the signature escaped", in_signature),
    ]
}

#[tokio::test]
async fn pt_02_the_callers_own_token_leaves_in_no_part_of_a_message_and_in_no_spelling_of_json() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    let heard = kit.inner.arrived().len();
    for (case, spelling) in spellings(&token) {
        // Put in as text, since a value would be escaped once more.
        let places = [
            ("tools/call", json!({ "name": "echo", "arguments": { "text": "@" } })),
            ("tools/call", json!({ "name": "echo", "arguments": { "deep": [{ "list": ["a", "@"] }] } })),
            ("tools/call", json!({ "name": "echo", "arguments": { "@": 1 } })),
            ("tools/call", json!({ "name": "echo", "_meta": { "vendor/note": "@" } })),
            ("tools/call", json!({ "name": "echo", "vendorParameter": "@" })),
            ("prompts/get", json!({ "name": "hello", "arguments": { "text": "@" } })),
            ("tools/list", json!({ "cursor": "@" })),
        ];
        for (method, params) in places {
            let body = modern_body(1, method, params.clone());
            let mut request = modern_request(Some(&token), &body);
            *request.body_mut() = Body::full(body.to_string().replace('@', &spelling));
            let answer = kit.send(request).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{case} in {params}: {answer:?}");
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            let mut request = legacy_request(Some(&token), Some(&session), &body);
            *request.body_mut() = Body::full(body.to_string().replace('@', &spelling));
            assert_eq!(kit.send(request).await.status, StatusCode::FORBIDDEN, "{case} in {params}, legacy");
        }
    }
    assert_eq!(kit.inner.arrived().len(), heard, "the server heard nothing");
    let refused = kit.ledger.of_kind("decision").pop().unwrap();
    assert_eq!(refused["reason"], "credential_in_message");
    assert!(kit.ledger.lines().iter().all(|line| !line.contains(&token)));
}

#[tokio::test]
async fn pt_02_the_callers_own_token_leaves_in_no_header_either() {
    use base64::Engine;
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let encoded = base64::engine::general_purpose::STANDARD.encode(&token);
    for value in [token.clone(), format!("Bearer {token}"), format!("=?base64?{encoded}?=")] {
        let body = modern_body(1, "tools/call", json!({ "name": "echo" }));
        let mut request = modern_request(Some(&token), &body);
        request.headers_mut().insert("mcp-param-region", value.parse().unwrap());
        let answer = kit.send(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{value}: {answer:?}");
        assert_eq!(answer.json()["id"], 1);
    }
    assert!(kit.inner.arrived().is_empty());
    let session = kit.initialize(Some(&token)).await;
    let resume = Request::get("/mcp")
        .header("host", "localhost:8700")
        .header("accept", "text/event-stream")
        .header("authorization", format!("Bearer {token}"))
        .header("mcp-protocol-version", LEGACY)
        .header("mcp-session-id", session)
        .header("last-event-id", &token)
        .body(Body::empty())
        .unwrap();
    kit.inner.script(|message| {
        assert!(message["resume"].is_null(), "an event id of the client's making reached the server");
        None
    });
    assert_eq!(kit.send(resume).await.status, StatusCode::FORBIDDEN);
}

/// What a server sends back does not carry the token to where a log or a page may show it.
#[tokio::test]
async fn pt_02_a_server_that_knows_the_token_anyway_can_not_reflect_it() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    for (case, spelling) in spellings(&token) {
        kit.inner.script(move |message| {
            let result = json!({ "resultType": "complete", "content": [{ "type": "text", "text": "@" }] });
            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
            Some(vec![json!({ "raw": answer.to_string().replace('@', &spelling) })])
        });
        let answer = kit.call_tool(Some(&token), "echo", json!({})).await;
        assert_eq!(answer.code(), 40_303, "{case}: {answer:?}");
    }
}

/// A token of somebody else's service, sent straight to us, is one that we can't check: RS401.
#[tokio::test]
async fn pt_04_a_token_of_a_third_party_is_rs401() {
    let kit = Kit::new();
    let third = Key::ed("k1");
    let claims = |issuer: &str, audience: Value| {
        let now = kit.world.seconds();
        json!({ "iss": issuer, "sub": "alice", "aud": audience, "exp": now + 600, "iat": now })
    };
    for token in [
        third.token(&claims("https://accounts.google.com", json!("https://www.googleapis.com"))),
        third.token(&claims("https://token.actions.githubusercontent.com", json!(crate::kit::RESOURCE))),
        third.token(&claims(crate::kit::ISSUER, json!(crate::kit::RESOURCE))),
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a".to_owned(),
        "ya29.a0AfH6SMBx-example".to_owned(),
        "sk-proj-0123456789abcdef".to_owned(),
        b64("opaque"),
    ] {
        is_rs401(&kit, &token, &token).await;
    }
}
