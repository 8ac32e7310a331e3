//! How often one source may ask.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::policy::Budget;

/// A table of fixed size: sources that fall into the same cell share its budget, and nobody can
/// choose the cell, because the hash is keyed at random. So it never grows, and whoever invents
/// sources gains nothing but the budgets of the cells (CI-12).
pub(crate) struct Budgets {
    budget: Budget,
    hasher: RandomState,
    /// Per cell, in nanoseconds since the start: when its budget is whole again (GCRA).
    cells: Box<[AtomicU64]>,
}

const CELLS: usize = 4096;

impl Budgets {
    pub(crate) fn new(budget: Budget) -> Self {
        let cells = (0..CELLS).map(|_| AtomicU64::new(0)).collect();
        Self { budget, hasher: RandomState::new(), cells }
    }

    /// Takes one from the source's budget, at a time since the start.
    ///
    /// # Errors
    /// The time after which there is one again.
    pub(crate) fn take(&self, source: &str, now: Duration) -> Result<(), Duration> {
        let index = usize::try_from(self.hasher.hash_one(source) % CELLS as u64).unwrap_or(0);
        let Some(cell) = self.cells.get(index) else { return Err(self.budget.every) };
        let now = nanoseconds(now);
        let every = nanoseconds(self.budget.every);
        let room = every.saturating_mul(u64::from(self.budget.burst));
        let taken = cell.fetch_update(Ordering::AcqRel, Ordering::Acquire, |whole_at| {
            let next = whole_at.max(now).saturating_add(every);
            (next.saturating_sub(now) <= room).then_some(next)
        });
        taken.map(|_| ()).map_err(|whole_at| {
            let next = whole_at.max(now).saturating_add(every);
            Duration::from_nanos(next.saturating_sub(now).saturating_sub(room))
        })
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn budgets() -> Budgets {
        Budgets::new(Budget { burst: 3, every: seconds(10) })
    }

    #[test]
    fn a_burst_passes_then_one_at_a_time() {
        let budgets = budgets();
        for _ in 0..3 {
            assert_eq!(budgets.take("a", seconds(0)), Ok(()));
        }
        assert_eq!(budgets.take("a", seconds(0)), Err(seconds(10)));
        assert_eq!(budgets.take("a", seconds(9)), Err(seconds(1)));
        assert_eq!(budgets.take("a", seconds(10)), Ok(()));
        assert_eq!(budgets.take("a", seconds(10)), Err(seconds(10)));
        for _ in 0..3 {
            assert_eq!(budgets.take("a", seconds(1_000)), Ok(()));
        }
        assert!(budgets.take("a", seconds(1_000)).is_err());
    }

    #[test]
    fn ci_12_a_refused_source_costs_itself_nothing_and_others_nothing() {
        let budgets = budgets();
        for _ in 0..1_000 {
            let _ = budgets.take("a", seconds(0));
        }
        assert_eq!(budgets.take("a", seconds(10)), Ok(()), "refusals are not counted");
        let free = (0..100).filter(|n| budgets.take(&format!("other {n}"), seconds(0)).is_ok()).count();
        assert!(free >= 90, "only sources in the same cell share a budget: {free}");
    }

    #[test]
    fn ci_12_sources_that_are_made_up_take_no_memory() {
        let budgets = budgets();
        let taken = (0..100_000).filter(|n| budgets.take(&n.to_string(), seconds(0)).is_ok()).count();
        assert_eq!(taken, 3 * CELLS, "all cells together are the limit");
    }
}
