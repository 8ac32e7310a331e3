//! A token as it came: three parts, a bounded header, nothing believed.

use super::algorithm::Algorithm;
use super::key::VerifyingKey;
use crate::AuthReason;
use crate::b64;
use crate::json::{self, Json};

/// The longest token that is looked at, in bytes (TK-15).
pub const MAX_TOKEN: usize = 16 * 1024;
/// The longest key id, in bytes (TK-09).
pub const MAX_KID: usize = 256;

/// Header parameters that would let a token say how it is to be verified, where its key lies, or
/// that its payload is something else than it seems. None is supported, so each refuses the token
/// (RFC 7515 §4.1, RFC 7797, RFC 8725 §3.10; TK-07, TK-08, TK-22, TK-25).
const NEVER_TRUSTED: [&str; 7] = ["crit", "b64", "zip", "jku", "x5u", "x5c", "jwk"];

/// Why a token in compact form was refused before anything in it could count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN`].
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// Not three canonical base64url parts, or the header is no JSON object with sound members.
    #[error("the token is not a JSON web signature in compact form")]
    Malformed,
    /// The header has a parameter that is never trusted.
    #[error("the token's header has a parameter that is never trusted")]
    UnsafeHeader,
    /// The algorithm is not offered, or missing.
    #[error("the token's algorithm is not offered")]
    UnsupportedAlgorithm,
    /// The algorithm is not one that the key was made for.
    #[error("the token's algorithm does not belong to the key")]
    WrongAlgorithm,
    /// The signature does not verify.
    #[error("the token's signature is not valid")]
    BadSignature,
}

impl From<JwsError> for AuthReason {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLong => Self::TooLong,
            JwsError::Malformed => Self::MalformedToken,
            JwsError::UnsafeHeader => Self::UnsafeHeader,
            JwsError::UnsupportedAlgorithm => Self::UnsupportedAlgorithm,
            JwsError::WrongAlgorithm => Self::WrongAlgorithm,
            JwsError::BadSignature => Self::BadSignature,
        }
    }
}

/// The protected header, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `typ`, as it was written.
    pub typ: Option<String>,
    /// `kid`, at most [`MAX_KID`] bytes without control characters. It is compared and never used
    /// as a name of anything else (no file, no query, no URL).
    pub kid: Option<String>,
}

/// A token in compact form whose signature has not been looked at.
pub struct Compact<'t> {
    signed: &'t str,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// A payload whose signature was verified. Only [`Compact::verify`] makes one.
///
/// ```compile_fail,E0423
/// let forged = doorward_identity::jws::VerifiedPayload(b"{}".to_vec());
/// ```
pub struct VerifiedPayload(Vec<u8>);

impl<'t> Compact<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// See [`JwsError`]; five parts (JWE), JSON serialisation and nested tokens are malformed
    /// (TK-25).
    pub fn parse(token: &'t str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN {
            return Err(JwsError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
        // A further dot would be a foreign character of the payload, so "exactly three parts"
        // holds.
        let header = b64::decode(header).ok_or(JwsError::Malformed)?;
        Ok(Self {
            signed,
            header: Header::read(&header)?,
            payload: b64::decode(payload).ok_or(JwsError::Malformed)?,
            signature: b64::decode(signature).ok_or(JwsError::Malformed)?,
        })
    }

    /// The header: good for choosing a key, and for nothing else until the signature holds.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload as *anybody* may have written it. Its one use is to select the issuer whose keys
    /// must verify it.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Verifies the signature with a key that was made for the token's algorithm.
    ///
    /// # Errors
    /// [`JwsError::WrongAlgorithm`] or [`JwsError::BadSignature`].
    pub fn verify(self, key: &VerifyingKey) -> Result<VerifiedPayload, JwsError> {
        key.verify(self.header.algorithm, self.signed.as_bytes(), &self.signature)?;
        Ok(VerifiedPayload(self.payload))
    }
}

impl VerifiedPayload {
    /// The bytes that were signed as payload.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, JwsError> {
        let object = json::object(bytes).ok_or(JwsError::Malformed)?;
        if NEVER_TRUSTED.iter().any(|name| object.contains_key(*name)) {
            return Err(JwsError::UnsafeHeader);
        }
        let text = |name: &str| match object.get(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(JwsError::Malformed),
        };
        // A nested token announces itself (RFC 7519 §5.2); its payload would be no claims set
        // anyway.
        if text("cty")?.is_some_and(|cty| cty.eq_ignore_ascii_case("jwt")) {
            return Err(JwsError::Malformed);
        }
        let name = object.get("alg").and_then(Json::as_str).ok_or(JwsError::UnsupportedAlgorithm)?;
        let kid = text("kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID || kid.chars().any(char::is_control)) {
            return Err(JwsError::Malformed);
        }
        Ok(Self { algorithm: Algorithm::parse(name).ok_or(JwsError::UnsupportedAlgorithm)?, typ: text("typ")?, kid })
    }
}
