//! Issuers: whose tokens are accepted, by which keys, and how their claims are read.

mod discovery;
mod remote;
mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::{ClaimPath, ClaimType, PublicKeys, SymmetricKey};

pub use remote::KeyTiming;
pub(crate) use source::KeySource;

/// One issuer whose tokens are accepted.
///
/// Everything here comes from configuration; nothing is taken from a request (MX-04).
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// The issuer's identifier, compared with the `iss` claim byte for byte: no case folding, no
    /// trailing slash forgiven (RFC 9068 §4, TK-20).
    pub issuer: String,
    /// Where its keys come from.
    pub keys: Keys,
    /// An audience of its own that its tokens carry instead of the resource's identifier. Tokens
    /// may then list other audiences beside it (TK-12); without it a token must be for our resource
    /// alone.
    pub audience: Option<String>,
    /// The `typ` that its access tokens carry.
    pub typ: Typ,
    /// Where its tokens hold the roles: a string (one role) or a list of strings.
    pub roles: ClaimPath,
    /// Where its tokens hold the scopes: a string parted by spaces or a list of strings.
    pub scopes: ClaimPath,
    /// The claims that policies may read: the policies' name, where it lies, and its type. A claim
    /// of another type refuses the token; an absent one is absent.
    pub claims: BTreeMap<String, (ClaimPath, ClaimType)>,
    /// Where its tokens hold the tenant; without it, or where the claim is absent, the tenant is
    /// `default`.
    pub tenant: Option<ClaimPath>,
    /// How far clocks may differ when times are compared; at most [`IssuerConfig::MAX_LEEWAY`].
    pub leeway: Duration,
    /// How old a token may be, whatever its expiry says; it must then carry `iat`.
    pub max_age: Option<Duration>,
    /// The token must have an id (`jti`), which is looked up among the revoked ones. Always so for
    /// [`Keys::Own`].
    pub require_token_record: bool,
}

impl IssuerConfig {
    /// The leeway unless configured.
    pub const LEEWAY: Duration = Duration::from_secs(30);
    /// The largest leeway that is accepted.
    pub const MAX_LEEWAY: Duration = Duration::from_secs(300);

    /// An issuer with the strict defaults of RFC 9068: type `at+jwt`, the resource as audience,
    /// roles in `roles`, scopes in `scope`.
    #[must_use]
    pub fn new(issuer: impl Into<String>, keys: Keys) -> Self {
        let require_token_record = matches!(keys, Keys::Own(_));
        Self {
            issuer: issuer.into(),
            keys,
            audience: None,
            typ: Typ::AccessToken,
            roles: ClaimPath::top("roles"),
            scopes: ClaimPath::top("scope"),
            claims: BTreeMap::new(),
            tenant: None,
            leeway: Self::LEEWAY,
            max_age: None,
            require_token_record,
        }
    }
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum Keys {
    /// From its own metadata, found from the issuer's identifier alone (RFC 8414, OpenID Connect
    /// Discovery; C25, C26).
    Discover,
    /// From a key set at this address.
    JwksUrl(String),
    /// From a key set that was handed over (RFC 7517 §5).
    Jwks(Vec<u8>),
    /// A secret that the issuer shares with us.
    Secret(SymmetricKey),
    /// Our own: tokens are checked against the revoked ones.
    Own(PublicKeys),
}

/// The `typ` that an issuer's access tokens must carry (RFC 9068 §4, RFC 8725 §3.11). Types are
/// compared without case, with or without a leading `application/` (RFC 7515 §4.1.9).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Typ {
    /// `at+jwt`.
    #[default]
    AccessToken,
    /// Another one, such as `JWT`: it does not set access tokens apart from others, so the audience
    /// must.
    Other(String),
}

impl Typ {
    /// Reads a configured type.
    #[must_use]
    pub fn new(typ: &str) -> Self {
        let own = Self::AccessToken;
        if own.matches(Some(typ)) { own } else { Self::Other(typ.to_owned()) }
    }

    pub(crate) fn matches(&self, found: Option<&str>) -> bool {
        let wanted = match self {
            Self::AccessToken => "at+jwt",
            Self::Other(wanted) => bare(wanted),
        };
        found.is_some_and(|found| bare(found).eq_ignore_ascii_case(wanted))
    }
}

impl fmt::Display for Typ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessToken => f.write_str("at+jwt"),
            Self::Other(typ) => f.write_str(typ),
        }
    }
}

fn bare(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk_17_the_default_type_is_that_of_access_tokens_without_case_and_prefix() {
        let typ = Typ::default();
        for good in ["at+jwt", "AT+JWT", "at+JWT", "application/at+jwt", "Application/AT+jwt"] {
            assert!(typ.matches(Some(good)), "{good}");
        }
        let bad = [
            "",
            "JWT",
            "jwt",
            "dpop+jwt",
            "logout+jwt",
            "oauth-id-jag+jwt",
            "at+jwt ",
            "application/application/at+jwt",
            "text/at+jwt",
        ];
        for bad in bad {
            assert!(!typ.matches(Some(bad)), "{bad}");
        }
        assert!(!typ.matches(None));
    }

    #[test]
    fn an_issuer_may_be_given_a_type_of_its_own_and_then_has_only_that() {
        let typ = Typ::new("JWT");
        assert!(typ.matches(Some("jwt")) && typ.matches(Some("application/JWT")));
        assert!(!typ.matches(Some("at+jwt")) && !typ.matches(None));
        assert_eq!(Typ::new("application/at+jwt"), Typ::AccessToken);
    }
}
