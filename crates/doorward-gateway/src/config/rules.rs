//! Who may use what of a server: `rules`.

use doorward_policy::{Admits, LogShape, Match, Pattern, Rate, Rule};

use super::decode::{Decoder, FromNode, NonEmpty, OneOrMany, Yes, head};
use super::policies::PolicyRef;
use super::scalar::word;
use super::section::Section;
use super::shape::{Form, Shape, Word};
use super::source::quoted;
use super::table::{Info, Key, Table, Term};
use super::yaml::{At, Node, Value};

const DISCOVERY: Key<Yes> =
    Key::optional("discovery", "The rule is for `server/discover`, `initialize` and `ping`; always `true`.");
const TOOL: Key<Name> =
    Key::optional("tool", "The rule is for tools of this name; `*` stands for any run of characters.");
const PROMPT: Key<Name> =
    Key::optional("prompt", "The rule is for prompts of this name; `*` stands for any run of characters.");
const RESOURCE: Key<Name> =
    Key::optional("resource", "The rule is for resources of this URI; `*` stands for any run of characters.");
const ALLOW: Key<Anonymous> = Key::optional("allow", "`anonymous`: no login is needed.");
const POLICY: Key<OneOrMany<PolicyRef>> = Key::optional("policy", "The policies that a caller must all meet.");
const LIMIT: Key<Rate> = Key::optional("limit", "How often one caller may use one target of this rule.");
const LOG: Key<Logged> = Key::optional("log", "What the ledger notes of the arguments; never a value.");

static RULE: Table = Table {
    name: "rule",
    what: "a rule",
    doc: "Who may use what. A rule is chosen by method and name alone; the first match wins.",
    example: "{ tool: \"*\", policy: CanUseBasicTools }",
    keys: &[
        DISCOVERY.info,
        TOOL.info,
        PROMPT.info,
        RESOURCE.info,
        ALLOW.info,
        POLICY.info,
        LIMIT.info,
        LOG.info,
        Info::not_yet("consent", "it will ask the person before each call"),
        Info::not_yet("arguments", "it will look for personal data in arguments"),
        Info::not_yet("results", "it will look for personal data in results"),
    ],
    terms: &[Term::ExactlyOne(&["discovery", "tool", "prompt", "resource"]), Term::ExactlyOne(&["allow", "policy"])],
};

const NAME: Form =
    Form { what: "a name, where `*` stands for any run of characters", example: "admin*", pattern: "^.+$" };

struct Name(Pattern);

impl FromNode for Name {
    const SHAPE: Shape = Shape::Text(&NAME);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &NAME)?;
        match text.parse::<Pattern>() {
            Ok(pattern) => Some(Self(pattern)),
            Err(error) => {
                let error = error.to_string();
                let (why, fix) = error.split_once("; ").unwrap_or((&error, "write a name, or `\"*\"` for every name"));
                d.refuse(node.at, why.to_owned(), fix)
            }
        }
    }
}

struct Anonymous;

impl FromNode for Anonymous {
    const SHAPE: Shape = Shape::Words(&[Word { name: "anonymous", doc: "No login is needed." }]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, .. } if d.policies.contains(text) => d.refuse(
                node.at,
                format!("`allow` takes `anonymous` alone, and {} is a policy", quoted(text)),
                format!("write `policy: {text}`"),
            ),
            Value::Scalar { text, .. } if matches!(text.as_str(), "authenticated" | "any" | "all" | "everyone") => d.refuse(
                node.at,
                format!("{} is not `anonymous`", quoted(text)),
                "for every caller with a credential, write `policy: NAME` with a policy that has `require: authenticated`",
            ),
            _ => word(node, &Self::SHAPE, &[("anonymous", ())], d).map(|()| Self),
        }
    }
}

struct Logged(LogShape);

impl FromNode for Logged {
    const SHAPE: Shape = Shape::Words(&[
        Word { name: "shape", doc: "The names of declared arguments, with the type and size of each." },
        Word { name: "none", doc: "Nothing." },
    ]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        word(node, &Self::SHAPE, &[("shape", LogShape::Shape), ("none", LogShape::Omit)], d).map(Self)
    }
}

struct OneRule(Rule);

impl FromNode for OneRule {
    const SHAPE: Shape = Shape::Table(|| &RULE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &RULE, d)?;
        let discovery = section.get(&DISCOVERY, d).map(|Yes| Match::Discovery);
        let tool = section.get(&TOOL, d).map(|Name(pattern)| Match::Tool(pattern));
        let prompt = section.get(&PROMPT, d).map(|Name(pattern)| Match::Prompt(pattern));
        let resource = section.get(&RESOURCE, d).map(|Name(pattern)| Match::Resource(pattern));
        let allow = section.get(&ALLOW, d);
        let policy = section.get(&POLICY, d);
        let limit = section.get(&LIMIT, d);
        let log = section.get(&LOG, d).map_or_else(LogShape::default, |Logged(log)| log);
        let admits = match (allow, policy) {
            (Some(Anonymous), None) => Admits::Anonymous,
            (None, Some(OneOrMany(names))) => Admits::Policies(names.into_iter().map(|PolicyRef(name)| name).collect()),
            _ => return None,
        };
        let matches = discovery.or(tool).or(prompt).or(resource)?;
        Some(Self(Rule { matches, admits, limit, log }))
    }
}

/// The rules of one server, in their order.
pub(super) struct Rules(pub(super) Vec<Rule>);

impl FromNode for Rules {
    const SHAPE: Shape = NonEmpty::<OneRule>::SHAPE;

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        refuse_dead(node, d);
        let NonEmpty(rules) = NonEmpty::<OneRule>::read(node, d)?;
        let rules: Vec<Rule> = rules.into_iter().map(|OneRule(rule)| rule).collect();
        if !rules.iter().any(|rule| rule.matches == Match::Discovery) {
            d.warn(
                head(node.at),
                "no rule admits discovery, so no client can begin to speak with this server",
                "add `- { discovery: true, allow: anonymous }`",
            );
        }
        Some(Self(rules))
    }
}

/// Refuses rules that can match nothing, because an earlier one takes every name of theirs.
fn refuse_dead(node: &Node, d: &mut Decoder<'_>) {
    // A character that no pattern holds stands for whatever a `*` matched: only a `*` can match it.
    const ANYTHING: &str = "\0";
    let Value::List(items) = &node.value else {
        return;
    };
    let mut discovery: Option<At> = None;
    let mut earlier: Vec<(&str, Pattern, At)> = Vec::new();
    for item in items {
        if let Some(node) = item.get(DISCOVERY.info.name) {
            match discovery {
                Some(At::Text(first)) => {
                    d.refuse::<()>(
                        node.at,
                        format!("this rule can match nothing: line {} takes discovery already", first.start.line),
                        "keep one rule for discovery",
                    );
                }
                _ => discovery = Some(node.at),
            }
        }
        for kind in [TOOL.info.name, PROMPT.info.name, RESOURCE.info.name] {
            let Some(node) = item.get(kind) else { continue };
            let Value::Scalar { text, .. } = &node.value else {
                continue;
            };
            let Ok(pattern) = text.parse::<Pattern>() else {
                continue;
            };
            let widest = text.replace('*', ANYTHING);
            let first = earlier.iter().find(|(other, first, _)| *other == kind && first.matches(&widest));
            if let Some((_, first, At::Text(at))) = first {
                d.refuse::<()>(
                    node.at,
                    format!(
                        "this rule can match nothing: `{kind}: {}` at line {} takes every name of {}",
                        first.as_str(),
                        at.start.line,
                        quoted(text)
                    ),
                    "move it before that rule, or remove it",
                );
            }
            earlier.push((kind, pattern, node.at));
        }
    }
}
