//! Who is calling, proven.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest;

use crate::Credential;

/// A proven caller.
///
/// There is no public constructor: only the validators of this crate make one, so no header,
/// cookie, session or fallback ever does (CVE-2026-59822).
///
/// ```compile_fail,E0451
/// fn promote(caller: doorward_identity::Caller) -> doorward_identity::Caller {
///     doorward_identity::Caller { roles: ["Admin".to_owned()].into(), ..caller }
/// }
/// ```
pub struct Caller {
    pub(crate) key: CallerKey,
    pub(crate) tenant: Box<str>,
    pub(crate) roles: BTreeSet<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) claims: BTreeMap<String, ClaimValue>,
    pub(crate) expires_at: SystemTime,
    pub(crate) token_id: Option<Box<str>>,
    pub(crate) standing: [u8; 32],
    pub(crate) credential: Credential,
}

impl Caller {
    /// The issuer that vouches for the caller, as configured.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.key.issuer()
    }

    /// The subject, unique within the issuer only: never compare it without the issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.key.subject()
    }

    /// The client that the token was issued to, if it says so (`client_id`, else `azp`).
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.key.client()
    }

    /// The tenant, `default` where none is configured or claimed.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The roles.
    #[must_use]
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// The scopes of this very token.
    #[must_use]
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// The declared claims, by the name that policies use.
    #[must_use]
    pub fn claims(&self) -> &BTreeMap<String, ClaimValue> {
        &self.claims
    }

    /// The moment from which the token is refused (its expiry or maximum age, with the issuer's
    /// leeway): streams that it opened end then.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The token's id (`jti`), if it has one.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// Who this is, as a key.
    #[must_use]
    pub fn key(&self) -> &CallerKey {
        &self.key
    }

    /// A digest of what the caller *is* (tenant, roles, claims) and not of what this token may do
    /// (scopes): a session ends when it changes, while scopes are judged anew on each request
    /// (SE-04, SE-06).
    #[must_use]
    pub fn standing(&self) -> &[u8; 32] {
        &self.standing
    }

    /// The presented token.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Claims may hold personal data: their names are enough.
        f.debug_struct("Caller")
            .field("key", &self.key)
            .field("tenant", &self.tenant)
            .field("roles", &self.roles)
            .field("scopes", &self.scopes)
            .field("claims", &self.claims.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The tuple (issuer, subject, client) that tells callers apart.
///
/// It is a tuple and no joined text, so a subject may hold any character, a `:` too, without ever
/// meaning somebody else (TK-27), and a client named like a person is not that person (CL-05). A
/// key proves nothing: anybody can make one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerKey {
    parts: Arc<Parts>,
}

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parts {
    issuer: Box<str>,
    subject: Box<str>,
    client: Option<Box<str>>,
}

impl CallerKey {
    /// Joins the three parts.
    #[must_use]
    pub fn new(issuer: &str, subject: &str, client: Option<&str>) -> Self {
        let parts = Parts { issuer: issuer.into(), subject: subject.into(), client: client.map(Into::into) };
        Self { parts: Arc::new(parts) }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.parts.issuer
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.parts.subject
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.parts.client.as_deref()
    }
}

/// `subject@client (issuer)` for people, with everything escaped that could draw a line or a colour
/// (ER-10). It is not for comparing.
impl fmt::Display for CallerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.subject().escape_debug())?;
        if let Some(client) = self.client() {
            write!(f, "@{}", client.escape_debug())?;
        }
        write!(f, " ({})", self.issuer().escape_debug())
    }
}

impl fmt::Debug for CallerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallerKey({self})")
    }
}

/// The value of a claim that policies may read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClaimValue {
    /// A text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Bool(bool),
    /// A set of texts.
    Strings(BTreeSet<String>),
}

/// The declared type of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClaimType {
    /// A text.
    String,
    /// A whole number of 64 bit.
    Integer,
    /// Yes or no.
    Bool,
    /// A list of texts, or one text; order and doubles do not count.
    Strings,
}

impl ClaimValue {
    /// The type of this value.
    #[must_use]
    pub fn claim_type(&self) -> ClaimType {
        match self {
            Self::String(_) => ClaimType::String,
            Self::Integer(_) => ClaimType::Integer,
            Self::Bool(_) => ClaimType::Bool,
            Self::Strings(_) => ClaimType::Strings,
        }
    }
}

/// Digests tenant, roles and claims. Every part goes in with its length, so no two standings share
/// a spelling.
pub(crate) fn standing(tenant: &str, roles: &BTreeSet<String>, claims: &BTreeMap<String, ClaimValue>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut add = |kind: u8, bytes: &[u8]| {
        context.update(&[kind]);
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    add(b't', tenant.as_bytes());
    for role in roles {
        add(b'r', role.as_bytes());
    }
    for (name, value) in claims {
        add(b'c', name.as_bytes());
        match value {
            ClaimValue::String(text) => add(b's', text.as_bytes()),
            ClaimValue::Integer(number) => add(b'i', &number.to_be_bytes()),
            ClaimValue::Bool(flag) => add(b'b', &[u8::from(*flag)]),
            ClaimValue::Strings(texts) => {
                add(b'S', &(texts.len() as u64).to_be_bytes());
                for text in texts {
                    add(b'e', text.as_bytes());
                }
            }
        }
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn tk_27_subjects_with_separators_are_never_somebody_else() {
        let plain = CallerKey::new("iss", "a:b", Some("c"));
        for other in [
            CallerKey::new("iss", "a", Some("b:c")),
            CallerKey::new("iss:a", "b", Some("c")),
            CallerKey::new("iss", "a:b:c", None),
            CallerKey::new("iss", "a:b", None),
        ] {
            assert_ne!(plain, other);
        }
        assert_eq!(plain, CallerKey::new("iss", "a:b", Some("c")));
    }

    #[test]
    fn er_10_a_key_is_shown_on_one_line_without_control_characters() {
        let shown = CallerKey::new("i\x1b[31m", "s\r\nx", Some("c\0")).to_string();
        assert!(!shown.chars().any(char::is_control), "{shown}");
    }

    #[test]
    fn the_standing_changes_with_roles_and_claims_and_tenant() {
        let none = BTreeMap::new();
        let base = standing("t", &set(&["a", "b"]), &none);
        assert_eq!(base, standing("t", &set(&["b", "a"]), &none));
        assert_ne!(base, standing("t", &set(&["ab"]), &none));
        assert_ne!(base, standing("t", &set(&["a"]), &none));
        assert_ne!(base, standing("u", &set(&["a", "b"]), &none));
        let claim = |value| BTreeMap::from([("region".to_owned(), value)]);
        let north = standing("t", &set(&["a", "b"]), &claim(ClaimValue::String("north".into())));
        assert_ne!(base, north);
        assert_ne!(north, standing("t", &set(&["a", "b"]), &claim(ClaimValue::String("south".into()))));
        assert_ne!(north, standing("t", &set(&["a", "b"]), &claim(ClaimValue::Strings(set(&["north"])))));
    }
}
