//! What a source is told: every mistake at once, each with its place and its fix.

#![expect(clippy::expect_used, reason = "a test may panic")]

#[cfg(test)]
mod support;

use std::collections::BTreeMap;

use doorward_identity::{ClaimType, ClaimValue};
use doorward_policy::{Admits, Catalogue, Catalogues, Kind, PathAdmits, PathRule, Require, RuleBook, Source};
use doorward_wire::ListKind;
use proptest::prelude::*;
use serde_json::json;
use support::*;

/// The places of all mistakes, in order.
fn places(source: Source) -> Vec<String> {
    let mistakes = mistakes(source);
    for mistake in &mistakes {
        let (_, message) = mistake.split_once(": ").expect("a place and a message");
        assert!(message.contains("; "), "no fix in: {mistake}");
        assert!(!message.ends_with('.') && !message.contains('\n'), "not a line: {mistake}");
    }
    mistakes.iter().filter_map(|mistake| Some(mistake.split_once(": ")?.0.to_owned())).collect()
}

#[test]
fn a_sound_source_has_no_mistakes() {
    assert_eq!(places(source(vec![rule("tool", "*", policies(&["Admin", "Write"]))])), [""; 0]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let mut source = source(vec![
        rule("tool", "*", policies(&["Nobody"])),
        rule("tool", "admin*", policies(&["Admin"])),
        rule("prompt", "*", policies(&[])),
        rule("resource", "file:///a/../b", policies(&["Admin", "Admin"])),
        rule("discovery", "", Admits::Anonymous),
        rule("discovery", "", Admits::Authenticated),
    ]);
    source.claims.insert("roles".to_owned(), ClaimType::Strings);
    source.claims.insert(String::new(), ClaimType::Bool);
    source.policies.insert("Empty".to_owned(), Require::Any(vec![]));
    source.policies.insert("Words".to_owned(), scope("two words"));
    source.policies.insert("never".to_owned(), not(Require::Authenticated));
    source
        .policies
        .insert("undeclared".to_owned(), Require::Claim { name: "height".to_owned(), equals: ClaimValue::Integer(1) });
    source.servers.insert("void".parse().expect("a name"), vec![]);
    let path = |text: &str, names: &[&str]| PathRule {
        path: text.parse().expect("a pattern"),
        admits: PathAdmits::Policies(names.iter().map(|name| (*name).to_owned()).collect()),
    };
    source.paths = vec![path("/mcp/**", &["Admin"]), path("/mcp/ops", &[]), path("/x", &["Nobody"])];
    assert_eq!(
        places(source),
        [
            "claims.",
            "claims.roles",
            "policies.Empty.require.any",
            "policies.Words.require.scope",
            "policies.never.require",
            "policies.undeclared.require.claim",
            "paths[1].path",
            "paths[1].policy",
            "paths[2].policy",
            "servers.crm.rules[0].policy",
            "servers.crm.rules[1]",
            "servers.crm.rules[2].policy",
            "servers.crm.rules[3].resource",
            "servers.crm.rules[3].policy",
            "servers.crm.rules[5]",
            "servers.void.rules",
        ]
    );
}

#[test]
fn a_mistake_in_one_policy_does_not_make_its_rules_mistaken() {
    let mut source = source(vec![rule("tool", "*", policies(&["Broken"]))]);
    source.policies.insert("Broken".to_owned(), role("two words"));
    assert_eq!(places(source), ["policies.Broken.require.role"]);
}

#[test]
fn a_rule_is_shadowed_by_its_own_kind_alone() {
    let rules = vec![
        rule("tool", "*", Admits::Authenticated),
        rule("prompt", "*", Admits::Authenticated),
        rule("resource", "*", Admits::Authenticated),
        rule("discovery", "", Admits::Anonymous),
    ];
    assert_eq!(places(source(rules)), [""; 0]);
}

#[test]
fn hostile_names_stay_inside_their_message() {
    let mut source = source(vec![rule("tool", "*", policies(&["no\nsuch \u{1b}[31m policy"]))]);
    source.policies.insert("a\nb".to_owned(), Require::Authenticated);
    for mistake in mistakes(source) {
        assert!(!mistake.chars().any(char::is_control), "{mistake:?}");
    }
}

#[test]
fn a_policy_is_shown_as_cedar() {
    let book = compile(source(vec![rule("tool", "*", policies(&["AdminAndWrite"]))]));
    let text = book.cedar("AdminAndWrite").expect("a policy");
    assert_eq!(
        text,
        "@id(\"AdminAndWrite\")\npermit(principal is Caller, action, resource is Target)\nwhen { \
         (principal.roles.contains(\"Admin\") && principal.scopes.contains(\"write\")) };\n"
    );
    assert_eq!(book.cedar("Nobody"), None);
    assert!(book.policies().any(|name| name == "AdminAndWrite"));
}

// === the schema ===

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::new();
    let tools = page(&json!({ "tools": [
        {
            "name": "customerData",
            "inputSchema": {
                "type": "object",
                "required": ["region"],
                "properties": { "region": { "type": "string" }, "limit": { "type": "integer" }, "x": { "type": "number" } },
            },
        },
        { "name": "ungoverned \" \u{202e}", "inputSchema": { "type": "object" } },
        { "name": "admin", "inputSchema": { "type": "object", "properties": { "if \"\\\n": { "type": "boolean" } } } },
    ] }));
    catalogue.merge(ListKind::Tools, &tools).expect("a list");
    let prompts = page(&json!({ "prompts": [{ "name": "greet", "arguments": [{ "name": "who" }] }] }));
    catalogue.merge(ListKind::Prompts, &prompts).expect("a list");
    catalogue
}

#[test]
fn the_schema_has_an_action_for_each_rule_and_target_with_its_arguments() {
    let rules = vec![
        rule("tool", "customer*", policies(&["Admin"])),
        rule("tool", "admin", policies(&["Admin"])),
        rule("prompt", "*", policies(&["Admin"])),
    ];
    let catalogues = Catalogues::from([(server(), catalogue())]);
    let book = RuleBook::compile(source(rules), &catalogues).expect("sound");
    let schema = book.schema(&server()).expect("a server");
    assert!(schema.contains("action \"crm/tool/customerData\""), "{schema}");
    assert!(schema.contains("\"args\"?: { \"limit\"?: Long, \"region\": String }"), "{schema}");
    assert!(schema.contains("action \"crm/prompt/greet\""), "{schema}");
    assert!(!schema.contains("ungoverned"), "{schema}");
    // A policy that reads the caller alone holds against every action just as it does against one.
    let (schema, _) = cedar_policy::Schema::from_cedarschema_str(&schema).expect("a schema");
    let validator = cedar_policy::Validator::new(schema);
    for name in book.policies() {
        let set: cedar_policy::PolicySet = book.cedar(name).expect("a policy").parse().expect("Cedar");
        let result = validator.validate(&set, cedar_policy::ValidationMode::Strict);
        assert!(result.validation_passed_without_warnings(), "{name}: {result}");
    }
}

#[test]
fn a_new_catalogue_changes_its_own_server_alone() {
    let mut source = source(vec![rule("tool", "*", Admits::Authenticated)]);
    let other: doorward_wire::ServerName = "ops".parse().expect("a name");
    source.servers.insert(other.clone(), vec![rule("tool", "*", Admits::Authenticated)]);
    let before = compile(source);
    let after = before.with_catalogue(&server(), catalogue());
    assert!(before.schema(&server()).expect("a server").len() < after.schema(&server()).expect("a server").len());
    assert_eq!(before.schema(&other), after.schema(&other));
    let elsewhere = "elsewhere".parse().expect("a name");
    assert_eq!(after.with_catalogue(&elsewhere, catalogue()).servers().count(), 2);
    let governing = after.governing(&server(), Kind::Tool, "anything").expect("a rule");
    assert_eq!((governing.index(), governing.label()), (0, "rules[0] tool *"));
}

// === properties ===

fn any_schema() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!({ "type": "string" })),
        Just(json!({ "type": "integer" })),
        Just(json!({ "type": ["boolean", "null"] })),
        Just(json!({ "type": "number" })),
        Just(json!({ "enum": ["a", "b"] })),
        Just(json!({ "$ref": "#/x" })),
        Just(json!({})),
        Just(json!(true)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|properties| {
                let required: Vec<String> = properties.keys().take(1).cloned().collect();
                json!({ "type": "object", "properties": properties, "required": required })
            }),
        ]
    })
}

proptest! {
    #![proptest_config(cases(10))]

    /// Whatever names and schemas a server sends, the schema that is made of them is one.
    #[test]
    fn any_catalogue_makes_a_schema(
        tools in prop::collection::btree_map(any::<String>(), any_schema(), 0..4),
        claims in prop::collection::btree_map("[^\\x00-\\x1f\\x7f-\\x9f]{1,8}", Just(ClaimType::Integer), 0..3),
    ) {
        let entries: Vec<_> =
            tools.iter().map(|(name, schema)| json!({ "name": name, "inputSchema": schema })).collect();
        let mut catalogue = Catalogue::new();
        let merged = catalogue.merge(ListKind::Tools, &page(&json!({ "tools": entries })));
        prop_assume!(merged.is_ok());
        let reserved = ["roles", "scopes", "issuer", "subject", "client", "tenant"];
        let claims = claims.into_iter().filter(|(name, _)| !reserved.contains(&name.as_str())).collect();
        let source = Source {
            claims,
            policies: BTreeMap::new(),
            paths: Vec::new(),
            servers: BTreeMap::from([(server(), vec![rule("tool", "*", Admits::Authenticated)])]),
        };
        let book = RuleBook::compile(source, &Catalogues::from([(server(), catalogue.clone())]));
        let book = book.map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
        let schema = book.schema(&server()).expect("a server");
        let parsed = cedar_policy::Schema::from_cedarschema_str(&schema);
        prop_assert!(parsed.is_ok(), "{:?}\n{schema}", parsed.err());
        let stored = Catalogue::from_json(&catalogue.to_json()).expect("own format");
        prop_assert_eq!(stored.to_json(), catalogue.to_json());
    }

    /// Whatever text a policy holds stays text in Cedar.
    #[test]
    fn any_words_stay_words(role_name in "\\S{1,12}", value in any::<String>(), claim in "[^\\x00-\\x1f\\x7f-\\x9f]{1,8}") {
        prop_assume!(!role_name.chars().any(|c| c.is_whitespace() || c.is_control()));
        let mut source = source(vec![rule("tool", "*", policies(&["P"]))]);
        prop_assume!(!["roles", "scopes", "issuer", "subject", "client", "tenant"].contains(&claim.as_str()));
        source.claims.insert(claim.clone(), ClaimType::String);
        let equals = ClaimValue::String(value);
        let require = Require::Any(vec![role(&role_name), Require::Claim { name: claim, equals }]);
        source.policies.insert("P".to_owned(), require);
        prop_assert_eq!(mistakes(source), Vec::<String>::new());
    }
}
