//! The Cedar schema: what a policy may read, and of which type.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use doorward_identity::ClaimType;
use doorward_wire::ServerName;

use crate::catalogue::{Field, ValueType};
use crate::rule::Kind;

/// What every caller has. A claim can't take such a name.
const RESERVED: [&str; 6] = ["roles", "scopes", "issuer", "subject", "client", "tenant"];

/// Whether a claim may not have this name.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// The entities: a caller with the declared claims, all optional so that a policy must ask with `has` first, and a
/// target.
pub(crate) fn entities(claims: &BTreeMap<String, ClaimType>) -> String {
    let mut out = String::from(
        "entity Caller = {\n  \
           \"roles\": Set<String>,\n  \
           \"scopes\": Set<String>,\n  \
           \"issuer\": String,\n  \
           \"subject\": String,\n  \
           \"client\"?: String,\n  \
           \"tenant\": String,\n",
    );
    for (name, ty) in claims {
        let ty = match ty {
            ClaimType::String => "String",
            ClaimType::Integer => "Long",
            ClaimType::Bool => "Bool",
            ClaimType::Strings => "Set<String>",
        };
        // Writing to a string can't fail.
        let _ = writeln!(out, "  {}?: {ty},", literal(name));
    }
    out.push_str("};\nentity Target = {\n  \"server\": String,\n  \"kind\": String,\n  \"name\": String,\n};\n");
    out
}

/// The id of the action of one rule and target: `crm/tool/customerData`.
pub(crate) fn action_id(server: &ServerName, kind: Kind, name: &str) -> String {
    format!("{server}/{kind}/{name}")
}

/// One action, with the arguments that Cedar can express.
pub(crate) fn action(id: &str, arguments: &BTreeMap<String, Field>) -> String {
    let mut out =
        format!("action {} appliesTo {{\n  principal: [Caller],\n  resource: [Target],\n  context: {{", literal(id));
    if !arguments.is_empty() {
        out.push_str(" \"args\"?: ");
        record(arguments, &mut out);
        out.push(' ');
    }
    out.push_str("},\n};\n");
    out
}

fn record(fields: &BTreeMap<String, Field>, out: &mut String) {
    out.push('{');
    for (index, (name, field)) in fields.iter().enumerate() {
        out.push_str(if index > 0 { ", " } else { " " });
        out.push_str(&literal(name));
        out.push_str(if field.required { ": " } else { "?: " });
        value_type(&field.ty, out);
    }
    out.push_str(" }");
}

fn value_type(ty: &ValueType, out: &mut String) {
    match ty {
        ValueType::String => out.push_str("String"),
        ValueType::Integer => out.push_str("Long"),
        ValueType::Bool => out.push_str("Bool"),
        ValueType::Array(inner) => {
            out.push_str("Set<");
            value_type(inner, out);
            out.push('>');
        }
        ValueType::Object(fields) => record(fields, out),
    }
}

/// A Cedar string literal. Cedar's escapes are Rust's.
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    out.extend(text.chars().flat_map(char::escape_debug));
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use cedar_policy::Schema;

    use super::*;

    fn parses(text: &str) {
        if let Err(error) = Schema::from_cedarschema_str(text) {
            panic!("{error:?}\n{text}");
        }
    }

    #[test]
    fn odd_names_still_make_a_schema() {
        let claims = BTreeMap::from([
            ("region".to_owned(), ClaimType::String),
            ("https://acme.example/level".to_owned(), ClaimType::Integer),
            ("a \"quoted\" \\ name".to_owned(), ClaimType::Bool),
            ("if".to_owned(), ClaimType::Strings),
            ("__cedar".to_owned(), ClaimType::String),
        ]);
        let server: ServerName = "crm".parse().expect("a name");
        let field = |ty, required| Field { ty, required };
        let arguments = BTreeMap::from([
            ("plain".to_owned(), field(ValueType::String, true)),
            ("in".to_owned(), field(ValueType::Array(Box::new(ValueType::Integer)), false)),
            (
                "ünïcode \u{202e}\u{0}".to_owned(),
                field(ValueType::Object(BTreeMap::from([("x".to_owned(), field(ValueType::Bool, false))])), false),
            ),
        ]);
        let mut text = entities(&claims);
        for name in ["customerData", "a/b", "\"", "\n", "", "*", "👍"] {
            text.push_str(&action(&action_id(&server, Kind::Tool, name), &arguments));
        }
        parses(&text);
    }

    #[test]
    fn the_schema_reads_as_documented() {
        let claims = BTreeMap::from([("region".to_owned(), ClaimType::String)]);
        let text = entities(&claims);
        assert!(text.contains("\"region\"?: String"), "{text}");
        let arguments = BTreeMap::from([("region".to_owned(), Field { ty: ValueType::String, required: true })]);
        let text = action("crm/tool/customerData", &arguments);
        assert!(text.contains("action \"crm/tool/customerData\""), "{text}");
        assert!(text.contains("\"args\"?: { \"region\": String }"), "{text}");
    }
}
