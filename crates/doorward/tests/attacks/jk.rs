//! Keys of an issuer that publishes them (JK), with the whole corridor in front: what a caller notices, and how often
//! the issuer is asked.

use std::sync::Arc;
use std::time::Duration;

use doorward::identity::{FetchFailure, IssuerConfig, Keys};
use http::StatusCode;
use serde_json::json;

use crate::kit::forge::{Key, jwks, with};
use crate::kit::web::Web;
use crate::kit::{Kit, Plan};
use crate::proof::{is_rs401, nobody_was_asked};

const ISSUER: &str = "https://login.example.com";
const COOL_DOWN: Duration = Duration::from_secs(10);

/// A kit with an issuer whose keys come from this web.
fn kit(web: &Arc<Web>) -> Kit {
    let mut plan = Plan::default();
    plan.issuers = vec![IssuerConfig::new(ISSUER, Keys::JwksUrl(format!("{ISSUER}/jwks")))];
    plan.fetch = web.clone();
    Kit::with(plan)
}

fn token(kit: &Kit, key: &Key, id: usize) -> String {
    let claims = with(with(kit.claims(), "iss", json!(ISSUER)), "jti", json!(format!("t-{id}")));
    key.token(&with(claims, "exp", json!(kit.world.seconds() + 7 * 24 * 3600)))
}

async fn status(kit: &Kit, token: &str) -> StatusCode {
    kit.call_tool(Some(token), "echo", json!({})).await.status
}

#[tokio::test]
async fn jk_01_a_rotation_with_overlap_fails_no_request() {
    let (old, new) = (Key::ed("old"), Key::ed("new"));
    let web = Web::new(jwks(&[&old]));
    let kit = kit(&web);
    assert_eq!(status(&kit, &token(&kit, &old, 0)).await, StatusCode::OK);
    for (round, published) in [vec![&old, &new], vec![&old, &new], vec![&new]].into_iter().enumerate() {
        web.put(Ok(jwks(&published)));
        kit.world.pass(COOL_DOWN);
        // Signed with what is published: by the old key, then by either, then by the new one.
        for key in &published {
            assert_eq!(status(&kit, &token(&kit, key, round + 1)).await, StatusCode::OK, "{round} {}", key.kid);
        }
    }
}

#[tokio::test]
async fn jk_02_a_hard_rotation_takes_one_fetch_and_the_old_key_is_dead() {
    let (old, new) = (Key::ed("old"), Key::ed("new"));
    let web = Web::new(jwks(&[&old]));
    let kit = kit(&web);
    let kept = token(&kit, &old, 1);
    assert_eq!(status(&kit, &kept).await, StatusCode::OK);
    web.put(Ok(jwks(&[&new])));
    kit.world.pass(COOL_DOWN);
    assert_eq!(status(&kit, &token(&kit, &new, 2)).await, StatusCode::OK);
    assert_eq!(web.asked().len(), 2, "one fetch for the first key, one for the new one");
    let before = kit.inner.arrived().len();
    kit.call_tool(Some(&kept), "echo", json!({})).await.assert_401(true);
    kit.call_tool(Some(&token(&kit, &old, 3)), "echo", json!({})).await.assert_401(true);
    assert_eq!(kit.inner.arrived().len(), before, "not even the one that was remembered as verified");
}

#[tokio::test]
async fn jk_03_a_thousand_unknown_key_ids_are_a_thousand_refusals_and_one_fetch() {
    let key = Key::ed("k1");
    let web = Web::new(jwks(&[&key]));
    let kit = kit(&web);
    assert_eq!(status(&kit, &token(&kit, &key, 0)).await, StatusCode::OK);
    kit.world.pass(COOL_DOWN);
    for number in 0..1000 {
        let header = with(key.header(), "kid", json!(format!("random-{number}")));
        let claims = with(kit.claims(), "iss", json!(ISSUER));
        assert_eq!(status(&kit, &key.token_with(&header, &claims)).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(web.asked().len(), 2, "the first fetch, and one in the cool-down");
    assert_eq!(kit.inner.calls().len(), 1);
}

#[tokio::test]
async fn jk_04_a_broken_key_set_keeps_the_last_good_keys_for_a_day_and_then_closes() {
    let key = Key::ed("k1");
    let many: Vec<_> = (0..10_000).map(|number| with(key.jwk(), "kid", json!(format!("k{number}")))).collect();
    let failures: Vec<(&str, Result<Vec<u8>, FetchFailure>)> = vec![
        ("500", Err(FetchFailure::Status(500))),
        ("a timeout", Err(FetchFailure::TimedOut)),
        ("50 MiB", Err(FetchFailure::TooLarge(50 << 20))),
        ("a redirect", Err(FetchFailure::Status(302))),
        ("a wrong content type", Err(FetchFailure::Unusable("text/html".to_owned()))),
        ("a refused address", Err(FetchFailure::Refused("10.0.0.1".to_owned()))),
        ("HTML", Ok(b"<html>".to_vec())),
        ("nothing", Ok(Vec::new())),
        ("no keys", Ok(br#"{"keys":[]}"#.to_vec())),
        ("10,000 keys", Ok(json!({ "keys": many }).to_string().into_bytes())),
    ];
    for (case, failure) in failures {
        let web = Web::new(jwks(&[&key]));
        let kit = kit(&web);
        assert_eq!(status(&kit, &token(&kit, &key, 0)).await, StatusCode::OK, "{case}");
        web.put(failure);
        for hours in 1..24 {
            kit.world.pass(Duration::from_secs(3600));
            assert_eq!(status(&kit, &token(&kit, &key, hours)).await, StatusCode::OK, "{case}, after {hours} hours");
        }
        kit.world.pass(Duration::from_secs(3601));
        let sent = kit.inner.calls().len();
        let closed = kit.call_tool(Some(&token(&kit, &key, 99)), "echo", json!({})).await;
        assert_eq!(closed.status, StatusCode::SERVICE_UNAVAILABLE, "{case}: {closed:?}");
        assert!(closed.headers.get("www-authenticate").is_none(), "{case}: a new token would not help");
        assert_eq!(kit.inner.calls().len(), sent, "{case}: never open");
        let failed = kit.ledger.of_kind("authentication").pop().unwrap();
        assert_eq!((&failed["result"], &failed["reason"]), (&json!("failed"), &json!("keys_unavailable")), "{case}");
        // And it opens again with the first good answer.
        web.put(Ok(jwks(&[&key])));
        kit.world.pass(COOL_DOWN);
        assert_eq!(status(&kit, &token(&kit, &key, 100)).await, StatusCode::OK, "{case}");
    }
}

#[tokio::test]
async fn jk_06_a_token_without_a_key_id_is_rs401_where_two_keys_fit() {
    let (one, two) = (Key::ed("k1"), Key::ed("k2"));
    let kit = kit(&Web::new(jwks(&[&one, &two])));
    let header = with(one.header(), "kid", json!(null));
    let claims = with(kit.claims(), "iss", json!(ISSUER));
    is_rs401(&kit, &one.token_with(&header, &claims), "two keys fit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jk_07_a_hundred_first_requests_at_once_are_one_fetch() {
    let key = Key::ed("k1");
    let web = Web::new(jwks(&[&key]));
    let kit = Arc::new(kit(&web));
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let (kit, token) = (Arc::clone(&kit), token(&kit, &key, number));
            tokio::spawn(async move { status(&kit, &token).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(web.asked(), [format!("{ISSUER}/jwks")]);
}

#[tokio::test]
async fn jk_08_keys_over_plain_http_are_never_fetched_and_open_nothing() {
    let key = Key::ed("k1");
    let web = Web::new(
        json!({
            "issuer": ISSUER, "jwks_uri": "http://login.example.com/jwks", "authorization_endpoint": "https://x/",
        })
        .to_string(),
    );
    let mut plan = Plan::default();
    plan.issuers = vec![IssuerConfig::new(ISSUER, Keys::Discover)];
    plan.fetch = web.clone();
    let kit = Kit::with(plan);
    let answer = kit.call_tool(Some(&token(&kit, &key, 0)), "echo", json!({})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert!(web.asked().iter().all(|url| url.starts_with("https://login.example.com/")), "{:?}", web.asked());
    nobody_was_asked(&kit, "keys over plain http");
}
