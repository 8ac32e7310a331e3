//! What arguments look like, without what they say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::Text;

/// The shape of one call's arguments: for each top-level key that the catalogue knows its JSON type
/// and size, for the others only how many there are.
///
/// A key that nobody declared is the caller's own words, so it is not written. Numbers, booleans
/// and null have no size: the digits of a number tell its magnitude.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// The length of the raw JSON text, in bytes.
    pub bytes: u64,
    /// The type of the arguments as a whole: an object in every well-formed call.
    #[serde(rename = "type")]
    pub kind: JsonType,
    /// The known keys, at most [`Shape::MAX_KEYS`] of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<Text, Field>,
    /// How many more keys there are: unknown ones, and known ones beyond the limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown: u64,
}

/// The shape of one known argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The value's JSON type.
    #[serde(rename = "type")]
    pub kind: JsonType,
    /// For a string, an array and an object: the bytes of its raw JSON text, quotes and brackets
    /// included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// The six types of JSON (RFC 8259 section 3), and `invalid` for what is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are JSON's own")]
pub enum JsonType {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
    Invalid,
}

impl Shape {
    /// The most keys that one record lists.
    pub const MAX_KEYS: usize = 64;

    /// Reads the shape of raw arguments; `known` says whether the catalogue declares a key.
    ///
    /// Never fails: what can't be read as a JSON object has a type and a length and no keys.
    pub fn of(arguments: &str, known: &dyn Fn(&str) -> bool) -> Self {
        let mut shape =
            Self { bytes: length(arguments), kind: JsonType::of(arguments), keys: BTreeMap::new(), unknown: 0 };
        if shape.kind == JsonType::Object {
            match serde_json::from_str::<Members<'_>>(arguments) {
                Ok(Members(members)) => members.iter().for_each(|(key, value)| shape.add(key, value.get(), known)),
                Err(_) => shape.kind = JsonType::Invalid,
            }
        }
        shape
    }

    fn add(&mut self, key: &str, value: &str, known: &dyn Fn(&str) -> bool) {
        if self.keys.len() < Self::MAX_KEYS && known(key) {
            self.keys.insert(Text::clip(key), Field::of(value));
        } else {
            self.unknown += 1;
        }
    }
}

impl Field {
    fn of(value: &str) -> Self {
        let kind = JsonType::of(value);
        let sized = matches!(kind, JsonType::String | JsonType::Array | JsonType::Object);
        Self { kind, bytes: sized.then(|| length(value)) }
    }
}

impl JsonType {
    /// The type that a raw JSON text claims by its first character.
    fn of(json: &str) -> Self {
        match json.trim_ascii_start().bytes().next() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            Some(b'-' | b'0'..=b'9') => Self::Number,
            _ => Self::Invalid,
        }
    }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The members of an object in order, values unread.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(arguments: &str, known: &[&str]) -> String {
        serde_json::to_string(&Shape::of(arguments, &|key| known.contains(&key))).unwrap()
    }

    #[test]
    fn known_keys_have_type_and_size() {
        let known = ["s", "a", "o", "n", "b", "z"];
        assert_eq!(
            shape(r#"{"s":"abc","a":[1, 2],"o":{"x":1},"n":12345,"b":true,"z":null}"#, &known),
            concat!(
                r#"{"bytes":62,"type":"object","keys":{"a":{"type":"array","bytes":6},"b":{"type":"boolean"},"#,
                r#""n":{"type":"number"},"o":{"type":"object","bytes":7},"s":{"type":"string","bytes":5},"z":{"type":"null"}}}"#
            )
        );
    }

    #[test]
    fn unknown_keys_are_only_counted() {
        assert_eq!(
            shape(r#"{"customer":"Ann","password for bob":1,"x":2}"#, &["x"]),
            r#"{"bytes":45,"type":"object","keys":{"x":{"type":"number"}},"unknown":2}"#
        );
    }

    #[test]
    fn a_key_is_compared_as_its_meaning_not_its_spelling() {
        assert_eq!(shape(r#"{"\u0078":1}"#, &["x"]), r#"{"bytes":12,"type":"object","keys":{"x":{"type":"number"}}}"#);
    }

    #[test]
    fn what_is_no_object_has_only_a_type_and_a_length() {
        assert_eq!(shape("[1]", &[]), r#"{"bytes":3,"type":"array"}"#);
        assert_eq!(shape(" \"s\"", &[]), r#"{"bytes":4,"type":"string"}"#);
        assert_eq!(shape("", &[]), r#"{"bytes":0,"type":"invalid"}"#);
        assert_eq!(shape(r#"{"a":1"#, &["a"]), r#"{"bytes":6,"type":"invalid"}"#);
        assert_eq!(shape("secret", &[]), r#"{"bytes":6,"type":"invalid"}"#);
    }

    #[test]
    fn a_record_lists_a_bounded_number_of_keys() {
        let members: Vec<_> = (0..1_000).map(|n| format!("\"k{n}\":0")).collect();
        let shape = Shape::of(&format!("{{{}}}", members.join(",")), &|_| true);
        assert_eq!(shape.keys.len(), Shape::MAX_KEYS);
        assert_eq!(shape.unknown, 1_000 - Shape::MAX_KEYS as u64);
    }

    #[test]
    fn deep_arguments_need_no_deep_stack() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        let shape = Shape::of(&deep, &|_| true);
        assert_eq!(shape.keys["a"].bytes, Some(400_000));
    }
}
