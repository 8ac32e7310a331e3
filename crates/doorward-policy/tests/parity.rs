//! Lists and calls agree, for whatever policies, callers and catalogues (design section 2, CVE-2026-46519).
//!
//! A reference interpreter of conditions, patterns and rules stands here, written for being plain: it shares no line
//! with the crate and knows nothing of Cedar.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

#[cfg(test)]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use doorward_identity::{ClaimValue, Identified};
use doorward_policy::{Admits, Catalogue, Denial, Policy, Require, Rule, RuleBook, Source};
use doorward_wire::{Call, Era, ListKind, Target};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use support::*;

// === the reference ===

/// Whether somebody meets a condition. Where `favour` is given, a condition on scope is what it says instead, turned
/// around by each `not`.
fn meets(require: &Require, who: &Person, favour: Option<bool>) -> bool {
    match require {
        Require::Authenticated => true,
        Require::Role(role) => who.roles.contains(role),
        Require::AnyRole(roles) => roles.iter().any(|role| who.roles.contains(role)),
        Require::Scope(scope) => favour.unwrap_or_else(|| who.scopes.contains(scope)),
        Require::Claim { name, equals } => who.claims.get(name) == Some(equals),
        Require::All(parts) => parts.iter().all(|part| meets(part, who, favour)),
        Require::Any(parts) => parts.iter().any(|part| meets(part, who, favour)),
        Require::Not(inner) => !meets(inner, who, favour.map(|favour| !favour)),
    }
}

fn names_scope(require: &Require) -> bool {
    match require {
        Require::Scope(_) => true,
        Require::All(parts) | Require::Any(parts) => parts.iter().any(names_scope),
        Require::Not(inner) => names_scope(inner),
        _ => false,
    }
}

/// The scopes before which an even number of `not` stands.
fn wanted(require: &Require, nots: usize, into: &mut BTreeSet<String>) {
    match require {
        Require::Scope(scope) if nots.is_multiple_of(2) => {
            into.insert(scope.clone());
        }
        Require::All(parts) | Require::Any(parts) => parts.iter().for_each(|part| wanted(part, nots, into)),
        Require::Not(inner) => wanted(inner, nots + 1, into),
        _ => {}
    }
}

/// Whether a pattern matches, by trying everything.
fn matches(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|taken| matches(rest, &name[taken..])),
        Some((first, rest)) => name.split_first().is_some_and(|(c, tail)| c == first && matches(rest, tail)),
    }
}

fn glob(pattern: &str, name: &str) -> bool {
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    matches(&chars(pattern), &chars(name))
}

/// The first rule that matches.
fn governing<'a>(rules: &'a [Rule], kind: &str, name: &str) -> Option<&'a Rule> {
    rules.iter().find(|rule| {
        let text = rule.matches.to_string();
        let (rule_kind, pattern) = text.split_once(' ').unwrap_or((&text, ""));
        rule_kind == kind && glob(pattern, name)
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Permitted,
    Unauthenticated,
    Invisible,
    MissingScope(BTreeSet<String>),
    Forbidden,
}

fn expected(source: &Source, kind: &str, name: &str, who: Option<&Person>) -> Expected {
    let rules = &source.servers[&server()];
    let rule = governing(rules, kind, name);
    match (rule.map(|rule| &rule.admits), who) {
        (Some(Admits::Anonymous), _) | (Some(Admits::Authenticated), Some(_)) => Expected::Permitted,
        (_, None) => Expected::Unauthenticated,
        (None, Some(_)) => Expected::Invisible,
        (Some(Admits::Policies(names)), Some(who)) => {
            let policies: Vec<&Require> = names.iter().map(|name| &source.policies[name]).collect();
            if policies.iter().all(|require| meets(require, who, None)) {
                return Expected::Permitted;
            }
            if !policies.iter().all(|require| meets(require, who, Some(true))) {
                return Expected::Invisible;
            }
            let mut needed = BTreeSet::new();
            policies.iter().for_each(|require| wanted(require, 0, &mut needed));
            if needed.is_subset(&who.scopes) { Expected::Forbidden } else { Expected::MissingScope(needed) }
        }
    }
}

// === what is tried ===

const ROLES: [&str; 3] = ["A", "B", "C"];
const SCOPES: [&str; 3] = ["r", "w", "x"];

fn any_require() -> impl Strategy<Value = Require> {
    let leaf = prop_oneof![
        1 => Just(Require::Authenticated),
        3 => select(&ROLES[..]).prop_map(role),
        2 => prop::collection::btree_set(select(&ROLES[..]), 1..3)
            .prop_map(|roles| Require::AnyRole(roles.into_iter().map(str::to_owned).collect())),
        3 => select(&SCOPES[..]).prop_map(scope),
        3 => any_claim().prop_map(|(name, equals)| Require::Claim { name, equals }),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Require::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Require::Any),
            inner.prop_map(not),
        ]
    })
}

fn any_claim() -> impl Strategy<Value = (String, ClaimValue)> {
    let named = |name: &'static str| move |value| (name.to_owned(), value);
    prop_oneof![
        select(vec!["eu", "us"]).prop_map(|text| ClaimValue::String(text.to_owned())).prop_map(named("region")),
        (-1..2_i64).prop_map(ClaimValue::Integer).prop_map(named("level")),
        any::<bool>().prop_map(ClaimValue::Bool).prop_map(named("staff")),
        prop::collection::btree_set("[gh]", 0..3).prop_map(ClaimValue::Strings).prop_map(named("groups")),
    ]
}

const KINDS: [&str; 3] = ["tool", "prompt", "resource"];

fn any_rule() -> impl Strategy<Value = Rule> {
    let admits = prop_oneof![
        1 => Just(Admits::Anonymous),
        1 => Just(Admits::Authenticated),
        6 => prop::collection::btree_set(0..4_usize, 1..4)
            .prop_map(|names| Admits::Policies(names.into_iter().map(|n| format!("P{n}")).collect())),
    ];
    (select(&KINDS[..]), "[ab*]{1,4}", admits).prop_map(|(kind, pattern, admits)| rule(kind, &pattern, admits))
}

fn any_source() -> impl Strategy<Value = Source> {
    let policies = prop::collection::vec(any_require(), 4);
    let rules = prop::collection::vec(any_rule(), 1..9);
    (policies, rules).prop_map(|(policies, rules)| Source {
        claims: claim_types(),
        policies: policies.into_iter().enumerate().map(|(n, require)| (format!("P{n}"), require)).collect(),
        paths: Vec::new(),
        servers: BTreeMap::from([(server(), rules)]),
    })
}

/// Callers of every sort, proven once by identity's own validator.
fn crowd() -> &'static [(Option<Person>, Identified)] {
    static CROWD: OnceLock<Vec<(Option<Person>, Identified)>> = OnceLock::new();
    CROWD.get_or_init(|| {
        let mut crowd = vec![(None, Identified::Absent)];
        for n in 0..48_usize {
            let mut someone = person(&format!("subject-{n}"));
            let has = |bit: usize| n.wrapping_mul(0x9e37).wrapping_add(n >> 2) >> bit & 1 == 1;
            for (bit, role) in ROLES.iter().enumerate() {
                if has(bit) {
                    someone = someone.role(role);
                }
            }
            for (bit, scope) in SCOPES.iter().enumerate() {
                if has(bit + 3) {
                    someone = someone.scope(scope);
                }
            }
            if has(6) {
                let region = if has(7) { "eu" } else { "us" };
                someone = someone.claim("region", ClaimValue::String(region.to_owned()));
            }
            if has(8) {
                someone = someone.claim("level", ClaimValue::Integer(i64::try_from(n % 3).expect("small") - 1));
            }
            if has(9) {
                someone = someone.claim("staff", ClaimValue::Bool(has(10)));
            }
            if has(11) {
                let groups = if has(12) { BTreeSet::from(["g".to_owned()]) } else { BTreeSet::new() };
                someone = someone.claim("groups", ClaimValue::Strings(groups));
            }
            let proven = someone.proven();
            crowd.push((Some(someone), proven));
        }
        crowd
    })
}

/// The value of a condition that is the same whoever calls.
fn constant(require: &Require) -> Option<bool> {
    match require {
        Require::Authenticated => Some(true),
        Require::Not(inner) => constant(inner).map(|value| !value),
        Require::All(parts) => {
            let values: Vec<_> = parts.iter().map(constant).collect();
            if values.contains(&Some(false)) {
                Some(false)
            } else {
                values.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
            }
        }
        Require::Any(parts) => {
            let values: Vec<_> = parts.iter().map(constant).collect();
            if values.contains(&Some(true)) {
                Some(true)
            } else {
                values.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
        _ => None,
    }
}

/// The source without what would be refused: who can permit nobody permits all, and what can match nothing goes.
fn mended(mut source: Source) -> (Source, RuleBook) {
    for require in source.policies.values_mut() {
        if constant(require) == Some(false) {
            *require = Require::Authenticated;
        }
    }
    let rules = source.servers.get_mut(&server()).expect("a server");
    let mut seen: Vec<(String, String)> = Vec::new();
    rules.retain(|rule| {
        let text = rule.matches.to_string();
        let (kind, pattern) = text.split_once(' ').expect("a kind and a pattern");
        let widest = pattern.replace('*', "#");
        let dead = seen.iter().any(|(other, earlier)| other == kind && glob(earlier, &widest));
        seen.push((kind.to_owned(), pattern.to_owned()));
        !dead
    });
    let book = compile(source.clone());
    (source, book)
}

fn call(era: Era, kind: &str, name: &str) -> Call {
    match kind {
        "tool" => message(era, "tools/call", json!({ "name": name, "arguments": {} })),
        "prompt" => message(era, "prompts/get", json!({ "name": name })),
        _ => message(era, "resources/read", json!({ "uri": name })),
    }
}

fn target(kind: &str, name: &str) -> Target {
    match kind {
        "tool" => Target::Tool(name.to_owned()),
        "prompt" => Target::Prompt(name.to_owned()),
        _ => Target::Resource(name.to_owned()),
    }
}

/// What a list answer holds and how it is asked for.
fn list(kind: &str, names: &[String]) -> (ListKind, &'static str, Value) {
    let entries = |key: &str| names.iter().map(|name| json!({ key: name, "name": name })).collect::<Vec<_>>();
    match kind {
        "tool" => (ListKind::Tools, "tools/list", json!({ "tools": entries("name") })),
        "prompt" => (ListKind::Prompts, "prompts/list", json!({ "prompts": entries("name") })),
        _ => (ListKind::Resources, "resources/list", json!({ "resources": entries("uri") })),
    }
}

fn outcome(policy: &Policy, who: &Identified, call: Call) -> Expected {
    match decide(policy, who, call).map_err(|denied| denied.denial) {
        Ok(_) => Expected::Permitted,
        Err(Denial::Unauthenticated) => Expected::Unauthenticated,
        Err(Denial::Invisible) => Expected::Invisible,
        Err(Denial::MissingScope { needed, .. }) => Expected::MissingScope(needed),
        Err(Denial::Forbidden) => Expected::Forbidden,
        Err(other) => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(cases(10))]

    /// For every caller and target: permitted implies listed, unlisted implies unknown, both are equal where no policy
    /// names a scope, and all of it is what the reference says.
    #[test]
    fn lists_and_calls_agree_and_are_what_the_rules_say(
        source in any_source(),
        names in prop::collection::btree_set("[ab]{1,4}", 1..6),
        told in 0..6_usize,
        people in prop::collection::vec(0..49_usize, 4),
    ) {
        let (source, book) = mended(source);
        let (policy, _) = unlimited(book);
        let names: Vec<String> = names.into_iter().collect();
        // Some of the names the server has told of, some it has not: no difference.
        for kind in KINDS {
            let (list_kind, _, result) = list(kind, &names[..told.min(names.len())]);
            policy.learn(&server(), list_kind, &page(&result));
        }
        let scoped = source.policies.values().any(names_scope);
        for (someone, who) in people.iter().map(|n| &crowd()[*n]) {
            for kind in KINDS {
                let mut shown = BTreeSet::new();
                for name in &names {
                    let expected = expected(&source, kind, name, someone.as_ref());
                    let visible = policy.visible(who, &server(), &target(kind, name));
                    for era in [Era::Modern, Era::Legacy] {
                        let outcome = outcome(&policy, who, call(era, kind, name));
                        prop_assert_eq!(&outcome, &expected, "{} {} for {:?}", kind, name, someone);
                    }
                    if visible {
                        shown.insert(name.clone());
                    }
                    let permitted = expected == Expected::Permitted;
                    prop_assert!(visible || !permitted, "permitted implies listed");
                    if !visible {
                        let unknown = [Expected::Invisible, Expected::Unauthenticated];
                        prop_assert!(unknown.contains(&expected), "unlisted implies unknown, not {:?}", expected);
                    }
                    if !scoped {
                        prop_assert_eq!(visible, permitted, "equal where no policy names a scope");
                    }
                }
                // What the list shows is just what is visible.
                let (list_kind, method, result) = list(kind, &names);
                if let Ok(permit) = decide(&policy, who, modern(method)) {
                    let screened = policy.screen(permit.principal(), &server(), list_kind, &page(&result)).expect("a list");
                    let listed: BTreeSet<String> =
                        screened.entries(list_kind).expect("a list").into_iter().map(|e| e.key.into_owned()).collect();
                    prop_assert_eq!(listed, shown);
                } else {
                    prop_assert!(shown.is_empty(), "a list is refused only where nothing could be shown");
                }
            }
        }
    }

    /// Asking again, in any order, by other tokens between: the same answer.
    #[test]
    fn what_is_remembered_changes_no_answer(
        source in any_source(),
        asks in prop::collection::vec((0..49_usize, select(&KINDS[..]), "[ab]{1,3}"), 1..24),
    ) {
        let (source, book) = mended(source);
        let (policy, _) = unlimited(book);
        for (n, kind, name) in asks {
            let (someone, who) = &crowd()[n];
            let expected = expected(&source, kind, &name, someone.as_ref());
            prop_assert_eq!(outcome(&policy, who, call(Era::Modern, kind, &name)), expected);
        }
    }

    /// A catalogue decides nothing.
    #[test]
    fn what_a_server_tells_changes_no_answer(source in any_source(), names in prop::collection::vec("[ab]{1,4}", 1..5), n in 0..49_usize) {
        let (_, book) = mended(source);
        let mut catalogue = Catalogue::new();
        for kind in KINDS {
            let (list_kind, _, result) = list(kind, &names);
            catalogue.merge(list_kind, &page(&result)).expect("a list");
        }
        let (told, _) = unlimited(book.with_catalogue(&server(), catalogue));
        let (untold, _) = unlimited(book);
        let (_, who) = &crowd()[n];
        for kind in KINDS {
            for name in &names {
                let ask = |policy: &Policy| outcome(policy, who, call(Era::Modern, kind, name));
                prop_assert_eq!(ask(&told), ask(&untold));
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn patterns_match_as_the_reference_does(pattern in "[ab*]{1,8}", name in "[ab]{0,10}") {
        let compiled: doorward_policy::Pattern = pattern.parse().expect("a pattern");
        prop_assert_eq!(compiled.matches(&name), glob(&pattern, &name));
    }

    #[test]
    fn rates_read_back_as_written(count in 1..=1_000_000_u32, per in select(vec!["s", "min", "h"])) {
        let text = format!("{count}/{per}");
        let rate: doorward_policy::Rate = text.parse().expect("a rate");
        prop_assert_eq!(rate.count(), count);
        prop_assert_eq!(rate.to_string(), text);
    }

    #[test]
    fn no_text_makes_a_rate_panic_and_only_canonical_ones_are_read(text in "[0-9+ /smihn]{0,10}") {
        if let Ok(rate) = text.parse::<doorward_policy::Rate>() {
            prop_assert_eq!(rate.to_string(), text.trim_start_matches('0'));
        }
    }

    #[test]
    fn no_text_makes_a_path_pattern_panic(text in "[/a*.%\\PC]{0,12}") {
        if let Ok(pattern) = text.parse::<doorward_policy::PathPattern>() {
            prop_assert_eq!(pattern.to_string(), text);
        }
    }
}
