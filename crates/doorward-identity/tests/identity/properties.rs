//! What holds for every input.

use std::sync::OnceLock;

use doorward_identity::Authenticator;
use doorward_identity::jws::{Compact, PublicKeys};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

struct World {
    guard: Authenticator,
    tokens: Vec<String>,
    keys: Vec<PublicKeys>,
}

/// One valid token of each key kind, and the guard that accepts them.
fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let keys =
            [TestKey::ed("ed"), TestKey::es256("es256"), TestKey::rsa("rs", "RS256"), TestKey::rsa("ps", "PS256")];
        World {
            guard: guard(config(&keys.iter().collect::<Vec<_>>())),
            tokens: keys.iter().map(|key| key.token(&claims())).collect(),
            keys: keys.iter().map(|key| PublicKeys::from_jwks(&jwks(&[key])).expect("keys")).collect(),
        }
    })
}

fn accepts(token: &str) -> bool {
    let mut headers = http::HeaderMap::new();
    let Ok(value) = http::HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()) else {
        return false;
    };
    headers.insert(http::header::AUTHORIZATION, value);
    block_on(world().guard.identify(&headers, &resource(), now())).is_ok()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!(AUDIENCE)),
        Just(json!(ISSUER)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{0,4}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

#[test]
fn the_unchanged_tokens_are_accepted() {
    for token in &world().tokens {
        assert!(accepts(token));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(true)))]

    #[test]
    fn flipping_any_bit_of_a_valid_token_never_verifies(
        which in 0..4_usize,
        position: prop::sample::Index,
        bit in 0..8_u32,
    ) {
        let token = &world().tokens[which];
        let mut bytes = token.clone().into_bytes();
        let index = position.index(bytes.len());
        bytes[index] ^= 1 << bit;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(!accepts(&changed), "byte {index}, bit {bit}");
        }
    }

    #[test]
    fn replacing_any_character_of_a_valid_token_never_verifies(
        which in 0..4_usize,
        position: prop::sample::Index,
        with in "[A-Za-z0-9_.=+/ -]",
    ) {
        let token = &world().tokens[which];
        let index = position.index(token.len());
        let changed = format!("{}{with}{}", &token[..index], &token[index + 1..]);
        prop_assert!(changed == *token || !accepts(&changed));
    }

    #[test]
    fn cutting_or_doubling_a_part_of_a_valid_token_never_verifies(
        which in 0..4_usize,
        a: prop::sample::Index,
        b: prop::sample::Index,
    ) {
        let token = &world().tokens[which];
        let (a, b) = (a.index(token.len()), b.index(token.len()));
        let (from, to) = (a.min(b), a.max(b));
        let cut = format!("{}{}", &token[..from], &token[to..]);
        prop_assert!(from == to || !accepts(&cut));
        let doubled = format!("{}{}{}", &token[..to], &token[from..to], &token[to..]);
        prop_assert!(from == to || !accepts(&doubled));
    }

    #[test]
    fn a_key_verifies_no_token_of_another_key(which in 0..4_usize, other in 0..4_usize) {
        let compact = Compact::parse(&world().tokens[which]).expect("token");
        let keys = &world().keys[other];
        let verified = keys.select(compact.header()).ok().and_then(|key| compact.verify(key).ok()).is_some();
        prop_assert_eq!(verified, which == other);
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        doorward_identity::fuzz::jwt(&bytes);
    }

    #[test]
    fn no_token_like_text_makes_the_parsers_panic(
        header in "\\PC{0,60}",
        payload in "\\PC{0,60}",
        signature in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let text = format!("{}.{}.{}", b64(&header), b64(&payload), b64(&signature));
        doorward_identity::fuzz::jwt(text.as_bytes());
        prop_assert!(!accepts(&text));
    }

    #[test]
    fn no_key_like_object_makes_the_parsers_panic(
        kty in "RSA|EC|OKP|oct",
        crv in "P-256|P-384|Ed25519|X25519",
        x in prop::collection::vec(any::<u8>(), 0..70),
        y in prop::collection::vec(any::<u8>(), 0..70),
    ) {
        let (x, y) = (b64(&x), b64(&y));
        let set = json!({ "keys": [{ "kty": kty, "crv": crv, "x": x, "y": y, "n": x, "e": y }] });
        doorward_identity::fuzz::jwt(set.to_string().as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(false)))]

    #[test]
    fn any_value_of_any_claim_is_accepted_soundly_or_refused(
        name in "iss|sub|aud|exp|nbf|iat|jti|client_id|azp|scope|roles|cnf|x",
        value in any_json(),
    ) {
        static SIGNER: OnceLock<(TestKey, Authenticator)> = OnceLock::new();
        let (key, guard) = SIGNER.get_or_init(|| {
            let key = TestKey::ed("k1");
            let guard = guard(config(&[&key]));
            (key, guard)
        });
        let mut claims = claims();
        claims[&name] = value.clone();
        let token = key.token(&claims);
        let answer = block_on(guard.identify(&bearer(&token), &resource(), now()));
        if let Ok(verdict) = answer {
            let doorward_identity::Identified::Proven(caller) = verdict.who else {
                panic!("a credential is never absent")
            };
            prop_assert_eq!(caller.issuer(), ISSUER);
            prop_assert!(!caller.subject().is_empty() && caller.subject().len() <= 255);
            prop_assert!(caller.expires_at() > now());
            let fits = match name.as_str() {
                "iss" => value == json!(ISSUER),
                "aud" => value == json!(AUDIENCE) || value == json!([AUDIENCE]),
                "exp" | "nbf" | "iat" => value.as_i64().is_some_and(|seconds| (0..1 << 53).contains(&seconds)),
                "cnf" => false,
                _ => true,
            };
            prop_assert!(fits, "{name}: {value}");
        }
    }
}
