//! What a person writes down: policies, rules and paths, before they are compiled.

use std::collections::BTreeMap;
use std::fmt;

use doorward_identity::ClaimType;
use doorward_wire::ServerName;

use crate::path::PathPattern;
use crate::pattern::Pattern;
use crate::rate::Rate;
use crate::require::Require;

/// Everything that [`RuleBook::compile`](crate::RuleBook::compile) needs to know.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The claims that policies may read, with their types.
    pub claims: BTreeMap<String, ClaimType>,
    /// The named policies.
    pub policies: BTreeMap<String, Require>,
    /// Rules on HTTP paths, before any server; the first match wins.
    pub paths: Vec<PathRule>,
    /// The rules of each server; the first match wins, and no match is a refusal.
    pub servers: BTreeMap<ServerName, Vec<Rule>>,
}

/// One rule of a server. It is chosen by method and name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it governs.
    pub matches: Match,
    /// Whom it lets pass.
    pub admits: Admits,
    /// How often one caller may use one target of it.
    pub limit: Option<Rate>,
    /// What of the arguments the ledger notes.
    pub log: LogShape,
}

/// What a [`Rule`] governs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// `server/discover`, `initialize` with its notification, and `ping`.
    Discovery,
    /// Calls of tools with such a name.
    Tool(Pattern),
    /// Prompts with such a name, and completion for them.
    Prompt(Pattern),
    /// Resources and resource templates with such a URI, subscriptions to them and completion for them.
    Resource(Pattern),
}

impl Match {
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Discovery => None,
            Self::Tool(_) => Some(Kind::Tool),
            Self::Prompt(_) => Some(Kind::Prompt),
            Self::Resource(_) => Some(Kind::Resource),
        }
    }

    pub(crate) fn pattern(&self) -> Option<&Pattern> {
        match self {
            Self::Discovery => None,
            Self::Tool(pattern) | Self::Prompt(pattern) | Self::Resource(pattern) => Some(pattern),
        }
    }

    /// Whether nothing is left for `later` once this one had its turn.
    pub(crate) fn shadows(&self, later: &Self) -> bool {
        self.kind() == later.kind()
            && match (self.pattern(), later.pattern()) {
                (Some(first), Some(later)) => first.covers(later),
                (None, None) => true,
                _ => false,
            }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind(), self.pattern()) {
            (Some(kind), Some(pattern)) => write!(f, "{kind} {pattern}"),
            _ => f.write_str("discovery"),
        }
    }
}

/// Whom a [`Rule`] lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admits {
    /// Everybody, with or without a credential.
    Anonymous,
    /// Every proven caller.
    Authenticated,
    /// Proven callers whom every one of these policies permits.
    Policies(Vec<String>),
}

/// One rule on HTTP paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRule {
    /// The paths that it governs.
    pub path: PathPattern,
    /// Whom it lets pass on to the server's own rules.
    pub admits: PathAdmits,
}

/// Whom a [`PathRule`] lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathAdmits {
    /// Everybody: the server's own rules decide.
    Any,
    /// Proven callers whom every one of these policies permits.
    Policies(Vec<String>),
}

/// What the ledger notes of the arguments of a call. Never a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogShape {
    /// The names of declared arguments, with the JSON type and size of each.
    #[default]
    Shape,
    /// Nothing.
    Omit,
}

/// What kind of thing a rule, an action or a resource is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource or a resource template.
    Resource,
}

impl Kind {
    /// The word that stands in action names, records and texts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
