//! From an issuer's URL alone to its keys (C25, C26, MX-01, JK-08).

use std::sync::Arc;

use doorward_identity::{
    AuthReason, Authenticator, AuthenticatorBuilder, FetchFailure, IssuerConfig, Keys, Revocations,
};
use serde_json::{Value, json};

use crate::support::*;

const OAUTH: &str = "https://login.example.com/.well-known/oauth-authorization-server/realms/acme";
const OIDC_INSERTED: &str = "https://login.example.com/.well-known/openid-configuration/realms/acme";
const OIDC_APPENDED: &str = "https://login.example.com/realms/acme/.well-known/openid-configuration";
const JWKS: &str = "https://keys.example.com/jwks";

fn discovering(web: &Arc<Web>, issuer: &str) -> Authenticator {
    AuthenticatorBuilder::new()
        .issuer(IssuerConfig::new(issuer, Keys::Discover))
        .build(Arc::clone(web) as _, Arc::new(Revocations::new()))
        .expect("authenticator")
}

fn metadata(issuer: &str, jwks_uri: &str) -> Vec<u8> {
    json!({ "issuer": issuer, "jwks_uri": jwks_uri, "token_endpoint": "https://login.example.com/token" })
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn c25_the_three_places_are_tried_in_order() {
    let places = [OAUTH, OIDC_INSERTED, OIDC_APPENDED];
    for (index, place) in places.into_iter().enumerate() {
        let key = TestKey::ed("k1");
        let web = Web::new();
        web.page(place, metadata(ISSUER, JWKS));
        web.page(JWKS, jwks(&[&key]));
        accepted(&discovering(&web, ISSUER), &key.token(&claims())).await;
        let expected: Vec<&str> = places[..=index].iter().copied().chain([JWKS]).collect();
        assert_eq!(web.log(), expected);
    }
}

#[tokio::test]
async fn c25_an_issuer_without_a_path_is_looked_for_at_the_root() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let issuer = "https://login.example.com";
    web.page("https://login.example.com/.well-known/openid-configuration", metadata(issuer, JWKS));
    web.page(JWKS, jwks(&[&key]));
    accepted(&discovering(&web, issuer), &key.token(&claims_with("iss", json!(issuer)))).await;
    assert_eq!(web.log()[0], "https://login.example.com/.well-known/oauth-authorization-server");
}

#[tokio::test]
async fn c26_mx_01_metadata_of_another_issuer_is_never_used() {
    let others = [
        "https://login.example.com/realms/acme/",
        "https://LOGIN.example.com/realms/acme",
        "https://login.example.com:443/realms/acme",
        "https://login.example.com/realms/other",
        "https://evil.example",
        "",
    ];
    for other in others {
        let key = TestKey::ed("k1");
        let web = Web::new();
        for place in [OAUTH, OIDC_INSERTED, OIDC_APPENDED] {
            web.page(place, metadata(other, JWKS));
        }
        web.page(JWKS, jwks(&[&key]));
        assert_eq!(
            refused(&discovering(&web, ISSUER), &key.token(&claims())).await,
            AuthReason::KeysUnavailable,
            "{other}"
        );
        assert_eq!(web.count(JWKS), 0, "{other}");
    }
}

#[tokio::test]
async fn c26_a_place_that_answers_for_another_issuer_is_passed_over() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    web.page(OAUTH, metadata("https://login.example.com", "https://evil.example/jwks"));
    web.page(OIDC_INSERTED, "<!doctype html>");
    web.page(OIDC_APPENDED, metadata(ISSUER, JWKS));
    web.page(JWKS, jwks(&[&key]));
    accepted(&discovering(&web, ISSUER), &key.token(&claims())).await;
    assert_eq!(web.count("https://evil.example/jwks"), 0);
}

#[tokio::test]
async fn jk_08_a_key_address_that_is_not_https_is_never_fetched() {
    let addresses = [
        "http://keys.example.com/jwks",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:pw@keys.example.com/jwks",
        "https://keys.example.com/jwks#x",
        "/jwks",
        "",
    ];
    for address in addresses {
        let key = TestKey::ed("k1");
        let web = Web::new();
        web.page(OAUTH, metadata(ISSUER, address));
        web.page(address, jwks(&[&key]));
        assert_eq!(
            refused(&discovering(&web, ISSUER), &key.token(&claims())).await,
            AuthReason::KeysUnavailable,
            "{address}"
        );
        assert_eq!(web.count(address), 0, "{address}");
    }
}

#[tokio::test]
async fn jk_08_a_private_address_is_for_the_fetcher_to_refuse_and_that_closes() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    web.page(OAUTH, metadata(ISSUER, "https://10.0.0.1/jwks"));
    web.broken("https://10.0.0.1/jwks", FetchFailure::Refused("10.0.0.1 is private".to_owned()));
    let guard = discovering(&web, ISSUER);
    assert_eq!(refused(&guard, &key.token(&claims())).await, AuthReason::KeysUnavailable);
    assert!(guard.states(now())[0].failure.as_ref().is_some_and(|reason| reason.contains("not allowed")));
}

#[tokio::test]
async fn odd_metadata_closes() {
    let good: Value = serde_json::from_slice(&metadata(ISSUER, JWKS)).expect("JSON");
    let doubled = good.to_string().replacen('{', "{\"issuer\":\"https://evil.example\",", 1);
    let documents = [
        b"[]".to_vec(),
        b"null".to_vec(),
        doubled.into_bytes(),
        with(good.clone(), "jwks_uri", Value::Null).to_string().into_bytes(),
        with(good.clone(), "jwks_uri", json!([JWKS])).to_string().into_bytes(),
        with(good.clone(), "issuer", json!([ISSUER])).to_string().into_bytes(),
        with(good.clone(), "issuer", Value::Null).to_string().into_bytes(),
        [good.to_string().into_bytes(), vec![b' '; 64 * 1024]].concat(),
    ];
    for document in documents {
        let key = TestKey::ed("k1");
        let web = Web::new();
        web.page(OAUTH, document);
        web.page(JWKS, jwks(&[&key]));
        assert_eq!(refused(&discovering(&web, ISSUER), &key.token(&claims())).await, AuthReason::KeysUnavailable);
        assert_eq!(web.count(JWKS), 0);
    }
}

#[tokio::test]
async fn the_place_of_the_keys_is_remembered_and_looked_for_again_when_it_fails() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let web = Web::new();
    let guard = discovering(&web, ISSUER);
    web.page(OAUTH, metadata(ISSUER, JWKS));
    web.page(JWKS, jwks(&[&old]));
    let token = |key: &TestKey| key.token(&claims_with("exp", json!(NOW + 1_000_000)));
    let ask = async |token: String, seconds: i64| {
        guard.identify(&bearer(&token), &resource(), at(NOW + seconds)).await.is_ok()
    };
    assert!(ask(token(&old), 0).await);
    guard.refresh(at(NOW + 300)).await;
    assert_eq!((web.count(OAUTH), web.count(JWKS)), (1, 2));
    // The issuer moves its keys.
    let moved = "https://keys2.example.com/jwks";
    web.page(OAUTH, metadata(ISSUER, moved));
    web.broken(JWKS, FetchFailure::Status(410));
    web.page(moved, jwks(&[&new]));
    guard.refresh(at(NOW + 600)).await;
    assert!(!ask(token(&new), 605).await, "one cool-down after the failure it is found");
    assert!(ask(token(&new), 610).await);
    // Also without a failure, metadata does not live for ever.
    guard.refresh(at(NOW + 610 + 3_600)).await;
    assert_eq!(web.count(OAUTH), 3);
}
