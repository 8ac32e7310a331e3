//! Algorithms and the keys that they belong to.

use doorward_identity::{AuthReason, IssuerConfig, Keys, PublicKeys, SymmetricKey};
use serde_json::{Value, json};

use crate::support::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The key as it is published when the publisher does not name its algorithm.
fn unpinned(key: &TestKey) -> Value {
    with(key.jwk(), "alg", Value::Null)
}

fn guard_of(keys: &[Value]) -> doorward_identity::Authenticator {
    guard(IssuerConfig::new(ISSUER, Keys::Jwks(json!({ "keys": keys }).to_string().into_bytes())))
}

#[tokio::test]
async fn every_offered_algorithm_is_accepted_with_its_own_key() {
    let keys = [
        TestKey::ed("ed"),
        TestKey::es256("es256"),
        TestKey::es384("es384"),
        TestKey::rsa("rs256", "RS256"),
        TestKey::rsa("rs384", "RS384"),
        TestKey::rsa("rs512", "RS512"),
        TestKey::rsa("ps256", "PS256"),
        TestKey::rsa("ps384", "PS384"),
        TestKey::rsa("ps512", "PS512"),
    ];
    let guard = guard(config(&keys.iter().collect::<Vec<_>>()));
    for key in &keys {
        accepted(&guard, &key.token(&claims())).await;
    }
}

#[tokio::test]
async fn hs_algorithms_are_accepted_for_a_configured_secret_alone() {
    for algorithm in ["HS256", "HS384", "HS512"] {
        let key = TestKey::secret(SECRET, algorithm);
        let secret = SymmetricKey::new(SECRET).expect("long enough");
        let own = guard(IssuerConfig::new(ISSUER, Keys::Secret(secret)));
        accepted(&own, &key.token(&claims())).await;
        let other = TestKey::secret(&SECRET[1..], algorithm);
        assert_eq!(refused(&own, &other.token(&claims())).await, AuthReason::BadSignature);
    }
    let short = guard(IssuerConfig::new(ISSUER, Keys::Secret(SymmetricKey::new(&SECRET[..32]).expect("long enough"))));
    let token = TestKey::secret(&SECRET[..32], "HS512").token(&claims());
    assert_eq!(refused(&short, &token).await, AuthReason::WrongAlgorithm, "RFC 7518 section 3.2");
}

#[tokio::test]
async fn a_secret_with_a_name_takes_no_other_name() {
    let key = TestKey::secret(SECRET, "HS256");
    let named = SymmetricKey::new(SECRET).expect("long enough").named("main");
    let guard = guard(IssuerConfig::new(ISSUER, Keys::Secret(named)));
    accepted(&guard, &key.token(&claims())).await;
    accepted(&guard, &key.token_with(&with(key.header(), "kid", json!("main")), &claims())).await;
    let other = key.token_with(&with(key.header(), "kid", json!("../../dev/null")), &claims());
    assert_eq!(refused(&guard, &other).await, AuthReason::UnknownKey);
}

#[tokio::test]
async fn a_secret_never_verifies_public_key_signatures_and_the_reverse() {
    let secret = SymmetricKey::new(SECRET).expect("long enough");
    let guard = guard(IssuerConfig::new(ISSUER, Keys::Secret(secret)));
    for key in [TestKey::ed(""), TestKey::es256(""), TestKey::rsa("", "RS256")] {
        assert_eq!(refused(&guard, &key.token(&claims())).await, AuthReason::WrongAlgorithm);
    }
}

#[tokio::test]
async fn tk_10_a_mac_keyed_with_the_public_key_is_refused_in_every_spelling() {
    let key = TestKey::rsa("k1", "RS256");
    let (n, e) = key.rsa_public();
    let der = key.rsa_public_der();
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----", lines.join("\n"));
    let secrets: [Vec<u8>; 9] = [
        pem.clone().into_bytes(),
        format!("{pem}\n").into_bytes(),
        pem.replace('\n', "\r\n").into_bytes(),
        der,
        key.jwk().to_string().into_bytes(),
        jwks(&[&key]),
        n.clone(),
        b64(&n).into_bytes(),
        e,
    ];
    for jwk in [key.jwk(), unpinned(&key)] {
        let guard = guard_of(&[jwk]);
        for secret in &secrets {
            for algorithm in ["HS256", "HS384", "HS512"] {
                let forged = TestKey::secret(secret, algorithm);
                for header in [forged.header(), with(forged.header(), "kid", json!("k1"))] {
                    let reason = refused(&guard, &forged.token_with(&header, &claims())).await;
                    assert!(matches!(reason, AuthReason::WrongAlgorithm | AuthReason::UnknownKey), "{reason:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn tk_09_a_mac_with_an_empty_key_is_refused() {
    let key = TestKey::ed("k1");
    let guard = guard(config(&[&key]));
    let empty = TestKey::secret(b"", "HS256");
    for kid in ["k1", "", "../../dev/null"] {
        let token = empty.token_with(&with(empty.header(), "kid", json!(kid)), &claims());
        assert!(matches!(refused(&guard, &token).await, AuthReason::WrongAlgorithm | AuthReason::UnknownKey));
    }
}

#[tokio::test]
async fn tk_10_a_symmetric_key_in_a_public_set_is_never_used() {
    let published = TestKey::secret(SECRET, "HS256").named("k1");
    let real = TestKey::ed("k2");
    let guard = guard(config(&[&published, &real]));
    assert_eq!(refused(&guard, &published.token(&claims())).await, AuthReason::UnknownKey);
    accepted(&guard, &real.token(&claims())).await;
    assert!(PublicKeys::from_jwks(&jwks(&[&published])).is_err());
}

#[tokio::test]
async fn a_key_that_names_its_algorithm_is_pinned_to_it() {
    let guard = guard(config(&[&TestKey::rsa("k1", "RS256")]));
    accepted(&guard, &TestKey::rsa("k1", "RS256").token(&claims())).await;
    for other in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = TestKey::rsa("k1", other).token(&claims());
        assert_eq!(refused(&guard, &token).await, AuthReason::WrongAlgorithm, "{other}");
    }
}

#[tokio::test]
async fn an_rsa_key_without_an_algorithm_verifies_all_of_rsa_and_nothing_else() {
    let key = TestKey::rsa("k1", "RS256");
    let guard = guard_of(&[unpinned(&key)]);
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        accepted(&guard, &TestKey::rsa("k1", algorithm).token(&claims())).await;
    }
    let ec = TestKey::es256("k1");
    assert_eq!(refused(&guard, &ec.token(&claims())).await, AuthReason::WrongAlgorithm);
}

#[tokio::test]
async fn tk_23_an_algorithm_of_another_key_kind_is_refused() {
    let ec = TestKey::es256("k1");
    for jwk in [ec.jwk(), unpinned(&ec)] {
        let guard = guard_of(&[jwk]);
        for (other, name) in
            [(TestKey::rsa("k1", "RS256"), "RS256"), (TestKey::es384("k1"), "ES384"), (TestKey::ed("k1"), "EdDSA")]
        {
            assert_eq!(refused(&guard, &other.token(&claims())).await, AuthReason::WrongAlgorithm, "{name}");
            // The right key under the wrong name.
            let token = ec.token_with(&with(ec.header(), "alg", json!(name)), &claims());
            assert_eq!(refused(&guard, &token).await, AuthReason::WrongAlgorithm, "{name}");
        }
    }
}

#[tokio::test]
async fn tk_23_degenerate_ecdsa_signatures_are_refused() {
    let key = TestKey::es256("k1");
    let guard = guard(config(&[&key]));
    let order = {
        let text = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        (0..32).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex")).collect::<Vec<u8>>()
    };
    let one = [[0; 31].as_slice(), &[1]].concat();
    let zero = vec![0; 32];
    let signed = key.token(&claims());
    let (signed, _) = signed.rsplit_once('.').expect("parts");
    for r in [&zero, &one, &order] {
        for s in [&zero, &one, &order] {
            let token = format!("{signed}.{}", b64([r.as_slice(), s].concat()));
            assert_eq!(refused(&guard, &token).await, AuthReason::BadSignature);
        }
    }
}

#[tokio::test]
async fn tk_23_a_der_signature_is_refused() {
    let key = TestKey::es256("k1");
    let guard = guard(config(&[&key]));
    let token = key.token(&claims());
    let (signed, signature) = token.rsplit_once('.').expect("parts");
    let raw = unb64(signature);
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        let mut value = bytes[start..].to_vec();
        if value[0] >= 0x80 {
            value.insert(0, 0);
        }
        [&[2, value.len() as u8], value.as_slice()].concat()
    };
    let body = [integer(&raw[..32]), integer(&raw[32..])].concat();
    let der = [&[0x30, body.len() as u8], body.as_slice()].concat();
    assert_eq!(refused(&guard, &format!("{signed}.{}", b64(der))).await, AuthReason::BadSignature);
}

#[tokio::test]
async fn tk_23_signatures_that_are_too_short_or_too_long_are_refused() {
    for key in [
        TestKey::es256("k1"),
        TestKey::es384("k1"),
        TestKey::ed("k1"),
        TestKey::rsa("k1", "RS256"),
        TestKey::rsa("k1", "PS256"),
    ] {
        let guard = guard(config(&[&key]));
        let token = key.token(&claims());
        let (signed, signature) = token.rsplit_once('.').expect("parts");
        let good = unb64(signature);
        let variants = [
            good[1..].to_vec(),
            good[..good.len() - 1].to_vec(),
            [&[0], good.as_slice()].concat(),
            [good.as_slice(), &[0]].concat(),
            [good.as_slice(), &good].concat(),
            vec![0; good.len()],
            vec![0xff; good.len()],
            Vec::new(),
        ];
        for variant in variants {
            let reason = refused(&guard, &format!("{signed}.{}", b64(variant))).await;
            assert_eq!(reason, AuthReason::BadSignature, "{}", key.algorithm);
        }
    }
}

#[test]
fn tk_23_weak_keys_are_left_out_of_a_set() {
    let modulus = |bytes: usize| {
        let mut n = vec![0xc3; bytes];
        n[bytes - 1] |= 1;
        n
    };
    let rsa = |n: &[u8], e: &[u8]| json!({ "kty": "RSA", "kid": "k", "n": b64(n), "e": b64(e) });
    let e = [1, 0, 1];
    let mut even = modulus(256);
    even[255] = 2;
    let mut short = modulus(256);
    short[0] = 0x7f;
    let weak = [
        ("1024 bit", rsa(&modulus(128), &e)),
        ("2047 bit", rsa(&short, &e)),
        ("too large", rsa(&modulus(1025), &e)),
        ("even modulus", rsa(&even, &e)),
        ("exponent 1", rsa(&modulus(256), &[1])),
        ("exponent 0", rsa(&modulus(256), &[0])),
        ("huge exponent", rsa(&modulus(256), &[1; 9])),
        ("even exponent", rsa(&modulus(256), &[1, 0, 0])),
        ("no exponent", json!({ "kty": "RSA", "n": b64(modulus(256)) })),
        ("padded modulus", json!({ "kty": "RSA", "n": format!("{}=", b64(modulus(256))), "e": "AQAB" })),
        ("point off the curve", json!({ "kty": "EC", "crv": "P-256", "x": b64([1; 32]), "y": b64([1; 32]) })),
        ("point at infinity", json!({ "kty": "EC", "crv": "P-256", "x": b64([0; 32]), "y": b64([0; 32]) })),
        ("short coordinate", json!({ "kty": "EC", "crv": "P-256", "x": b64([1; 31]), "y": b64([1; 32]) })),
        ("P-521", json!({ "kty": "EC", "crv": "P-521", "x": b64([1; 66]), "y": b64([1; 66]) })),
        ("secp256k1", json!({ "kty": "EC", "crv": "secp256k1", "x": b64([1; 32]), "y": b64([1; 32]) })),
        ("X25519", json!({ "kty": "OKP", "crv": "X25519", "x": b64([9; 32]) })),
        ("Ed25519 order 4", json!({ "kty": "OKP", "crv": "Ed25519", "x": b64([0; 32]) })),
        ("Ed25519 short", json!({ "kty": "OKP", "crv": "Ed25519", "x": b64([5; 31]) })),
        ("odd kty", json!({ "kty": "AKP" })),
        ("kty list", json!({ "kty": ["RSA"] })),
    ];
    for (what, jwk) in weak {
        let set = json!({ "keys": [jwk] }).to_string();
        assert!(PublicKeys::from_jwks(set.as_bytes()).is_err(), "{what}");
    }
    let fine = json!({ "keys": [rsa(&modulus(256), &e)] }).to_string();
    assert!(PublicKeys::from_jwks(fine.as_bytes()).is_ok());
    let padded = json!({ "keys": [rsa(&[&[0], modulus(256).as_slice()].concat(), &e)] }).to_string();
    assert!(
        PublicKeys::from_jwks(padded.as_bytes()).is_ok(),
        "a zero before the modulus is a publisher's known mistake"
    );
}

#[test]
fn keys_for_other_uses_and_private_keys_are_left_out_of_a_set() {
    let key = TestKey::ed("k1");
    let variants = [
        ("use", json!("enc")),
        ("use", json!(["sig"])),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!([])),
        ("key_ops", json!("verify")),
        ("alg", json!("ES256")),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("none")),
        ("alg", json!(1)),
        ("kid", json!(1)),
        ("kid", json!("x".repeat(257))),
        ("d", json!(b64([7; 32]))),
        ("k", json!(b64([7; 32]))),
    ];
    for (name, value) in variants {
        let jwk = with(key.jwk(), name, value.clone());
        let set = json!({ "keys": [jwk, TestKey::ed("k2").jwk()] }).to_string();
        let keys = PublicKeys::from_jwks(set.as_bytes()).expect("one usable key");
        assert_eq!((keys.len(), keys.left_out()), (1, 1), "{name}: {value}");
    }
    for (name, value) in
        [("key_ops", json!(["verify"])), ("alg", json!("Ed25519")), ("x5t", json!("abc")), ("x5c", json!(["MIIB"]))]
    {
        let set = json!({ "keys": [with(key.jwk(), name, value)] }).to_string();
        assert!(PublicKeys::from_jwks(set.as_bytes()).is_ok(), "{name}");
    }
}
