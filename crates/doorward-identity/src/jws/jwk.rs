//! Key sets as issuers publish them (RFC 7517), read strictly and within bounds.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;

use super::algorithm::Algorithm;
use super::compact::{Header, MAX_KID};
use super::key::VerifyingKey;
use crate::AuthReason;
use crate::b64;
use crate::json::{self, Json, Object};

/// The longest key set that is read, in bytes (JK-04).
pub const MAX_JWKS: usize = 64 * 1024;
/// The most keys that a set may have (JK-04).
pub const MAX_KEYS: usize = 100;

/// The public keys of one issuer that can verify a token.
///
/// Keys for other uses (`use` other than `sig`, `key_ops` without `verify`), of other kinds, with
/// private parts, too weak, or that are no keys at all are left out: a set may hold what others
/// need. A symmetric key in a public document is never used (TK-10).
#[derive(Clone)]
pub struct PublicKeys {
    keys: Arc<[VerifyingKey]>,
    left_out: usize,
    digest: [u8; 32],
}

/// Why a document is no key set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Longer than [`MAX_JWKS`].
    #[error("the key set is longer than 64 KiB")]
    TooLong,
    /// Not a JSON object with a list `keys` of objects, or with a doubled key.
    #[error("the key set is not a JSON object with a list `keys`")]
    Malformed,
    /// More than [`MAX_KEYS`] keys.
    #[error("the key set has {0} keys and at most 100 are read")]
    TooMany(usize),
    /// No key can verify a token.
    #[error(
        "none of the {0} keys in the key set can verify a token: needed is a public RSA key of at least 2048 bits, a P-256, P-384 or Ed25519 key, for signatures"
    )]
    NoUsableKey(usize),
}

impl PublicKeys {
    /// Reads a JWK set.
    ///
    /// # Errors
    /// See [`JwksError`]; a set without a usable key is an error, so that a wrong file or address
    /// is noticed.
    pub fn from_jwks(document: &[u8]) -> Result<Self, JwksError> {
        if document.len() > MAX_JWKS {
            return Err(JwksError::TooLong);
        }
        let object = json::object(document).ok_or(JwksError::Malformed)?;
        let list = object.get("keys").and_then(Json::as_array).ok_or(JwksError::Malformed)?;
        if list.len() > MAX_KEYS {
            return Err(JwksError::TooMany(list.len()));
        }
        let entries: Vec<&Object> =
            list.iter().map(Json::as_object).collect::<Option<_>>().ok_or(JwksError::Malformed)?;
        let keys: Arc<[VerifyingKey]> = entries.iter().filter_map(|jwk| read(jwk)).collect();
        if keys.is_empty() {
            return Err(JwksError::NoUsableKey(entries.len()));
        }
        let left_out = entries.len().saturating_sub(keys.len());
        Ok(Self { keys, left_out, digest: sha256(document) })
    }

    /// How many keys can verify a token.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Always false: a set without a usable key is not made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys of the document were left out.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The SHA-256 of the document that the keys were read from.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The one key that a token may be verified with.
    ///
    /// # Errors
    /// [`AuthReason::UnknownKey`] when none has the token's `kid`, or none is there for its
    /// algorithm; [`AuthReason::WrongAlgorithm`] when the named key is for other algorithms;
    /// [`AuthReason::AmbiguousKey`] when more than one would do (JK-06). A key without an id is
    /// found only by a token without one.
    pub fn select(&self, header: &Header) -> Result<&VerifyingKey, AuthReason> {
        let mut named = self.keys.iter().filter(|key| key.kid() == header.kid.as_deref() || header.kid.is_none());
        let mut fitting = named.clone().filter(|key| key.fits(header.algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(AuthReason::AmbiguousKey),
            (None, _) if header.kid.is_some() && named.next().is_some() => Err(AuthReason::WrongAlgorithm),
            (None, _) => Err(AuthReason::UnknownKey),
        }
    }
}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter()).finish()
    }
}

/// One key, or `None` when it is not for us.
fn read(jwk: &Object) -> Option<VerifyingKey> {
    let text = |name: &str| match jwk.get(name) {
        None => Some(None),
        Some(Json::String(text)) => Some(Some(text.as_str())),
        Some(_) => None,
    };
    let bytes = |name: &str| b64::decode(jwk.get(name)?.as_str()?);
    // A private part in a published set means that the key is no secret any more.
    if jwk.contains_key("d") || jwk.contains_key("k") {
        return None;
    }
    if text("use")?.is_some_and(|value| value != "sig") {
        return None;
    }
    if let Some(operations) = jwk.get("key_ops")
        && !operations.as_array()?.iter().any(|operation| operation.as_str() == Some("verify"))
    {
        return None;
    }
    let kid = text("kid")?.map(str::to_owned);
    if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
        return None;
    }
    // A key that names its algorithm is pinned to exactly this one (RFC 7517 §4.4, RFC 8725 §3.1).
    let pinned = match text("alg")? {
        None => None,
        Some(name) => Some(Algorithm::parse(name)?),
    };
    let only = |algorithm: Algorithm| pinned.is_none_or(|pin| pin == algorithm).then_some(algorithm);
    match (text("kty")??, text("crv")?) {
        ("RSA", _) => VerifyingKey::rsa(kid, pinned, &bytes("n")?, &bytes("e")?),
        ("EC", Some("P-256")) => VerifyingKey::ecdsa(kid, only(Algorithm::Es256)?, &bytes("x")?, &bytes("y")?),
        ("EC", Some("P-384")) => VerifyingKey::ecdsa(kid, only(Algorithm::Es384)?, &bytes("x")?, &bytes("y")?),
        ("OKP", Some("Ed25519")) => {
            only(Algorithm::EdDsa)?;
            VerifyingKey::ed25519(kid, &bytes("x")?)
        }
        _ => None,
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}
