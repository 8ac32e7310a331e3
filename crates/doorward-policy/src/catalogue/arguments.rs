//! The arguments of a tool, from its JSON Schema, as far as Cedar has a type for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// How deep objects and lists are followed; what lies deeper is left out.
const MAX_DEPTH: usize = 8;

/// How many properties of one object are looked at; the rest is left out.
const MAX_PROPERTIES: usize = 1_000;

/// The top-level arguments of a tool.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Every declared name.
    pub(crate) declared: BTreeSet<String>,
    /// Those that Cedar can express.
    pub(crate) typed: BTreeMap<String, Field>,
}

/// One argument, or one property of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) ty: ValueType,
    /// Whether it is always there and never null; else a policy has to ask with `has`.
    pub(crate) required: bool,
}

/// A type that both JSON Schema and Cedar have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValueType {
    String,
    Integer,
    Bool,
    Array(Box<ValueType>),
    Object(BTreeMap<String, Field>),
}

impl Arguments {
    /// Reads an input schema. One that can't be read declares nothing.
    pub(crate) fn from_schema(schema: &str) -> Self {
        match serde_json::from_str::<Value>(schema) {
            Ok(Value::Object(schema)) => Self {
                declared: properties(&schema).map(|(name, _)| name.clone()).collect(),
                typed: fields(&schema, 0),
            },
            _ => Self::default(),
        }
    }
}

fn properties(schema: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().take(MAX_PROPERTIES)
}

fn fields(schema: &Map<String, Value>, depth: usize) -> BTreeMap<String, Field> {
    let required: BTreeSet<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    properties(schema)
        .filter_map(|(name, schema)| {
            let (ty, nullable) = value_type(schema, depth)?;
            let required = !nullable && required.contains(name.as_str());
            Some((name.clone(), Field { ty, required }))
        })
        .collect()
}

/// The Cedar type of a schema and whether null stands for absence; `None` where Cedar has no such type. Numbers with
/// fractions, references, open objects and alternatives have none.
fn value_type(schema: &Value, depth: usize) -> Option<(ValueType, bool)> {
    let schema = schema.as_object().filter(|_| depth < MAX_DEPTH)?;
    if schema.contains_key("$ref") || schema.contains_key("allOf") || schema.contains_key("not") {
        return None;
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema.get(word) {
            return nullable_alternative(alternatives.as_array()?, depth);
        }
    }
    match schema.get("type") {
        Some(Value::String(name)) => Some((named(name, schema, depth)?, false)),
        Some(Value::Array(names)) => {
            let mut others = names.iter().filter(|name| *name != "null");
            let name = others.next()?.as_str()?;
            let nullable = names.len() > 1;
            match others.next() {
                None => Some((named(name, schema, depth)?, nullable)),
                Some(_) => None,
            }
        }
        Some(_) => None,
        None => constants(schema).map(|ty| (ty, false)),
    }
}

/// `anyOf: [T, {type: null}]`, as many generators write an optional argument.
fn nullable_alternative(alternatives: &[Value], depth: usize) -> Option<(ValueType, bool)> {
    let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
    let mut others = alternatives.iter().filter(|schema| !is_null(schema));
    let (ty, nullable) = value_type(others.next()?, depth + 1)?;
    match others.next() {
        None => Some((ty, nullable || alternatives.len() > 1)),
        Some(_) => None,
    }
}

fn named(name: &str, schema: &Map<String, Value>, depth: usize) -> Option<ValueType> {
    match name {
        "string" => Some(ValueType::String),
        "integer" => Some(ValueType::Integer),
        "boolean" => Some(ValueType::Bool),
        "array" if schema.contains_key("prefixItems") => None,
        "array" => match value_type(schema.get("items")?, depth + 1)? {
            (inner, false) => Some(ValueType::Array(Box::new(inner))),
            (_, true) => None,
        },
        // An object that lists no properties may hold anything, which a record can't say.
        "object" => {
            properties(schema).next()?;
            Some(ValueType::Object(fields(schema, depth + 1)))
        }
        _ => None,
    }
}

/// The type of a schema that only enumerates values.
fn constants(schema: &Map<String, Value>) -> Option<ValueType> {
    let one;
    let values = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) if !values.is_empty() => values.as_slice(),
        (None, Some(value)) => {
            one = [value.clone()];
            &one
        }
        _ => return None,
    };
    if values.iter().all(Value::is_string) {
        Some(ValueType::String)
    } else if values.iter().all(Value::is_i64) {
        Some(ValueType::Integer)
    } else if values.iter().all(Value::is_boolean) {
        Some(ValueType::Bool)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(schema: &str) -> BTreeMap<String, Field> {
        Arguments::from_schema(schema).typed
    }

    fn optional(ty: ValueType) -> Field {
        Field { ty, required: false }
    }

    #[test]
    fn plain_types_have_a_cedar_type() {
        let fields = typed(
            r#"{"type":"object","required":["s","n"],"properties":{
                "s":{"type":"string"},"i":{"type":"integer"},"b":{"type":"boolean"},
                "l":{"type":"array","items":{"type":"string"}},
                "o":{"type":"object","required":["x"],"properties":{"x":{"type":"integer"},"y":{"type":"number"}}},
                "e":{"enum":["a","b"]},"c":{"const":true},
                "n":{"type":["string","null"]},"a":{"anyOf":[{"type":"integer"},{"type":"null"}]}}}"#,
        );
        let object = BTreeMap::from([("x".to_owned(), Field { ty: ValueType::Integer, required: true })]);
        assert_eq!(
            fields,
            BTreeMap::from([
                ("s".to_owned(), Field { ty: ValueType::String, required: true }),
                ("i".to_owned(), optional(ValueType::Integer)),
                ("b".to_owned(), optional(ValueType::Bool)),
                ("l".to_owned(), optional(ValueType::Array(Box::new(ValueType::String)))),
                ("o".to_owned(), optional(ValueType::Object(object))),
                ("e".to_owned(), optional(ValueType::String)),
                ("c".to_owned(), optional(ValueType::Bool)),
                ("n".to_owned(), optional(ValueType::String)),
                ("a".to_owned(), optional(ValueType::Integer)),
            ])
        );
    }

    #[test]
    fn what_cedar_can_not_express_is_declared_but_has_no_type() {
        let arguments = Arguments::from_schema(
            r##"{"type":"object","properties":{
                "number":{"type":"number"},"open":{"type":"object"},"ref":{"$ref":"#/$defs/x"},
                "mixed":{"type":["string","integer"]},"either":{"anyOf":[{"type":"string"},{"type":"integer"}]},
                "tuple":{"type":"array","prefixItems":[{"type":"string"}]},"anything":true,"bare":{},
                "list":{"type":"array"},"nulls":{"type":"array","items":{"type":["string","null"]}},
                "null":{"type":"null"},"both":{"enum":["a",1]},"all":{"allOf":[{"type":"string"}]}}}"##,
        );
        assert_eq!(arguments.declared.len(), 13);
        assert_eq!(arguments.typed, BTreeMap::new());
    }

    #[test]
    fn a_broken_schema_declares_nothing() {
        for schema in ["", "null", "[]", "{", r#"{"properties":[]}"#, r#"{"properties":{"a":1}}"#, "true"] {
            assert!(typed(schema).is_empty(), "{schema}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut schema = r#"{"type":"string"}"#.to_owned();
        for _ in 0..100 {
            schema = format!(r#"{{"type":"array","items":{schema}}}"#);
        }
        let schema = format!(r#"{{"properties":{{"deep":{schema},"flat":{{"type":"string"}}}}}}"#);
        assert_eq!(typed(&schema).keys().collect::<Vec<_>>(), ["flat"]);
    }
}
