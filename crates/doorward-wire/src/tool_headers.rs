//! Tool parameters that are mirrored into headers (`x-mcp-header`).

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::head::{Head, PARAM_PREFIX};
use crate::id::Id;
use crate::reader::unquote;
use crate::value;

const ANNOTATION: &str = "x-mcp-header";

/// Which parameters of one tool are mirrored into which `Mcp-Param-*` headers, compiled from its input schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolHeaders {
    mirrored: Vec<Mirrored>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mirrored {
    header: HeaderName,
    /// The keys that lead to the value in the arguments.
    path: Vec<String>,
}

/// Why the annotations of a tool are not valid. Such a tool must not be offered over HTTP (C06).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAnnotation {
    /// The schema is not JSON.
    #[error("the input schema is not JSON")]
    NotJson,
    /// The header's name is not a string, or not an RFC 9110 token of at most 64 characters.
    #[error("the name in `x-mcp-header` is not a header name")]
    Name,
    /// Two parameters share a header, ignoring case.
    #[error("two parameters have the same `x-mcp-header`")]
    Doubled,
    /// The parameter is not of type string, integer or boolean.
    #[error("`x-mcp-header` stands at a parameter that is not a string, an integer or a boolean")]
    Type,
    /// The annotation is not reached by `properties` alone.
    #[error("`x-mcp-header` stands where `properties` alone do not lead")]
    Unreachable,
    /// More mirrored parameters than a request may have headers.
    #[error("the tool has too many `x-mcp-header`")]
    TooMany,
}

impl ToolHeaders {
    /// Compiles the annotations of an input schema, given as JSON text. A schema without any gives an empty value.
    ///
    /// # Errors
    ///
    /// When an annotation breaks a rule of MCP 2026-07-28, Streamable HTTP §Schema Extension (C06).
    pub fn from_schema(schema: &str) -> Result<Self, BadAnnotation> {
        // Most schemas have none, which is seen faster than read: only an escape could hide the name.
        if !schema.contains(ANNOTATION) && !schema.contains('\\') {
            return Ok(Self::default());
        }
        let schema: Value = serde_json::from_str(schema).map_err(|_| BadAnnotation::NotJson)?;
        let mut compiled = Self::default();
        compiled.reachable(&schema, &mut Vec::new())?;
        Ok(compiled)
    }

    /// Whether nothing is mirrored.
    pub fn is_empty(&self) -> bool {
        self.mirrored.is_empty()
    }

    /// Whether `header` is one of this tool's.
    pub(crate) fn mirrors(&self, header: &HeaderName) -> bool {
        self.mirrored.iter().any(|mirrored| mirrored.header == header)
    }

    /// Holds headers against arguments (A28).
    pub(crate) fn check(&self, head: &Head, arguments: Option<&str>) -> Result<(), &'static str> {
        for Mirrored { header, path } in &self.mirrored {
            match (head.param(header), argument(arguments, path)) {
                (None, None) => {}
                (None, Some(_)) => {
                    return Err("an `mcp-param-*` header is missing for a parameter that the body holds");
                }
                (Some(_), None) => {
                    return Err("an `mcp-param-*` header names a parameter that the body does not hold");
                }
                (Some(value), Some(argument)) => {
                    let decoded = value::text(value).and_then(value::decode);
                    let decoded = decoded.map_err(|_| "an `mcp-param-*` header is not valid Base64")?;
                    if !equal(&decoded, argument.get()) {
                        return Err("an `mcp-param-*` header differs from its parameter in the body");
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds the headers of `arguments` (C04). A value that has no header form is left out, as is an absent one.
    pub(crate) fn write(&self, arguments: Option<&str>, headers: &mut HeaderMap) {
        for Mirrored { header, path } in &self.mirrored {
            if let Some(value) = argument(arguments, path).and_then(|argument| header_value(argument.get())) {
                headers.insert(header.clone(), value);
            }
        }
    }

    // === compiling ===

    /// Walks a schema that `properties` alone lead to.
    fn reachable(&mut self, schema: &Value, path: &mut Vec<String>) -> Result<(), BadAnnotation> {
        // A schema may also be a boolean, which holds nothing.
        let Some(schema) = schema.as_object() else {
            return Ok(());
        };
        if let Some(name) = schema.get(ANNOTATION) {
            self.annotate(name, schema, path)?;
        }
        for (keyword, value) in schema {
            match (keyword.as_str(), value) {
                (ANNOTATION, _) => {}
                ("properties", Value::Object(properties)) => {
                    for (name, property) in properties {
                        path.push(name.clone());
                        self.reachable(property, path)?;
                        path.pop();
                    }
                }
                (keyword, value) => unreachable_keyword(keyword, value)?,
            }
        }
        Ok(())
    }

    fn annotate(&mut self, name: &Value, schema: &Map<String, Value>, path: &[String]) -> Result<(), BadAnnotation> {
        const LONGEST: usize = 64;
        if path.is_empty() {
            return Err(BadAnnotation::Unreachable);
        }
        let name = name.as_str().filter(|name| (1..=LONGEST).contains(&name.len())).ok_or(BadAnnotation::Name)?;
        let header = format!("{PARAM_PREFIX}{name}");
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| BadAnnotation::Name)?;
        if !matches!(schema.get("type").and_then(Value::as_str), Some("string" | "integer" | "boolean")) {
            return Err(BadAnnotation::Type);
        }
        if self.mirrors(&header) {
            return Err(BadAnnotation::Doubled);
        }
        if self.mirrored.len() == Head::MAX_PARAMS {
            return Err(BadAnnotation::TooMany);
        }
        self.mirrored.push(Mirrored { header, path: path.to_vec() });
        Ok(())
    }
}

/// Refuses an annotation in a schema that is not reached by `properties` alone.
fn unreachable_schema(value: &Value) -> Result<(), BadAnnotation> {
    match value {
        Value::Array(schemas) => schemas.iter().try_for_each(unreachable_schema),
        Value::Object(schema) if schema.contains_key(ANNOTATION) => Err(BadAnnotation::Unreachable),
        Value::Object(schema) => schema.iter().try_for_each(|(keyword, value)| unreachable_keyword(keyword, value)),
        _ => Ok(()),
    }
}

fn unreachable_keyword(keyword: &str, value: &Value) -> Result<(), BadAnnotation> {
    match (keyword, value) {
        // Data, in which a key of this name means nothing.
        ("default" | "const" | "enum" | "examples", _) => Ok(()),
        // Keys that are names and not keywords.
        ("properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas", Value::Object(schemas)) => {
            schemas.values().try_for_each(unreachable_schema)
        }
        (_, value) => unreachable_schema(value),
    }
}

/// The argument at `path`; null counts as absent, as does everything below what is not an object.
fn argument<'a>(arguments: Option<&'a str>, path: &[String]) -> Option<&'a RawValue> {
    let (last, parents) = path.split_last()?;
    let mut object = arguments?;
    for parent in parents {
        object = member(object, parent)?.get();
    }
    member(object, last).filter(|value| value.get() != "null")
}

fn member<'a>(object: &'a str, key: &str) -> Option<&'a RawValue> {
    serde_json::from_str::<BTreeMap<String, &'a RawValue>>(object).ok()?.remove(key)
}

/// Whether a decoded header says the same as an argument. Numbers are compared as numbers, so that `42.0` is `42`.
fn equal(header: &str, argument: &str) -> bool {
    match argument.as_bytes().first() {
        Some(b'"') => unquote(argument).is_some_and(|text| text == header),
        Some(b't' | b'f') => argument == header,
        Some(b'-' | b'0'..=b'9') => whole(argument).is_some_and(|number| whole(header) == Some(number)),
        _ => false,
    }
}

fn header_value(argument: &str) -> Option<HeaderValue> {
    match argument.as_bytes().first()? {
        b'"' => value::encode(&unquote(argument)?),
        b't' | b'f' => value::encode(argument),
        b'-' | b'0'..=b'9' => value::encode(&whole(argument)?.to_string()),
        _ => None,
    }
}

/// The whole number that a JSON number stands for, within the range in which every parser holds it exactly.
fn whole(text: &str) -> Option<i64> {
    if text.contains(char::is_whitespace) {
        return None;
    }
    let number: Number = serde_json::from_str(text).ok()?;
    if let Some(number) = number.as_i64() {
        return (number.unsigned_abs() <= Id::MAX_NUMBER).then_some(number);
    }
    let number = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= Id::MAX_NUMBER as f64)?;
    // Exact: a whole number below 2^53.
    Some(number as i64)
}
