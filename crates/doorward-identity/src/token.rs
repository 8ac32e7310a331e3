//! One token on its way from text to claims.

use crate::AuthReason;
use crate::json::{self, Json, Object};
use crate::jws::{Compact, Header, VerifyingKey};

/// A token that nobody has vouched for. It can be asked which issuer it *claims*, and nothing else.
pub(crate) struct Unverified<'t> {
    compact: Compact<'t>,
    claims: Object,
}

/// A token whose signature holds: its claims are what the holder of the key wrote.
pub(crate) struct Verified {
    pub(crate) header: Header,
    pub(crate) claims: Object,
}

impl<'t> Unverified<'t> {
    pub(crate) fn read(token: &'t str) -> Result<Self, AuthReason> {
        let compact = Compact::parse(token)?;
        let claims = json::object(compact.unverified_payload()).ok_or(AuthReason::MalformedToken)?;
        Ok(Self { compact, claims })
    }

    pub(crate) fn header(&self) -> &Header {
        self.compact.header()
    }

    /// The issuer that the token claims: it selects whose keys must verify it.
    pub(crate) fn claimed_issuer(&self) -> Result<&str, AuthReason> {
        self.claims.get("iss").and_then(Json::as_str).ok_or(AuthReason::UnknownIssuer)
    }

    pub(crate) fn verify(self, key: &VerifyingKey) -> Result<Verified, AuthReason> {
        let header = self.compact.header().clone();
        self.compact.verify(key)?;
        Ok(Verified { header, claims: self.claims })
    }
}
