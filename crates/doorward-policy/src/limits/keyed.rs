//! One rate, counted apart for each key, in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::clock::Clock;

/// The map is split so that callers on different threads seldom wait for each other.
const SHARDS: usize = 16;

/// How often a full shard is swept at most: a sweep looks at every key, and a flood of new keys must not pay for one
/// each time.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

type Limiter = RateLimiter<NotKeyed, InMemoryState, Clock, NoOpMiddleware<Duration>>;

/// A rate limit for each key.
///
/// At most `capacity` keys are remembered (rounded up to a multiple of the shards). A key that was left alone until
/// its whole quota came back is the same as a new one, so it is forgotten when room is needed. Where no room can be
/// made, newcomers wait: memory does not grow with an attacker's keys, and nobody's count is lost to them.
pub(crate) struct Keyed<K> {
    quota: Quota,
    clock: Clock,
    hasher: RandomState,
    shards: Box<[Mutex<Shard<K>>]>,
    shard_capacity: usize,
}

struct Shard<K> {
    entries: HashMap<K, Entry>,
    swept: Option<Duration>,
}

struct Entry {
    limiter: Limiter,
    used: Duration,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    pub(crate) fn new(quota: Quota, capacity: usize, clock: Clock) -> Self {
        let shards = if capacity < SHARDS { 1 } else { SHARDS };
        let empty = || Shard { entries: HashMap::new(), swept: None };
        Self {
            quota,
            clock,
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| Mutex::new(empty())).collect(),
            shard_capacity: capacity.max(1).div_ceil(shards),
        }
    }

    /// Counts one use of a key, or says how long to wait for one.
    pub(crate) fn one(&self, key: &K) -> Result<(), Duration> {
        self.many(key, NonZeroU32::MIN)
    }

    /// Counts `n` uses of a key at once or none, and then says how long to wait. More than the whole quota never
    /// fits; the wait is then as long as the quota takes to come back.
    pub(crate) fn many(&self, key: &K, n: NonZeroU32) -> Result<(), Duration> {
        let now = self.clock.elapsed();
        let Some(mut shard) = self.shard(key) else {
            return Err(SWEEP_EVERY);
        };
        if let Some(entry) = shard.entries.get_mut(key) {
            entry.used = now;
            return entry.count(n, now, self.recovery());
        }
        if shard.entries.len() >= self.shard_capacity {
            shard.sweep(now, self.recovery());
        }
        if shard.entries.len() >= self.shard_capacity {
            return Err(SWEEP_EVERY);
        }
        let entry = Entry { limiter: RateLimiter::direct_with_clock(self.quota, self.clock.clone()), used: now };
        let counted = entry.count(n, now, self.recovery());
        shard.entries.insert(key.clone(), entry);
        counted
    }

    /// After how long without use a key's whole quota has come back.
    fn recovery(&self) -> Duration {
        self.quota.burst_size_replenished_in()
    }

    fn shard(&self, key: &K) -> Option<MutexGuard<'_, Shard<K>>> {
        let hash = self.hasher.hash_one(key);
        let count = u64::try_from(self.shards.len()).ok()?;
        let index = usize::try_from(hash.checked_rem(count)?).ok()?;
        let shard = self.shards.get(index)?;
        // A counter stays a counter when a thread panicked beside it.
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().expect("no panic").entries.len()).sum()
    }
}

impl Entry {
    fn count(&self, n: NonZeroU32, now: Duration, recovery: Duration) -> Result<(), Duration> {
        match self.limiter.check_n(n) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(now)),
            Err(_) => Err(recovery),
        }
    }
}

impl<K> Shard<K> {
    fn sweep(&mut self, now: Duration, recovery: Duration) {
        let due = self.swept.is_none_or(|swept| now.saturating_sub(swept) >= SWEEP_EVERY);
        if due {
            self.swept = Some(now);
            self.entries.retain(|_, entry| now.saturating_sub(entry.used) < recovery);
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::{Clock as _, FakeRelativeClock};

    use super::*;

    fn keyed(quota: Quota, capacity: usize) -> (FakeRelativeClock, Keyed<u32>) {
        let fake = FakeRelativeClock::default();
        let reading = fake.clone();
        let clock = Clock::new(move || Duration::from_nanos(reading.now().as_u64()));
        (fake, Keyed::new(quota, capacity, clock))
    }

    fn quota(text: &str) -> Quota {
        text.parse::<crate::Rate>().expect(text).quota()
    }

    #[test]
    fn the_quota_is_used_up_and_comes_back_evenly() {
        let (clock, keyed) = keyed(quota("30/min"), 100);
        for _ in 0..30 {
            assert_eq!(keyed.one(&1), Ok(()));
        }
        let wait = keyed.one(&1).expect_err("used up");
        assert_eq!(wait, Duration::from_secs(2));
        assert_eq!(keyed.one(&2), Ok(()), "another key has its own count");
        clock.advance(wait - Duration::from_nanos(1));
        assert!(keyed.one(&1).is_err());
        clock.advance(Duration::from_nanos(1));
        assert_eq!(keyed.one(&1), Ok(()));
        assert!(keyed.one(&1).is_err());
    }

    #[test]
    fn many_at_once_are_counted_all_or_none() {
        let (clock, keyed) = keyed(quota("10/s"), 100);
        let n = |n| NonZeroU32::new(n).expect("not zero");
        assert_eq!(keyed.many(&1, n(11)), Err(Duration::from_secs(1)), "never fits");
        assert_eq!(keyed.many(&1, n(8)), Ok(()));
        assert_eq!(keyed.many(&1, n(3)), Err(Duration::from_millis(100)));
        assert_eq!(keyed.many(&1, n(2)), Ok(()), "the refused three were not counted");
        clock.advance(Duration::from_millis(300));
        assert_eq!(keyed.many(&1, n(3)), Ok(()));
    }

    #[test]
    fn newcomers_wait_when_all_places_are_taken() {
        let (clock, keyed) = keyed(quota("1/min"), 4);
        for key in 0..4 {
            assert_eq!(keyed.one(&key), Ok(()));
        }
        for key in 4..1_000 {
            assert_eq!(keyed.one(&key), Err(SWEEP_EVERY));
        }
        assert_eq!(keyed.len(), 4);
        assert!(keyed.one(&0).is_err(), "nobody's count was lost to the newcomers");
        clock.advance(Duration::from_secs(60));
        assert_eq!(keyed.one(&4), Ok(()), "those that recovered made room");
        assert_eq!(keyed.len(), 1);
    }

    #[test]
    fn memory_is_bounded_with_many_shards_too() {
        let (_, keyed) = keyed(quota("1/h"), 1_000);
        for key in 0..100_000 {
            let _ = keyed.one(&key);
        }
        assert!(keyed.len() <= 1_000 + SHARDS);
    }
}
