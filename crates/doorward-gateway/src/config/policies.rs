//! Named policies and the conditions that they are made of: `policies`.

use std::collections::{BTreeMap, BTreeSet};

use doorward_identity::{ClaimType, ClaimValue};
use doorward_policy::Require;

use super::decode::{Decoder, FromNode, Name as _, Named, NonEmpty, head};
use super::scalar::{ClaimName, PolicyName, word};
use super::section::Section;
use super::shape::{Form, Shape, Word, all_of};
use super::source::quoted;
use super::table::{Info, Key, Table, Term, nearest};
use super::yaml::{Node, Value, is_number};

/// The policies of the file, by name.
pub(super) struct Policies(pub(super) BTreeMap<String, Require>);

impl Policies {
    /// Learns the names before rules are read. A policy whose body is wrong counts as defined: one mistake is enough.
    pub(super) fn declare(node: &Node, d: &mut Decoder<'_>) {
        if let Value::Map(pairs) = &node.value {
            d.policies.extend(pairs.iter().map(|pair| pair.key.clone()));
        }
    }
}

impl FromNode for Policies {
    const SHAPE: Shape = Named::<PolicyName, Policy>::SHAPE;

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let Named(policies) = Named::<PolicyName, Policy>::read(node, d)?;
        Some(Self(policies.into_iter().map(|(PolicyName(name), Policy(require))| (name, require)).collect()))
    }
}

struct Policy(Require);

const REQUIRE: Key<Condition> = Key::required("require", "What a caller must be to meet the policy.");

static POLICY: Table = Table {
    name: "policy",
    what: "a policy",
    doc: "A named condition on callers. Rules name the policies that a caller must all meet.",
    example: "{ require: authenticated }",
    keys: &[
        REQUIRE.info,
        Info::not_yet("cedar", "it will take a policy in the Cedar language; `require` says most of what is needed"),
    ],
    terms: &[],
};

impl FromNode for Policy {
    const SHAPE: Shape = Shape::Table(|| &POLICY);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if node.get("cedar").is_some() && node.get(REQUIRE.info.name).is_none() {
            // The missing `require` is not what is wrong with it.
            let at = match &node.value {
                Value::Map(pairs) => pairs.iter().find(|pair| pair.key == "cedar").map_or(node.at, |pair| pair.key_at),
                _ => node.at,
            };
            return d.refuse(
                at,
                "`cedar` in a policy is not available yet in this version",
                "write the condition with `require`, such as `require: { role: Admin }`",
            );
        }
        let section = Section::open(node, &POLICY, d)?;
        section.get(&REQUIRE, d).map(|Condition(require)| Self(require))
    }
}

/// A condition on a caller.
pub(super) struct Condition(pub(super) Require);

const ROLE: Key<RoleName> = Key::optional("role", "The caller has this role.");
const ANY_ROLE: Key<NonEmpty<RoleName>> = Key::optional("any_role", "The caller has at least one of these roles.");
const SCOPE: Key<ScopeToken> = Key::optional("scope", "The presented token carries this scope.");
const CLAIM: Key<ClaimRef> =
    Key::optional("claim", "The caller has this claim, declared in `identity.claims`, with the value of `equals`.");
const EQUALS: Key<Expected> = Key::optional("equals", "The value that the claim must have, of its declared type.");
const ALL: Key<NonEmpty<Condition>> = Key::optional("all", "Every one of these conditions holds.");
const ANY: Key<NonEmpty<Condition>> = Key::optional("any", "At least one of these conditions holds.");
const NOT: Key<Condition> = Key::optional("not", "This condition does not hold.");

static CONDITION: Table = Table {
    name: "condition",
    what: "a condition",
    doc: "A condition on a caller: `authenticated`, or one of these keys.",
    example: "{ role: Admin }",
    keys: &[ROLE.info, ANY_ROLE.info, SCOPE.info, CLAIM.info, EQUALS.info, ALL.info, ANY.info, NOT.info],
    terms: &[
        Term::ExactlyOne(&["role", "any_role", "scope", "claim", "all", "any", "not"]),
        Term::Needs("claim", "equals"),
        Term::Needs("equals", "claim"),
    ],
};

const AUTHENTICATED: Shape = Shape::Words(&[Word { name: "authenticated", doc: "Nothing but a valid credential." }]);

impl FromNode for Condition {
    const SHAPE: Shape = Shape::Either(&[AUTHENTICATED, Shape::Table(|| &CONDITION)]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, .. } if matches!(text.as_str(), "anonymous" | "any" | "none") => d.refuse(
                node.at,
                format!("a policy can't require {}: a policy always speaks of a proven caller", quoted(text)),
                "write `authenticated`; what needs no login is a rule with `allow: anonymous`",
            ),
            Value::Scalar { .. } if !node.is_nothing() => {
                word(node, &AUTHENTICATED, &[("authenticated", ())], d).map(|()| Self(Require::Authenticated))
            }
            Value::Map(_) => compound(node, d).map(Self),
            _ => d.mismatch(node, &Self::SHAPE),
        }
    }
}

fn compound(node: &Node, d: &mut Decoder<'_>) -> Option<Require> {
    let before = d.findings.len();
    let section = Section::open(node, &CONDITION, d)?;
    let role = section.get(&ROLE, d).map(|RoleName(role)| Require::Role(role));
    let any_role = section
        .get(&ANY_ROLE, d)
        .map(|NonEmpty(roles)| Require::AnyRole(roles.into_iter().map(|RoleName(role)| role).collect()));
    let scope = section.get(&SCOPE, d).map(|ScopeToken(scope)| Require::Scope(scope));
    let claim = section.get(&CLAIM, d);
    let equals = section.get(&EQUALS, d);
    let all = section.get(&ALL, d).map(|NonEmpty(parts)| Require::All(bare(parts)));
    let any = section.get(&ANY, d).map(|NonEmpty(parts)| Require::Any(bare(parts)));
    let not = section.get(&NOT, d).map(|Condition(part)| Require::Not(Box::new(part)));
    let claim = match (claim, equals) {
        (Some(ClaimRef(name)), Some(expected)) => {
            let kind = d.claims.get(&name).copied()?;
            expected.of(kind, &name, d).map(|equals| Require::Claim { name, equals })
        }
        _ => None,
    };
    let found = role.or(any_role).or(scope).or(claim).or(all).or(any).or(not);
    found.filter(|_| d.findings.len() == before)
}

fn bare(parts: Vec<Condition>) -> Vec<Require> {
    parts.into_iter().map(|Condition(require)| require).collect()
}

const ROLE_FORM: Form = Form { what: "a role", example: "Admin", pattern: "^\\S+$" };

/// A role: one word, as the policy wants it.
struct RoleName(String);

impl FromNode for RoleName {
    const SHAPE: Shape = Shape::Text(&ROLE_FORM);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &ROLE_FORM)?;
        if text.contains(char::is_whitespace) {
            return d.refuse(
                node.at,
                format!("{} is more than one role", quoted(text)),
                "write one word; `any_role: [...]` takes several",
            );
        }
        if text.is_empty() || text.contains(char::is_control) {
            return d.malformed(node, text, &ROLE_FORM);
        }
        Some(Self(text.to_owned()))
    }
}

const SCOPE_FORM: Form = Form { what: "a scope", example: "crm:read", pattern: "^[!#-\\[\\]-~]+$" };

/// A scope token (RFC 6749 section 3.3): printable, without space, `"` and `\`.
struct ScopeToken(String);

impl FromNode for ScopeToken {
    const SHAPE: Shape = Shape::Text(&SCOPE_FORM);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &SCOPE_FORM)?;
        if text.contains(' ') {
            return d.refuse(
                node.at,
                format!("{} is more than one scope", quoted(text)),
                "write `all: [{ scope: ... }, { scope: ... }]` for several",
            );
        }
        let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
        if fits { Some(Self(text.to_owned())) } else { d.malformed(node, text, &SCOPE_FORM) }
    }
}

/// A declared claim.
struct ClaimRef(String);

const CLAIM_FORM: Form = Form { what: "the name of a claim", ..ClaimName::FORM };

impl FromNode for ClaimRef {
    const SHAPE: Shape = Shape::Text(&CLAIM_FORM);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &CLAIM_FORM)?;
        if d.claims.contains_key(text) {
            return Some(Self(text.to_owned()));
        }
        super::identity::undeclared(text, node.at, d);
        None
    }
}

/// A value that is read once the claim's type is known.
struct Expected(Node);

const TEXTS: Shape = Shape::List { of: &<String as FromNode>::SHAPE, least: 1 };

impl FromNode for Expected {
    const SHAPE: Shape = Shape::Either(&[Shape::Anything, TEXTS]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { .. } if !node.is_nothing() => Some(Self(node.clone())),
            Value::List(_) => Some(Self(node.clone())),
            _ => d.mismatch(node, &Self::SHAPE),
        }
    }
}

impl Expected {
    fn of(&self, kind: ClaimType, name: &str, d: &mut Decoder<'_>) -> Option<ClaimValue> {
        let Self(node) = self;
        let (value, what, example) = match kind {
            ClaimType::String => match &node.value {
                Value::Scalar { .. } => return String::read(node, d).map(ClaimValue::String),
                _ => (None, "text", "emea"),
            },
            ClaimType::Integer => match &node.value {
                Value::Scalar { text, plain: true } if is_number(text) => {
                    (text.parse().ok().map(ClaimValue::Integer), "a whole number", "7")
                }
                _ => (None, "a whole number", "7"),
            },
            ClaimType::Bool => match &node.value {
                Value::Scalar { text, plain: true } if text == "true" => (Some(ClaimValue::Bool(true)), "", ""),
                Value::Scalar { text, plain: true } if text == "false" => (Some(ClaimValue::Bool(false)), "", ""),
                _ => (None, "`true` or `false`", "true"),
            },
            ClaimType::Strings => match &node.value {
                Value::List(_) => {
                    let NonEmpty(texts) = NonEmpty::<String>::read(node, d)?;
                    (Some(ClaimValue::Strings(texts.into_iter().collect::<BTreeSet<_>>())), "", "")
                }
                _ => (None, "a list of texts", "[emea, apac]"),
            },
        };
        value.or_else(|| {
            d.refuse(
                head(node.at),
                format!("the claim `{name}` is declared as {what}, and {} is compared with it", node.kind()),
                format!("write one such as `{example}`, or change its type under `identity.claims`"),
            )
        })
    }
}

const POLICY_FORM: Form = Form { what: "the name of a policy", ..PolicyName::FORM };

/// The name of a policy that is defined.
pub(super) struct PolicyRef(pub(super) String);

impl FromNode for PolicyRef {
    const SHAPE: Shape = Shape::Text(&POLICY_FORM);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &POLICY_FORM)?;
        if d.policies.contains(text) {
            return Some(Self(text.to_owned()));
        }
        let names = || d.policies.iter().map(String::as_str);
        let fix = match (nearest(text, names()), names().next()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(_)) => format!("define it under `policies`; defined are {}", all_of(names())),
            (None, None) => {
                format!("define it: `policies: {{ {}: {{ require: authenticated }} }}`", POLICY_FORM.example)
            }
        };
        d.refuse(node.at, format!("no policy is called {}", quoted(text)), fix)
    }
}
