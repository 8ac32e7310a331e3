//! The named policies of one book, and what they said of callers.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::Authorizer;
use doorward_identity::ClaimType;

use super::server::CompiledAdmits;
use super::verdicts::Verdicts;
use crate::cedar::{Compiled, Types};

/// Compiled policies. A rule names them by their place on the shelf.
pub(crate) struct Shelf {
    policies: Vec<Compiled>,
    claims: BTreeMap<String, ClaimType>,
    types: Types,
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
            types: Types::new()?,
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

    pub(super) fn types(&self) -> &Types {
        &self.types
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
