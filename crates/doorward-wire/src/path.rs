//! The one form of an HTTP path that rules and routing see.

use std::fmt;

/// An HTTP path in canonical form: what a rule matches is what is routed (HD-06).
///
/// Two spellings of one path have one form: an escape of an unreserved character (RFC 3986 §2.3) is decoded, the hex
/// digits of the others are upper-case, and a final `/` is dropped. Whatever some server could resolve to another path is
/// refused instead: dot segments, empty segments, encoded slashes and percent signs, backslashes, parameters (`;`),
/// control characters and anything outside of ASCII. Case counts.
///
/// Canonical text is its own canonical form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalPath(String);

/// Why a path has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with `/`.
    #[error("a path begins with `/`")]
    Relative,
    /// It is longer than [`CanonicalPath::MAX_LENGTH`].
    #[error("the path is too long")]
    TooLong,
    /// A character that has no place in a path, plain or encoded: control, `\`, `;`, `?`, `#`, `%` itself, not ASCII.
    #[error("the path holds a character that is not allowed")]
    Character,
    /// `%` without two hex digits, or escapes that are not UTF-8.
    #[error("an escape in the path is malformed")]
    Escape,
    /// An encoded `/`.
    #[error("the path holds an encoded `/`")]
    EncodedSlash,
    /// Two slashes in a row.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// `.` or `..`, plain or encoded.
    #[error("the path holds a dot segment")]
    DotSegment,
}

impl CanonicalPath {
    /// The longest path, in bytes.
    pub const MAX_LENGTH: usize = 2048;

    /// Reads the path of a request, without its query.
    ///
    /// # Errors
    ///
    /// For every path that could be read in two ways; the request is answered with 400.
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        if raw.len() > Self::MAX_LENGTH {
            return Err(PathError::TooLong);
        }
        if raw == "/" {
            return Ok(Self(raw.to_owned()));
        }
        let path = raw.strip_prefix('/').ok_or(PathError::Relative)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut canonical = String::with_capacity(raw.len());
        for segment in path.split('/') {
            canonical.push('/');
            push_segment(segment, &mut canonical)?;
        }
        Ok(Self(canonical))
    }

    /// The canonical text. It begins with `/` and, but for the root, does not end with it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments between the slashes; none for the root.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalPath({})", self.0)
    }
}

/// Appends one segment in canonical form.
fn push_segment(segment: &str, canonical: &mut String) -> Result<(), PathError> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !stays_plain(byte) {
                return Err(PathError::Character);
            }
            canonical.push(char::from(byte));
            decoded.push(byte);
            continue;
        }
        let byte = match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
            (Some(high), Some(low)) => high << 4 | low,
            _ => return Err(PathError::Escape),
        };
        match byte {
            b'/' => return Err(PathError::EncodedSlash),
            0..=0x1F | 0x7F | b'\\' | b';' | b'%' | b'?' | b'#' => {
                return Err(PathError::Character);
            }
            _ if is_unreserved(byte) => canonical.push(char::from(byte)),
            _ => {
                canonical.push('%');
                canonical.extend([byte >> 4, byte & 0x0F].map(upper_hex));
            }
        }
        decoded.push(byte);
    }
    match decoded.as_slice() {
        b"" => Err(PathError::EmptySegment),
        b"." | b".." => Err(PathError::DotSegment),
        // Overlong forms of a slash or a dot are not UTF-8.
        decoded if std::str::from_utf8(decoded).is_err() => Err(PathError::Escape),
        _ => Ok(()),
    }
}

/// RFC 3986 §3.3 `pchar` without `;`, which some servers cut a segment at.
fn stays_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn upper_hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or_default().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    fn parse(raw: &str) -> Result<String, PathError> {
        CanonicalPath::parse(raw).map(|path| path.to_string())
    }

    #[test]
    fn hd_06_spellings_of_one_path_have_one_form() {
        for (raw, canonical) in [
            ("/", "/"),
            ("/mcp", "/mcp"),
            ("/mcp/", "/mcp"),
            ("/mcp/admin", "/mcp/admin"),
            ("/mcp/%61dmin", "/mcp/admin"),
            ("/mcp/%61%64%6D%69%6e", "/mcp/admin"),
            ("/mcp/%7Ea", "/mcp/~a"),
            ("/a%20b", "/a%20b"),
            ("/a%c3%a9", "/a%C3%A9"),
            ("/a%3ab", "/a%3Ab"),
            ("/mcp/...", "/mcp/..."),
            ("/mcp/admin.", "/mcp/admin."),
        ] {
            assert_eq!(parse(raw).as_deref(), Ok(canonical), "{raw}");
        }
    }

    #[test]
    fn hd_06_case_is_kept_so_that_another_case_is_another_path() {
        assert_eq!(parse("/MCP/ADMIN").as_deref(), Ok("/MCP/ADMIN"));
    }

    #[test]
    fn hd_06_what_could_be_read_as_another_path_is_refused() {
        use PathError::{Character, DotSegment, EmptySegment, EncodedSlash, Escape, Relative, TooLong};
        for (raw, error) in [
            ("", Relative),
            ("mcp", Relative),
            ("*", Relative),
            ("http://a/mcp", Relative),
            ("//mcp//admin", EmptySegment),
            ("//", EmptySegment),
            ("/mcp//admin", EmptySegment),
            ("/mcp//", EmptySegment),
            ("/mcp/..;/admin", Character),
            ("/mcp;x", Character),
            ("/mcp/%3bx", Character),
            ("/mcp/tools/%2e%2e/admin", DotSegment),
            ("/mcp/tools/.%2E/admin", DotSegment),
            ("/mcp/../admin", DotSegment),
            ("/mcp/./admin", DotSegment),
            ("/mcp/..", DotSegment),
            ("/mcp/../", DotSegment),
            ("/mcp/.", DotSegment),
            ("/mcp/%2e", DotSegment),
            ("/mcp/a%00", Character),
            ("/mcp/a%0d%0a", Character),
            ("/mcp/a%7f", Character),
            ("/mcp%2fadmin", EncodedSlash),
            ("/mcp%2Fadmin", EncodedSlash),
            ("/mcp%5cadmin", Character),
            ("/mcp\\admin", Character),
            ("/mcp/%252e%252e/admin", Character),
            ("/mcp%252fadmin", Character),
            ("/mcp/%c0%ae%c0%ae/admin", Escape),
            ("/mcp%c0%afadmin", Escape),
            ("/mcp/%ff", Escape),
            ("/mcp/%", Escape),
            ("/mcp/%2", Escape),
            ("/mcp/%zz", Escape),
            ("/mcp/%+1", Escape),
            ("/mcp?x", Character),
            ("/mcp#x", Character),
            ("/mcp/\u{e9}", Character),
            ("/mcp/a b", Character),
            ("/mcp/a\tb", Character),
            ("/mcp/a\u{0}b", Character),
            ("/mcp/\"", Character),
            ("/mcp/<a>", Character),
            (&format!("/{}", "a".repeat(CanonicalPath::MAX_LENGTH)), TooLong),
        ] {
            assert_eq!(parse(raw), Err(error), "{raw:?}");
        }
    }

    #[test]
    fn segments_are_what_lies_between_the_slashes() {
        let segments = |raw| CanonicalPath::parse(raw).unwrap().segments().map(String::from).collect::<Vec<_>>();
        assert_eq!(segments("/"), Vec::<String>::new());
        assert_eq!(segments("/mcp/crm/"), ["mcp", "crm"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases()))]
        #[test]
        fn hd_06_any_bytes_have_one_form_or_none(raw in "(/|%2[eEfF5]|%[0-9a-fA-F]{2}|[.;a-c\\\\%~]){0,12}") {
            crate::fuzz::path(raw.as_bytes());
            crate::fuzz::path(format!("/{raw}").as_bytes());
        }

        #[test]
        fn hd_06_encoding_plain_letters_changes_nothing(segment in "[a-z0-9_-]{1,12}", at in 0_usize..12) {
            let at = at % segment.len();
            let encoded: String = segment
                .bytes()
                .enumerate()
                .map(|(index, byte)| if index == at { format!("%{byte:02x}") } else { char::from(byte).to_string() })
                .collect();
            prop_assert_eq!(parse(&format!("/mcp/{encoded}/")), parse(&format!("/mcp/{segment}")));
        }
    }
}
