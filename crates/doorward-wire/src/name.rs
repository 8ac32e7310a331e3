//! The name of a guarded server.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The name of a guarded MCP server, as the configuration gives it: 1 to 64 of `a`-`z`, `0`-`9`, `_` and `-`.
///
/// It appears in paths, in the ledger and in metrics, so its alphabet needs no escaping in any of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName(Arc<str>);

impl ServerName {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 64;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerName {
    type Err = BadServerName;

    fn from_str(text: &str) -> Result<Self, BadServerName> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        let plain = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if fits && plain { Ok(Self(text.into())) } else { Err(BadServerName) }
    }
}

impl AsRef<str> for ServerName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Lets a map keyed by names be asked with a `&str`; text and name order and hash alike.
impl Borrow<str> for ServerName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerName({})", self.0)
    }
}

impl Serialize for ServerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ServerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A text that can't name a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a server name is 1 to 64 characters of `a`-`z`, `0`-`9`, `_` and `-`")]
pub struct BadServerName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_read_and_shown_as_they_are() {
        for text in ["crm", "a", "0", "my_server-2", &"x".repeat(64)] {
            assert_eq!(text.parse::<ServerName>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn names_that_need_escaping_somewhere_are_refused() {
        for text in ["", "CRM", "a b", "a/b", "a.b", "../a", "é", "a\n", "a%20", &"x".repeat(65)] {
            assert_eq!(text.parse::<ServerName>(), Err(BadServerName), "{text:?}");
        }
    }

    #[test]
    fn a_name_goes_through_serde_with_the_same_check() {
        assert_eq!(serde_json::to_string(&"crm".parse::<ServerName>().unwrap()).unwrap(), "\"crm\"");
        assert!(serde_json::from_str::<ServerName>("\"crm\"").is_ok());
        assert!(serde_json::from_str::<ServerName>("\"c\\u0072m\"").is_ok());
        assert!(serde_json::from_str::<ServerName>("\"c r m\"").is_err());
    }
}
