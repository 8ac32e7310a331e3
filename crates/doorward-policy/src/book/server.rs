//! The rules of one server.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use doorward_wire::ServerName;

use super::RuleRef;
use super::shelf::Shelf;
use crate::catalogue::Catalogue;
use crate::rate::Rate;
use crate::resource::other_readings;
use crate::rule::{Admits, Kind, LogShape, Match, Rule};

/// The rules of one server, with the rule of every known target looked up.
#[derive(Debug)]
pub(crate) struct ServerRules {
    name: ServerName,
    rules: Arc<[CompiledRule]>,
    catalogue: Catalogue,
    /// The governing rule of each known target, by kind and name.
    governed: HashMap<Kind, HashMap<Box<str>, Option<usize>>>,
}

/// A rule with its policies looked up.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) rule: RuleRef,
    pub(crate) matches: Match,
    pub(crate) admits: CompiledAdmits,
    pub(crate) limit: Option<Rate>,
    pub(crate) log: LogShape,
    /// All scopes that an operation under this rule may need.
    pub(crate) wanted: BTreeSet<String>,
}

/// Whom a rule lets pass.
#[derive(Debug)]
pub(crate) enum CompiledAdmits {
    Anonymous,
    Authenticated,
    /// Whom all of these permit, named by their place on the shelf.
    Policies(Box<[usize]>),
}

impl CompiledRule {
    pub(super) fn new(index: usize, rule: Rule, shelf: &Shelf) -> Self {
        let admits = match &rule.admits {
            Admits::Anonymous => CompiledAdmits::Anonymous,
            Admits::Authenticated => CompiledAdmits::Authenticated,
            Admits::Policies(names) => shelf.admits(names),
        };
        Self {
            rule: RuleRef { index, label: format!("rules[{index}] {}", rule.matches).into() },
            wanted: shelf.wanted(&admits),
            admits,
            matches: rule.matches,
            limit: rule.limit,
            log: rule.log,
        }
    }

    fn governs(&self, kind: Kind, name: &str) -> bool {
        self.matches.kind() == Some(kind) && self.matches.pattern().is_some_and(|pattern| pattern.matches(name))
    }
}

impl ServerRules {
    pub(super) fn new(name: ServerName, rules: Arc<[CompiledRule]>, catalogue: Catalogue) -> Self {
        let mut governed: HashMap<Kind, HashMap<Box<str>, Option<usize>>> = HashMap::new();
        for (kind, target) in catalogue.targets() {
            let rule = search(&rules, kind, target);
            governed.entry(kind).or_default().insert(target.into(), rule);
        }
        Self { name, rules, catalogue, governed }
    }

    /// The same rules for another catalogue.
    pub(super) fn with_catalogue(&self, catalogue: Catalogue) -> Self {
        Self::new(self.name.clone(), Arc::clone(&self.rules), catalogue)
    }

    pub(crate) fn name(&self) -> &ServerName {
        &self.name
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub(crate) fn rules(&self) -> &[CompiledRule] {
        &self.rules
    }

    /// The one rule that governs a target: the first that matches. `None` refuses everybody.
    pub(crate) fn find(&self, kind: Kind, name: &str) -> Option<&CompiledRule> {
        let known = self.governed.get(&kind).and_then(|names| names.get(name));
        let index = match known {
            Some(index) => *index,
            None => search(&self.rules, kind, name),
        };
        self.rules.get(index?)
    }

    /// The rule on discovery, if there is one.
    pub(crate) fn discovery(&self) -> Option<&CompiledRule> {
        self.rules.iter().find(|rule| rule.matches == Match::Discovery)
    }

    /// Whether the server has told of this target, so that there are only so many names like it.
    pub(crate) fn is_known(&self, kind: Kind, name: &str) -> bool {
        self.governed.get(&kind).is_some_and(|names| names.contains_key(name))
    }
}

/// The place of the first rule that matches. A resource that can be read in several ways is governed only if one rule
/// governs all of them.
fn search(rules: &[CompiledRule], kind: Kind, name: &str) -> Option<usize> {
    let first = |name: &str| rules.iter().position(|rule| rule.governs(kind, name));
    let found = first(name)?;
    if kind == Kind::Resource {
        let readings = other_readings(name)?;
        if readings.iter().any(|reading| first(reading) != Some(found)) {
            return None;
        }
    }
    Some(found)
}
