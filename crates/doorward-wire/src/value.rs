//! Text in header values: plain where it can be, the Base64 sentinel where it can't (A27, C05).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// A header value that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadValue;

/// The text of a header value, without the whitespace around it (A26).
///
/// Only visible ASCII, space and tab may stand in it (RFC 9110 §5.5, MCP Value Encoding).
pub(crate) fn text(value: &HeaderValue) -> Result<&str, BadValue> {
    value.to_str().map(|text| text.trim_matches([' ', '\t'])).map_err(|_| BadValue)
}

/// The text that a mirrored header stands for. The markers are read exactly as written; anything else is the text itself.
pub(crate) fn decode(value: &str) -> Result<Cow<'_, str>, BadValue> {
    let Some(encoded) = value.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) else {
        return Ok(Cow::Borrowed(value));
    };
    // The standard engine refuses missing padding, foreign characters and stray bits, so a text has one encoding.
    let bytes = STANDARD.decode(encoded).map_err(|_| BadValue)?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| BadValue)
}

/// The header value that stands for `text`.
pub(crate) fn encode(text: &str) -> Option<HeaderValue> {
    let mistakable = text.starts_with(PREFIX) && text.ends_with(SUFFIX);
    plain(text)
        .filter(|_| !mistakable)
        .or_else(|| HeaderValue::from_str(&format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(text))).ok())
}

/// The header value that is `text`, where a header can hold it as it is.
pub(crate) fn plain(text: &str) -> Option<HeaderValue> {
    // Stricter than the type, which takes bytes beyond ASCII.
    let visible = text.bytes().all(|byte| matches!(byte, 0x20..=0x7E));
    let padded = text.starts_with(' ') || text.ends_with(' ');
    if visible && !padded { HeaderValue::from_str(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    #[test]
    fn c05_values_are_encoded_as_the_specification_shows() {
        for (plain, header) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("", ""),
            ("a b", "a b"),
        ] {
            assert_eq!(encode(plain).unwrap(), header);
            assert_eq!(decode(header).unwrap(), plain);
        }
    }

    #[test]
    fn a27_partial_or_differently_written_markers_are_literals() {
        for literal in
            ["SGVsbG8=", "=?base64?SGVsbG8=", "SGVsbG8=?=", "=?BASE64?SGVsbG8=?=", "=?Base64?SGVsbG8=?=", "=?base64?="]
        {
            assert_eq!(decode(literal).unwrap(), literal);
        }
    }

    #[test]
    fn a27_bad_base64_is_refused() {
        for bad in [
            "=?base64?SGVsbG8?=",
            "=?base64?SGVs!!!bG8=?=",
            "=?base64?SGVsbG9=?=",
            "=?base64?/w==?=",
            "=?base64? SGVsbG8=?=",
        ] {
            assert_eq!(decode(bad), Err(BadValue), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases()))]
        #[test]
        fn c05_every_text_survives_a_header(plain in any::<String>()) {
            let header = encode(&plain).unwrap();
            prop_assert_eq!(decode(text(&header).unwrap()).unwrap(), plain);
        }
    }
}
