//! The keys of an issuer that publishes them elsewhere: a small state machine over a port.
//!
//! ```text
//!            first need                answered                       max_stale passed
//!   nothing ───────────▶ fetching ───────────────▶ keys ─────────────────────────────▶ closed (as nothing)
//!                           │  failed: as before,   │ unknown kid, or older than refresh_after,
//!                           ▼  one cool-down later  ▼ and the cool-down has passed: fetching, keys stay in use
//! ```
//!
//! - One fetch at a time, whoever asks: all who need it wait for the same one (JK-07).
//! - At most one fetch per cool-down, failed or not; within it an unknown key id is refused at once
//!   (JK-03). The cool-down is the whole negative cache, so nothing grows with the ids that a
//!   stranger makes up.
//! - A fetch belongs to the issuer and not to the request that began it: when that one goes away,
//!   the next one that needs the keys carries the fetch on.
//! - Failures keep the last good keys until `max_stale`, then nothing verifies any more (JK-04).

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use super::discovery;
use crate::jws::Header;
use crate::{AuthReason, Fetch, PublicKeys};

/// How an issuer's published keys age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTiming {
    /// The least time between two fetches, whatever asks for them: 10 seconds unless set.
    pub cool_down: Duration,
    /// After this time the keys are fetched again, while the ones at hand stay in use: 5 minutes
    /// unless set.
    pub refresh_after: Duration,
    /// After this time without a good answer the keys at hand are not used any more: 24 hours
    /// unless set.
    pub max_stale: Duration,
}

impl Default for KeyTiming {
    fn default() -> Self {
        Self {
            cool_down: Duration::from_secs(10),
            refresh_after: Duration::from_secs(5 * 60),
            max_stale: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Where the keys lie.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Issuer(String),
    Url(String),
}

/// Why keys could not be had, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable(pub(crate) String);

type Loading = Shared<BoxFuture<'static, Result<Loaded, Unavailable>>>;

#[derive(Clone)]
struct Loaded {
    keys: PublicKeys,
    address: (String, SystemTime),
}

/// Keys that were fetched, with the time at which their fetch began.
pub(crate) struct Snapshot {
    pub(super) keys: PublicKeys,
    /// Counts the different key sets seen: a token that was verified under one is verified anew
    /// under the next (JK-02).
    pub(super) generation: u64,
    pub(super) fetched_at: SystemTime,
}

pub(crate) struct Remote {
    place: Place,
    fetch: Arc<dyn Fetch>,
    timing: KeyTiming,
    current: ArcSwapOption<Snapshot>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    loading: Option<Loading>,
    began: Option<SystemTime>,
    /// The address that discovery found, and when; forgotten when it fails or gets old, so that an
    /// issuer may move its keys.
    address: Option<(String, SystemTime)>,
    failure: Option<Unavailable>,
}

impl Remote {
    pub(super) fn new(place: Place, fetch: Arc<dyn Fetch>, timing: KeyTiming) -> Self {
        Self { place, fetch, timing, current: ArcSwapOption::empty(), progress: Mutex::default() }
    }

    /// The keys at hand, unless there are none or they are too old.
    pub(super) fn usable(&self, now: SystemTime) -> Option<Arc<Snapshot>> {
        self.current.load_full().filter(|snapshot| age(snapshot.fetched_at, now) <= self.timing.max_stale)
    }

    /// The keys to judge this token by: those at hand when one fits, else those that a fetch
    /// brings.
    pub(super) async fn keys_for(&self, header: &Header, now: SystemTime) -> Result<Arc<Snapshot>, AuthReason> {
        if let Some(snapshot) = self.usable(now)
            && !matches!(snapshot.keys.select(header), Err(AuthReason::UnknownKey))
            && !self.must_carry(&snapshot, now)
        {
            return Ok(snapshot);
        }
        self.load(now).await;
        self.usable(now).ok_or(AuthReason::KeysUnavailable)
    }

    /// Fetches the keys if they are due. Called by a timer, so that no request has to wait for it.
    pub(super) async fn refresh(&self, now: SystemTime) {
        let due = self.usable(now).is_none_or(|snapshot| age(snapshot.fetched_at, now) >= self.timing.refresh_after);
        if due {
            self.load(now).await;
        }
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.progress().failure.as_ref().map(|Unavailable(reason)| reason.clone())
    }

    /// Begins a fetch; false when one is under way or the cool-down has not passed.
    fn begin(&self, now: SystemTime) -> bool {
        let mut progress = self.progress();
        if progress.loading.is_some() || !self.may_begin(&progress, now) {
            return false;
        }
        let fresh = self.timing.refresh_after.saturating_mul(12);
        let known = progress.address.clone().filter(|(_, found)| age(*found, now) < fresh);
        let loading = load(self.place.clone(), known, Arc::clone(&self.fetch), now);
        // A panic behind the port is a failed fetch, and not one that poisons every later one.
        let loading = AssertUnwindSafe(loading)
            .catch_unwind()
            .map(|outcome| outcome.unwrap_or_else(|_| Err(Unavailable("the fetch broke off".to_owned()))));
        progress.loading = Some(loading.boxed().shared());
        progress.began = Some(now);
        true
    }

    /// Whether this request must wait for newer keys although the ones at hand would do: they are
    /// long overdue, and nobody has tried for a while, or somebody began and went away. Where a
    /// timer calls `refresh`, that is never so, and an outage of the issuer delays nobody.
    fn must_carry(&self, snapshot: &Snapshot, now: SystemTime) -> bool {
        if age(snapshot.fetched_at, now) < self.timing.refresh_after.saturating_mul(2) {
            return false;
        }
        let progress = self.progress();
        let tried = progress.began.map_or(Duration::MAX, |began| age(began, now));
        if progress.loading.is_some() {
            return tried >= self.timing.cool_down;
        }
        drop(progress);
        tried >= self.timing.refresh_after && self.begin(now)
    }

    fn may_begin(&self, progress: &Progress, now: SystemTime) -> bool {
        // A clock that was set back must not stop fetching until it has caught up.
        progress
            .began
            .is_none_or(|began| now.duration_since(began).map_or(true, |passed| passed >= self.timing.cool_down))
    }

    /// Waits for the fetch under way, or for one of its own when the cool-down allows it.
    async fn load(&self, now: SystemTime) {
        // A second round only for a fetch that was left behind long ago and has failed by now.
        for _ in 0..2 {
            self.begin(now);
            let Some(loading) = self.progress().loading.clone() else {
                return;
            };
            let outcome = loading.clone().await;
            if self.settle(&loading, outcome) {
                return;
            }
        }
    }

    /// Takes the outcome over, once; true when it was good.
    fn settle(&self, loading: &Loading, outcome: Result<Loaded, Unavailable>) -> bool {
        let mut progress = self.progress();
        let good = outcome.is_ok();
        if !progress.loading.as_ref().is_some_and(|current| current.ptr_eq(loading)) {
            return good;
        }
        progress.loading = None;
        match outcome {
            Ok(loaded) => {
                let last = self.current.load();
                let generation = match last.as_ref() {
                    Some(last) if last.keys.digest() == loaded.keys.digest() => last.generation,
                    Some(last) => last.generation.saturating_add(1),
                    None => 0,
                };
                let fetched_at = progress.began.unwrap_or(SystemTime::UNIX_EPOCH);
                self.current.store(Some(Arc::new(Snapshot { keys: loaded.keys, generation, fetched_at })));
                progress.address = Some(loaded.address);
                progress.failure = None;
            }
            Err(failure) => {
                progress.address = None;
                progress.failure = Some(failure);
            }
        }
        good
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("place", &self.place).finish_non_exhaustive()
    }
}

fn age(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or(Duration::ZERO)
}

async fn load(
    place: Place,
    known: Option<(String, SystemTime)>,
    fetch: Arc<dyn Fetch>,
    now: SystemTime,
) -> Result<Loaded, Unavailable> {
    let address = match (place, known) {
        (Place::Url(url), _) => (url, now),
        (Place::Issuer(_), Some(known)) => known,
        (Place::Issuer(issuer), None) => (discovery::find_keys(fetch.as_ref(), &issuer).await?, now),
    };
    let document = fetch.get(&address.0).await.map_err(|failure| Unavailable(failure.to_string()))?;
    let keys = PublicKeys::from_jwks(&document).map_err(|error| Unavailable(error.to_string()))?;
    Ok(Loaded { keys, address })
}
