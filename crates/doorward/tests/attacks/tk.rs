//! Access tokens at the door (TK): the verdicts are proven with the validator; here each family is sent over HTTP and
//! gets RS401. What is accepted beside them shows that the cases fail for what they say, and not for something else.

use std::time::Duration;

use doorward::identity::{IssuerConfig, Keys, Resource, SymmetricKey};
use doorward::{Body, Surroundings};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::kit::forge::{Key, b64, jwks, with};
use crate::kit::web::Web;
use crate::kit::{ISSUER, Kit, Plan, RESOURCE, modern_body, modern_request};
use crate::proof::{is_malformed, is_rs401, nobody_was_asked};

const OTHER: &str = "https://login.example.com";

async fn is_accepted(kit: &Kit, token: &str, case: &str) {
    let answer = kit.call_tool(Some(token), "echo", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{case}: {answer:?}");
}

/// A kit that takes tokens of another issuer with these keys too.
fn kit_with(keys: &[&Key]) -> Kit {
    let mut plan = Plan::default();
    plan.issuers = vec![IssuerConfig::new(OTHER, Keys::Jwks(jwks(keys)))];
    Kit::with(plan)
}

/// The claims of a token of the other issuer.
fn foreign_claims(kit: &Kit) -> Value {
    with(kit.claims(), "iss", json!(OTHER))
}

#[tokio::test]
async fn a_token_made_by_hand_is_accepted_so_that_the_cases_fail_for_what_they_say() {
    let kit = Kit::new();
    is_accepted(&kit, &kit.key.token(&kit.claims()), "own").await;
    for key in [Key::ed("k"), Key::es256("k"), Key::rs256("k")] {
        let kit = kit_with(&[&key]);
        is_accepted(&kit, &key.token(&foreign_claims(&kit)), key.algorithm).await;
    }
}

#[tokio::test]
async fn tk_01_without_a_token_no_method_gets_further_and_no_error_is_named() {
    let kit = Kit::new();
    for (method, params) in [
        ("tools/call", json!({ "name": "echo" })),
        ("tools/call", json!({ "name": "no_such_tool" })),
        ("tools/list", json!({})),
        ("prompts/get", json!({ "name": "hello" })),
        ("resources/read", json!({ "uri": "file:///open.txt" })),
        ("resources/list", json!({})),
        ("completion/complete", json!({ "ref": { "type": "ref/prompt", "name": "hello" } })),
        ("subscriptions/listen", json!({ "notifications": {} })),
    ] {
        kit.send(modern_request(None, &modern_body(1, method, params))).await.assert_401(false);
    }
    for method in ["GET", "DELETE"] {
        let request = Request::builder().method(method).uri("/mcp").header("host", "localhost:8700");
        let answer = kit.send(request.header("mcp-session-id", "A".repeat(43)).body(Body::empty()).unwrap()).await;
        answer.assert_401(false);
    }
    nobody_was_asked(&kit, "no token");
}

#[tokio::test]
async fn tk_02_a_token_in_the_query_or_in_a_form_is_not_read() {
    let kit = Kit::new();
    let token = kit.token("alice", &["Admin"], &[]);
    let body = modern_body(1, "tools/call", json!({ "name": "echo" }));
    for query in ["access_token", "token", "bearer", "Authorization"] {
        let mut request = modern_request(None, &body);
        *request.uri_mut() = format!("/mcp?{query}={token}").parse().unwrap();
        kit.send(request).await.assert_401(false);
    }
    let form = || {
        Request::post("/mcp")
            .header("host", "localhost:8700")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::full(format!("access_token={token}")))
            .unwrap()
    };
    // Where anybody may discover, the door reads on and finds no JSON; elsewhere nothing is read at all.
    assert_eq!(kit.send(form()).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut closed = Plan::default();
    closed.rules.remove(0);
    Kit::with(closed).send(form()).await.assert_401(false);
    for header in ["x-authorization", "proxy-authorization", "cookie", "x-api-key", "x-forwarded-access-token"] {
        let mut request = modern_request(None, &body);
        request.headers_mut().insert(header, format!("Bearer {token}").parse().unwrap());
        kit.send(request).await.assert_401(false);
    }
    nobody_was_asked(&kit, "a token elsewhere");
    assert!(kit.ledger.lines().iter().all(|line| !line.contains(&token)));
}

#[tokio::test]
async fn tk_03_tk_04_an_algorithm_that_is_none_missing_or_odd_is_rs401() {
    let kit = Kit::new();
    let claims = kit.claims().to_string();
    for alg in [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!("NONE"),
        json!(null),
        json!(""),
        json!(["EdDSA"]),
        json!({ "EdDSA": 1 }),
        json!(1),
        json!("eddsa"),
        json!("EdDSA "),
        json!("HS256"),
        json!("ES512"),
        json!("dir"),
    ] {
        let header = with(kit.key.header(), "alg", alg.clone()).to_string();
        is_rs401(&kit, &kit.key.sign(&header, claims.as_bytes()), &format!("signed, alg {alg}")).await;
        is_rs401(&kit, &format!("{}.{}.", b64(&header), b64(&claims)), &format!("unsigned, alg {alg}")).await;
    }
}

#[tokio::test]
async fn tk_05_tk_06_a_signature_that_is_stripped_cut_or_of_another_payload_is_rs401() {
    let kit = Kit::new();
    let token = kit.key.token(&kit.claims());
    let parts: Vec<&str> = token.split('.').collect();
    let admin = b64(with(kit.claims(), "roles", json!(["Admin"])).to_string());
    let header = b64(with(kit.key.header(), "x", json!(1)).to_string());
    let mut flipped = kit.key.signature(format!("{}.{}", parts[0], parts[1]).as_bytes());
    flipped[0] ^= 1;
    for (case, bad) in [
        ("stripped", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("cut", token[..token.len() - 2].to_owned()),
        ("padded", format!("{token}==")),
        ("one bit", format!("{}.{}.{}", parts[0], parts[1], b64(flipped))),
        ("zeros", format!("{}.{}.{}", parts[0], parts[1], b64([0; 64]))),
        ("other payload", format!("{}.{admin}.{}", parts[0], parts[2])),
        ("other header", format!("{header}.{}.{}", parts[1], parts[2])),
    ] {
        is_rs401(&kit, &bad, case).await;
    }
    is_accepted(&kit, &token, "the token itself").await;
}

#[tokio::test]
async fn tk_07_tk_08_a_key_that_a_token_brings_is_rs401_and_nothing_is_fetched() {
    let web = Web::new(jwks(&[]));
    let mut plan = Plan::default();
    plan.fetch = web.clone();
    let kit = Kit::with(plan);
    let attacker = Key::ed(&kit.key.kid);
    for (name, value) in [
        ("jwk", attacker.jwk()),
        ("jku", json!("https://evil.example/jwks")),
        ("jku", json!("http://127.0.0.1:1/jwks")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("abc")),
        ("x5t#S256", json!("abc")),
    ] {
        let header = with(attacker.header(), name, value);
        is_rs401(&kit, &attacker.token_with(&header, &kit.claims()), name).await;
    }
    is_rs401(&kit, &attacker.token(&kit.claims()), "the same key id, another key").await;
    assert!(web.asked().is_empty(), "{:?}", web.asked());
}

#[tokio::test]
async fn tk_09_an_odd_key_id_is_rs401() {
    let kit = Kit::new();
    for kid in [
        json!("../../dev/null"),
        json!("/dev/null"),
        json!("' OR 1=1--"),
        json!("x\0"),
        json!({ "kid": 1 }),
        json!([1]),
        json!(1),
        json!(""),
        json!("x".repeat(1000)),
        json!(null),
    ] {
        let header = with(kit.key.header(), "kid", kid.clone());
        if kid.is_null() {
            // Without an id one key is no question; that is JK-06.
            continue;
        }
        is_rs401(&kit, &kit.key.token_with(&header, &kit.claims()), &kid.to_string()).await;
        let empty = Key::hs256("", b"");
        let header = with(header, "alg", json!("HS256"));
        is_rs401(&kit, &empty.token_with(&header, &kit.claims()), &format!("HS256 with an empty key, {kid}")).await;
    }
}

#[tokio::test]
async fn tk_10_a_mac_keyed_with_the_public_key_is_rs401() {
    let key = Key::rs256("k1");
    let kit = kit_with(&[&key]);
    for (number, spelling) in key.rsa_spellings().into_iter().enumerate() {
        let mac = Key::hs256("k1", &spelling);
        is_rs401(&kit, &mac.token(&foreign_claims(&kit)), &format!("spelling {number}")).await;
    }
    let own = kit.key.jwk();
    for secret in [own.to_string(), own["x"].as_str().unwrap().to_owned()] {
        let mac = Key::hs256(&kit.key.kid, secret.as_bytes());
        is_rs401(&kit, &mac.token(&kit.claims()), "our own public key").await;
    }
}

#[tokio::test]
async fn tk_11_tk_12_tk_21_a_token_for_any_other_audience_is_rs401() {
    let kit = Kit::new();
    for audience in [
        json!("https://other.example.com/mcp"),
        json!("http://localhost:8700/mcp-other"),
        json!("http://localhost:8700/mc"),
        json!("http://localhost:8700/mcp/"),
        json!("http://localhost:8700"),
        json!("http://LOCALHOST:8700/mcp"),
        json!("http://localhost:8701/mcp"),
        json!("https://localhost:8700/mcp"),
        json!("x http://localhost:8700/mcp"),
        json!("*"),
        json!(""),
        json!({}),
        json!([]),
        json!([RESOURCE, "https://other.example.com"]),
        json!(["https://other.example.com", RESOURCE]),
        json!([[RESOURCE]]),
        Value::Null,
    ] {
        is_rs401(&kit, &kit.token_saying("aud", audience.clone()), &format!("aud {audience}")).await;
    }
    is_accepted(&kit, &kit.token_saying("aud", json!([RESOURCE])), "a list of ours alone").await;
}

#[tokio::test]
async fn tk_13_tk_17_a_token_of_another_kind_is_rs401() {
    let kit = Kit::new();
    for typ in [
        Value::Null,
        json!(""),
        json!("JWT"),
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("oauth-id-jag+jwt"),
        json!("secevent+jwt"),
        json!("text/at+jwt"),
        json!(["at+jwt"]),
    ] {
        let header = with(kit.key.header(), "typ", typ.clone());
        is_rs401(&kit, &kit.key.token_with(&header, &kit.claims()), &format!("typ {typ}")).await;
    }
    let id_token = with(with(kit.claims(), "aud", json!("test-client")), "nonce", json!("n"));
    is_rs401(&kit, &kit.key.token(&id_token), "an ID token").await;
    for typ in ["at+jwt", "at+JWT", "AT+JWT", "application/at+jwt"] {
        let header = with(kit.key.header(), "typ", json!(typ));
        is_accepted(&kit, &kit.key.token_with(&header, &kit.claims()), typ).await;
    }
}

#[tokio::test]
async fn tk_14_tk_15_garbage_is_rs401_and_64_kib_of_it_too() {
    let kit = Kit::new();
    for garbage in ["x", ".", "..", "...", "a.b.c", "null", "undefined", "e30.e30.e30", "e30.e30.", "AAAA", "~~~~", "-"]
    {
        is_rs401(&kit, garbage, garbage).await;
    }
    is_rs401(&kit, &"A".repeat(64 * 1024), "64 KiB").await;
    is_rs401(&kit, &kit.token_saying("padding", json!("x".repeat(48 * 1024))), "a really signed 64 KiB").await;
}

#[tokio::test]
async fn tk_16_a_doubled_listed_or_odd_header_is_refused_as_malformed() {
    let kit = Kit::new();
    let good = kit.key.token(&kit.claims());
    let bearer = format!("Bearer {good}");
    let lists: Vec<Vec<Vec<u8>>> = vec![
        vec![bearer.clone().into(), bearer.clone().into()],
        vec![bearer.clone().into(), b"Basic YTpi".to_vec()],
        vec![b"Basic YTpi".to_vec(), bearer.clone().into()],
        vec![format!("{bearer}, {bearer}").into()],
        vec![format!("Bearer {good} {good}").into()],
        vec![format!("Bearer\t{good}").into()],
        vec![format!("{bearer}\t").into()],
        vec![format!("Bearer {good}\u{e9}").into()],
        vec![[bearer.as_bytes(), b"\xff"].concat()],
        vec![b"Bearer".to_vec()],
        vec![b"Bearer ".to_vec()],
        vec![b"".to_vec()],
        vec![good.clone().into()],
    ];
    for list in lists {
        let mut request = modern_request(None, &modern_body(1, "tools/call", json!({ "name": "echo" })));
        for value in &list {
            request.headers_mut().append("authorization", http::HeaderValue::from_bytes(value).unwrap());
        }
        is_malformed(&kit, request, &good, &format!("{}", list.concat().escape_ascii())).await;
    }
    assert!(http::HeaderValue::from_bytes(b"Bearer a\0b").is_err(), "a NUL does not even become a header");
}

#[tokio::test]
async fn tk_18_tk_19_a_token_outside_its_time_is_rs401() {
    let kit = Kit::new();
    let now = kit.world.seconds();
    let cases = [
        (
            "exp",
            vec![
                json!(now - 30),
                json!(now - 31),
                json!(now - 3600),
                json!(0),
                Value::Null,
                json!(1.5),
                json!(1.79e9),
                json!((now + 600).to_string()),
                json!(1_i64 << 53),
                json!(-1),
                json!([now + 600]),
                json!(true),
            ],
        ),
        ("nbf", vec![json!(now + 31), json!(now + 3600), json!("0"), json!(1.5), json!(-1)]),
        ("iat", vec![json!(now + 31), json!(now + 3600), json!("0"), json!(1.5), json!(-1)]),
    ];
    for (claim, values) in cases {
        for value in values {
            is_rs401(&kit, &kit.token_saying(claim, value.clone()), &format!("{claim} {value}")).await;
        }
    }
    for (claim, value) in [("exp", now - 29), ("nbf", now + 30), ("iat", now + 30)] {
        is_accepted(&kit, &kit.token_saying(claim, json!(value)), claim).await;
    }
}

#[tokio::test]
async fn tk_18_an_accepted_token_is_rs401_once_its_time_is_over() {
    let kit = Kit::new();
    let token = kit.key.token(&kit.claims());
    is_accepted(&kit, &token, "in time").await;
    kit.world.pass(Duration::from_secs(629));
    is_accepted(&kit, &token, "within the leeway").await;
    let before = kit.inner.arrived().len();
    kit.world.pass(Duration::from_secs(1));
    kit.call_tool(Some(&token), "echo", json!({})).await.assert_401(true);
    assert_eq!(kit.inner.arrived().len(), before);
}

#[tokio::test]
async fn tk_19_a_token_older_than_its_issuers_tokens_may_be_is_rs401() {
    let key = Key::ed("k1");
    let mut issuer = IssuerConfig::new(OTHER, Keys::Jwks(jwks(&[&key])));
    issuer.max_age = Some(Duration::from_secs(300));
    let mut plan = Plan::default();
    plan.issuers = vec![issuer];
    let kit = Kit::with(plan);
    let now = kit.world.seconds();
    let issued = |at: Value| key.token(&with(foreign_claims(&kit), "iat", at));
    for iat in [json!(now - 330), json!(now - 86_400), Value::Null] {
        is_rs401(&kit, &issued(iat.clone()), &format!("iat {iat}")).await;
    }
    is_accepted(&kit, &issued(json!(now - 300)), "just young enough").await;
}

#[tokio::test]
async fn tk_20_tk_28_a_token_in_the_name_of_another_issuer_is_rs401() {
    let key = Key::ed("k1");
    let shared = Key::ed("k2");
    let mut plan = Plan::default();
    plan.issuers = vec![
        IssuerConfig::new(OTHER, Keys::Jwks(jwks(&[&key]))),
        IssuerConfig::new("https://second.example.com", Keys::Jwks(jwks(&[&shared]))),
    ];
    let kit = Kit::with(plan);
    for issuer in [
        json!("https://login.example.com/"),
        json!("https://LOGIN.example.com"),
        json!("https://login.example.com:443"),
        json!("http://login.example.com"),
        json!("https://evil.example.com"),
        json!(""),
        json!([OTHER]),
        Value::Null,
        // Configured, but not whose key this is.
        json!("https://second.example.com"),
        json!(ISSUER),
    ] {
        let token = key.token(&with(foreign_claims(&kit), "iss", issuer.clone()));
        is_rs401(&kit, &token, &format!("iss {issuer}")).await;
    }
    let header = with(key.header(), "kid", json!("k2"));
    is_rs401(&kit, &key.token_with(&header, &foreign_claims(&kit)), "the key id of another issuer").await;
    is_rs401(&kit, &shared.token(&foreign_claims(&kit)), "the key of another issuer").await;
    is_accepted(&kit, &key.token(&foreign_claims(&kit)), "its own").await;
}

#[tokio::test]
async fn tk_22_a_header_that_must_be_understood_is_rs401() {
    let kit = Kit::new();
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
    ] {
        let header = with(kit.key.header(), name, value);
        is_rs401(&kit, &kit.key.token_with(&header, &kit.claims()), name).await;
    }
}

#[tokio::test]
async fn tk_23_a_degenerate_signature_is_rs401() {
    let key = Key::es256("k1");
    let kit = kit_with(&[&key]);
    let token = key.token(&foreign_claims(&kit));
    let signed = token.rsplit_once('.').unwrap().0;
    // The order of P-256.
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let raw = key.signature(signed.as_bytes());
    let der = [&[0x30, 0x46, 0x02, 0x21, 0][..], &raw[..32], &[0x02, 0x21, 0], &raw[32..]].concat();
    for (case, signature) in [
        ("(0, 0)", vec![0; 64]),
        ("(n, n)", [N, N].concat()),
        ("(r, n)", [&raw[..32], &N].concat()),
        ("DER", der),
        ("too long", [&raw[..], &[0]].concat()),
        ("too short", raw[..63].to_vec()),
    ] {
        is_rs401(&kit, &format!("{signed}.{}", b64(signature)), case).await;
    }
    for algorithm in ["RS256", "PS256", "EdDSA", "HS256", "ES384"] {
        let header = with(key.header(), "alg", json!(algorithm));
        is_rs401(&kit, &key.token_with(&header, &foreign_claims(&kit)), algorithm).await;
    }
    // An Ed25519 signature whose R is the neutral point and whose S is zero.
    let mut small = vec![0; 64];
    small[0] = 1;
    let own = kit.key.token(&kit.claims());
    let signed = own.rsplit_once('.').unwrap().0;
    is_rs401(&kit, &format!("{signed}.{}", b64(small)), "a small-order Ed25519 signature").await;
}

#[tokio::test]
async fn tk_25_what_is_no_plain_signed_token_is_rs401() {
    let kit = Kit::new();
    let claims = kit.claims();
    let inner = kit.key.token(&claims);
    let parts: Vec<&str> = inner.split('.').collect();
    let jwe = json!({ "alg": "RSA-OAEP", "enc": "A256GCM" }).to_string();
    let deep = format!("{{\"iss\":\"{ISSUER}\",\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let general = json!({ "payload": parts[1], "signatures": [{ "protected": parts[0], "signature": parts[2] }] });
    let flat = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    for (case, token) in [
        ("a JWE", format!("{}.{}.{}.{}.{}", b64(jwe), b64([1; 16]), b64([2; 12]), b64([3; 32]), b64([4; 16]))),
        ("nested", kit.key.sign(&with(kit.key.header(), "cty", json!("JWT")).to_string(), inner.as_bytes())),
        ("nested, not announced", kit.key.sign(&kit.key.header().to_string(), inner.as_bytes())),
        ("the general serialisation", b64(general.to_string())),
        ("the flat serialisation", b64(flat.to_string())),
        ("a payload that is a list", kit.key.sign(&kit.key.header().to_string(), b"[]")),
        ("a payload that goes 5,000 levels down", kit.key.sign(&kit.key.header().to_string(), deep.as_bytes())),
        (
            "a doubled claim",
            kit.key.sign(
                &kit.key.header().to_string(),
                claims.to_string().replacen('{', "{\"sub\":\"admin\",", 1).as_bytes(),
            ),
        ),
        ("a megabyte", kit.key.sign(&kit.key.header().to_string(), &vec![b' '; 1 << 20])),
    ] {
        is_rs401(&kit, &token, case).await;
    }
}

#[tokio::test]
async fn tk_27_a_subject_that_is_missing_or_unsound_is_rs401() {
    let kit = Kit::new();
    for subject in [
        Value::Null,
        json!(""),
        json!(17),
        json!(["alice"]),
        json!("a\0b"),
        json!("a\nb"),
        json!("a\u{1b}[31m"),
        json!("x".repeat(256)),
        json!("x".repeat(10 * 1024)),
    ] {
        is_rs401(
            &kit,
            &kit.token_saying("sub", subject.clone()),
            &format!("sub of {} bytes", subject.to_string().len()),
        )
        .await;
    }
}

/// A subject with the separator of a joined key is nobody else: another's session is not found by it.
#[tokio::test]
async fn tk_27_a_subject_with_a_colon_meets_nobody_else() {
    let kit = Kit::new();
    let first = kit.key.token(&with(kit.token_claims("alice:crm"), "client_id", json!("app")));
    let second = kit.key.token(&with(kit.token_claims("alice"), "client_id", json!("crm:app")));
    let session = kit.initialize(Some(&first)).await;
    let answer = kit.legacy(Some(&second), &session, "tools/list", json!({})).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(kit.legacy(Some(&first), &session, "tools/list", json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn tk_29_a_revoked_token_is_rs401_on_the_next_request() {
    let kit = Kit::new();
    let (token, id) = kit.token_of("alice", "c", &[], &[], Duration::from_secs(3600));
    is_accepted(&kit, &token, "before").await;
    let session = kit.initialize(Some(&token)).await;
    let seen = kit.inner.arrived().len();
    kit.guard.revoke(&id, kit.world.now() + Duration::from_secs(3600));
    kit.call_tool(Some(&token), "echo", json!({})).await.assert_401(true);
    kit.legacy(Some(&token), &session, "tools/list", json!({})).await.assert_401(true);
    assert_eq!(kit.inner.arrived().len(), seen);
    let (other, _) = kit.token_of("alice", "c", &[], &[], Duration::from_secs(3600));
    is_accepted(&kit, &other, "another token of the same person").await;
    is_rs401(&Kit::new(), &kit.token_saying("jti", Value::Null), "a token of ours without an id").await;
}

/// A token of one of our servers is no token of another (PT-04 is the same from without).
#[tokio::test]
async fn tk_11_a_token_of_one_guarded_server_does_not_open_another() {
    let kit = Kit::new();
    let token = kit.token("alice", &["Admin"], &[]);
    let other = kit.guard.service(doorward::Guarded {
        name: "ops".parse().unwrap(),
        resource: Resource {
            id: "http://localhost:8700/mcp/ops".to_owned(),
            metadata_url: "http://localhost:8700/.well-known/oauth-protected-resource/mcp/ops".to_owned(),
            scopes: Vec::new(),
        },
        upstream: std::sync::Arc::new(kit.inner.clone()),
        call_timeout: Duration::from_secs(5),
    });
    let body = modern_body(1, "tools/call", json!({ "name": "echo" }));
    let response = tower::ServiceExt::oneshot(other, modern_request(Some(&token), &body)).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    nobody_was_asked(&kit, "a token of another server");
}

/// A shared secret takes HS256 with that secret, and nothing else in the same name.
#[tokio::test]
async fn tk_10_an_issuer_with_a_secret_takes_its_secret_alone() {
    let secret = [7; 32];
    let mut plan = Plan::default();
    plan.issuers = vec![IssuerConfig::new(OTHER, Keys::Secret(SymmetricKey::new(&secret).unwrap()))];
    let kit = Kit::with(plan);
    let claims = foreign_claims(&kit);
    let with_secret = |secret: &[u8]| {
        let key = Key::hs256("", secret);
        key.token_with(&json!({ "alg": "HS256", "typ": "at+jwt" }), &claims)
    };
    for wrong in [&[][..], &[8; 32], &secret[..31], &[0; 32]] {
        is_rs401(&kit, &with_secret(wrong), "another secret").await;
    }
    for key in [Key::ed(""), Key::rs256("")] {
        is_rs401(&kit, &key.token(&claims), key.algorithm).await;
    }
    is_accepted(&kit, &with_secret(&secret), "the secret").await;
}
