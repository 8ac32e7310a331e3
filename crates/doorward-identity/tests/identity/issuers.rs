//! Several issuers beside each other: a token's issuer selects whose keys verify it, and nothing
//! else.

use std::sync::Arc;

use doorward_identity::{
    AuthReason, AuthenticatorBuilder, BuildError, Fetch, IssuerConfig, Keys, Revocations, SymmetricKey, Typ,
};
use serde_json::{Value, json};

use crate::support::*;

const OTHER: &str = "https://id.partner.example";

fn two(first: &[&TestKey], second: &[&TestKey]) -> doorward_identity::Authenticator {
    guards([config(first), IssuerConfig::new(OTHER, Keys::Jwks(jwks(second)))])
}

#[tokio::test]
async fn each_issuers_tokens_are_verified_by_its_own_keys() {
    let (a, b) = (TestKey::ed("a"), TestKey::es256("b"));
    let guard = two(&[&a], &[&b]);
    assert_eq!(accepted(&guard, &a.token(&claims())).await.issuer(), ISSUER);
    assert_eq!(accepted(&guard, &b.token(&claims_with("iss", json!(OTHER)))).await.issuer(), OTHER);
}

#[tokio::test]
async fn tk_28_a_token_of_one_issuer_with_the_key_id_of_another_is_refused() {
    let (a, b) = (TestKey::ed("a"), TestKey::ed("b"));
    let guard = two(&[&a], &[&b]);
    // Signed by B's key, claiming A; and signed by A's key under B's key id.
    assert_eq!(refused(&guard, &b.token(&claims())).await, AuthReason::UnknownKey);
    assert_eq!(refused(&guard, &a.token(&claims_with("iss", json!(OTHER)))).await, AuthReason::UnknownKey);
    let borrowed = a.token_with(&with(a.header(), "kid", json!("b")), &claims());
    assert_eq!(refused(&guard, &borrowed).await, AuthReason::UnknownKey);
    // Both issuers use the same key id: the signature decides.
    let (a, b) = (TestKey::ed("same"), TestKey::ed("same"));
    let guard = two(&[&a], &[&b]);
    assert_eq!(refused(&guard, &b.token(&claims())).await, AuthReason::BadSignature);
    assert_eq!(refused(&guard, &a.token(&claims_with("iss", json!(OTHER)))).await, AuthReason::BadSignature);
}

#[tokio::test]
async fn tk_20_two_issuers_that_share_keys_are_still_two() {
    let key = TestKey::ed("shared");
    let mut second = IssuerConfig::new(OTHER, Keys::Jwks(jwks(&[&key])));
    second.audience = Some("partner".to_owned());
    second.typ = Typ::new("JWT");
    let guard = guards([config(&[&key]), second]);
    // What one issuer's rules accept does not pass under the name of the other.
    let lax_header = with(key.header(), "typ", json!("JWT"));
    let lax = with(claims_with("iss", json!(OTHER)), "aud", json!("partner"));
    assert_eq!(accepted(&guard, &key.token_with(&lax_header, &lax)).await.issuer(), OTHER);
    let posing = with(lax, "iss", json!(ISSUER));
    assert_eq!(refused(&guard, &key.token_with(&lax_header, &posing)).await, AuthReason::WrongType);
    assert_eq!(refused(&guard, &key.token(&posing)).await, AuthReason::WrongAudience);
    assert_eq!(refused(&guard, &key.token(&claims_with("iss", json!(OTHER)))).await, AuthReason::WrongType);
}

#[tokio::test]
async fn the_same_subject_of_two_issuers_is_two_callers() {
    let (a, b) = (TestKey::ed("a"), TestKey::ed("b"));
    let guard = two(&[&a], &[&b]);
    let first = accepted(&guard, &a.token(&claims())).await;
    let second = accepted(&guard, &b.token(&claims_with("iss", json!(OTHER)))).await;
    assert_eq!(first.subject(), second.subject());
    assert_ne!(first.key(), second.key());
}

#[tokio::test]
async fn an_unknown_issuer_is_refused_before_any_key_is_fetched() {
    let key = TestKey::ed("a");
    let web = Web::new();
    let guard = AuthenticatorBuilder::new()
        .issuer(IssuerConfig::new(ISSUER, Keys::Discover))
        .build(Arc::clone(&web) as _, Arc::new(Revocations::new()))
        .expect("authenticator");
    for issuer in [json!("https://evil.example"), Value::Null, json!(1)] {
        assert_eq!(refused(&guard, &key.token(&claims_with("iss", issuer))).await, AuthReason::UnknownIssuer);
    }
    assert!(web.log().is_empty());
}

#[tokio::test]
async fn a_secret_of_one_issuer_signs_for_it_alone() {
    let secret = b"a secret of at least thirty-two bytes";
    let key = TestKey::ed("a");
    let shared = SymmetricKey::new(secret).expect("long enough");
    let guard = guards([config(&[&key]), IssuerConfig::new(OTHER, Keys::Secret(shared))]);
    let mac = TestKey::secret(secret, "HS256");
    assert_eq!(accepted(&guard, &mac.token(&claims_with("iss", json!(OTHER)))).await.issuer(), OTHER);
    assert_eq!(refused(&guard, &mac.token(&claims())).await, AuthReason::UnknownKey);
}

#[test]
fn a_configuration_that_can_not_work_is_refused() {
    let key = TestKey::ed("a");
    let build = |configs: Vec<IssuerConfig>| {
        let builder = configs.into_iter().fold(AuthenticatorBuilder::new(), AuthenticatorBuilder::issuer);
        builder.build(Web::new() as Arc<dyn Fetch>, Arc::new(Revocations::new())).err()
    };
    assert_eq!(build(vec![]), Some(BuildError::NoIssuer));
    assert_eq!(build(vec![config(&[&key]), config(&[&key])]), Some(BuildError::Twice(ISSUER.to_owned())));
    let changes: [fn(&mut IssuerConfig); 5] = [
        |config| config.issuer = String::new(),
        |config| config.issuer = "a b".to_owned(),
        |config| config.leeway = IssuerConfig::MAX_LEEWAY + std::time::Duration::from_secs(1),
        |config| config.audience = Some(String::new()),
        |config| config.keys = Keys::Jwks(b"{\"keys\":[]}".to_vec()),
    ];
    for change in changes {
        let mut config = config(&[&key]);
        change(&mut config);
        let error = build(vec![config]).expect("refused");
        assert!(matches!(error, BuildError::Unusable { .. }), "{error}");
        assert!(!error.to_string().ends_with('.'));
    }
}
