//! Named policies, as a person writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use doorward_identity::{ClaimType, ClaimValue};

use crate::cedar::schema::is_reserved;
use crate::error::PolicyError;

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 32;

/// What a named policy demands of a proven caller.
///
/// A policy never speaks of somebody unproven: what everybody may use is a rule that
/// [admits anybody](crate::Admits::Anonymous).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Require {
    /// Nothing but the proof.
    Authenticated,
    /// This role.
    Role(String),
    /// At least one of these roles.
    AnyRole(Vec<String>),
    /// This scope on the presented token.
    Scope(String),
    /// A claim of exactly this value. A caller without the claim does not meet it.
    Claim {
        /// The claim's name, as declared.
        name: String,
        /// The value that it must have, of the declared type.
        equals: ClaimValue,
    },
    /// Every one of these.
    All(Vec<Require>),
    /// At least one of these.
    Any(Vec<Require>),
    /// Not this.
    Not(Box<Require>),
}

impl Require {
    /// The scopes that speak for the caller, so that a missing one may be asked for. Those under `not` do not.
    pub(crate) fn wanted_scopes(&self) -> BTreeSet<String> {
        fn collect(require: &Require, positive: bool, into: &mut BTreeSet<String>) {
            match require {
                Require::Scope(scope) => {
                    if positive {
                        into.insert(scope.clone());
                    }
                }
                Require::All(parts) | Require::Any(parts) => {
                    for part in parts {
                        collect(part, positive, into);
                    }
                }
                Require::Not(inner) => collect(inner, !positive, into),
                Require::Authenticated | Require::Role(_) | Require::AnyRole(_) | Require::Claim { .. } => {}
            }
        }
        let mut scopes = BTreeSet::new();
        collect(self, true, &mut scopes);
        scopes
    }

    /// What the condition is whoever calls, where that is certain.
    fn constant(&self) -> Option<bool> {
        match self {
            Self::Authenticated => Some(true),
            Self::Role(_) | Self::AnyRole(_) | Self::Scope(_) | Self::Claim { .. } => None,
            Self::Not(inner) => inner.constant().map(|value| !value),
            Self::All(parts) => fold(parts, false),
            Self::Any(parts) => fold(parts, true),
        }
    }

    /// Reports everything that is wrong with the condition.
    pub(crate) fn check(&self, path: &str, claims: &BTreeMap<String, ClaimType>, errors: &mut Vec<PolicyError>) {
        let before = errors.len();
        self.check_part(path, claims, 0, errors);
        if errors.len() == before && self.constant() == Some(false) {
            errors.push(PolicyError::new(
                path,
                "the policy can never permit anyone; policies speak of proven callers only, so remove the \
                 `not: authenticated`, or write `allow: anonymous` in a rule that everybody may use",
            ));
        }
    }

    fn check_part(
        &self,
        path: &str,
        claims: &BTreeMap<String, ClaimType>,
        depth: usize,
        errors: &mut Vec<PolicyError>,
    ) {
        if depth >= MAX_DEPTH {
            errors.push(PolicyError::new(
                path,
                format!("conditions are nested more than {MAX_DEPTH} deep; split the policy and name both in the rule"),
            ));
            return;
        }
        match self {
            Self::Authenticated => {}
            Self::Role(role) => check_word("role", role, &format!("{path}.role"), errors),
            Self::AnyRole(roles) => {
                let path = format!("{path}.any_role");
                if roles.is_empty() {
                    errors.push(PolicyError::new(&path, "the list is empty and admits nobody; name at least one role"));
                }
                let mut seen = BTreeSet::new();
                for (index, role) in roles.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    check_word("role", role, &path, errors);
                    if !seen.insert(role) {
                        errors.push(PolicyError::new(
                            path,
                            format!("the role {} stands twice; remove one", quoted(role)),
                        ));
                    }
                }
            }
            Self::Scope(scope) => check_word("scope", scope, &format!("{path}.scope"), errors),
            Self::Claim { name, equals } => check_claim(name, equals, path, claims, errors),
            Self::All(parts) => check_parts("all", parts, path, claims, depth, errors),
            Self::Any(parts) => check_parts("any", parts, path, claims, depth, errors),
            Self::Not(inner) => inner.check_part(&format!("{path}.not"), claims, depth + 1, errors),
        }
    }
}

/// The value of a list of conditions where `decisive` (false for all, true for any) settles it alone.
fn fold(parts: &[Require], decisive: bool) -> Option<bool> {
    let mut certain = true;
    for part in parts {
        match part.constant() {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => certain = false,
        }
    }
    certain.then_some(!decisive)
}

fn check_parts(
    word: &str,
    parts: &[Require],
    path: &str,
    claims: &BTreeMap<String, ClaimType>,
    depth: usize,
    errors: &mut Vec<PolicyError>,
) {
    if parts.is_empty() {
        errors.push(PolicyError::new(format!("{path}.{word}"), "the list is empty; write at least one condition"));
    }
    for (index, part) in parts.iter().enumerate() {
        part.check_part(&format!("{path}.{word}[{index}]"), claims, depth + 1, errors);
    }
}

/// A role or a scope is one word: in a token, scopes are parted by spaces (RFC 6749 section 3.3), so a scope with one
/// could never be met, and a role with one is a slip more often than a role.
fn check_word(what: &str, word: &str, path: &str, errors: &mut Vec<PolicyError>) {
    if word.is_empty() {
        errors.push(PolicyError::new(path, format!("the {what} is empty; write its name")));
    } else if word.chars().any(|c| c.is_whitespace() || c.is_control()) {
        errors.push(PolicyError::new(
            path,
            format!("the {what} {} holds a space or a control character; a {what} is one word", quoted(word)),
        ));
    }
}

fn check_claim(
    name: &str,
    equals: &ClaimValue,
    path: &str,
    claims: &BTreeMap<String, ClaimType>,
    errors: &mut Vec<PolicyError>,
) {
    let claim = quoted(name);
    let Some(declared) = claims.get(name) else {
        let fix = if is_reserved(name) {
            "it is not a claim of its own; use `role` or `scope`".to_owned()
        } else {
            format!("declare it, for example `{{ {name}: string }}` under the claims that policies may read")
        };
        errors.push(PolicyError::new(format!("{path}.claim"), format!("the claim {claim} is not declared; {fix}")));
        return;
    };
    let given = match equals {
        ClaimValue::String(_) => ClaimType::String,
        ClaimValue::Integer(_) => ClaimType::Integer,
        ClaimValue::Bool(_) => ClaimType::Bool,
        ClaimValue::Strings(_) => ClaimType::Strings,
    };
    if given != *declared {
        errors.push(PolicyError::new(
            format!("{path}.equals"),
            format!(
                "the claim {claim} is declared as {}, but is compared with {}; write a value of the declared type",
                type_word(*declared),
                type_word(given)
            ),
        ));
    }
}

fn type_word(ty: ClaimType) -> &'static str {
    match ty {
        ClaimType::String => "a string",
        ClaimType::Integer => "an integer",
        ClaimType::Bool => "a boolean",
        ClaimType::Strings => "a list of strings",
    }
}

/// Text of a source inside a message: in backticks, on one line, and not endless.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut out = String::from("`");
    out.extend(text.chars().take(LONGEST).flat_map(char::escape_debug));
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out.push('`');
    out
}

impl fmt::Display for Require {
    /// The condition in words, for explanations.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(f: &mut fmt::Formatter<'_>, word: &str, parts: &[Require]) -> fmt::Result {
            f.write_str("(")?;
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                write!(f, "{part}")?;
            }
            f.write_str(")")
        }
        match self {
            Self::Authenticated => f.write_str("authenticated"),
            Self::Role(role) => write!(f, "role {}", quoted(role)),
            Self::AnyRole(roles) => {
                let roles: Vec<String> = roles.iter().map(|role| quoted(role)).collect();
                write!(f, "any role of {}", roles.join(", "))
            }
            Self::Scope(scope) => write!(f, "scope {}", quoted(scope)),
            Self::Claim { name, .. } => write!(f, "claim {} of the given value", quoted(name)),
            Self::All(parts) => list(f, "and", parts),
            Self::Any(parts) => list(f, "or", parts),
            Self::Not(inner) => write!(f, "not {inner}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> Require {
        Require::Role(name.into())
    }

    fn scope(name: &str) -> Require {
        Require::Scope(name.into())
    }

    fn errors(require: &Require) -> Vec<String> {
        let claims = BTreeMap::from([("region".into(), ClaimType::String), ("groups".into(), ClaimType::Strings)]);
        let mut errors = Vec::new();
        require.check("policies.P", &claims, &mut errors);
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn scopes_under_not_are_never_asked_for() {
        let require = Require::All(vec![
            scope("read"),
            Require::Not(Box::new(scope("banned"))),
            Require::Not(Box::new(Require::Not(Box::new(scope("write"))))),
            Require::Any(vec![role("Admin"), scope("admin")]),
        ]);
        let wanted: Vec<String> = require.wanted_scopes().into_iter().collect();
        assert_eq!(wanted, ["admin", "read", "write"]);
    }

    #[test]
    fn a_policy_that_can_permit_nobody_is_refused() {
        let never = Require::Not(Box::new(Require::Authenticated));
        assert_eq!(errors(&never).len(), 1);
        assert_eq!(errors(&Require::All(vec![role("A"), never.clone()])).len(), 1);
        assert_eq!(errors(&Require::Any(vec![role("A"), never])), Vec::<String>::new());
    }

    #[test]
    fn every_slip_is_named_with_its_place() {
        let require = Require::All(vec![
            role("two words"),
            Require::AnyRole(vec![]),
            Require::AnyRole(vec!["A".into(), "A".into()]),
            scope(""),
            Require::Any(vec![]),
            Require::Not(Box::new(scope("tab\there"))),
            Require::Claim { name: "unit".into(), equals: ClaimValue::String("x".into()) },
            Require::Claim { name: "groups".into(), equals: ClaimValue::String("x".into()) },
            Require::Claim { name: "region".into(), equals: ClaimValue::String("eu".into()) },
        ]);
        let found = errors(&require);
        let places: Vec<&str> = found.iter().filter_map(|e| e.split_once(": ").map(|(place, _)| place)).collect();
        assert_eq!(
            places,
            [
                "policies.P.all[0].role",
                "policies.P.all[1].any_role",
                "policies.P.all[2].any_role[1]",
                "policies.P.all[3].scope",
                "policies.P.all[4].any",
                "policies.P.all[5].not.scope",
                "policies.P.all[6].claim",
                "policies.P.all[7].equals",
            ]
        );
    }

    #[test]
    fn endless_nesting_is_refused() {
        let mut require = role("A");
        for _ in 0..MAX_DEPTH {
            require = Require::Not(Box::new(require));
        }
        assert_eq!(errors(&require).len(), 1);
    }
}
