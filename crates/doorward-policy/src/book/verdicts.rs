//! What policies said of callers, remembered.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use doorward_identity::{Caller, CallerKey};
use moka::sync::Cache;

use crate::cedar::{Answer, View};

/// How many callers are remembered.
const MAX_CALLERS: u64 = 10_000;

/// The answers of one shelf of policies for the callers seen lately.
///
/// A policy here reads the caller alone, so its answer hangs on who it is, on roles and claims (together the
/// *standing*) and on scopes, and on nothing else. All three are compared on every look-up; a change in any of them
/// is another caller to this memory. It belongs to its shelf, so a new source begins with none.
pub(crate) struct Verdicts {
    policies: usize,
    hasher: RandomState,
    callers: Cache<u64, Arc<Known>>,
}

/// What is known of one caller.
pub(crate) struct Known {
    key: CallerKey,
    standing: [u8; 32],
    scopes: BTreeSet<String>,
    /// Two cells for each policy, one for each view.
    cells: Box<[AtomicU8]>,
}

const UNKNOWN: u8 = 0;
const YES: u8 = 1;
const NO: u8 = 2;

impl Verdicts {
    pub(super) fn new(policies: usize) -> Self {
        Self { policies, hasher: RandomState::new(), callers: Cache::new(MAX_CALLERS) }
    }

    /// The memory for this caller, empty at first.
    pub(super) fn of(&self, caller: &Caller) -> Arc<Known> {
        let hash = self.hasher.hash_one((caller.key(), caller.standing(), caller.scopes()));
        if let Some(known) = self.callers.get(&hash)
            && known.is(caller)
        {
            return known;
        }
        let known = Arc::new(Known {
            key: caller.key().clone(),
            standing: *caller.standing(),
            scopes: caller.scopes().clone(),
            cells: (0..self.policies.saturating_mul(2)).map(|_| AtomicU8::new(UNKNOWN)).collect(),
        });
        self.callers.insert(hash, Arc::clone(&known));
        known
    }
}

impl Known {
    fn is(&self, caller: &Caller) -> bool {
        self.key == *caller.key() && self.standing == *caller.standing() && self.scopes == *caller.scopes()
    }

    pub(super) fn get(&self, policy: usize, view: View) -> Option<Answer> {
        match self.cell(policy, view)?.load(Ordering::Relaxed) {
            YES => Some(Answer::Yes),
            NO => Some(Answer::No),
            _ => None,
        }
    }

    /// Remembers an answer. A fault is never remembered.
    pub(super) fn set(&self, policy: usize, view: View, answer: Answer) {
        let value = match answer {
            Answer::Yes => YES,
            Answer::No => NO,
            Answer::Fault => return,
        };
        if let Some(cell) = self.cell(policy, view) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    fn cell(&self, policy: usize, view: View) -> Option<&AtomicU8> {
        let offset = match view {
            View::Full => 0,
            View::Visible => 1,
        };
        self.cells.get(policy.checked_mul(2)?.checked_add(offset)?)
    }
}
