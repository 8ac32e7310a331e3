//! Patterns over canonical HTTP paths.

use std::fmt;
use std::str::FromStr;

/// A path with `*` for one segment and a final `**` for any rest, also none: `/mcp/ops/**` governs `/mcp/ops` too.
///
/// It is matched against the segments of a canonical path, so an encoded slash or a dot segment never gets here.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    segments: Vec<Segment>,
    rest: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Segment {
    Literal(Box<str>),
    One,
}

/// A segment that no pattern holds as a literal, for the question what is covered.
const ANY_SEGMENT: &str = "\0";

impl PathPattern {
    /// Whether the pattern governs a path of these segments.
    #[must_use]
    pub fn matches<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> bool {
        let mut segments = segments.into_iter();
        for expected in &self.segments {
            match (expected, segments.next()) {
                (_, None) => return false,
                (Segment::One, Some(_)) => {}
                (Segment::Literal(literal), Some(segment)) => {
                    if **literal != *segment {
                        return false;
                    }
                }
            }
        }
        self.rest || segments.next().is_none()
    }

    /// Whether `earlier` patterns together leave nothing for this one.
    ///
    /// Exact: a path of this pattern with a segment that no pattern names in each free place is matched only where
    /// all are, and beyond the longest of the earlier patterns more segments change nothing.
    pub(crate) fn is_covered_by(&self, earlier: &[&Self]) -> bool {
        let fixed: Vec<&str> = self
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(literal) => &**literal,
                Segment::One => ANY_SEGMENT,
            })
            .collect();
        let longest = earlier.iter().map(|pattern| pattern.segments.len()).max().unwrap_or(0);
        let extra = if self.rest { longest.saturating_add(1) } else { 0 };
        (0..=extra).all(|extra| {
            let path = || fixed.iter().copied().chain(std::iter::repeat_n(ANY_SEGMENT, extra));
            earlier.iter().any(|pattern| pattern.matches(path()))
        })
    }
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, PathPatternError> {
        let body = text.strip_prefix('/').ok_or(PathPatternError::Relative)?;
        if text.chars().any(|c| c.is_control() || c == ' ' || matches!(c, '%' | '\\' | ';' | '?' | '#')) {
            return Err(PathPatternError::Character);
        }
        let mut parts: Vec<&str> = body.split('/').collect();
        let rest = parts.last() == Some(&"**");
        if rest {
            parts.pop();
        }
        let count = parts.len();
        let mut segments = Vec::with_capacity(count);
        for (index, part) in parts.into_iter().enumerate() {
            segments.push(match part {
                "*" => Segment::One,
                "**" => return Err(PathPatternError::InnerRest),
                "." | ".." => return Err(PathPatternError::Dots),
                // Only the last segment may be empty: `/` itself, or a path that ends with a slash.
                "" if rest || index + 1 < count => return Err(PathPatternError::Empty),
                part if part.contains('*') => return Err(PathPatternError::PartialStar),
                part => Segment::Literal(part.into()),
            });
        }
        Ok(Self { segments, rest })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => write!(f, "/{literal}")?,
                Segment::One => f.write_str("/*")?,
            }
        }
        if self.rest {
            f.write_str("/**")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// Why a text is not a [`PathPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// No slash at the start.
    #[error("a path begins with `/`; write for example `/mcp/crm` or `/mcp/ops/**`")]
    Relative,
    /// A character that no canonical path holds, so that the rule could match nothing.
    #[error(
        "a path holds no `%`, `\\`, `;`, `?`, `#`, space or control character; write it decoded and without a query"
    )]
    Character,
    /// `**` before the end.
    #[error("`**` stands only at the end of a path; use `*` for one segment")]
    InnerRest,
    /// `.` or `..`.
    #[error("a path holds no `.` or `..` segment; write the path that it leads to")]
    Dots,
    /// Two slashes in a row.
    #[error("a path holds no empty segment; remove the doubled `/`")]
    Empty,
    /// A star inside a segment.
    #[error("`*` stands for one whole segment of a path; write `/*/`, or one rule for each name")]
    PartialStar,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        text.parse().expect(text)
    }

    fn segments(path: &str) -> impl Iterator<Item = &str> {
        path.strip_prefix('/').expect("absolute").split('/')
    }

    #[test]
    fn stars_match_segments_and_a_double_star_any_rest() {
        for (text, path, expected) in [
            ("/mcp/crm", "/mcp/crm", true),
            ("/mcp/crm", "/mcp/crm/", false),
            ("/mcp/crm", "/mcp/CRM", false),
            ("/mcp/*", "/mcp/crm", true),
            ("/mcp/*", "/mcp", false),
            ("/mcp/*", "/mcp/a/b", false),
            ("/mcp/ops/**", "/mcp/ops", true),
            ("/mcp/ops/**", "/mcp/ops/", true),
            ("/mcp/ops/**", "/mcp/ops/a/b", true),
            ("/mcp/ops/**", "/mcp/opsx", false),
            ("/**", "/", true),
            ("/**", "/x/y", true),
            ("/", "/", true),
            ("/", "/x", false),
        ] {
            assert_eq!(pattern(text).matches(segments(path)), expected, "{text} on {path}");
        }
    }

    #[test]
    fn patterns_are_shown_as_written() {
        for text in ["/", "/**", "/mcp/*", "/mcp/ops/**", "/mcp/"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        for (text, error) in [
            ("mcp", PathPatternError::Relative),
            ("", PathPatternError::Relative),
            ("/a//b", PathPatternError::Empty),
            ("/a//**", PathPatternError::Empty),
            ("/a/../b", PathPatternError::Dots),
            ("/a/%2e", PathPatternError::Character),
            ("/a b", PathPatternError::Character),
            ("/a?x", PathPatternError::Character),
            ("/**/a", PathPatternError::InnerRest),
            ("/a*", PathPatternError::PartialStar),
        ] {
            assert_eq!(text.parse::<PathPattern>(), Err(error), "{text}");
        }
    }

    #[test]
    fn coverage_counts_earlier_patterns_together() {
        let covered = |text: &str, earlier: &[&str]| {
            let earlier: Vec<PathPattern> = earlier.iter().map(|text| pattern(text)).collect();
            pattern(text).is_covered_by(&earlier.iter().collect::<Vec<_>>())
        };
        assert!(covered("/a/b", &["/a/*"]));
        assert!(covered("/a/*", &["/a/**"]));
        assert!(covered("/a/**", &["/a", "/a/*/**"]));
        assert!(!covered("/a/**", &["/a/*/**"]));
        assert!(!covered("/a/**", &["/a", "/a/*"]));
        assert!(!covered("/a/*", &["/a/b"]));
        assert!(!covered("/a", &[]));
    }
}
