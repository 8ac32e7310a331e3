//! Whether something that is about to travel holds the caller's credential, in any spelling that its reader undoes
//! (A1, R2, PT-02).
//!
//! What a reader undoes by itself is a spelling: an escape in JSON, the Base64 form of a mirrored header. Other
//! encodings are content, and what they hide is for detection to find (JS-10).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_identity::Caller;
use http::{HeaderMap, HeaderValue};
use memchr::memmem;

/// Whether a JSON text holds the credential of its caller, however its strings are written.
pub(crate) fn in_json(caller: &Caller, text: &[u8]) -> bool {
    let credential = caller.credential();
    credential.appears_in(text) || unescaped(text).is_some_and(|plain| credential.appears_in(&plain))
}

/// Whether a header value holds it, as it stands or in the form that carries any text (A27).
pub(crate) fn in_header(caller: &Caller, value: &[u8]) -> bool {
    let credential = caller.credential();
    let encoded = value.trim_ascii().strip_prefix(b"=?base64?").and_then(|rest| rest.strip_suffix(b"?="));
    let decoded = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    credential.appears_in(value) || decoded.is_some_and(|plain| credential.appears_in(&plain))
}

/// Whether one of the mirrored arguments holds it: those that no known tool mirrors go on as they came (A29).
pub(crate) fn in_mirrored(caller: &Caller, headers: &HeaderMap) -> bool {
    let mirrored = headers.iter().filter(|(name, _)| name.as_str().starts_with("mcp-param-"));
    mirrored.map(|(_, value)| HeaderValue::as_bytes(value)).any(|value| in_header(caller, value))
}

/// The text with the escapes written out that could stand for characters of a token; none when there are none.
///
/// Other escapes are kept, so the result is no JSON: it is only to be searched.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    memmem::find(text, br"\u").or_else(|| memmem::find(text, br"\/"))?;
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'\\', [b'u', digits @ ..]) => {
                let code = digits.first_chunk::<4>().and_then(|digits| code_unit(*digits));
                match code.and_then(|code| u8::try_from(code).ok()).filter(u8::is_ascii) {
                    Some(character) => {
                        plain.push(character);
                        rest = digits.get(4..).unwrap_or_default();
                    }
                    None => plain.push(byte),
                }
            }
            (b'\\', [b'/', after @ ..]) => {
                plain.push(b'/');
                rest = after;
            }
            // The character behind a backslash is no beginning of another escape.
            (b'\\', [escaped, after @ ..]) => {
                plain.extend([byte, *escaped]);
                rest = after;
            }
            _ => plain.push(byte),
        }
    }
    Some(plain)
}

fn code_unit(digits: [u8; 4]) -> Option<u32> {
    digits.into_iter().try_fold(0, |code, digit| Some(code * 16 + char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn plain(text: &str) -> Option<String> {
        unescaped(text.as_bytes()).map(|plain| String::from_utf8(plain).unwrap())
    }

    #[test]
    fn escapes_of_plain_characters_are_written_out_and_others_kept() {
        for (text, expected) in [
            (r"a\u0062c", "abc"),
            (r"\u0061\u0062\u0063", "abc"),
            (r"\u002E\u002d\u005F", ".-_"),
            (r"a\/b", "a/b"),
            (r"\\u0061\u0062", r"\\u0061b"),
            (r"\\\u0061", r"\\a"),
            (r#"\"\u0061\n"#, r#"\"a\n"#),
            (r"\u00e9\u0061", r"\u00e9a"),
            (r"\u00", r"\u00"),
            (r"\u00zz\u0061", r"\u00zza"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "abc", r#"a\n\"b\\"#, "\\"] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn pt_02_a_token_is_found_however_its_characters_are_escaped(
            token in "[A-Za-z0-9_.-]{8,64}", before in "[a\\\\/\"u0-9]{0,8}", escape in any::<u64>(),
        ) {
            let mut text = serde_json::to_string(&before).unwrap();
            text.pop();
            for (place, byte) in token.bytes().enumerate() {
                if escape >> (place % 64) & 1 == 1 {
                    text.push_str(&format!("\\u{byte:04x}"));
                } else {
                    text.push(char::from(byte));
                }
            }
            text.push('"');
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read.as_str().unwrap(), format!("{before}{token}"), "the text means the token");
            let plain = plain(&text).unwrap_or_else(|| text.clone());
            prop_assert!(plain.contains(&token), "{} in {}", token, plain);
        }
    }
}
