//! Tokens that were verified a moment ago.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use moka::sync::Cache;

use crate::Caller;

/// How long a verified token is believed without verifying it again.
const LIFETIME: Duration = Duration::from_secs(60);
/// What the cache may weigh, in bytes, roughly. Only tokens with a valid signature get in.
const CAPACITY: u64 = 32 * 1024 * 1024;
/// What an entry weighs beside its token.
const OVERHEAD: usize = 1024;

/// A bounded memory of verified tokens, by the digest of token and audience.
///
/// It saves the signature check and nothing else: every hit is judged against the time, the
/// revocations and the key set of its moment, and whatever does not hold any more is verified in
/// full.
pub(crate) struct VerifiedTokens {
    entries: Cache<[u8; 32], Entry>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) caller: Arc<Caller>,
    /// The issuer's place among the configured ones.
    pub(crate) issuer: usize,
    /// The number of the key set that verified it.
    pub(crate) generation: u64,
    /// The epoch of the revocations, read *before* the token was checked against them.
    pub(crate) epoch: u64,
    pub(crate) verified_at: SystemTime,
    pub(crate) weight: u32,
}

impl VerifiedTokens {
    pub(crate) fn new() -> Self {
        let entries = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|_: &[u8; 32], entry: &Entry| entry.weight)
            // Frees memory and wipes tokens that nobody presents any more; what is valid is decided
            // by `is_current`.
            .time_to_live(LIFETIME)
            .build();
        Self { entries }
    }

    /// Each part goes in with its length, so no two pairs share a key.
    pub(crate) fn key(token: &str, audience: &str) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [token, audience] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        out
    }

    pub(crate) fn get(&self, key: &[u8; 32]) -> Option<Entry> {
        self.entries.get(key)
    }

    pub(crate) fn put(&self, key: [u8; 32], entry: Entry) {
        self.entries.insert(key, entry);
    }

    pub(crate) fn clear(&self) {
        self.entries.invalidate_all();
    }
}

impl Entry {
    pub(crate) fn weight(token: &str) -> u32 {
        u32::try_from(token.len().saturating_mul(2).saturating_add(OVERHEAD)).unwrap_or(u32::MAX)
    }

    /// Whether what was found then still holds now.
    pub(crate) fn is_current(&self, now: SystemTime, epoch: u64, generation: Option<u64>) -> bool {
        let young = now.duration_since(self.verified_at).is_ok_and(|age| age < LIFETIME);
        young && now < self.caller.expires_at() && self.epoch == epoch && generation == Some(self.generation)
    }
}
