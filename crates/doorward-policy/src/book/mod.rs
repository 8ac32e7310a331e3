//! Everything that was written down, compiled.

mod check;
mod server;
mod shelf;
mod verdicts;
mod weigh;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use doorward_wire::{CanonicalPath, ServerName};

use self::check::Checked;
pub(crate) use self::server::{CompiledAdmits, CompiledRule, ServerRules};
use self::shelf::Shelf;
pub(crate) use self::weigh::{Matter, Weighed, Weighing};
use crate::catalogue::Catalogue;
use crate::cedar::schema;
use crate::error::PolicyError;
use crate::path::PathPattern;
use crate::rule::{Kind, PathAdmits, PathRule, Source};

/// The catalogues of the servers, as far as they are known.
pub type Catalogues = BTreeMap<ServerName, Catalogue>;

/// Named policies, rules and paths, compiled and checked. Cheap to clone, and never changed: a new source or a new
/// catalogue makes a new book, which shares what is the same.
#[derive(Clone)]
pub struct RuleBook {
    shelf: Arc<Shelf>,
    paths: Arc<[CompiledPath]>,
    servers: Arc<BTreeMap<ServerName, Arc<ServerRules>>>,
}

/// A path rule with its policies looked up.
#[derive(Debug)]
pub(crate) struct CompiledPath {
    pub(crate) rule: RuleRef,
    pub(crate) pattern: PathPattern,
    pub(crate) admits: CompiledAdmits,
    /// All scopes that the path may need.
    pub(crate) wanted: BTreeSet<String>,
}

/// Which rule decided, for records and explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRef {
    index: usize,
    label: Arc<str>,
}

impl RuleRef {
    /// The rule's place in its list, from zero.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn shared_label(&self) -> Arc<str> {
        Arc::clone(&self.label)
    }

    /// The rule's place and what it governs, such as `rules[2] tool admin*` or `paths[0] /mcp/ops/**`: text of the
    /// configuration alone, never of a request.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl RuleBook {
    /// Compiles a source against what is known of the servers.
    ///
    /// A server without a catalogue is compiled all the same: its rules govern by name, and what its tools take is
    /// learnt later ([`RuleBook::with_catalogue`]).
    ///
    /// # Errors
    ///
    /// Every mistake of the source at once, each with its place and its fix: names that are not known, empty lists,
    /// rules and paths that an earlier one leaves nothing for, claims that are not declared or of another type, and
    /// whatever Cedar's strict validation finds.
    pub fn compile(source: Source, catalogues: &Catalogues) -> Result<Self, Vec<PolicyError>> {
        let Checked { shelf, errors } = check::check(&source);
        let Some(shelf) = shelf.filter(|_| errors.is_empty()) else {
            return Err(errors);
        };
        let paths =
            source.paths.iter().enumerate().map(|(index, rule)| CompiledPath::new(index, rule, &shelf)).collect();
        let servers = source
            .servers
            .into_iter()
            .map(|(name, rules)| {
                let catalogue = catalogues.get(&name).cloned().unwrap_or_default();
                let rules = rules.into_iter().enumerate();
                let rules = rules.map(|(index, rule)| CompiledRule::new(index, rule, &shelf)).collect();
                let server = ServerRules::new(name.clone(), rules, catalogue);
                (name, Arc::new(server))
            })
            .collect();
        Ok(Self { shelf: Arc::new(shelf), paths, servers: Arc::new(servers) })
    }

    /// The book for a new catalogue of one server. Everything else is shared with this one, also what is remembered
    /// of callers, since the policies are the same. A server that the book does not know changes nothing.
    #[must_use]
    pub fn with_catalogue(&self, server: &ServerName, catalogue: Catalogue) -> Self {
        let mut book = self.clone();
        if let Some(rules) = Arc::make_mut(&mut book.servers).get_mut(server) {
            *rules = Arc::new(rules.with_catalogue(catalogue));
        }
        book
    }

    /// What the server has told about itself, if the book knows the server.
    #[must_use]
    pub fn catalogue(&self, server: &ServerName) -> Option<&Catalogue> {
        self.servers.get(server).map(|rules| rules.catalogue())
    }

    /// The servers that have rules.
    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.keys()
    }

    /// The rule that governs a tool, prompt or resource of a server, whoever calls. `None` means that everybody is
    /// refused.
    #[must_use]
    pub fn governing(&self, server: &ServerName, kind: Kind, name: &str) -> Option<RuleRef> {
        Some(self.servers.get(server)?.find(kind, name)?.rule.clone())
    }

    /// The Cedar text of a named policy.
    #[must_use]
    pub fn cedar(&self, policy: &str) -> Option<&str> {
        self.shelf.by_name(policy).map(|policy| policy.text.as_str())
    }

    /// The names of all policies, in order.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        self.shelf.policies().map(|policy| &*policy.name)
    }

    /// The Cedar schema of a server: the entities, and an action for each pair of rule and known target with the
    /// arguments that Cedar can express.
    #[must_use]
    pub fn schema(&self, server: &ServerName) -> Option<String> {
        let rules = self.servers.get(server)?;
        let none = BTreeMap::new();
        let mut text = schema::entities(self.shelf.claims());
        for (kind, name) in rules.catalogue().targets() {
            if rules.find(kind, name).is_some() {
                let arguments = rules.catalogue().argument_types(kind, name).unwrap_or(&none);
                text.push_str(&schema::action(&schema::action_id(server, kind, name), arguments));
            }
        }
        Some(text)
    }

    pub(crate) fn server(&self, name: &ServerName) -> Option<&Arc<ServerRules>> {
        self.servers.get(name)
    }

    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The rule on a path. Without any path rule everything under `/mcp` is left to the servers' rules.
    pub(crate) fn path(&self, path: &CanonicalPath) -> PathGovernor<'_> {
        if self.paths.is_empty() {
            return if path.segments().next() == Some("mcp") { PathGovernor::Open } else { PathGovernor::Unruled };
        }
        match self.paths.iter().find(|rule| rule.pattern.matches(path.segments())) {
            Some(rule) => PathGovernor::Rule(rule),
            None => PathGovernor::Unruled,
        }
    }
}

/// What governs a path.
pub(crate) enum PathGovernor<'b> {
    /// No path rules were written, and it is a path of a server.
    Open,
    /// The first rule that matches.
    Rule(&'b CompiledPath),
    /// Nothing, so it is refused.
    Unruled,
}

impl CompiledPath {
    fn new(index: usize, rule: &PathRule, shelf: &Shelf) -> Self {
        let admits = match &rule.admits {
            PathAdmits::Any => CompiledAdmits::Anonymous,
            PathAdmits::Policies(names) => shelf.admits(names),
        };
        Self {
            rule: RuleRef { index, label: format!("paths[{index}] {}", rule.path).into() },
            pattern: rule.path.clone(),
            wanted: shelf.wanted(&admits),
            admits,
        }
    }
}

impl fmt::Debug for RuleBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleBook")
            .field("policies", &self.shelf.policies().count())
            .field("paths", &self.paths.len())
            .field("servers", &self.servers.keys().collect::<Vec<_>>())
            .finish()
    }
}
