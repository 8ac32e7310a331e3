//! The presented token, kept only to make sure that it goes nowhere else.

use std::fmt;

use memchr::memmem;
use zeroize::Zeroizing;

use crate::jws::sha256;

/// The token that a caller presented. It prints redacted, is wiped when dropped, and can't be read
/// back: it can only be looked for (PT-01 to PT-05).
#[derive(Clone)]
pub struct Credential {
    token: Zeroizing<String>,
}

impl Credential {
    pub(crate) fn new(token: &str) -> Self {
        Self { token: Zeroizing::new(token.to_owned()) }
    }

    /// Whether these bytes contain the token, or its signature: whoever has the one has the other,
    /// since header and claims are no secret. The characters of a token stand for themselves in
    /// JSON strings and in URLs, so the plain search finds it there too.
    #[must_use]
    pub fn appears_in(&self, bytes: &[u8]) -> bool {
        let needle = match self.token.rsplit_once('.') {
            Some((_, signature)) if !signature.is_empty() => signature,
            _ => self.token.as_str(),
        };
        memmem::find(bytes, needle.as_bytes()).is_some()
    }

    /// The SHA-256 of the token.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        sha256(self.token.as_bytes())
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pt_02_the_token_is_found_whole_and_by_its_signature() {
        let credential = Credential::new("aaa.bbb.signature");
        for text in ["aaa.bbb.signature", "{\"x\":\"aaa.bbb.signature\"}", "bbb.signature", "?t=signature&x"] {
            assert!(credential.appears_in(text.as_bytes()), "{text}");
        }
        for text in ["", "aaa.bbb.", "signatur", "aaa"] {
            assert!(!credential.appears_in(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_credential_prints_redacted() {
        assert_eq!(format!("{:?}", Credential::new("aaa.bbb.canary")), "Credential(redacted)");
    }
}
