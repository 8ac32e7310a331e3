//! Patterns over the names of tools, prompts and resources.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest pattern, in bytes.
const MAX_LENGTH: usize = 1024;

/// A stand-in for what a `*` matched. Patterns hold no control characters, so nothing but a `*` can match it.
const ANYTHING: &str = "\0";

/// A name with `*` for any run of characters, also an empty one and also across `/`.
///
/// Everything else is literal and case-sensitive. Matching takes time linear in the name for each piece between
/// two stars, and never backtracks (compare CVE-2026-0621).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// The pattern that matches every name.
    #[must_use]
    pub fn any() -> Self {
        Self(Arc::from("*"))
    }

    /// Whether `name` is one of the names that the pattern stands for.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some((head, tail)) = self.0.split_once('*') else {
            return *self.0 == *name;
        };
        let (middle, last) = tail.rsplit_once('*').unwrap_or(("", tail));
        let Some(rest) = name.strip_prefix(head).and_then(|rest| rest.strip_suffix(last)) else {
            return false;
        };
        // The leftmost place is always a right one: what follows only has more room.
        let mut rest = rest;
        for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }

    /// Whether every name of `other` is a name of this pattern too.
    ///
    /// Exact, also for several patterns: put a character that no pattern holds in the place of each `*` of `other`.
    /// That name can be matched only if the stars of one single pattern swallow them.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.matches(&other.0.replace('*', ANYTHING))
    }

    /// The text, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern is one single name.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self.0.contains('*')
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(PatternError::Control);
        }
        if text.len() > MAX_LENGTH {
            return Err(PatternError::TooLong);
        }
        Ok(Self(Arc::from(text)))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Why a text is not a [`Pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing was written.
    #[error("the pattern is empty and can match nothing; write a name, or `*` for every name")]
    Empty,
    /// A tab, a line end or the like.
    #[error("the pattern holds a control character; write the name in one line without tabs")]
    Control,
    /// Longer than any sensible name.
    #[error("the pattern is longer than {MAX_LENGTH} bytes; shorten it with `*`")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().expect("a good pattern")
    }

    #[test]
    fn a_literal_matches_only_itself() {
        assert!(pattern("admin").matches("admin"));
        assert!(!pattern("admin").matches("Admin"));
        assert!(!pattern("admin").matches("admin2"));
        assert!(!pattern("admin").matches(""));
    }

    #[test]
    fn a_star_matches_any_run_also_an_empty_one() {
        for (text, name, expected) in [
            ("*", "", true),
            ("*", "a/b", true),
            ("admin*", "admin", true),
            ("admin*", "adminReset", true),
            ("admin*", "readmin", false),
            ("*Data", "customerData", true),
            ("*Data", "customerDatabase", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("**", "x", true),
            ("a**b", "ab", true),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "aab", false),
        ] {
            assert_eq!(pattern(text).matches(name), expected, "{text} on {name}");
        }
    }

    #[test]
    fn containment_is_exact() {
        for (wide, narrow, expected) in [
            ("*", "admin*", true),
            ("admin*", "adminReset", true),
            ("admin*", "adminReset*", true),
            ("admin*", "*", false),
            ("*a*", "*ba*", true),
            ("*ba*", "*a*", false),
            ("a*", "*a", false),
            ("a", "a*", false),
            ("**", "*", true),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), expected, "{wide} over {narrow}");
        }
    }

    #[test]
    fn empty_controlled_and_endless_patterns_are_refused() {
        assert_eq!("".parse::<Pattern>(), Err(PatternError::Empty));
        assert_eq!("a\nb".parse::<Pattern>(), Err(PatternError::Control));
        assert_eq!("a\0".parse::<Pattern>(), Err(PatternError::Control));
        assert_eq!("x".repeat(MAX_LENGTH + 1).parse::<Pattern>(), Err(PatternError::TooLong));
    }
}
