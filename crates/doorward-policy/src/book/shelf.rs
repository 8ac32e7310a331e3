//! The named policies of one book, and what they said of callers.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Authorizer, EntityTypeName};
use doorward_identity::ClaimType;

use super::server::CompiledAdmits;
use super::verdicts::Verdicts;
use crate::cedar::Compiled;

/// Compiled policies. A rule names them by their place on the shelf.
pub(crate) struct Shelf {
    policies: Vec<Compiled>,
    claims: BTreeMap<String, ClaimType>,
    caller_type: EntityTypeName,
    target_type: EntityTypeName,
    action_type: EntityTypeName,
    authorizer: Authorizer,
    verdicts: Verdicts,
}

impl Shelf {
    /// `policies` come in the order of their names. `None` only if Cedar no longer takes `Caller` for a type name.
    pub(super) fn new(policies: Vec<Compiled>, claims: BTreeMap<String, ClaimType>) -> Option<Self> {
        Some(Self {
            verdicts: Verdicts::new(policies.len()),
            policies,
            claims,
            caller_type: "Caller".parse().ok()?,
            target_type: "Target".parse().ok()?,
            action_type: "Action".parse().ok()?,
            authorizer: Authorizer::new(),
        })
    }

    pub(super) fn policies(&self) -> impl Iterator<Item = &Compiled> {
        self.policies.iter()
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&Compiled> {
        self.index(name).and_then(|index| self.policies.get(index))
    }

    pub(super) fn get(&self, index: usize) -> Option<&Compiled> {
        self.policies.get(index)
    }

    /// What a list of policy names admits. Checked sources name known policies only; an unknown one would be a place
    /// beyond the shelf, which refuses.
    pub(super) fn admits(&self, names: &[String]) -> CompiledAdmits {
        let unknown = self.policies.len();
        CompiledAdmits::Policies(names.iter().map(|name| self.index(name).unwrap_or(unknown)).collect())
    }

    /// The scopes that may be asked for on behalf of these policies.
    pub(super) fn wanted(&self, admits: &CompiledAdmits) -> BTreeSet<String> {
        match admits {
            CompiledAdmits::Anonymous | CompiledAdmits::Authenticated => BTreeSet::new(),
            CompiledAdmits::Policies(policies) => policies
                .iter()
                .filter_map(|index| self.get(*index))
                .flat_map(|policy| policy.wanted.iter().cloned())
                .collect(),
        }
    }

    pub(super) fn claims(&self) -> &BTreeMap<String, ClaimType> {
        &self.claims
    }

    pub(super) fn caller_type(&self) -> &EntityTypeName {
        &self.caller_type
    }

    pub(super) fn target_type(&self) -> &EntityTypeName {
        &self.target_type
    }

    pub(super) fn action_type(&self) -> &EntityTypeName {
        &self.action_type
    }

    pub(super) fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    pub(super) fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.policies.binary_search_by(|policy| (*policy.name).cmp(name)).ok()
    }
}
