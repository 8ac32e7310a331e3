//! The third stage: the presented token has the scopes that the call needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use doorward_identity::Identified;

use super::denial::{Denial, Refusal};
use super::subjects::SubjectOf;
use super::visible::Visible;
use crate::book::{ServerRules, Weighed, Weighing};
use crate::cedar::View;
use crate::principal::Principal;
use crate::table::Row;

/// The proof that every policy of a visible call permits it in full.
pub(super) struct Scoped {
    rules: Arc<ServerRules>,
    principal: Principal,
    row: Row,
    subjects: Vec<SubjectOf>,
}

impl Scoped {
    pub(super) fn check(weighing: &Weighing<'_>, visible: Visible) -> Result<Self, Refusal> {
        let (rules, principal, row, subjects) = visible.into_parts();
        let mut needed = BTreeSet::new();
        let mut refused = None;
        for subject in &subjects {
            let (weighed, rule) = weighing.target(&rules, subject.kind, &subject.name, View::Full);
            let by = || rule.map(|rule| &rule.rule);
            if let Some(rule) = rule {
                needed.extend(rule.wanted.iter().cloned());
            }
            match weighed {
                Weighed::Admitted => {}
                Weighed::NeedsCaller => return Err(Refusal::new(Denial::Unauthenticated).by(by())),
                Weighed::Fault => return Err(Refusal::policy_fault().by(by())),
                // The others are looked at too, for the challenge names all scopes at once (SC-01).
                Weighed::Refused => refused = refused.or(Some(by())),
            }
        }
        match refused {
            None => Ok(Self { rules, principal, row, subjects }),
            Some(rule) => {
                let denial = missing(weighing.who(), &needed).unwrap_or(Denial::Forbidden);
                Err(Refusal::new(denial).by(rule))
            }
        }
    }

    pub(super) fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(super) fn into_parts(self) -> (Arc<ServerRules>, Principal, Row, Vec<SubjectOf>) {
        (self.rules, self.principal, self.row, self.subjects)
    }
}

/// The refusal that asks for scopes, where asking for them could help: one that the token has already does not.
pub(super) fn missing(who: &Identified, needed: &BTreeSet<String>) -> Option<Denial> {
    match who {
        Identified::Proven(caller) if !needed.is_subset(caller.scopes()) => {
            Some(Denial::MissingScope { needed: needed.clone(), granted: caller.scopes().clone() })
        }
        Identified::Proven(_) | Identified::Absent => None,
    }
}
