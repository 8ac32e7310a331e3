//! A small world to test in: an issuer with keys of every kind, a web that counts what is fetched,
//! a fixed time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use doorward_identity::{
    AuthFailure, AuthReason, Authenticator, AuthenticatorBuilder, Caller, Fetch, FetchFailure, Identified,
    IssuerConfig, Keys, Resource, Revocations, Verdict,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

/// The issuer of most tests.
pub(crate) const ISSUER: &str = "https://login.example.com/realms/acme";
/// The resource of most tests.
pub(crate) const AUDIENCE: &str = "https://mcp.example.com/mcp/crm";
/// The time of every test, in seconds.
pub(crate) const NOW: i64 = 1_800_000_000;

/// The time of every test.
pub(crate) fn now() -> SystemTime {
    at(NOW)
}

/// A time in seconds.
pub(crate) fn at(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
}

pub(crate) fn resource() -> Resource {
    Resource {
        id: AUDIENCE.to_owned(),
        metadata_url: "https://mcp.example.com/.well-known/oauth-protected-resource/mcp/crm".to_owned(),
        scopes: vec!["crm".to_owned()],
    }
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// Claims that are accepted.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "user-17", "aud": AUDIENCE, "client_id": "robot", "jti": "t-1",
        "exp": NOW + 600, "iat": NOW - 10, "scope": "crm crm:write", "roles": ["Clerk"],
    })
}

/// Claims that are accepted, but for one, which is set or (by null) removed.
pub(crate) fn claims_with(name: &str, value: Value) -> Value {
    with(claims(), name, value)
}

pub(crate) fn with(mut object: Value, name: &str, value: Value) -> Value {
    let map = object.as_object_mut().expect("object");
    if value.is_null() {
        map.remove(name);
    } else {
        map.insert(name.to_owned(), value);
    }
    object
}

/// A key that signs and says what it is.
pub(crate) struct TestKey {
    pub(crate) kid: String,
    pub(crate) algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Ed(Ed25519KeyPair),
    Ec(&'static str, EcdsaKeyPair),
    Rsa(&'static RsaKeyPair),
    Secret(Vec<u8>),
}

impl TestKey {
    pub(crate) fn ed(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("key");
        Self { kid: kid.to_owned(), algorithm: "EdDSA", pair: Pair::Ed(pair) }
    }

    pub(crate) fn es256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("key");
        Self { kid: kid.to_owned(), algorithm: "ES256", pair: Pair::Ec("P-256", pair) }
    }

    pub(crate) fn es384(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("key");
        Self { kid: kid.to_owned(), algorithm: "ES384", pair: Pair::Ec("P-384", pair) }
    }

    /// RSA keys are slow to make, so there are two in each run.
    pub(crate) fn rsa(kid: &str, algorithm: &'static str) -> Self {
        Self::rsa_of(kid, algorithm, 0)
    }

    pub(crate) fn rsa_of(kid: &str, algorithm: &'static str, which: usize) -> Self {
        static PAIRS: [OnceLock<RsaKeyPair>; 2] = [const { OnceLock::new() }; 2];
        let pair = PAIRS[which].get_or_init(|| rsa::KeyPair::generate(KeySize::Rsa2048).expect("key"));
        Self { kid: kid.to_owned(), algorithm, pair: Pair::Rsa(pair) }
    }

    pub(crate) fn secret(secret: &[u8], algorithm: &'static str) -> Self {
        Self { kid: String::new(), algorithm, pair: Pair::Secret(secret.to_vec()) }
    }

    pub(crate) fn named(mut self, kid: &str) -> Self {
        self.kid = kid.to_owned();
        self
    }

    /// The raw public key: the point, or modulus and exponent.
    pub(crate) fn rsa_public(&self) -> (Vec<u8>, Vec<u8>) {
        let Pair::Rsa(pair) = &self.pair else { panic!("not RSA") };
        let der = pair.public_key().as_ref();
        let (sequence, _) = der_value(der);
        let (n, rest) = der_value(sequence);
        let (e, _) = der_value(rest);
        (n.strip_prefix(&[0]).unwrap_or(n).to_vec(), e.to_vec())
    }

    pub(crate) fn rsa_public_der(&self) -> Vec<u8> {
        let Pair::Rsa(pair) = &self.pair else { panic!("not RSA") };
        pair.public_key().as_ref().to_vec()
    }

    /// The public key as a JWK, pinned to its algorithm.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key()) })
            }
            Pair::Ec(curve, pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                json!({ "kty": "EC", "crv": curve, "x": b64(x), "y": b64(y) })
            }
            Pair::Rsa(_) => {
                let (n, e) = self.rsa_public();
                json!({ "kty": "RSA", "n": b64(n), "e": b64(e) })
            }
            Pair::Secret(secret) => json!({ "kty": "oct", "k": b64(secret) }),
        };
        let map = jwk.as_object_mut().expect("object");
        map.insert("alg".to_owned(), json!(self.algorithm));
        map.insert("use".to_owned(), json!("sig"));
        if !self.kid.is_empty() {
            map.insert("kid".to_owned(), json!(self.kid));
        }
        jwk
    }

    pub(crate) fn header(&self) -> Value {
        let header = json!({ "alg": self.algorithm, "typ": "at+jwt" });
        if self.kid.is_empty() { header } else { with(header, "kid", json!(self.kid)) }
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header(), claims)
    }

    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.sign(&header.to_string(), claims.to_string().as_bytes())
    }

    /// Signs any header text and payload bytes.
    pub(crate) fn sign(&self, header: &str, payload: &[u8]) -> String {
        self.sign_text(&format!("{}.{}", b64(header), b64(payload)))
    }

    /// Signs any text and puts the signature behind it.
    pub(crate) fn sign_text(&self, text: &str) -> String {
        format!("{text}.{}", b64(self.signature(text.as_bytes())))
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Ec(_, pair) => pair.sign(&random, message).expect("signature").as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let padding: &'static dyn signature::RsaEncoding = match self.algorithm {
                    "RS256" => &signature::RSA_PKCS1_SHA256,
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PSS_SHA512,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).expect("signature");
                signature
            }
            Pair::Secret(secret) => {
                let algorithm = match self.algorithm {
                    "HS256" => hmac::HMAC_SHA256,
                    "HS384" => hmac::HMAC_SHA384,
                    _ => hmac::HMAC_SHA512,
                };
                hmac::sign(&hmac::Key::new(algorithm, secret), message).as_ref().to_vec()
            }
        }
    }
}

/// The inside of the first DER value and what comes after it.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, length) = match der[1] {
        short @ 0..=0x7f => (2, usize::from(short)),
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        other => panic!("DER length {other}"),
    };
    der[start..].split_at(length)
}

pub(crate) fn jwks(keys: &[&TestKey]) -> Vec<u8> {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string().into_bytes()
}

/// A web that answers from a table, counts, and can be made to wait.
#[derive(Default)]
pub(crate) struct Web {
    pages: Mutex<HashMap<String, Result<Vec<u8>, FetchFailure>>>,
    log: Mutex<Vec<String>>,
    yields: AtomicUsize,
    gate: Mutex<Option<tokio::sync::watch::Receiver<bool>>>,
    panics: Mutex<bool>,
    failing: AtomicUsize,
}

impl Web {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn page(&self, url: &str, body: impl Into<Vec<u8>>) {
        self.pages.lock().expect("lock").insert(url.to_owned(), Ok(body.into()));
    }

    pub(crate) fn broken(&self, url: &str, failure: FetchFailure) {
        self.pages.lock().expect("lock").insert(url.to_owned(), Err(failure));
    }

    /// How often each fetch lets others run before it answers.
    pub(crate) fn slow(&self, yields: usize) {
        self.yields.store(yields, Ordering::Relaxed);
    }

    /// Answers wait until the gate is opened.
    pub(crate) fn close_gate(&self) -> tokio::sync::watch::Sender<bool> {
        let (sender, receiver) = tokio::sync::watch::channel(false);
        *self.gate.lock().expect("lock") = Some(receiver);
        sender
    }

    /// So many of the next answers are time-outs.
    pub(crate) fn fail_next(&self, count: usize) {
        self.failing.store(count, Ordering::Relaxed);
    }

    pub(crate) fn open_gate(&self) {
        *self.gate.lock().expect("lock") = None;
    }

    pub(crate) fn panic_on_fetch(&self, yes: bool) {
        *self.panics.lock().expect("lock") = yes;
    }

    /// Every address that was fetched, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().expect("lock").clone()
    }

    pub(crate) fn count(&self, url: &str) -> usize {
        self.log().iter().filter(|entry| *entry == url).count()
    }
}

#[async_trait]
impl Fetch for Web {
    async fn get(&self, url: &str) -> Result<Bytes, FetchFailure> {
        self.log.lock().expect("lock").push(url.to_owned());
        let panics = *self.panics.lock().expect("lock");
        assert!(!panics, "the port panics");
        for _ in 0..self.yields.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        let gate = self.gate.lock().expect("lock").clone();
        if let Some(mut gate) = gate {
            let _ = gate.wait_for(|open| *open).await;
        }
        if self.failing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(FetchFailure::TimedOut);
        }
        let page = self.pages.lock().expect("lock").get(url).cloned();
        page.unwrap_or(Err(FetchFailure::Status(404))).map(Bytes::from)
    }
}

/// One issuer with the given keys, strict defaults.
pub(crate) fn config(keys: &[&TestKey]) -> IssuerConfig {
    IssuerConfig::new(ISSUER, Keys::Jwks(jwks(keys)))
}

pub(crate) fn guard(config: IssuerConfig) -> Authenticator {
    guards([config])
}

pub(crate) fn guards(configs: impl IntoIterator<Item = IssuerConfig>) -> Authenticator {
    let builder = configs.into_iter().fold(AuthenticatorBuilder::new(), AuthenticatorBuilder::issuer);
    builder.build(Web::new(), Arc::new(Revocations::new())).expect("authenticator")
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).expect("header"));
    headers
}

pub(crate) async fn identify(guard: &Authenticator, token: &str) -> Result<Verdict, AuthFailure> {
    guard.identify(&bearer(token), &resource(), now()).await
}

/// The caller behind a token that must be accepted.
pub(crate) async fn accepted(guard: &Authenticator, token: &str) -> Arc<Caller> {
    match identify(guard, token).await.map(|verdict| verdict.who) {
        Ok(Identified::Proven(caller)) => caller,
        Ok(Identified::Absent) => panic!("absent"),
        Err(failure) => panic!("refused: {failure}"),
    }
}

/// The reason for which a token is refused.
pub(crate) async fn refused(guard: &Authenticator, token: &str) -> AuthReason {
    match identify(guard, token).await {
        Err(failure) => failure.reason,
        Ok(verdict) => panic!("accepted: {verdict:?}"),
    }
}

/// How many cases a property is tried with: `cheap` ones 1,000, or 100,000 with
/// `DOORWARD_TESTS=all`; others a tenth.
pub(crate) fn cases(cheap: bool) -> u32 {
    let all = std::env::var("DOORWARD_TESTS").is_ok_and(|value| value == "all");
    let cases = if all { 100_000 } else { 1_000 };
    if cheap { cases } else { cases / 10 }
}
