//! Keys that verify, each pinned to the algorithms it was made for.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, ParsedPublicKey, RsaPublicKeyComponents};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, RSA};
use super::compact::JwsError;

/// A key with the algorithms that it may verify. The pairing is fixed when the key is read; a
/// token's `alg` only chooses among these.
pub struct VerifyingKey {
    kid: Option<String>,
    verifiers: Vec<(Algorithm, Verifier)>,
}

enum Verifier {
    Public(ParsedPublicKey),
    Mac(Box<hmac::Key>),
}

/// The smallest and largest RSA modulus that is used, in bits (RFC 7518 §3.3, TK-23).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

impl VerifyingKey {
    /// Takes the big-endian bytes of an RSA modulus and exponent; `None` for keys that are too
    /// small, too large, even, or have an exponent below 3. A zero before the modulus is a known
    /// mistake of publishers (RFC 7518 §6.3.1.1).
    pub(super) fn rsa(kid: Option<String>, algorithm: Option<Algorithm>, n: &[u8], e: &[u8]) -> Option<Self> {
        let n = n.strip_prefix(&[0]).unwrap_or(n);
        let leading = n.first()?.leading_zeros() as usize;
        let bits = n.len().checked_mul(8)?.checked_sub(leading)?;
        let small_exponent = matches!(e, [] | [0 | 1]);
        let odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte & 1 == 1);
        if !RSA_BITS.contains(&bits) || small_exponent || !odd(n) || !odd(e) || e.len() > 8 {
            return None;
        }
        let algorithms = RSA.into_iter().filter(|known| algorithm.is_none_or(|only| only == *known));
        let mut verifiers = Vec::new();
        for algorithm in algorithms {
            let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(algorithm.rsa()?).ok()?;
            verifiers.push((algorithm, Verifier::Public(key)));
        }
        Self::with(kid, verifiers)
    }

    /// Takes the coordinates of a point in full length (RFC 7518 §6.2.1); `None` when it is not on
    /// the curve.
    pub(super) fn ecdsa(kid: Option<String>, algorithm: Algorithm, x: &[u8], y: &[u8]) -> Option<Self> {
        let length = match algorithm {
            Algorithm::Es256 => 32,
            Algorithm::Es384 => 48,
            _ => return None,
        };
        if x.len() != length || y.len() != length {
            return None;
        }
        let point = [&[4_u8], x, y].concat();
        let key = ParsedPublicKey::new(algorithm.ecdsa()?, point).ok()?;
        Self::with(kid, vec![(algorithm, Verifier::Public(key))])
    }

    /// Takes an Ed25519 public key; `None` when it is no point, or one of small order, under which
    /// signatures can be found that hold for many messages (TK-23).
    pub(super) fn ed25519(kid: Option<String>, x: &[u8]) -> Option<Self> {
        let point: &[u8; 32] = x.try_into().ok()?;
        if is_of_small_order(point) {
            return None;
        }
        let key = ParsedPublicKey::new(&ED25519, point).ok()?;
        Self::with(kid, vec![(Algorithm::EdDsa, Verifier::Public(key))])
    }

    fn with(kid: Option<String>, verifiers: Vec<(Algorithm, Verifier)>) -> Option<Self> {
        (!verifiers.is_empty()).then_some(Self { kid, verifiers })
    }

    /// The key's id, if it was published with one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the key was made for this algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.verifiers.iter().any(|(own, _)| *own == algorithm)
    }

    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), JwsError> {
        let verifier = self.verifiers.iter().find(|(own, _)| *own == algorithm).map(|(_, verifier)| verifier);
        let verdict = match verifier.ok_or(JwsError::WrongAlgorithm)? {
            Verifier::Public(key) => key.verify_sig(message, signature),
            Verifier::Mac(key) => hmac::verify(key, message, signature),
        };
        verdict.map_err(|_| JwsError::BadSignature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.verifiers.iter().map(|(algorithm, _)| algorithm.as_str()).collect();
        f.debug_struct("VerifyingKey").field("kid", &self.kid).field("algorithms", &algorithms).finish_non_exhaustive()
    }
}

/// A secret that an issuer shares with us, at least 256 bits long.
///
/// It verifies `HS256`, and `HS384` and `HS512` when it is as long as their hash (RFC 7518 §3.2).
/// It prints redacted and is wiped when dropped.
#[derive(Clone)]
pub struct SymmetricKey {
    secret: Zeroizing<Vec<u8>>,
    kid: Option<String>,
}

/// The secret is too short to be one (CVE-2026-46701).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the shared secret has {0} bytes and needs at least 32: make one with `openssl rand -hex 32`")]
pub struct WeakSecret(pub usize);

impl SymmetricKey {
    /// Takes a secret of at least 32 bytes, as it is: text is not decoded.
    ///
    /// # Errors
    /// [`WeakSecret`] when it is shorter, so that an empty or short secret refuses to start
    /// anything.
    pub fn new(secret: &[u8]) -> Result<Self, WeakSecret> {
        if secret.len() < 32 {
            return Err(WeakSecret(secret.len()));
        }
        Ok(Self { secret: Zeroizing::new(secret.to_vec()), kid: None })
    }

    /// Names the key: a token with a `kid` must then carry this one. Without a name a token's `kid`
    /// is not looked at, since there is one key.
    #[must_use]
    pub fn named(mut self, kid: &str) -> Self {
        self.kid = Some(kid.to_owned());
        self
    }

    /// The key, ready to verify.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let sizes = [
            (Algorithm::Hs256, hmac::HMAC_SHA256, 32),
            (Algorithm::Hs384, hmac::HMAC_SHA384, 48),
            (Algorithm::Hs512, hmac::HMAC_SHA512, 64),
        ];
        let verifiers = sizes
            .into_iter()
            .filter(|(_, _, least)| self.secret.len() >= *least)
            .map(|(name, algorithm, _)| (name, Verifier::Mac(Box::new(hmac::Key::new(algorithm, &self.secret)))))
            .collect();
        VerifyingKey { kid: self.kid.clone(), verifiers }
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SymmetricKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The y coordinates of the points of order 1, 2, 4 and 8, and those of their spellings that are
/// not reduced modulo p = 2^255 - 19. The sign bit is masked off before comparing, which covers
/// both signs of x.
const SMALL_ORDER_Y: [[u8; 32]; 7] = [
    // 0 (order 4)
    [0; 32],
    // 1 (order 1)
    spelled(1, 0, 0),
    // two of order 8
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    // p - 1 (order 2)
    spelled(0xec, 0xff, 0x7f),
    // p, which is 0 again
    spelled(0xed, 0xff, 0x7f),
    // p + 1, which is 1 again
    spelled(0xee, 0xff, 0x7f),
];

const fn spelled(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

fn is_of_small_order(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y[31] &= 0x7f;
    SMALL_ORDER_Y.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_2026_46701_an_empty_or_short_secret_is_refused() {
        for length in [0, 1, 16, 31] {
            assert_eq!(SymmetricKey::new(&vec![7; length]).err(), Some(WeakSecret(length)));
        }
        assert!(SymmetricKey::new(&[7; 32]).is_ok());
    }

    #[test]
    fn a_secret_verifies_only_hashes_that_it_is_long_enough_for() {
        let fits = |length: usize| {
            let key = SymmetricKey::new(&vec![7; length]).expect("long enough").verifying_key();
            [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512].map(|algorithm| key.fits(algorithm))
        };
        assert_eq!(fits(32), [true, false, false]);
        assert_eq!(fits(48), [true, true, false]);
        assert_eq!(fits(64), [true, true, true]);
    }

    #[test]
    fn a_secret_prints_redacted() {
        let key = SymmetricKey::new(b"canary-canary-canary-canary-canary").expect("long enough");
        assert!(!format!("{key:?} {:?}", key.verifying_key()).contains("canary"));
    }

    #[test]
    fn tk_23_ed25519_points_of_small_order_are_no_keys() {
        for mut point in SMALL_ORDER_Y {
            assert!(VerifyingKey::ed25519(None, &point).is_none());
            point[31] |= 0x80;
            assert!(VerifyingKey::ed25519(None, &point).is_none());
        }
    }
}
