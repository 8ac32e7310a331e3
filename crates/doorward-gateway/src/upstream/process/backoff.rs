//! How long to wait before a process that keeps dying is started again.

use std::{collections::HashMap, hash::Hash, time::Duration};

use tokio::time::Instant;

/// The first delay's upper bound; it doubles with each further failure.
const FIRST: Duration = Duration::from_millis(250);
/// No delay is longer.
const LONGEST: Duration = Duration::from_secs(60);
/// A process that lived so long was healthy, and its end is a first failure again.
const HEALTHY: Duration = Duration::from_secs(60);
/// Most owners remembered at once.
const MOST: usize = 4096;

/// Exponential backoff with full jitter: a time drawn evenly between nothing and the bound that `failures` sets.
/// `random` is any 64 random bits.
pub(super) fn delay(failures: u32, random: u64) -> Duration {
    let bound = FIRST.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(LONGEST);
    let nanos = (u128::from(random) * bound.as_nanos()) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Whose processes died lately, and when each may start another. Bounded.
#[derive(Debug)]
pub(super) struct Restarts<K> {
    of: HashMap<K, Restart>,
}

#[derive(Debug)]
struct Restart {
    failures: u32,
    not_before: Instant,
    forget_at: Instant,
}

impl<K: Eq + Hash + Clone> Restarts<K> {
    pub(super) fn new() -> Self {
        Self { of: HashMap::new() }
    }

    /// A process of `owner` ended without being asked, or did not start, after living for `lived`.
    pub(super) fn failed(&mut self, owner: K, lived: Duration, now: Instant, random: u64) {
        let before = if lived >= HEALTHY { 0 } else { self.of.get(&owner).map_or(0, |restart| restart.failures) };
        let failures = before.saturating_add(1);
        if !self.of.contains_key(&owner) && self.of.len() >= MOST {
            self.make_room(now);
        }
        let not_before = now + delay(failures, random);
        self.of.insert(owner, Restart { failures, not_before, forget_at: not_before + HEALTHY });
    }

    /// How long `owner` still has to wait, and after how many failures in a row.
    pub(super) fn wait(&mut self, owner: &K, now: Instant) -> Option<(Duration, u32)> {
        let restart = self.of.get(owner)?;
        if restart.forget_at <= now {
            self.of.remove(owner);
            return None;
        }
        let left = restart.not_before.saturating_duration_since(now);
        (!left.is_zero()).then_some((left, restart.failures))
    }

    fn make_room(&mut self, now: Instant) {
        self.of.retain(|_, restart| restart.forget_at > now);
        if self.of.len() >= MOST
            && let Some(soonest) =
                self.of.iter().min_by_key(|(_, restart)| restart.not_before).map(|(key, _)| key.clone())
        {
            self.of.remove(&soonest);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bound_doubles_up_to_a_minute() {
        let longest: Vec<_> = (1..=12).map(|failures| delay(failures, u64::MAX).as_millis()).collect();
        assert_eq!(longest, [249, 499, 999, 1999, 3999, 7999, 15999, 31999, 59999, 59999, 59999, 59999]);
        assert_eq!(delay(5, 0), Duration::ZERO);
        assert_eq!(delay(2, 1 << 63), Duration::from_millis(250));
    }

    proptest! {
        #![proptest_config(crate::testing::cases())]

        #[test]
        fn no_delay_exceeds_its_bound(failures in any::<u32>(), random in any::<u64>()) {
            prop_assert!(delay(failures, random) < LONGEST);
            prop_assert!(delay(failures, random) <= delay(failures, u64::MAX));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_are_counted_per_owner() {
        let mut restarts = Restarts::new();
        let now = Instant::now();
        assert_eq!(restarts.wait(&"anna", now), None);
        restarts.failed("anna", Duration::ZERO, now, u64::MAX);
        restarts.failed("anna", Duration::ZERO, now, u64::MAX);
        let (left, failures) = restarts.wait(&"anna", now).unwrap();
        assert_eq!((left.as_millis(), failures), (499, 2));
        assert_eq!(restarts.wait(&"ben", now), None);
        assert_eq!(restarts.wait(&"anna", now + Duration::from_secs(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_life_starts_the_count_anew() {
        let mut restarts = Restarts::new();
        let now = Instant::now();
        for _ in 0..5 {
            restarts.failed("anna", Duration::from_secs(1), now, u64::MAX);
        }
        restarts.failed("anna", Duration::from_secs(3600), now, u64::MAX);
        assert_eq!(restarts.wait(&"anna", now).unwrap().1, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let mut restarts = Restarts::new();
        let now = Instant::now();
        for owner in 0..MOST + 100 {
            restarts.failed(owner, Duration::ZERO, now, u64::MAX);
        }
        assert_eq!(restarts.of.len(), MOST);
        restarts.failed(usize::MAX, Duration::ZERO, now + Duration::from_secs(3600), 1);
        assert_eq!(restarts.of.len(), 1);
    }
}
