//! Tokens of our own: RFC 9068 access tokens, signed with Ed25519.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::challenge::is_scope_token;
use crate::claims::is_sound;
use crate::jws::{PublicKeys, sha256};
use crate::{ClaimValue, b64};

/// An Ed25519 key that signs tokens. It prints its id alone.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    kid: String,
}

/// A key that could not be made, read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The system gave no randomness, or no memory.
    #[error("a signing key could not be generated")]
    Generate,
    /// The bytes are no Ed25519 key in PKCS#8.
    #[error("this is not an Ed25519 private key in PKCS#8 form")]
    Read,
    /// The key could not be written down.
    #[error("the signing key could not be written in PKCS#8 form")]
    Write,
}

impl SigningKey {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Generate`].
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self::from_pair(Ed25519KeyPair::generate().map_err(|_| KeyError::Generate)?))
    }

    /// Reads a key from PKCS#8 bytes (RFC 5958, RFC 8410).
    ///
    /// # Errors
    /// [`KeyError::Read`].
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::from_pair(Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes).map_err(|_| KeyError::Read)?))
    }

    /// The private key in PKCS#8, to be kept where nobody else reads it. The bytes are wiped when
    /// dropped.
    ///
    /// # Errors
    /// [`KeyError::Write`].
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document: aws_lc_rs::encoding::Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| KeyError::Write)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    fn from_pair(pair: Ed25519KeyPair) -> Self {
        // RFC 7638 §3: the required members in order, without spaces.
        let thumbprint = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64::encode(pair.public_key()));
        let kid = b64::encode(sha256(thumbprint.as_bytes()));
        Self { pair, kid }
    }

    /// The key's id: its JWK thumbprint (RFC 7638, RFC 8037 appendix A.3).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": self.kid, "x": b64::encode(self.pair.public_key()),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The public halves of these keys as a JWK set, newest first as given: what is published, and with
/// [`PublicKeys::from_jwks`] what our own tokens are verified with.
#[must_use]
pub fn public_jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Vec<u8> {
    let keys: Vec<Value> = keys.into_iter().map(SigningKey::public_jwk).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

/// Makes tokens in the name of one issuer.
#[derive(Debug)]
pub struct TokenIssuer {
    issuer: String,
    key: SigningKey,
}

/// What a token is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who it is about.
    pub subject: String,
    /// The client that it is given to.
    pub client: String,
    /// The roles of the subject.
    pub roles: BTreeSet<String>,
    /// What it may be used for.
    pub scopes: BTreeSet<String>,
    /// The one resource that it is for, as [`crate::Resource::id`].
    pub resource: String,
    /// How long it is valid, from a second to [`Grant::MAX_TTL`].
    pub ttl: Duration,
    /// Further claims, which can't be those that the token itself is made of.
    pub claims: BTreeMap<String, ClaimValue>,
}

impl Grant {
    /// The longest that a token may live.
    pub const MAX_TTL: Duration = Duration::from_secs(366 * 24 * 60 * 60);
}

/// A token that was made, and what is to be remembered of it.
#[derive(Debug)]
pub struct Issued {
    /// The token itself: shown once, kept nowhere.
    pub token: SecretToken,
    /// What goes on record. Hand the token out only after this is stored.
    pub record: TokenRecord,
}

/// A token in clear. It prints redacted and is wiped when dropped.
pub struct SecretToken(Zeroizing<String>);

impl SecretToken {
    /// The token, to be handed to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(redacted)")
    }
}

/// What is remembered of an issued token; the token can't be made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// The token's id (`jti`).
    pub id: String,
    /// Who it is about.
    pub subject: String,
    /// The client that it was given to.
    pub client: String,
    /// The roles in it.
    pub roles: BTreeSet<String>,
    /// The scopes in it.
    pub scopes: BTreeSet<String>,
    /// The resource that it is for.
    pub resource: String,
    /// When it was issued, in whole seconds.
    pub issued_at: SystemTime,
    /// When it expires, in whole seconds.
    pub expires_at: SystemTime,
    /// When it was revoked, if it was.
    pub revoked_at: Option<SystemTime>,
}

/// A grant that no token can be made for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// A name is empty, longer than 255 bytes, or has control characters.
    #[error("the {0} must not be empty, longer than 255 bytes or have control characters")]
    BadName(&'static str),
    /// Not a scope token (RFC 6749 §3.3).
    #[error("a scope is made of visible ASCII characters without spaces, quotes and backslashes")]
    BadScope,
    /// Too short or too long.
    #[error("a token lives from one second to 366 days")]
    BadTtl,
    /// A further claim would replace one that the token is made of.
    #[error("the claim `{0}` is set by the issuer itself")]
    ReservedClaim(String),
    /// The time can't be written down.
    #[error("the time can't be calculated with")]
    BadClock,
    /// Longer than what is accepted as a token.
    #[error("the token would be longer than 16 KiB: it has too many roles, scopes or claims")]
    TooLong,
    /// The signature could not be made.
    #[error("the token could not be signed")]
    Sign,
}

/// The claims that the token is made of, and others whose meaning this crate judges by.
const RESERVED: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "azp",
    "scope",
    "roles",
    "cnf",
    "at_hash",
    "c_hash",
    "events",
];

impl TokenIssuer {
    /// Signs in the name of this issuer with this key.
    #[must_use]
    pub fn new(issuer: impl Into<String>, key: SigningKey) -> Self {
        Self { issuer: issuer.into(), key }
    }

    /// The issuer's identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The public half, for [`crate::Keys::Own`].
    ///
    /// # Errors
    /// Never for a key of ours; the set is read as any other one.
    pub fn public_keys(&self) -> Result<PublicKeys, crate::JwksError> {
        PublicKeys::from_jwks(&public_jwks([&self.key]))
    }

    /// Makes a token (RFC 9068 §2). `jti` must be random: it is the token's id.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue(&self, grant: &Grant, now: SystemTime, jti: [u8; 16]) -> Result<Issued, IssueError> {
        check(grant)?;
        let issued_at = seconds(now)?;
        let expires_at = issued_at.checked_add(grant.ttl.as_secs()).ok_or(IssueError::BadClock)?;
        let id = b64::encode(jti);
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.key.kid });
        let mut claims = Map::new();
        for (name, value) in &grant.claims {
            claims.insert(name.clone(), claim(value));
        }
        let own = [
            ("iss", json!(self.issuer)),
            ("sub", json!(grant.subject)),
            ("aud", json!(grant.resource)),
            ("client_id", json!(grant.client)),
            ("exp", json!(expires_at)),
            ("iat", json!(issued_at)),
            ("jti", json!(id)),
            ("roles", json!(grant.roles)),
            ("scope", json!(grant.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" "))),
        ];
        claims.extend(own.map(|(name, value)| (name.to_owned(), value)));

        let mut token = Zeroizing::new(b64::encode(header.to_string()));
        token.push('.');
        token.push_str(&b64::encode(Value::Object(claims).to_string()));
        let signature = self.key.pair.try_sign(token.as_bytes()).map_err(|_| IssueError::Sign)?;
        token.push('.');
        token.push_str(&b64::encode(signature));
        if token.len() > crate::jws::MAX_TOKEN {
            return Err(IssueError::TooLong);
        }
        let at = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(IssueError::BadClock);
        let record = TokenRecord {
            id,
            subject: grant.subject.clone(),
            client: grant.client.clone(),
            roles: grant.roles.clone(),
            scopes: grant.scopes.clone(),
            resource: grant.resource.clone(),
            issued_at: at(issued_at)?,
            expires_at: at(expires_at)?,
            revoked_at: None,
        };
        Ok(Issued { token: SecretToken(token), record })
    }
}

fn check(grant: &Grant) -> Result<(), IssueError> {
    let names = [("subject", &grant.subject), ("client", &grant.client)];
    for (what, name) in names.into_iter().chain(grant.roles.iter().map(|role| ("role", role))) {
        if !is_sound(name) {
            return Err(IssueError::BadName(what));
        }
    }
    if grant.resource.is_empty() {
        return Err(IssueError::BadName("resource"));
    }
    if !grant.scopes.iter().all(|scope| is_scope_token(scope) && is_sound(scope)) {
        return Err(IssueError::BadScope);
    }
    if grant.ttl < Duration::from_secs(1) || grant.ttl > Grant::MAX_TTL {
        return Err(IssueError::BadTtl);
    }
    match grant.claims.keys().find(|name| RESERVED.contains(&name.as_str())) {
        Some(name) => Err(IssueError::ReservedClaim(name.clone())),
        None => Ok(()),
    }
}

fn seconds(time: SystemTime) -> Result<u64, IssueError> {
    Ok(time.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| IssueError::BadClock)?.as_secs())
}

fn claim(value: &ClaimValue) -> Value {
    match value {
        ClaimValue::String(text) => json!(text),
        ClaimValue::Integer(number) => json!(number),
        ClaimValue::Bool(flag) => json!(flag),
        ClaimValue::Strings(texts) => json!(texts),
    }
}
