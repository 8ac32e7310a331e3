//! What a verified token must say.

use std::time::Duration;

use doorward_identity::{AuthReason, IssuerConfig, Resource, Typ};
use serde_json::{Value, json};

use crate::support::*;

fn with_config(change: impl FnOnce(&mut IssuerConfig)) -> (TestKey, doorward_identity::Authenticator) {
    let key = TestKey::ed("k1");
    let mut config = config(&[&key]);
    change(&mut config);
    let guard = guard(config);
    (key, guard)
}

fn strict() -> (TestKey, doorward_identity::Authenticator) {
    with_config(|_| {})
}

#[tokio::test]
async fn tk_11_a_token_for_another_audience_is_refused() {
    let (key, guard) = strict();
    for audience in ["https://mcp.example.com/mcp/ops", "https://other.example.com/mcp/crm", "robot", ISSUER] {
        let token = key.token(&claims_with("aud", json!(audience)));
        assert_eq!(refused(&guard, &token).await, AuthReason::WrongAudience, "{audience}");
    }
    // The same token at another door of ours is another audience.
    let elsewhere = Resource { id: "https://mcp.example.com/mcp/ops".to_owned(), ..resource() };
    let failure = guard.identify(&bearer(&key.token(&claims())), &elsewhere, now()).await.expect_err("refused");
    assert_eq!(failure.reason, AuthReason::WrongAudience);
}

#[tokio::test]
async fn tk_12_an_audience_list_is_accepted_only_when_it_is_exactly_ours() {
    let (key, guard) = strict();
    accepted(&guard, &key.token(&claims_with("aud", json!([AUDIENCE])))).await;
    for list in [
        json!([AUDIENCE, "https://other.example.com"]),
        json!(["https://other.example.com", AUDIENCE]),
        json!([AUDIENCE, AUDIENCE]),
        json!([]),
        json!([[AUDIENCE]]),
        json!([AUDIENCE, 1]),
    ] {
        assert_eq!(
            refused(&guard, &key.token(&claims_with("aud", list.clone()))).await,
            AuthReason::WrongAudience,
            "{list}"
        );
    }
}

#[tokio::test]
async fn tk_12_an_issuer_with_an_audience_of_its_own_may_name_others_beside_it() {
    let (key, guard) = with_config(|config| config.audience = Some("mcp".to_owned()));
    for list in [json!("mcp"), json!(["mcp"]), json!(["account", "mcp"])] {
        accepted(&guard, &key.token(&claims_with("aud", list))).await;
    }
    for list in
        [json!(AUDIENCE), json!(["account"]), json!("MCP"), json!("mcp2"), json!(["mcp", 1]), json!({ "mcp": 1 })]
    {
        assert_eq!(
            refused(&guard, &key.token(&claims_with("aud", list.clone()))).await,
            AuthReason::WrongAudience,
            "{list}"
        );
    }
}

#[tokio::test]
async fn tk_13_an_id_token_is_refused() {
    let (key, guard) = strict();
    let id_token = with(claims_with("aud", json!("robot")), "nonce", json!("n-1"));
    assert_eq!(
        refused(&guard, &key.token_with(&with(key.header(), "typ", json!("JWT")), &id_token)).await,
        AuthReason::WrongType
    );
    assert_eq!(refused(&guard, &key.token(&id_token)).await, AuthReason::WrongAudience);
}

#[tokio::test]
async fn tk_13_where_the_type_says_nothing_the_claims_of_other_tokens_do() {
    let (key, guard) = with_config(|config| config.typ = Typ::new("JWT"));
    let header = with(key.header(), "typ", json!("JWT"));
    accepted(&guard, &key.token_with(&header, &claims())).await;
    for (name, value) in [("at_hash", json!("x")), ("c_hash", json!("x")), ("events", json!({}))] {
        let token = key.token_with(&header, &claims_with(name, value));
        assert_eq!(refused(&guard, &token).await, AuthReason::NotAnAccessToken, "{name}");
    }
}

#[tokio::test]
async fn tk_17_the_type_must_be_that_of_an_access_token() {
    let (key, guard) = strict();
    for typ in ["at+jwt", "at+JWT", "AT+JWT", "application/at+jwt", "Application/AT+JWT"] {
        accepted(&guard, &key.token_with(&with(key.header(), "typ", json!(typ)), &claims())).await;
    }
    for typ in [
        Value::Null,
        json!("JWT"),
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("oauth-id-jag+jwt"),
        json!("secevent+jwt"),
        json!(""),
        json!("jwt+at"),
        json!("application/"),
    ] {
        let token = key.token_with(&with(key.header(), "typ", typ.clone()), &claims());
        assert_eq!(refused(&guard, &token).await, AuthReason::WrongType, "{typ}");
    }
    let odd = key.token_with(&with(key.header(), "typ", json!(["at+jwt"])), &claims());
    assert_eq!(refused(&guard, &odd).await, AuthReason::MalformedToken);
}

#[tokio::test]
async fn tk_17_an_issuer_with_a_type_of_its_own_has_only_that() {
    let (key, guard) = with_config(|config| config.typ = Typ::new("JWT"));
    accepted(&guard, &key.token_with(&with(key.header(), "typ", json!("JWT")), &claims())).await;
    for typ in [Value::Null, json!("at+jwt"), json!("dpop+jwt")] {
        let token = key.token_with(&with(key.header(), "typ", typ), &claims());
        assert_eq!(refused(&guard, &token).await, AuthReason::WrongType);
    }
}

#[tokio::test]
async fn tk_18_exp_must_be_a_whole_number_that_has_not_passed() {
    let (key, guard) = strict();
    let leeway = 30;
    for exp in [json!(NOW + 1), json!(NOW), json!(NOW - leeway + 1), json!((1_i64 << 53) - 1)] {
        accepted(&guard, &key.token(&claims_with("exp", exp))).await;
    }
    for exp in [json!(NOW - leeway), json!(NOW - leeway - 1), json!(NOW - 3_600), json!(0)] {
        assert_eq!(refused(&guard, &key.token(&claims_with("exp", exp.clone()))).await, AuthReason::Expired, "{exp}");
    }
    let odd = [
        Value::Null,
        json!(1.8e9),
        json!(1_800_000_600.5),
        json!("1800000600"),
        json!(1_i64 << 53),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(-1),
        json!(-1_800_000_600_i64),
        json!([NOW + 600]),
        json!(true),
        json!({}),
    ];
    for exp in odd {
        assert_eq!(refused(&guard, &key.token(&claims_with("exp", exp.clone()))).await, AuthReason::BadExpiry, "{exp}");
    }
    // Spellings that a JSON value of the test can't have.
    for exp in ["1.8e9", "18000006e2", "-0", "1e400", "null", "99999999999999999999999"] {
        let text = claims().to_string().replace(&format!("\"exp\":{}", NOW + 600), &format!("\"exp\":{exp}"));
        let token = key.sign(&key.header().to_string(), text.as_bytes());
        let reason = refused(&guard, &token).await;
        assert!(matches!(reason, AuthReason::BadExpiry | AuthReason::MalformedToken), "{exp}: {reason:?}");
    }
}

#[tokio::test]
async fn tk_19_nbf_in_the_future_is_refused() {
    let (key, guard) = strict();
    for nbf in [json!(NOW + 30), json!(NOW), json!(0)] {
        accepted(&guard, &key.token(&claims_with("nbf", nbf))).await;
    }
    for nbf in [json!(NOW + 31), json!(NOW + 3_600), json!("0"), json!(1.5), json!(-1), json!([])] {
        assert_eq!(
            refused(&guard, &key.token(&claims_with("nbf", nbf.clone()))).await,
            AuthReason::NotYetValid,
            "{nbf}"
        );
    }
}

#[tokio::test]
async fn tk_19_iat_in_the_future_is_refused() {
    let (key, guard) = strict();
    for iat in [json!(NOW + 30), json!(NOW), json!(0), Value::Null] {
        accepted(&guard, &key.token(&claims_with("iat", iat))).await;
    }
    for iat in [json!(NOW + 31), json!(NOW + 3_600), json!("0"), json!(1.5), json!(-1)] {
        assert_eq!(
            refused(&guard, &key.token(&claims_with("iat", iat.clone()))).await,
            AuthReason::BadIssueTime,
            "{iat}"
        );
    }
}

#[tokio::test]
async fn tk_19_a_token_older_than_the_maximum_age_is_refused() {
    let (key, guard) = with_config(|config| config.max_age = Some(Duration::from_secs(300)));
    accepted(&guard, &key.token(&claims_with("iat", json!(NOW - 300)))).await;
    let caller = accepted(&guard, &key.token(&claims_with("iat", json!(NOW - 329)))).await;
    assert_eq!(caller.expires_at(), at(NOW + 1), "streams end with the maximum age too");
    assert_eq!(refused(&guard, &key.token(&claims_with("iat", json!(NOW - 330)))).await, AuthReason::TooOld);
    assert_eq!(refused(&guard, &key.token(&claims_with("iat", Value::Null))).await, AuthReason::BadIssueTime);
}

#[tokio::test]
async fn tk_20_the_issuer_is_compared_byte_for_byte() {
    let (key, guard) = strict();
    let others = [
        json!("https://login.example.com/realms/acme/"),
        json!("https://LOGIN.example.com/realms/acme"),
        json!("https://login.example.com:443/realms/acme"),
        json!("http://login.example.com/realms/acme"),
        json!("https://login.example.com/realms/acm%65"),
        json!("https://login.example.com/realms/other"),
        json!(""),
        json!([ISSUER]),
        json!({ "": ISSUER }),
        Value::Null,
    ];
    for issuer in others {
        assert_eq!(
            refused(&guard, &key.token(&claims_with("iss", issuer.clone()))).await,
            AuthReason::UnknownIssuer,
            "{issuer}"
        );
    }
}

#[tokio::test]
async fn tk_21_the_audience_is_compared_byte_for_byte() {
    let (key, guard) = strict();
    let others = [
        json!("https://mcp.example.com/mcp/crm-other"),
        json!("https://mcp.example.com/mcp/cr"),
        json!("https://mcp.example.com/mcp/crm/"),
        json!("https://mcp.example.com/mcp"),
        json!("https://mcp.example.com"),
        json!("HTTPS://MCP.EXAMPLE.COM/MCP/CRM"),
        json!("https://mcp.example.com:443/mcp/crm"),
        json!("https://mcp.example.com:8443/mcp/crm"),
        json!("evil https://mcp.example.com/mcp/crm"),
        json!("*"),
        json!(""),
        json!({}),
        json!(1),
        Value::Null,
    ];
    for audience in others {
        assert_eq!(
            refused(&guard, &key.token(&claims_with("aud", audience.clone()))).await,
            AuthReason::WrongAudience,
            "{audience}"
        );
    }
}

#[tokio::test]
async fn tk_27_the_subject_must_be_there_and_sound() {
    let (key, guard) = strict();
    for subject in [
        Value::Null,
        json!(""),
        json!(17),
        json!(["a"]),
        json!("a\0b"),
        json!("a\nb"),
        json!("a\u{85}b"),
        json!("x".repeat(256)),
        json!("x".repeat(10 * 1024)),
    ] {
        let reason = refused(&guard, &key.token(&claims_with("sub", subject.clone()))).await;
        assert_eq!(reason, AuthReason::BadSubject);
    }
    // A `:` is fine: whoever keys by callers keys by tuples.
    for subject in ["a:b", "user:1:2", "x", "Ünïcode", &"x".repeat(255)] {
        assert_eq!(accepted(&guard, &key.token(&claims_with("sub", json!(subject)))).await.subject(), subject);
    }
}

#[tokio::test]
async fn tk_27_subjects_with_a_colon_are_told_apart() {
    let (key, guard) = strict();
    let first = accepted(&guard, &key.token(&with(claims_with("sub", json!("a:b")), "client_id", json!("c")))).await;
    let second = accepted(&guard, &key.token(&with(claims_with("sub", json!("a")), "client_id", json!("b:c")))).await;
    assert_ne!(first.key(), second.key());
}

#[tokio::test]
async fn cl_05_a_client_named_like_a_person_is_not_that_person() {
    let (key, guard) = strict();
    let person =
        accepted(&guard, &key.token(&with(claims_with("sub", json!("anna")), "client_id", json!("app")))).await;
    let robot =
        accepted(&guard, &key.token(&with(claims_with("sub", json!("anna")), "client_id", json!("anna")))).await;
    assert_ne!(person.key(), robot.key());
}

#[tokio::test]
async fn dp_01_a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    let (key, guard) = strict();
    for cnf in [json!({ "jkt": "abc" }), json!({ "x5t#S256": "abc" }), json!({}), json!(false)] {
        assert_eq!(refused(&guard, &key.token(&claims_with("cnf", cnf))).await, AuthReason::SenderConstrained);
    }
}

#[tokio::test]
async fn a_time_that_can_not_be_calculated_with_refuses() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let headers = bearer(&key.token(&claims()));
    let before = std::time::SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let failure = guard.identify(&headers, &resource(), before).await.expect_err("refused");
    assert_eq!(failure.reason, AuthReason::BadIssueTime, "before 1970 everything lies in the future");
    let end = (0..63).rev().fold(std::time::SystemTime::UNIX_EPOCH, |time, bit| {
        time.checked_add(Duration::from_secs(1 << bit)).unwrap_or(time)
    });
    let failure = guard.identify(&headers, &resource(), end).await.expect_err("refused");
    assert!(matches!(failure.reason, AuthReason::BadClock | AuthReason::Expired));
}
