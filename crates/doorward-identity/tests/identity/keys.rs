//! Keys that are published elsewhere: rotation, failure, floods (JK).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_identity::{
    AuthReason, Authenticator, AuthenticatorBuilder, FetchFailure, IssuerConfig, KeyTiming, Keys, Revocations, Verdict,
};
use serde_json::{Value, json};

use crate::support::*;

const JWKS: &str = "https://login.example.com/jwks";
const COOL_DOWN: i64 = 10;
const REFRESH: i64 = 300;
const MAX_STALE: i64 = 86_400;

fn remote(web: &Arc<Web>) -> Authenticator {
    AuthenticatorBuilder::new()
        .issuer(IssuerConfig::new(ISSUER, Keys::JwksUrl(JWKS.to_owned())))
        .build(Arc::clone(web) as _, Arc::new(Revocations::new()))
        .expect("authenticator")
}

/// A token that is valid for the whole test, whatever the time is.
fn long(key: &TestKey) -> String {
    long_numbered(key, 0)
}

fn long_numbered(key: &TestKey, number: usize) -> String {
    key.token(&with(claims_with("exp", json!(NOW + 10 * MAX_STALE)), "jti", json!(format!("t-{number}"))))
}

async fn ask(guard: &Authenticator, token: &str, seconds: i64) -> Result<(), AuthReason> {
    guard.identify(&bearer(token), &resource(), at(NOW + seconds)).await.map(|_| ()).map_err(|failure| failure.reason)
}

#[test]
fn the_defaults_are_what_these_tests_calculate_with() {
    let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    let timing =
        KeyTiming { cool_down: seconds(COOL_DOWN), refresh_after: seconds(REFRESH), max_stale: seconds(MAX_STALE) };
    assert_eq!(timing, KeyTiming::default());
}

#[tokio::test]
async fn jk_01_rotation_with_overlap_fails_no_request() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&old]));
    assert_eq!(ask(&guard, &long(&old), 0).await, Ok(()));
    web.page(JWKS, jwks(&[&old, &new]));
    assert_eq!(ask(&guard, &long(&new), COOL_DOWN).await, Ok(()));
    assert_eq!(ask(&guard, &long(&old), COOL_DOWN).await, Ok(()));
    web.page(JWKS, jwks(&[&new]));
    assert_eq!(ask(&guard, &long(&new), 2 * COOL_DOWN).await, Ok(()));
    assert_eq!(web.count(JWKS), 2, "one fetch at the start and one for the new key");
}

#[tokio::test]
async fn jk_02_hard_rotation_takes_one_fetch_and_kills_the_old_key_at_once() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&old]));
    assert_eq!(ask(&guard, &long(&old), 0).await, Ok(()));
    web.page(JWKS, jwks(&[&new]));
    assert_eq!(ask(&guard, &long(&new), COOL_DOWN).await, Ok(()));
    assert_eq!(web.count(JWKS), 2);
    // The very token that was verified a moment ago is not believed any more.
    assert_eq!(ask(&guard, &long(&old), COOL_DOWN + 1).await, Err(AuthReason::UnknownKey));
}

#[tokio::test]
async fn jk_02_a_key_that_was_taken_back_dies_with_the_next_refresh() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&old, &new]));
    assert_eq!(ask(&guard, &long(&old), 0).await, Ok(()));
    web.page(JWKS, jwks(&[&new]));
    guard.refresh(at(NOW + REFRESH)).await;
    assert_eq!(ask(&guard, &long(&old), REFRESH).await, Err(AuthReason::UnknownKey));
    assert_eq!(ask(&guard, &long(&new), REFRESH).await, Ok(()));
}

#[tokio::test]
async fn jk_02_the_same_name_with_another_key_replaces_it() {
    let (old, new) = (TestKey::ed("k1"), TestKey::ed("k1"));
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&old]));
    assert_eq!(ask(&guard, &long(&old), 0).await, Ok(()));
    web.page(JWKS, jwks(&[&new]));
    guard.refresh(at(NOW + REFRESH)).await;
    assert_eq!(ask(&guard, &long(&old), REFRESH).await, Err(AuthReason::BadSignature));
    assert_eq!(ask(&guard, &long(&new), REFRESH).await, Ok(()));
}

#[tokio::test]
async fn jk_03_a_thousand_unknown_key_ids_cause_one_fetch_per_cool_down() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&key]));
    assert_eq!(ask(&guard, &long(&key), 0).await, Ok(()));
    for number in 0..1_000 {
        let header = with(key.header(), "kid", json!(format!("made-up-{number}")));
        let token = key.token_with(&header, &claims());
        assert_eq!(ask(&guard, &token, 0).await, Err(AuthReason::UnknownKey));
    }
    assert_eq!(web.count(JWKS), 1);
    for number in 0..1_000_i64 {
        let header = with(key.header(), "kid", json!(format!("made-up-{number}")));
        let token = key.token_with(&header, &claims());
        // Ten cool-downs pass while they arrive.
        assert_eq!(ask(&guard, &token, number * COOL_DOWN / 100).await, Err(AuthReason::UnknownKey));
    }
    assert_eq!(web.count(JWKS), 1 + 9);
    assert_eq!(ask(&guard, &long(&key), 99).await, Ok(()));
}

#[tokio::test]
async fn jk_03_the_same_holds_while_the_fetch_fails() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let guard = remote(&web);
    web.broken(JWKS, FetchFailure::Status(500));
    for number in 0..1_000_i64 {
        assert_eq!(ask(&guard, &long(&key), number * COOL_DOWN / 100).await, Err(AuthReason::KeysUnavailable));
    }
    assert_eq!(web.count(JWKS), 10);
}

/// What a broken or hostile key server may answer with (JK-04).
fn bad_answers() -> Vec<(&'static str, Result<Vec<u8>, FetchFailure>)> {
    let many: Vec<Value> = (0..10_000).map(|number| json!({ "kty": "oct", "kid": number.to_string() })).collect();
    let hundred_and_one: Vec<Value> = (0..101).map(|_| json!({})).collect();
    let duplicated = String::from_utf8(jwks(&[&TestKey::ed("k1")])).expect("text").replacen('{', "{\"keys\":[],", 1);
    vec![
        ("status 500", Err(FetchFailure::Status(500))),
        ("timeout", Err(FetchFailure::TimedOut)),
        ("redirect", Err(FetchFailure::Status(302))),
        ("too large for the fetcher", Err(FetchFailure::TooLarge(65_536))),
        ("unreachable", Err(FetchFailure::Unreachable("connection refused".into()))),
        ("forbidden address", Err(FetchFailure::Refused("10.0.0.1".into()))),
        ("wrong content type", Err(FetchFailure::Unusable("text/html".into()))),
        ("50 MiB", Ok(vec![b' '; 50 * 1024 * 1024])),
        ("10 000 keys", Ok(json!({ "keys": many }).to_string().into_bytes())),
        ("101 keys", Ok(json!({ "keys": hundred_and_one }).to_string().into_bytes())),
        ("HTML", Ok(b"<!doctype html><title>maintenance</title>".to_vec())),
        ("empty", Ok(Vec::new())),
        ("no keys member", Ok(b"{}".to_vec())),
        ("empty set", Ok(b"{\"keys\":[]}".to_vec())),
        ("keys is an object", Ok(b"{\"keys\":{}}".to_vec())),
        ("keys of strings", Ok(b"{\"keys\":[\"a\"]}".to_vec())),
        ("only unusable keys", Ok(b"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}".to_vec())),
        ("doubled member", Ok(duplicated.into_bytes())),
        ("deep", Ok([vec![b'['; 20_000], vec![b']'; 20_000]].concat())),
        ("not UTF-8", Ok(b"{\"keys\":[{\"kty\":\"\xff\"}]}".to_vec())),
    ]
}

#[tokio::test]
async fn jk_04_bad_answers_keep_the_last_good_keys_until_they_are_too_old() {
    for (what, answer) in bad_answers() {
        let key = TestKey::ed("k1");
        let web = Web::new();
        let guard = remote(&web);
        web.page(JWKS, jwks(&[&key]));
        assert_eq!(ask(&guard, &long_numbered(&key, 0), 0).await, Ok(()), "{what}");
        match answer {
            Ok(body) => web.page(JWKS, body),
            Err(failure) => web.broken(JWKS, failure),
        }
        for (number, seconds) in [REFRESH, 2 * REFRESH, 3_600, MAX_STALE].into_iter().enumerate() {
            guard.refresh(at(NOW + seconds)).await;
            assert_eq!(ask(&guard, &long_numbered(&key, number), seconds).await, Ok(()), "{what} after {seconds} s");
        }
        let state = &guard.states(at(NOW + MAX_STALE))[0];
        assert!(state.keys == 1 && state.failure.is_some(), "{what}: the operator sees it");
        // Closed: also for the token that was verified a moment ago.
        for number in [3, 9] {
            let reason = ask(&guard, &long_numbered(&key, number), MAX_STALE + 1).await;
            assert_eq!(reason, Err(AuthReason::KeysUnavailable), "{what}");
        }
        assert_eq!(guard.states(at(NOW + MAX_STALE + 1))[0].keys, 0, "{what}");
    }
}

#[tokio::test]
async fn jk_04_without_any_good_answer_nothing_is_accepted() {
    for (what, answer) in bad_answers() {
        let key = TestKey::ed("k1");
        let web = Web::new();
        let guard = remote(&web);
        match answer {
            Ok(body) => web.page(JWKS, body),
            Err(failure) => web.broken(JWKS, failure),
        }
        assert_eq!(ask(&guard, &long(&key), 0).await, Err(AuthReason::KeysUnavailable), "{what}");
        web.page(JWKS, jwks(&[&key]));
        assert_eq!(ask(&guard, &long(&key), COOL_DOWN).await, Ok(()), "{what}: it recovers after one cool-down");
    }
}

#[tokio::test]
async fn jk_04_a_set_of_exactly_the_limit_is_read() {
    let key = TestKey::ed("k1");
    let others = (0..99).map(|number| json!({ "kty": "oct", "kid": number.to_string() }));
    let keys: Vec<Value> = others.chain([key.jwk()]).collect();
    let mut document = json!({ "keys": keys }).to_string().into_bytes();
    document.resize(64 * 1024, b' ');
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, document);
    assert_eq!(ask(&guard, &long(&key), 0).await, Ok(()));
}

#[tokio::test]
async fn jk_06_a_token_without_a_key_id_needs_exactly_one_fitting_key() {
    let (one, two, other) = (TestKey::ed("k1"), TestKey::ed("k2"), TestKey::es256("k3"));
    let nameless = with(one.header(), "kid", Value::Null);
    let token = one.token_with(&nameless, &claims());
    accepted(&guard(config(&[&one])), &token).await;
    accepted(&guard(config(&[&one, &other])), &token).await;
    assert_eq!(refused(&guard(config(&[&one, &two])), &token).await, AuthReason::AmbiguousKey);
    assert_eq!(refused(&guard(config(&[&other])), &token).await, AuthReason::UnknownKey);
}

#[tokio::test]
async fn jk_06_a_key_without_an_id_is_found_by_a_token_without_one_alone() {
    let key = TestKey::ed("k1");
    let nameless = with(key.jwk(), "kid", Value::Null);
    let set = json!({ "keys": [nameless] }).to_string().into_bytes();
    let guard = guard(IssuerConfig::new(ISSUER, Keys::Jwks(set)));
    accepted(&guard, &key.token_with(&with(key.header(), "kid", Value::Null), &claims())).await;
    assert_eq!(refused(&guard, &key.token(&claims())).await, AuthReason::UnknownKey);
}

#[tokio::test]
async fn jk_06_two_keys_of_one_name_are_ambiguous_when_both_fit() {
    let (one, two, other) = (TestKey::ed("k1"), TestKey::ed("k1"), TestKey::es256("k1"));
    assert_eq!(refused(&guard(config(&[&one, &two])), &one.token(&claims())).await, AuthReason::AmbiguousKey);
    accepted(&guard(config(&[&one, &other])), &one.token(&claims())).await;
    accepted(&guard(config(&[&one, &other])), &other.token(&claims())).await;
}

#[tokio::test]
async fn jk_07_concurrent_first_requests_cause_one_fetch() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&key]));
    web.slow(20);
    let tokens: Vec<String> = (0..200).map(|number| long_numbered(&key, number)).collect();
    let answers = futures::future::join_all(tokens.iter().map(|token| ask(&guard, token, 0))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(web.count(JWKS), 1);
}

#[tokio::test]
async fn jk_07_concurrent_requests_with_a_new_key_cause_one_fetch() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&old]));
    assert_eq!(ask(&guard, &long(&old), 0).await, Ok(()));
    web.page(JWKS, jwks(&[&old, &new]));
    web.slow(20);
    let tokens: Vec<String> =
        (0..200).map(|number| long_numbered(if number % 2 == 0 { &new } else { &old }, number)).collect();
    let answers = futures::future::join_all(tokens.iter().map(|token| ask(&guard, token, COOL_DOWN))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(web.count(JWKS), 2);
}

#[tokio::test]
async fn a_request_that_goes_away_takes_no_fetch_with_it() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&key]));
    let gate = web.close_gate();
    let token = long(&key);
    {
        let mut first = Box::pin(ask(&guard, &token, 0));
        assert!(futures::poll!(&mut first).is_pending());
    } // the client hung up
    gate.send(true).expect("the fetch is still there");
    // No new fetch, no cool-down to wait for: the next request carries it on.
    assert_eq!(ask(&guard, &token, 1).await, Ok(()));
    assert_eq!(web.count(JWKS), 1);
}

#[tokio::test]
async fn a_fetch_that_was_left_behind_and_failed_is_followed_by_a_new_one() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let guard = remote(&web);
    let gate = web.close_gate();
    let token = long(&key);
    {
        let mut first = Box::pin(ask(&guard, &token, 0));
        assert!(futures::poll!(&mut first).is_pending());
    }
    web.broken(JWKS, FetchFailure::TimedOut);
    gate.send(true).expect("open");
    assert_eq!(ask(&guard, &token, 1).await, Err(AuthReason::KeysUnavailable), "within the cool-down");
    web.page(JWKS, jwks(&[&key]));
    assert_eq!(ask(&guard, &token, COOL_DOWN).await, Ok(()));
}

#[tokio::test]
async fn a_fetch_that_was_left_behind_and_failed_costs_the_next_request_nothing() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&key]));
    let gate = web.close_gate();
    let token = long(&key);
    {
        let mut first = Box::pin(ask(&guard, &token, 0));
        assert!(futures::poll!(&mut first).is_pending());
    }
    gate.send(true).expect("open");
    // By now the connection that was left behind is dead.
    web.fail_next(1);
    assert_eq!(ask(&guard, &token, COOL_DOWN).await, Ok(()), "it fails, and a new one follows at once");
    assert_eq!(web.count(JWKS), 2);
}

#[tokio::test]
async fn jk_07_a_fetch_that_outlives_the_cool_down_is_still_the_only_one() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&key]));
    let gate = web.close_gate();
    let tokens: Vec<String> = (0..10).map(|number| long_numbered(&key, number)).collect();
    let mut requests: Vec<_> =
        tokens.iter().zip(0..).map(|(token, number)| Box::pin(ask(&guard, token, number * COOL_DOWN))).collect();
    for request in &mut requests {
        assert!(futures::poll!(request).is_pending());
    }
    gate.send(true).expect("open");
    let answers = futures::future::join_all(requests).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(web.count(JWKS), 1);
}

#[tokio::test]
async fn overdue_keys_are_carried_on_even_when_the_first_request_went_away() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&old]));
    assert_eq!(ask(&guard, &long(&old), 0).await, Ok(()));
    web.page(JWKS, jwks(&[&new]));
    let gate = web.close_gate();
    let token = long_numbered(&old, 1);
    {
        let mut first = Box::pin(ask(&guard, &token, 2 * REFRESH));
        assert!(futures::poll!(&mut first).is_pending(), "the first one carries the refresh");
    }
    assert_eq!(ask(&guard, &token, 2 * REFRESH + 1).await, Ok(()), "the others use what is there");
    gate.send(true).expect("open");
    assert_eq!(ask(&guard, &long_numbered(&old, 2), 2 * REFRESH + COOL_DOWN).await, Err(AuthReason::UnknownKey));
}

#[tokio::test]
async fn while_a_timer_tries_in_vain_no_request_waits() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&key]));
    assert_eq!(ask(&guard, &long(&key), 0).await, Ok(()));
    web.broken(JWKS, FetchFailure::TimedOut);
    for minute in 5..30 {
        guard.refresh(at(NOW + 60 * minute)).await;
        let _gate = web.close_gate();
        let token = long_numbered(&key, usize::try_from(minute).expect("small"));
        let mut request = Box::pin(ask(&guard, &token, 60 * minute + 30));
        assert!(futures::poll!(&mut request).is_ready(), "minute {minute}");
        web.open_gate();
    }
}

#[tokio::test]
async fn without_a_timer_requests_refresh_the_keys_themselves() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&old, &new]));
    assert_eq!(ask(&guard, &long(&old), 0).await, Ok(()));
    web.page(JWKS, jwks(&[&new]));
    assert_eq!(ask(&guard, &long_numbered(&new, 1), 2 * REFRESH).await, Ok(()));
    assert_eq!(ask(&guard, &long_numbered(&old, 2), 2 * REFRESH).await, Err(AuthReason::UnknownKey));
}

#[tokio::test]
async fn a_panic_behind_the_port_is_a_failed_fetch() {
    let key = TestKey::ed("k1");
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&key]));
    web.panic_on_fetch(true);
    assert_eq!(ask(&guard, &long(&key), 0).await, Err(AuthReason::KeysUnavailable));
    web.panic_on_fetch(false);
    assert_eq!(ask(&guard, &long(&key), COOL_DOWN).await, Ok(()));
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_neither_fetching_nor_verifying() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let web = Web::new();
    let guard = remote(&web);
    web.page(JWKS, jwks(&[&old]));
    assert_eq!(ask(&guard, &long(&old), 3_600).await, Ok(()));
    web.page(JWKS, jwks(&[&old, &new]));
    assert_eq!(ask(&guard, &long(&new), 0).await, Ok(()));
}

#[tokio::test]
async fn a_verified_token_is_remembered_for_a_minute_and_judged_by_the_clock_each_time() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let fresh = async |token: &str, seconds: i64| -> Result<bool, AuthReason> {
        let answer = guard.identify(&bearer(token), &resource(), at(NOW + seconds)).await;
        answer.map(|Verdict { fresh, .. }| fresh).map_err(|failure| failure.reason)
    };
    let token = long(&key);
    assert_eq!(fresh(&token, 0).await, Ok(true));
    assert_eq!(fresh(&token, 0).await, Ok(false));
    assert_eq!(fresh(&token, 59).await, Ok(false));
    assert_eq!(fresh(&token, 60).await, Ok(true), "after a minute it is verified anew");
    assert_eq!(fresh(&token, 30).await, Ok(true), "and when the clock was set back");
    let short = key.token(&claims_with("exp", json!(NOW + 5)));
    assert_eq!(fresh(&short, 0).await, Ok(true));
    assert_eq!(fresh(&short, 34).await, Ok(false));
    assert_eq!(fresh(&short, 35).await, Err(AuthReason::Expired), "remembered or not");
}

#[tokio::test]
async fn a_remembered_token_is_remembered_for_its_audience_alone() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let token = key.token(&claims());
    accepted(&guard, &token).await;
    let elsewhere = doorward_identity::Resource { id: format!("{AUDIENCE}/other"), ..resource() };
    let failure = guard.identify(&bearer(&token), &elsewhere, now()).await.expect_err("refused");
    assert_eq!(failure.reason, AuthReason::WrongAudience);
}

#[test]
fn jk_08_addresses_of_keys_are_https_or_loopback() {
    let build = |keys: Keys, issuer: &str| {
        AuthenticatorBuilder::new()
            .issuer(IssuerConfig::new(issuer, keys))
            .build(Web::new(), Arc::new(Revocations::new()))
    };
    for bad in [
        "http://login.example.com/jwks",
        "http://10.0.0.1/jwks",
        "file:///jwks",
        "https://a:b@login.example.com/",
        "jwks",
        "",
    ] {
        assert!(build(Keys::JwksUrl(bad.to_owned()), ISSUER).is_err(), "{bad}");
        assert!(build(Keys::Discover, bad).is_err(), "{bad}");
    }
    assert!(build(Keys::JwksUrl("http://127.0.0.1:9/jwks".to_owned()), ISSUER).is_ok());
    assert!(build(Keys::Discover, "http://localhost:9").is_ok());
    let _: SystemTime = now();
}
