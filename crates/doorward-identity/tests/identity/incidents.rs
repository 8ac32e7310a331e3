//! What went wrong elsewhere, named after the advisory.

use std::sync::Arc;

use doorward_identity::{
    AuthenticatorBuilder, FetchFailure, Identified, IssuerConfig, Keys, Revocations, SymmetricKey, WeakSecret,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::support::*;

/// A made-up `Authorization` took a fallback that produced an empty but accepted identity.
#[tokio::test]
async fn cve_2026_59822_made_up_authorization_is_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let made_up = [
        "Bearer x",
        "Bearer sk-1234",
        "Bearer null",
        "Bearer undefined",
        "Bearer anonymous",
        "Bearer AAAA.AAAA.AAAA",
        "Bearer",
        "Bearer ",
        "bearer",
        "Basic YWRtaW46YWRtaW4=",
        "Basic",
        "x",
        "",
        "Token t",
        "ApiKey k",
        "AWS4-HMAC-SHA256 a",
        "Bearer e30.e30.",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
    ];
    for value in made_up {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        let answer = guard.identify(&headers, &resource(), now()).await;
        assert!(answer.is_err(), "`{value}` is neither a caller nor absent");
    }
}

/// The same while the identity provider can't be reached: no fallback opens then.
#[tokio::test]
async fn cve_2026_59822_a_dead_identity_provider_opens_nothing() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    web.broken("https://login.example.com/jwks", FetchFailure::TimedOut);
    let guard = AuthenticatorBuilder::new()
        .issuer(IssuerConfig::new(ISSUER, Keys::JwksUrl("https://login.example.com/jwks".to_owned())))
        .build(web, Arc::new(Revocations::new()))
        .expect("authenticator");
    for token in [key.token(&claims()), "x".to_owned(), key.token(&json!({ "iss": ISSUER }))] {
        assert!(identify(&guard, &token).await.is_err());
    }
}

/// No credential was taken for the server's own: absent is absent, whatever else the request
/// carries.
#[tokio::test]
async fn cve_2026_54446_cve_2026_49257_no_credential_is_no_caller() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("cookie", "session=admin"),
        ("x-user", "admin"),
        ("x-role", "Admin"),
        ("x-forwarded-user", "admin"),
        ("mcp-session-id", "1"),
        ("mcp-init-host", "x"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let verdict = guard.identify(&headers, &resource(), now()).await.expect("absent");
    assert!(matches!(verdict.who, Identified::Absent));
}

/// An empty secret counted as authorised.
#[test]
fn cve_2026_46701_an_empty_or_short_secret_refuses_to_start() {
    for secret in ["", "secret", "0123456789abcdef0123456789abcde"] {
        assert_eq!(SymmetricKey::new(secret.as_bytes()).err(), Some(WeakSecret(secret.len())));
    }
}
