//! The form of a credential: header, size, parts, header parameters.

use std::sync::Arc;

use doorward_identity::jws::{Compact, JwsError};
use doorward_identity::{AuthReason, AuthenticatorBuilder, Identified, IssuerConfig, Keys, Revocations};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn tk_01_no_authorization_header_is_absent_and_not_a_failure() {
    let key = TestKey::ed("k1");
    let verdict = guard(config(&[&key])).identify(&HeaderMap::new(), &resource(), now()).await.expect("absent");
    assert!(matches!(verdict.who, Identified::Absent));
    assert!(!verdict.fresh);
}

#[tokio::test]
async fn tk_02_tokens_in_other_headers_are_never_read() {
    // The query and the body are not even an argument of `identify`; what is left are look-alike
    // headers.
    let key = TestKey::ed("k1");
    let token = key.token(&claims());
    let guard = guard(config(&[&key]));
    for name in
        ["x-authorization", "proxy-authorization", "x-forwarded-authorization", "cookie", "x-api-key", "mcp-session-id"]
    {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(&format!("Bearer {token}")).expect("header"));
        headers.insert("x-original-url", HeaderValue::from_str(&format!("/mcp?access_token={token}")).expect("header"));
        let verdict = guard.identify(&headers, &resource(), now()).await.expect("absent");
        assert!(matches!(verdict.who, Identified::Absent), "{name}");
    }
}

#[tokio::test]
async fn a_good_token_proves_its_caller() {
    let key = TestKey::ed("k1");
    let caller = accepted(&guard(config(&[&key])), &key.token(&claims())).await;
    assert_eq!(caller.issuer(), ISSUER);
    assert_eq!(caller.subject(), "user-17");
    assert_eq!(caller.client(), Some("robot"));
    assert_eq!(caller.token_id(), Some("t-1"));
    assert_eq!(caller.tenant(), "default");
}

#[tokio::test]
async fn tk_14_garbage_is_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    for garbage in [
        "x",
        ".",
        "..",
        "...",
        "a.b.c",
        "null",
        "e30.e30.e30",
        "e30.e30.",
        "%00",
        "AAAA",
        "~~~~",
        "-",
        "eyJhbGciOiJFZERTQSJ9",
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {garbage}")).expect("header"));
        assert!(guard.identify(&headers, &resource(), now()).await.is_err(), "{garbage}");
    }
}

#[tokio::test]
async fn tk_15_long_tokens_are_refused_for_their_length() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    assert_eq!(refused(&guard, &"A".repeat(64 * 1024)).await, AuthReason::TooLong);
    let long = key.token(&claims_with("padding", json!("x".repeat(16 * 1024))));
    assert_eq!(refused(&guard, &long).await, AuthReason::TooLong);
    let fitting = key.token(&claims_with("padding", json!("x".repeat(11 * 1024))));
    assert!(fitting.len() <= 16 * 1024);
    accepted(&guard, &fitting).await;
}

#[test]
fn tk_15_the_parser_itself_looks_at_no_long_token() {
    let key = TestKey::ed("k1");
    let long = key.token(&claims_with("padding", json!("x".repeat(16 * 1024))));
    assert_eq!(Compact::parse(&long).err(), Some(JwsError::TooLong));
}

#[tokio::test]
async fn tk_16_two_headers_lists_and_odd_characters_are_malformed() {
    let key = TestKey::ed("k1");
    let token = key.token(&claims());
    let guard = guard(config(&[&key]));
    let lists: [&[String]; 5] = [
        &[format!("Bearer {token}"), format!("Bearer {token}")],
        &[format!("Bearer {token}"), "Basic YTpi".to_owned()],
        &[format!("Bearer {token}, Bearer {token}")],
        &[format!("Bearer\t{token}")],
        &[format!("Bearer {token}\t")],
    ];
    for list in lists {
        let mut headers = HeaderMap::new();
        for value in list {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).expect("header"));
        }
        let failure = guard.identify(&headers, &resource(), now()).await.expect_err("refused");
        assert_eq!((failure.reason, failure.malformed), (AuthReason::MalformedHeader, true), "{list:?}");
    }
}

#[tokio::test]
async fn tk_03_alg_none_is_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    for name in ["none", "None", "NONE", "nOnE"] {
        let header = json!({ "alg": name, "typ": "at+jwt", "kid": "k1" }).to_string();
        let unsigned = format!("{}.{}.", b64(&header), b64(claims().to_string()));
        assert_eq!(refused(&guard, &unsigned).await, AuthReason::UnsupportedAlgorithm, "{name}");
        let signed = key.sign(&header, claims().to_string().as_bytes());
        assert_eq!(refused(&guard, &signed).await, AuthReason::UnsupportedAlgorithm, "{name}");
    }
}

#[tokio::test]
async fn tk_04_a_missing_or_odd_alg_is_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    for alg in [
        json!(null),
        json!(["EdDSA"]),
        json!({}),
        json!(1),
        json!(""),
        json!("eddsa"),
        json!("EdDSA "),
        json!("ES512"),
        json!("dir"),
    ] {
        let header = if alg.is_null() {
            json!({ "typ": "at+jwt", "kid": "k1" })
        } else {
            with(key.header(), "alg", alg.clone())
        };
        let token = key.token_with(&header, &claims());
        assert_eq!(refused(&guard, &token).await, AuthReason::UnsupportedAlgorithm, "{alg}");
    }
}

#[tokio::test]
async fn tk_05_a_stripped_signature_is_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let token = key.token(&claims());
    let (signed, signature) = token.rsplit_once('.').expect("parts");
    assert_eq!(refused(&guard, &format!("{signed}.")).await, AuthReason::BadSignature);
    assert_eq!(refused(&guard, signed).await, AuthReason::MalformedToken);
    assert_eq!(
        refused(&guard, &format!("{signed}.{}", &signature[..signature.len() - 2])).await,
        AuthReason::BadSignature
    );
    assert_eq!(refused(&guard, &format!("{signed}.{}", b64([0; 64]))).await, AuthReason::BadSignature);
}

#[tokio::test]
async fn tk_06_a_changed_payload_or_header_is_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let token = key.token(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let payload = b64(claims_with("roles", json!(["Admin"])).to_string());
    assert_eq!(refused(&guard, &format!("{}.{payload}.{}", parts[0], parts[2])).await, AuthReason::BadSignature);
    let header = b64(with(key.header(), "x", json!(1)).to_string());
    assert_eq!(refused(&guard, &format!("{header}.{}.{}", parts[1], parts[2])).await, AuthReason::BadSignature);
}

#[tokio::test]
async fn tk_07_tk_08_keys_and_places_of_keys_in_the_header_are_refused_and_nothing_is_fetched() {
    let key = TestKey::ed("k1");
    let attacker = TestKey::ed("k1");
    let web = Web::new();
    let guard = AuthenticatorBuilder::new()
        .issuer(IssuerConfig::new(ISSUER, Keys::Jwks(jwks(&[&key]))))
        .build(Arc::clone(&web) as _, Arc::new(Revocations::new()))
        .expect("authenticator");
    let parameters = [
        ("jwk", attacker.jwk()),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("jku", json!("")),
        ("jwk", json!({})),
    ];
    for (name, value) in parameters {
        for signer in [&attacker, &key] {
            let token = signer.token_with(&with(signer.header(), name, value.clone()), &claims());
            assert_eq!(refused(&guard, &token).await, AuthReason::UnsafeHeader, "{name}");
        }
    }
    // `null` is a value too: the parameter is there.
    let token = key.sign(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1","jku":null}"#, claims().to_string().as_bytes());
    assert_eq!(refused(&guard, &token).await, AuthReason::UnsafeHeader);
    assert_eq!(web.log(), Vec::<String>::new());
}

#[tokio::test]
async fn tk_09_odd_key_ids_are_refused_and_name_nothing_else() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let cases = [
        (json!("../../dev/null"), AuthReason::UnknownKey),
        (json!("' OR 1=1--"), AuthReason::UnknownKey),
        (json!("K1"), AuthReason::UnknownKey),
        (json!("k1 "), AuthReason::UnknownKey),
        (json!(""), AuthReason::UnknownKey),
        (json!("x".repeat(256)), AuthReason::UnknownKey),
        (json!("x".repeat(257)), AuthReason::MalformedToken),
        (json!("k1\0"), AuthReason::MalformedToken),
        (json!({ "k1": 1 }), AuthReason::MalformedToken),
        (json!(["k1"]), AuthReason::MalformedToken),
        (json!(1), AuthReason::MalformedToken),
        (json!("x".repeat(64 * 1024)), AuthReason::TooLong),
    ];
    for (kid, reason) in cases {
        let token = key.token_with(&with(key.header(), "kid", kid.clone()), &claims());
        assert_eq!(refused(&guard, &token).await, reason, "{}", kid.to_string().get(..40).unwrap_or_default());
    }
}

#[tokio::test]
async fn tk_22_crit_and_b64_are_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
    ] {
        let token = key.token_with(&with(key.header(), name, value), &claims());
        assert_eq!(refused(&guard, &token).await, AuthReason::UnsafeHeader, "{name}");
    }
}

#[tokio::test]
async fn tk_25_jwe_nested_tokens_and_json_serialisation_are_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let jwe_header = json!({ "alg": "RSA-OAEP", "enc": "A256GCM" }).to_string();
    let jwe = format!("{}.{}.{}.{}.{}", b64(&jwe_header), b64([1; 16]), b64([2; 12]), b64([3; 32]), b64([4; 16]));
    assert_eq!(refused(&guard, &jwe).await, AuthReason::UnsupportedAlgorithm);
    let five_parts = format!("{}.a.b", key.token(&claims()));
    assert_eq!(refused(&guard, &five_parts).await, AuthReason::MalformedToken);

    let inner = key.token(&claims());
    let nested = key.sign(&with(key.header(), "cty", json!("JWT")).to_string(), inner.as_bytes());
    assert_eq!(refused(&guard, &nested).await, AuthReason::MalformedToken);
    assert_eq!(
        refused(&guard, &key.sign(&key.header().to_string(), inner.as_bytes())).await,
        AuthReason::MalformedToken
    );

    let parts: Vec<&str> = inner.split('.').collect();
    let json = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string();
    assert_eq!(refused(&guard, &b64(json)).await, AuthReason::MalformedToken);
}

#[tokio::test]
async fn tk_25_a_token_that_announces_another_one_inside_is_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    for cty in ["JWT", "jwt"] {
        let token = key.token_with(&with(key.header(), "cty", json!(cty)), &claims());
        assert_eq!(refused(&guard, &token).await, AuthReason::MalformedToken, "{cty}");
    }
}

#[tokio::test]
async fn tk_25_large_and_deep_payloads_are_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let large = key.sign(&key.header().to_string(), &vec![b' '; 1024 * 1024]);
    assert_eq!(refused(&guard, &large).await, AuthReason::TooLong);
    let deep = format!("{{\"iss\":\"{ISSUER}\",\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let deep = key.sign(&key.header().to_string(), deep.as_bytes());
    assert!(deep.len() <= 16 * 1024);
    assert_eq!(refused(&guard, &deep).await, AuthReason::MalformedToken);
}

#[tokio::test]
async fn doubled_keys_in_header_and_claims_are_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let text = claims().to_string();
    let doubled = text.replacen('{', &format!("{{\"sub\":\"admin\",\"iss\":\"{ISSUER}\","), 1);
    assert_eq!(
        refused(&guard, &key.sign(&key.header().to_string(), doubled.as_bytes())).await,
        AuthReason::MalformedToken
    );
    let header = r#"{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    assert_eq!(refused(&guard, &key.sign(header, text.as_bytes())).await, AuthReason::MalformedToken);
    let header = r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1","\u006bid":"k2"}"#;
    assert_eq!(refused(&guard, &key.sign(header, text.as_bytes())).await, AuthReason::MalformedToken);
}

#[tokio::test]
async fn payloads_that_are_no_json_object_are_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    for payload in ["", "[]", "\"x\"", "null", "1", "{}{}", "{\"iss\":1}", "\u{feff}{}"] {
        let token = key.sign(&key.header().to_string(), payload.as_bytes());
        let reason = refused(&guard, &token).await;
        assert!(matches!(reason, AuthReason::MalformedToken | AuthReason::UnknownIssuer), "{payload}: {reason:?}");
    }
}

#[tokio::test]
async fn only_the_canonical_spelling_of_a_token_is_accepted() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let token = key.token(&claims());
    accepted(&guard, &token).await;
    // An Ed25519 signature of 64 bytes leaves four unused bits in its last character.
    let last = token.chars().last().expect("last");
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let index = alphabet.iter().position(|character| *character == last).expect("in the alphabet");
    let sibling = alphabet[index ^ 1];
    let other = format!("{}{sibling}", &token[..token.len() - 1]);
    assert_eq!(refused(&guard, &other).await, AuthReason::MalformedToken);
    assert_eq!(refused(&guard, &format!("{token}==")).await, AuthReason::MalformedToken);
}

#[tokio::test]
async fn er_10_a_refusal_never_repeats_a_part_of_the_token() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let canary = "canary-7f3a";
    let header: Value = with(key.header(), "kid", json!(canary));
    for token in [
        key.token_with(&header, &claims()),
        key.token(&claims_with("aud", json!(canary))),
        format!("{canary}.a.b"),
        key.token(&claims_with("iss", json!(canary))),
    ] {
        let failure = identify(&guard, &token).await.expect_err("refused");
        assert!(!format!("{failure} {failure:?} {}", failure.reason.code()).contains(canary));
    }
    let caller = accepted(&guard, &key.token(&claims_with("region", json!(canary)))).await;
    assert!(!format!("{caller:?} {:?}", caller.credential()).contains(canary));
}
