//! Which tokens are dead before their time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

/// The revoked tokens of this node.
///
/// It holds as many entries as there are revoked tokens that have not expired: only an operator
/// adds to it, never a request. Each revocation begins a new epoch, and a verified token that was
/// kept from an earlier epoch is verified anew, so a revoked token is dead on the next request
/// (TK-29).
#[derive(Debug, Default)]
pub struct Revocations {
    revoked: RwLock<HashMap<Box<str>, SystemTime>>,
    epoch: AtomicU64,
}

impl Revocations {
    /// None so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Revokes the token with this id; the entry may be forgotten some time after `expires_at`.
    pub fn revoke(&self, id: &str, expires_at: SystemTime) {
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).insert(id.into(), expires_at);
        self.new_epoch();
    }

    /// Revokes many at once: what a starting node finds on record.
    pub fn revoke_all(&self, tokens: impl IntoIterator<Item = (String, SystemTime)>) {
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        revoked.extend(tokens.into_iter().map(|(id, expires_at)| (id.into_boxed_str(), expires_at)));
        drop(revoked);
        self.new_epoch();
    }

    /// Whether the token with this id was revoked.
    #[must_use]
    pub fn is_revoked(&self, id: &str) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// Forgets entries whose tokens expired before `now`, less the largest leeway: they are refused
    /// for their expiry by then. Call it from a timer.
    pub fn sweep(&self, now: SystemTime) {
        let Some(limit) = now.checked_sub(crate::IssuerConfig::MAX_LEEWAY) else {
            return;
        };
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).retain(|_, expires_at| *expires_at >= limit);
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes every token be verified anew, without revoking one.
    pub fn new_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_sweep_forgets_only_what_has_long_expired() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let revocations = Revocations::new();
        revocations.revoke("old", at(1_000));
        revocations.revoke("young", at(2_000));
        revocations.sweep(at(1_300));
        assert!(revocations.is_revoked("old"), "within the largest leeway it could still be accepted");
        revocations.sweep(at(1_301));
        assert!(!revocations.is_revoked("old") && revocations.is_revoked("young"));
        assert_eq!(revocations.len(), 1);
    }

    #[test]
    fn every_revocation_begins_a_new_epoch() {
        let revocations = Revocations::new();
        let before = revocations.epoch();
        revocations.revoke("a", SystemTime::UNIX_EPOCH);
        assert_ne!(before, revocations.epoch());
    }
}
