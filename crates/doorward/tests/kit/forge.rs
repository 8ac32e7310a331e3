//! Keys that sign anything: the right claims, wrong ones, and what is no token at all.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A key that signs, and what it says of itself in a header.
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Ed(Box<Ed25519KeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Rsa(&'static RsaKeyPair),
    Secret(Vec<u8>),
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The object with one member set or, by null, removed.
pub(crate) fn with(mut object: Value, name: &str, value: Value) -> Value {
    let map = object.as_object_mut().expect("an object");
    match value {
        Value::Null => drop(map.remove(name)),
        value => drop(map.insert(name.to_owned(), value)),
    }
    object
}

impl Key {
    /// The key whose private half is this.
    pub(crate) fn ed_from_pkcs8(kid: &str, pkcs8: &[u8]) -> Self {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).unwrap();
        Self { kid: kid.to_owned(), algorithm: "EdDSA", pair: Pair::Ed(Box::new(pair)) }
    }

    pub(crate) fn ed(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        Self { kid: kid.to_owned(), algorithm: "EdDSA", pair: Pair::Ed(Box::new(pair)) }
    }

    pub(crate) fn es256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid: kid.to_owned(), algorithm: "ES256", pair: Pair::Ec(Box::new(pair)) }
    }

    /// The RSA key of this run, as keys of this kind are slow to make.
    pub(crate) fn rs256(kid: &str) -> Self {
        static PAIR: OnceLock<RsaKeyPair> = OnceLock::new();
        let pair = PAIR.get_or_init(|| rsa::KeyPair::generate(KeySize::Rsa2048).unwrap());
        Self { kid: kid.to_owned(), algorithm: "RS256", pair: Pair::Rsa(pair) }
    }

    pub(crate) fn hs256(kid: &str, secret: &[u8]) -> Self {
        Self { kid: kid.to_owned(), algorithm: "HS256", pair: Pair::Secret(secret.to_vec()) }
    }

    /// The public half as DER, as PEM and as a modulus: what an attacker takes for a MAC's secret.
    pub(crate) fn rsa_spellings(&self) -> Vec<Vec<u8>> {
        let Pair::Rsa(pair) = &self.pair else { panic!("no RSA key") };
        let der = pair.public_key().as_ref();
        let pem = |end: &str| {
            format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----{end}", STANDARD.encode(der))
        };
        let jwk = self.jwk();
        let modulus = jwk["n"].as_str().unwrap();
        vec![
            der.to_vec(),
            pem("").into_bytes(),
            pem("\n").into_bytes(),
            pem("\r\n").into_bytes(),
            jwk.to_string().into_bytes(),
            modulus.as_bytes().to_vec(),
            URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        ]
    }

    /// The public half as a JWK, pinned to the algorithm.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Ed(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key()) }),
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) })
            }
            Pair::Rsa(pair) => {
                // SEQUENCE (0x30 0x82 ..) { INTEGER n (0x02 0x82 .. with a leading zero), INTEGER e = 65537 }.
                let der = pair.public_key().as_ref();
                json!({ "kty": "RSA", "n": b64(&der[9..9 + 256]), "e": "AQAB" })
            }
            Pair::Secret(secret) => json!({ "kty": "oct", "k": b64(secret) }),
        };
        let map = jwk.as_object_mut().unwrap();
        map.insert("alg".to_owned(), json!(self.algorithm));
        map.insert("kid".to_owned(), json!(self.kid));
        jwk
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.algorithm, "typ": "at+jwt", "kid": self.kid })
    }

    /// A token with these claims and an ordinary header.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header(), claims)
    }

    /// A token with any header and any claims.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.sign(&header.to_string(), claims.to_string().as_bytes())
    }

    /// Any header text and any payload, signed.
    pub(crate) fn sign(&self, header: &str, payload: &[u8]) -> String {
        let text = format!("{}.{}", b64(header), b64(payload));
        let signature = self.signature(text.as_bytes());
        format!("{text}.{}", b64(signature))
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Pair::Secret(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
        }
    }
}

/// The key set that an issuer publishes.
pub(crate) fn jwks(keys: &[&Key]) -> Vec<u8> {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string().into_bytes()
}
