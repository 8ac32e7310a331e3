//! Everything that can be wrong with a source.

use std::collections::{BTreeMap, BTreeSet};

use doorward_identity::ClaimType;

use super::shelf::Shelf;
use crate::cedar::schema::is_reserved;
use crate::cedar::{Compiled, validator};
use crate::error::PolicyError;
use crate::path::PathPattern;
use crate::require::quoted;
use crate::resource::other_readings;
use crate::rule::{Admits, Kind, PathAdmits, PathRule, Rule, Source};

/// The longest name of a policy or claim, in bytes.
const MAX_NAME: usize = 128;

pub(super) struct Checked {
    /// The compiled policies; missing or incomplete where there are errors.
    pub(super) shelf: Option<Shelf>,
    pub(super) errors: Vec<PolicyError>,
}

pub(super) fn check(source: &Source) -> Checked {
    let mut errors = Vec::new();
    let claims = check_claims(source, &mut errors);
    let policies = compile_policies(source, &claims, &mut errors);
    for (index, rule) in source.paths.iter().enumerate() {
        check_path(source, index, rule, &mut errors);
    }
    for (server, rules) in &source.servers {
        let path = format!("servers.{server}.rules");
        if rules.is_empty() {
            errors.push(PolicyError::new(
                &path,
                "the list is empty, so every call is refused; write at least one rule, for example \
                 `{ tool: \"*\", policy: ... }`",
            ));
        }
        for (index, rule) in rules.iter().enumerate() {
            check_rule(source, &path, rules, index, rule, &mut errors);
        }
    }
    let shelf = Shelf::new(policies, source.claims.clone());
    if shelf.is_none() {
        errors.push(PolicyError::new("policies", "the policy engine does not take its own type names"));
    }
    Checked { shelf, errors }
}

/// Reports bad names, and returns the claims that have good ones.
fn check_claims(source: &Source, errors: &mut Vec<PolicyError>) -> BTreeMap<String, ClaimType> {
    let mut sound = source.claims.clone();
    for name in source.claims.keys() {
        let path = format!("claims.{}", one_line(name));
        let before = errors.len();
        if is_reserved(name) {
            errors.push(PolicyError::new(
                path,
                format!("{} is what every caller has already; give the claim another name", quoted(name)),
            ));
        } else {
            check_name("claim", name, &path, errors);
        }
        if errors.len() > before {
            sound.remove(name);
        }
    }
    sound
}

fn check_name(what: &str, name: &str, path: &str, errors: &mut Vec<PolicyError>) {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        errors.push(PolicyError::new(
            path,
            format!("the name of a {what} is 1 to {MAX_NAME} bytes without control characters; give it another"),
        ));
    }
}

/// Compiles every policy that is sound in itself, in the order of names.
fn compile_policies(
    source: &Source,
    sound: &BTreeMap<String, ClaimType>,
    errors: &mut Vec<PolicyError>,
) -> Vec<Compiled> {
    let validator = match validator(sound) {
        Ok(validator) => validator,
        Err(error) => {
            errors.push(PolicyError::new("claims", format!("the claims make no schema: {error}; rename them")));
            return Vec::new();
        }
    };
    let mut compiled = Vec::with_capacity(source.policies.len());
    for (name, require) in &source.policies {
        let path = format!("policies.{}", one_line(name));
        let before = errors.len();
        check_name("policy", name, &path, errors);
        require.check(&format!("{path}.require"), &source.claims, errors);
        if errors.len() > before {
            continue;
        }
        match Compiled::new(name, require, &validator) {
            Ok(policy) => compiled.push(policy),
            Err(found) => errors.extend(found.into_iter().map(|error| {
                PolicyError::new(&path, format!("the policy does not hold: {error}; mend the condition"))
            })),
        }
    }
    compiled
}

fn check_path(source: &Source, index: usize, rule: &PathRule, errors: &mut Vec<PolicyError>) {
    let path = format!("paths[{index}]");
    let earlier: Vec<&PathPattern> = source.paths.iter().take(index).map(|rule| &rule.path).collect();
    if rule.path.is_covered_by(&earlier) {
        errors.push(PolicyError::new(
            format!("{path}.path"),
            format!(
                "{} can match nothing, for the rules before it match all of it; move it up or remove it",
                quoted(&rule.path.to_string())
            ),
        ));
    }
    if let PathAdmits::Policies(names) = &rule.admits {
        check_policies(source, names, &format!("{path}.policy"), errors);
    }
}

fn check_rule(source: &Source, path: &str, rules: &[Rule], index: usize, rule: &Rule, errors: &mut Vec<PolicyError>) {
    let path = format!("{path}[{index}]");
    let earlier = rules.iter().take(index);
    if let Some((first, shadow)) = earlier.enumerate().find(|(_, earlier)| earlier.matches.shadows(&rule.matches)) {
        errors.push(PolicyError::new(
            &path,
            format!(
                "{} can match nothing, for rules[{first}] ({}) comes first and matches all of it; move it up or remove it",
                quoted(&rule.matches.to_string()),
                quoted(&shadow.matches.to_string())
            ),
        ));
    }
    if let (Some(Kind::Resource), Some(pattern)) = (rule.matches.kind(), rule.matches.pattern()) {
        check_resource(pattern.as_str(), &format!("{path}.resource"), errors);
    }
    if let Admits::Policies(names) = &rule.admits {
        check_policies(source, names, &format!("{path}.policy"), errors);
    }
}

/// A pattern that reads in several ways would refuse what it is meant to admit.
fn check_resource(pattern: &str, path: &str, errors: &mut Vec<PolicyError>) {
    let readings = other_readings(pattern).unwrap_or_default();
    if let Some(plain) = readings.first() {
        errors.push(PolicyError::new(
            path,
            format!(
                "{} can be read in several ways, so it would match nothing reliably; write it plainly, for example {}",
                quoted(pattern),
                quoted(plain)
            ),
        ));
    }
}

fn check_policies(source: &Source, names: &[String], path: &str, errors: &mut Vec<PolicyError>) {
    if names.is_empty() {
        errors.push(PolicyError::new(
            path,
            "the list is empty; name at least one policy, or write `allow: anonymous` if everybody may use it",
        ));
    }
    let mut seen = BTreeSet::new();
    for name in names {
        if !source.policies.contains_key(name) {
            errors.push(PolicyError::new(
                path,
                format!("there is no policy {}; {}", quoted(name), known(&source.policies)),
            ));
        }
        if !seen.insert(name) {
            errors.push(PolicyError::new(path, format!("the policy {} stands twice; remove one", quoted(name))));
        }
    }
}

/// The names to choose from.
fn known<T>(policies: &BTreeMap<String, T>) -> String {
    const MOST: usize = 8;
    if policies.is_empty() {
        return "no policies are declared, so add it under `policies`".to_owned();
    }
    let names: Vec<String> = policies.keys().take(MOST).map(|name| quoted(name)).collect();
    let more = if policies.len() > MOST { " and others" } else { "" };
    format!("declare it under `policies`, or use one of {}{more}", names.join(", "))
}

/// A name as a part of a place: on one line.
fn one_line(name: &str) -> String {
    name.chars().flat_map(char::escape_debug).collect()
}
