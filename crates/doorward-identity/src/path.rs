//! Where in a token's claims a value lies.

use std::fmt;
use std::str::FromStr;

use crate::json::{Json, Object};

/// The place of a claim: `roles`, `realm_access.roles`, or a collision-resistant name such as
/// `https://example.com/roles`, which is one name with its dots (RFC 7519 §4.2). In other paths a
/// dot parts two names and `\.` is a dot.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClaimPath {
    names: Vec<String>,
}

/// A claim path with an empty name, too many names, or a dangling backslash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no path to a claim: write names parted by dots, at most 8, such as `realm_access.roles`")]
pub struct BadClaimPath(String);

impl ClaimPath {
    /// A claim at the top, whatever characters its name has.
    #[must_use]
    pub fn top(name: &str) -> Self {
        Self { names: vec![name.to_owned()] }
    }

    pub(crate) fn find<'a>(&self, claims: &'a Object) -> Option<&'a Json> {
        let (last, parents) = self.names.split_last()?;
        let mut object = claims;
        for name in parents {
            object = object.get(name)?.as_object()?;
        }
        object.get(last)
    }
}

impl FromStr for ClaimPath {
    type Err = BadClaimPath;

    fn from_str(text: &str) -> Result<Self, BadClaimPath> {
        let bad = || BadClaimPath(text.escape_debug().take(64).collect());
        if text.contains("://") {
            return Ok(Self::top(text));
        }
        let mut names = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '.' => names.push(String::new()),
                '\\' => names.last_mut().ok_or_else(bad)?.push(characters.next().ok_or_else(bad)?),
                other => names.last_mut().ok_or_else(bad)?.push(other),
            }
        }
        if names.len() > 8 || names.iter().any(String::is_empty) {
            return Err(bad());
        }
        Ok(Self { names })
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if self.names.len() == 1 && name.contains("://") {
                f.write_str(name)?;
            } else {
                f.write_str(&name.replace('\\', r"\\").replace('.', r"\."))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimPath({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn find(path: &str, claims: &str) -> Option<Json> {
        let claims = json::object(claims.as_bytes()).expect("claims");
        path.parse::<ClaimPath>().expect("path").find(&claims).cloned()
    }

    #[test]
    fn a_path_finds_nested_claims_and_names_with_dots() {
        let claims = r#"{"roles":"a","realm_access":{"roles":"b"},"https://acme.example/roles":"c","x.y":"d"}"#;
        assert_eq!(find("roles", claims), Some(Json::String("a".into())));
        assert_eq!(find("realm_access.roles", claims), Some(Json::String("b".into())));
        assert_eq!(find("https://acme.example/roles", claims), Some(Json::String("c".into())));
        assert_eq!(find(r"x\.y", claims), Some(Json::String("d".into())));
        assert_eq!(find("x.y", claims), None);
        assert_eq!(find("roles.x", claims), None);
    }

    #[test]
    fn a_path_is_written_as_it_is_read() {
        for text in ["roles", "a.b.c", r"a\.b", r"a\\b.c", "https://acme.example/roles"] {
            let path: ClaimPath = text.parse().expect("path");
            assert_eq!(path.to_string(), text);
            assert_eq!(path.to_string().parse::<ClaimPath>().as_ref(), Ok(&path));
        }
    }

    #[test]
    fn paths_with_empty_names_are_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "a\\", "a.b.c.d.e.f.g.h.i"] {
            assert!(text.parse::<ClaimPath>().is_err(), "{text:?}");
        }
    }
}
