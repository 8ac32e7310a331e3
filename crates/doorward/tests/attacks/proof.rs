//! What "refused" means, in one place.

use http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use doorward::Body;

use crate::kit::{Answer, Kit, base, initialize_body, modern_body, modern_request};

/// Asserts that no one at the server was asked for anything.
#[track_caller]
pub(crate) fn nobody_was_asked(kit: &Kit, case: &str) {
    assert!(kit.inner.arrived().is_empty(), "{case}: the server was contacted");
    assert!(kit.inner.keys().is_empty(), "{case}: a link to the server was chosen");
}

/// Asserts RS401 for one token: by a call, by the discovery that is open to everybody, and by a handshake.
///
/// Each gets 401 with a challenge that says `invalid_token` and where to learn more; the server is never contacted;
/// there is exactly one authentication record with a reason, and nothing of the token stands anywhere.
pub(crate) async fn is_rs401(kit: &Kit, token: &str, case: &str) {
    let call = modern_body(1, "tools/call", json!({ "name": "echo", "arguments": {} }));
    let discover = modern_body(2, "server/discover", json!({}));
    let requests = [
        modern_request(None, &call),
        modern_request(None, &discover),
        base(None).body(Body::full(initialize_body().to_string())).unwrap(),
    ];
    for mut request in requests {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap_or_else(|_| panic!("{case}: no header"));
        request.headers_mut().insert("authorization", value);
        kit.ledger.clear();
        let answer = kit.send(request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{case}: {answer:?}");
        answer.assert_401(true);
        has_one_failed_authentication(kit, case);
        says_nothing_of(kit, &answer, token, case);
    }
    nobody_was_asked(kit, case);
}

/// Asserts that a request with a malformed credential is refused as such: 400 or 401, and RS401 otherwise.
pub(crate) async fn is_malformed(kit: &Kit, request: Request<Body>, secret: &str, case: &str) {
    kit.ledger.clear();
    let answer = kit.send(request).await;
    assert!(matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED), "{case}: {answer:?}");
    has_one_failed_authentication(kit, case);
    says_nothing_of(kit, &answer, secret, case);
    nobody_was_asked(kit, case);
}

fn has_one_failed_authentication(kit: &Kit, case: &str) {
    let records = kit.ledger.of_kind("authentication");
    assert_eq!(records.len(), 1, "{case}: {records:?}");
    assert_eq!(records[0]["result"], "failed", "{case}: {records:?}");
    let reason = records[0]["reason"].as_str().unwrap_or_default();
    assert!(!reason.is_empty() && reason != "internal", "{case}: {records:?}");
    assert!(records[0].get("who").is_none_or(Value::is_null), "{case}: nobody was proven: {records:?}");
}

/// Neither the answer nor any record repeats the token, or its signature alone.
fn says_nothing_of(kit: &Kit, answer: &Answer, token: &str, case: &str) {
    let signature = token.rsplit('.').next().unwrap_or_default();
    for part in [token, signature] {
        if part.len() >= 8 {
            assert!(!answer.text().contains(part), "{case}: {answer:?}");
            assert!(!format!("{:?}", answer.headers).contains(part), "{case}: {answer:?}");
            assert!(kit.ledger.lines().iter().all(|line| !line.contains(part)), "{case}");
        }
    }
}
