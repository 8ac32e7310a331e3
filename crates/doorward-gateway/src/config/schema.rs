//! The tables of keys as a JSON Schema, so that editors complete and explain what the decoder reads.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::root::ROOT;
use super::shape::Shape;
use super::table::{Info, Presence, Table, Term};

/// The JSON Schema (draft 7, which editors read best) of the configuration, made from the tables that the decoder
/// reads by.
#[must_use]
pub fn schema() -> Value {
    let mut definitions = Map::new();
    each_table(&ROOT, &mut |table| {
        definitions.insert(table.name.to_owned(), of_table(table));
    });
    let root = definitions.remove(ROOT.name).unwrap_or_default();
    let mut schema = Map::new();
    schema.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".into(), "doorward.yaml".into());
    if let Value::Object(root) = root {
        schema.extend(root);
    }
    schema.insert("definitions".into(), Value::Object(definitions));
    Value::Object(schema)
}

/// Visits a table and every table below it, each once.
pub(super) fn each_table(root: &'static Table, visit: &mut dyn FnMut(&'static Table)) {
    fn of_shape(shape: &'static Shape, seen: &mut BTreeSet<&'static str>, visit: &mut dyn FnMut(&'static Table)) {
        match shape {
            Shape::Table(table) => of_table(table(), seen, visit),
            Shape::List { of, .. } | Shape::OneOrMany(of) | Shape::Map { of, .. } => of_shape(of, seen, visit),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| of_shape(shape, seen, visit)),
            Shape::Bool
            | Shape::True
            | Shape::Integer { .. }
            | Shape::Text(_)
            | Shape::Argument
            | Shape::Anything
            | Shape::Words(_) => {}
        }
    }
    fn of_table(table: &'static Table, seen: &mut BTreeSet<&'static str>, visit: &mut dyn FnMut(&'static Table)) {
        if seen.insert(table.name) {
            visit(table);
            table.keys.iter().filter_map(Info::shape).for_each(|shape| of_shape(shape, seen, visit));
        }
    }
    of_table(root, &mut BTreeSet::new(), visit);
}

fn of_table(table: &Table) -> Value {
    let properties: Map<String, Value> = table.keys.iter().map(|info| (info.name.to_owned(), of_key(info))).collect();
    let required: Vec<&str> = table.keys.iter().filter(|info| info.is_required()).map(|info| info.name).collect();
    let terms: Vec<Value> = table.terms.iter().flat_map(of_term).collect();
    let mut schema = json!({
        "description": table.doc,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if let Value::Object(schema) = &mut schema {
        if !required.is_empty() {
            schema.insert("required".into(), json!(required));
        }
        if !terms.is_empty() {
            schema.insert("allOf".into(), json!(terms));
        }
    }
    schema
}

fn of_key(info: &Info) -> Value {
    match &info.presence {
        Presence::NotYet => {
            json!({ "description": format!("Not available yet: {}.", info.doc), "not": {} })
        }
        Presence::Optional(shape) | Presence::Required(shape) => {
            let mut schema = match of_shape(shape) {
                // Beside a reference, draft 7 reads nothing.
                Value::Object(reference) if reference.contains_key("$ref") => {
                    json!({ "allOf": [reference] })
                }
                schema => schema,
            };
            if let Value::Object(schema) = &mut schema {
                schema.insert("description".into(), info.doc.into());
            }
            schema
        }
    }
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::True => json!({ "const": true }),
        Shape::Integer { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Shape::Text(form) => {
            json!({ "type": "string", "pattern": form.pattern, "examples": [form.example] })
        }
        Shape::Argument | Shape::Anything => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Words(words) => {
            let words: Vec<Value> =
                words.iter().map(|word| json!({ "const": word.name, "description": word.doc })).collect();
            json!({ "oneOf": words })
        }
        Shape::List { of, least } => {
            json!({ "type": "array", "items": of_shape(of), "minItems": least })
        }
        Shape::OneOrMany(of) => {
            json!({ "anyOf": [of_shape(of), { "type": "array", "items": of_shape(of), "minItems": 1 }] })
        }
        Shape::Map { names, of } => json!({
            "type": "object",
            "propertyNames": { "pattern": names.pattern },
            "additionalProperties": of_shape(of),
        }),
        Shape::Table(table) => json!({ "$ref": format!("#/definitions/{}", table().name) }),
        Shape::Either(shapes) => {
            json!({ "anyOf": shapes.iter().map(of_shape).collect::<Vec<_>>() })
        }
    }
}

fn of_term(term: &Term) -> Vec<Value> {
    match term {
        Term::ExactlyOne(names) => {
            let each: Vec<Value> = names.iter().map(|name| json!({ "required": [name] })).collect();
            vec![json!({ "oneOf": each })]
        }
        Term::AtMostOne(names) => pairs(names).map(|(a, b)| json!({ "not": { "required": [a, b] } })).collect(),
        Term::Needs(name, needed) => vec![json!({ "dependencies": { *name: [needed] } })],
    }
}

fn pairs<'n>(names: &'n [&'n str]) -> impl Iterator<Item = (&'n str, &'n str)> {
    names.iter().enumerate().flat_map(|(at, one)| names.iter().skip(at + 1).map(|other| (*one, *other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_names_of_their_own_and_keys_too() {
        let mut tables: Vec<(*const Table, &str)> = Vec::new();
        each_table(&ROOT, &mut |table| tables.push((std::ptr::from_ref(table), table.name)));
        let names: BTreeSet<&str> = tables.iter().map(|(_, name)| *name).collect();
        assert_eq!(names.len(), tables.len());
        each_table(&ROOT, &mut |table| {
            let keys: BTreeSet<&str> = table.keys.iter().map(|info| info.name).collect();
            assert_eq!(keys.len(), table.keys.len(), "{}", table.name);
            for term in table.terms {
                let named: Vec<&str> = match term {
                    Term::ExactlyOne(names) | Term::AtMostOne(names) => names.to_vec(),
                    Term::Needs(name, needed) => vec![name, needed],
                };
                assert!(named.iter().all(|name| keys.contains(name)), "a term of {} names no key", table.name);
            }
        });
    }

    #[test]
    fn every_key_is_explained() {
        each_table(&ROOT, &mut |table| {
            assert!(table.doc.ends_with('.'), "{}", table.name);
            for info in table.keys {
                let explained = info.doc.ends_with('.') != info.shape().is_none();
                assert!(explained && info.doc.len() > 10, "{} in {}", info.name, table.name);
            }
        });
    }
}
