//! The schema for editors says what the decoder reads.

use std::path::{Path, PathBuf};

use doorward_gateway::config::schema;
use serde_json::Value;

use crate::support::{files_in, folder};

fn published() -> PathBuf {
    folder("../../../../docs/doorward.schema.json")
}

/// Set to write the published schema anew.
const RENEW: &str = "DOORWARD_RENEW";

#[test]
fn the_published_schema_is_the_one_of_the_tables() {
    let made = format!("{:#}\n", schema());
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(published(), &made).unwrap();
    }
    let published = std::fs::read_to_string(published()).unwrap_or_default();
    assert!(made == published, "docs/doorward.schema.json is not fresh: run this test once with {RENEW}=1");
}

#[test]
fn every_right_configuration_meets_the_schema() {
    let schema = schema();
    let mut files = files_in(&folder("valid"));
    files.extend(files_in(&folder("../../../../docs/examples")));
    for path in files {
        let value = value_of(&path);
        assert_eq!(violations(&schema, &schema, &value, "$"), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn what_is_wrong_in_form_is_wrong_by_the_schema_too() {
    let schema = schema();
    for name in [
        "unknown-keys",
        "missing-keys",
        "wrong-types",
        "bad-values",
        "exclusive-keys",
        "not-available-yet",
        "conditions",
        "commands",
        "networks",
        "not-a-mapping",
    ] {
        let value = value_of(&folder("broken").join(name).with_extension("yaml"));
        assert!(!violations(&schema, &schema, &value, "$").is_empty(), "{name}");
    }
}

/// As much of JSON Schema draft 7 as the schema uses; anything else fails the test.
fn violations(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = |schema: &Value| violations(root, schema, value, at).is_empty();
        let ok = match keyword.as_str() {
            "$schema" | "title" | "description" | "definitions" | "examples" => true,
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/definitions/").unwrap();
                found.extend(violations(root, &root["definitions"][name], value, at));
                true
            }
            "allOf" => {
                found.extend(rule.as_array().unwrap().iter().flat_map(|part| violations(root, part, value, at)));
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(holds),
            "oneOf" => rule.as_array().unwrap().iter().filter(|part| holds(part)).count() == 1,
            "not" => !holds(rule),
            "const" => rule == value,
            "type" => match rule {
                Value::String(name) => is_a(value, name),
                names => names.as_array().unwrap().iter().any(|name| is_a(value, name.as_str().unwrap())),
            },
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                found.extend(items.flat_map(|(i, item)| violations(root, rule, item, &format!("{at}[{i}]"))));
                true
            }
            "required" => value
                .as_object()
                .is_none_or(|map| rule.as_array().unwrap().iter().all(|name| map.contains_key(name.as_str().unwrap()))),
            "dependencies" => value.as_object().is_none_or(|map| {
                rule.as_object().unwrap().iter().all(|(name, needed)| {
                    !map.contains_key(name)
                        || needed.as_array().unwrap().iter().all(|other| map.contains_key(other.as_str().unwrap()))
                })
            }),
            "propertyNames" => value.as_object().is_none_or(|map| {
                map.keys().all(|name| violations(root, rule, &Value::String(name.clone()), at).is_empty())
            }),
            "properties" => {
                for (name, part) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        found.extend(violations(root, part, value, &format!("{at}.{name}")));
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let others = value.as_object().into_iter().flatten();
                let others = others.filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
                match rule {
                    Value::Bool(false) => others.count() == 0,
                    part => {
                        found.extend(others.flat_map(|(name, v)| violations(root, part, v, &format!("{at}.{name}"))));
                        true
                    }
                }
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        };
        if !ok {
            found.push(format!("{at}: {keyword}"));
        }
    }
    found
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("unknown type {other}"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    regex::Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
}

/// The configuration as an editor's JSON would have it.
fn value_of(path: &Path) -> Value {
    use saphyr_parser::{Event, Parser, ScalarStyle};
    enum Open {
        List(Vec<Value>),
        Map(serde_json::Map<String, Value>, Option<String>),
    }
    let text = std::fs::read_to_string(path).unwrap();
    let mut open: Vec<Open> = Vec::new();
    let mut parser = Parser::new_from_str(&text);
    while let Some(event) = parser.next_event() {
        let value = match event.unwrap().0 {
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(serde_json::Map::new(), None));
                continue;
            }
            Event::Scalar(text, ScalarStyle::Plain, ..) => match &*text {
                "" | "~" | "null" => Value::Null,
                plain => match serde_json::from_str(plain) {
                    Ok(value @ (Value::Bool(_) | Value::Number(_))) => value,
                    _ => Value::String(plain.to_owned()),
                },
            },
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::SequenceEnd | Event::MappingEnd => match open.pop().unwrap() {
                Open::List(items) => Value::Array(items),
                Open::Map(map, _) => Value::Object(map),
            },
            _ => continue,
        };
        match open.last_mut() {
            None => return value,
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(map, key)) => match key.take() {
                None => *key = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
                Some(key) => {
                    map.insert(key, value);
                }
            },
        }
    }
    panic!("{} is empty", path.display())
}
