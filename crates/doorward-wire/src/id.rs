//! Request ids, progress tokens and subscription ids.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A JSON-RPC id: a string, or an integer that every parser reads alike (JS-07, A11).
///
/// Progress tokens and subscription ids have the same form. Two ids are equal when their *values* are: `"a"` and
/// `"\u0061"` are one id, `1` and `"1"` are two. The JSON text is kept as it came, so an answer repeats it exactly.
#[derive(Clone)]
pub struct Id {
    json: Arc<str>,
    value: Value,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Value {
    Number(i64),
    Text(Arc<str>),
}

impl Id {
    /// The longest id, in bytes of JSON text.
    pub const MAX_JSON: usize = 256;
    /// The largest absolute value of a number: 2^53 - 1, the last that every JSON parser holds exactly (RFC 8259 §6).
    pub const MAX_NUMBER: u64 = (1 << 53) - 1;

    /// Reads an id from its JSON text.
    ///
    /// # Errors
    ///
    /// For `null`, containers and booleans, for fractions and exponents, for `-0` and numbers beyond
    /// [`Id::MAX_NUMBER`], for more than [`Id::MAX_JSON`] bytes, and for what is not JSON.
    pub fn parse(json: &str) -> Result<Self, BadId> {
        if json.len() > Self::MAX_JSON {
            return Err(BadId);
        }
        let value = if json.starts_with('"') {
            let text: String = serde_json::from_str(json).map_err(|_| BadId)?;
            Value::Text(text.into())
        } else {
            Value::Number(integer(json).ok_or(BadId)?)
        };
        Ok(Self { json: json.into(), value })
    }

    /// An id from one of our own counters. `number` is taken modulo 2^53, so that the result is always an id.
    pub fn number(number: u64) -> Self {
        let number = number & Self::MAX_NUMBER;
        Self { json: number.to_string().into(), value: Value::Number(i64::try_from(number).unwrap_or_default()) }
    }

    /// The JSON text, as it came.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// The number, when this is one that [`Id::number`] could have made.
    pub fn as_number(&self) -> Option<u64> {
        match self.value {
            Value::Number(number) => u64::try_from(number).ok(),
            Value::Text(_) => None,
        }
    }
}

/// Reads a JSON integer within the range that is safe everywhere.
fn integer(json: &str) -> Option<i64> {
    let digits = json.strip_prefix('-').unwrap_or(json);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let padded = digits.len() > 1 && digits.starts_with('0');
    if !plain || padded || json == "-0" {
        return None;
    }
    json.parse().ok().filter(|number: &i64| number.unsigned_abs() <= Id::MAX_NUMBER)
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

/// Shows a number, and of a string only its length: a client may put anything into it.
impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Number(number) => write!(f, "Id({number})"),
            Value::Text(text) => write!(f, "Id(string of {} bytes)", text.len()),
        }
    }
}

/// A JSON text that is no [`Id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a string or a whole number below 2^53, at most 256 bytes long")]
pub struct BadId;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn js_07_strings_and_whole_numbers_are_ids_and_keep_their_text() {
        for json in ["0", "1", "-1", "9007199254740991", "-9007199254740991", "\"\"", "\"a\"", "\"\\u0061\"", "\"1\""] {
            assert_eq!(Id::parse(json).unwrap().as_json(), json);
        }
    }

    #[test]
    fn js_07_every_other_form_is_refused() {
        let long = format!("\"{}\"", "a".repeat(255));
        for json in [
            "",
            "null",
            "true",
            "{}",
            "[]",
            "[1]",
            "1.0",
            "1.5",
            "1e3",
            "1E0",
            "-0",
            "-",
            "+1",
            "01",
            "-01",
            " 1",
            "1 ",
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551616",
            "0x1",
            "NaN",
            "'a'",
            "\"a",
            "\"\\ud800\"",
            "\"a\"b",
            "\u{661}",
            &long,
        ] {
            assert_eq!(Id::parse(json), Err(BadId), "{json}");
        }
    }

    #[test]
    fn js_07_ids_are_equal_by_value_not_by_spelling() {
        let id = |json| Id::parse(json).unwrap();
        assert_eq!(id("\"a\""), id("\"\\u0061\""));
        assert_ne!(id("1"), id("\"1\""));
        let set: HashSet<Id> = [id("\"a\""), id("\"\\u0061\""), id("1"), id("\"1\"")].into();
        assert_eq!(set.len(), 3);
    }

    #[test]
    fn our_own_counters_always_make_an_id() {
        assert_eq!(Id::number(7), Id::parse("7").unwrap());
        assert_eq!(Id::number(7).as_number(), Some(7));
        assert_eq!(Id::number(u64::MAX).as_json(), "9007199254740991");
        assert!(Id::parse(Id::number(u64::MAX).as_json()).is_ok());
    }

    #[test]
    fn debug_shows_no_text_of_a_string_id() {
        assert_eq!(format!("{:?}", Id::parse("\"canary\"").unwrap()), "Id(string of 6 bytes)");
        assert_eq!(format!("{:?}", Id::number(3)), "Id(3)");
    }
}
