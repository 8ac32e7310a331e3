//! Whom a record is about.

use serde::{Serialize, Serializer};

use crate::Text;

/// Who called: a proven caller, the anonymous caller of a rule that allows one, or nobody.
///
/// In a record: an object with `issuer`, `subject`, `client` (when the token named one) and
/// `tenant`, or one of the words `anonymous` and `absent`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// A caller whom a validator has proven.
    Caller(CallerLabel),
    /// No credential, and a rule that lets anyone in.
    Anonymous,
    /// No credential, or none that holds: an unproven claim is never written.
    Absent,
}

/// The names of a proven caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct CallerLabel {
    /// The issuer of the token.
    pub issuer: Text,
    /// The subject of the token.
    pub subject: Text,
    /// The client of the token, when it names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text>,
    /// The tenant: a configured claim, else `default`.
    pub tenant: Text,
}

impl Who {
    /// Labels a proven caller. The caller must pass claims of a validated credential alone.
    #[must_use]
    pub fn caller(issuer: &str, subject: &str, client: Option<&str>, tenant: &str) -> Self {
        Self::Caller(CallerLabel {
            issuer: Text::clip(issuer),
            subject: Text::clip(subject),
            client: client.map(Text::clip),
            tenant: Text::clip(tenant),
        })
    }
}

impl Serialize for Who {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Caller(label) => label.serialize(serializer),
            Self::Anonymous => serializer.serialize_str("anonymous"),
            Self::Absent => serializer.serialize_str("absent"),
        }
    }
}
