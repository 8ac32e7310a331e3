//! Sinks and clocks for tests.
//!
//! Public, because every crate that uses a ledger tests with one. Nothing here keeps anything
//! beyond the life of the process: **never use it in production**.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde_json::Value;

use crate::{Clock, Ledger, Line, Sink, SinkError, Slot};

/// Keeps lines in memory, in order.
#[derive(Clone, Debug, Default)]
pub struct MemorySink {
    lines: Arc<Mutex<Vec<Line>>>,
}

impl MemorySink {
    /// An empty sink. Clones share their lines.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A ledger over this sink, with a clock that stands at [`moment`].
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::new(Arc::new(self.clone()), fixed_clock(moment()))
    }

    /// Every line so far, without its line end.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.locked().iter().map(|line| String::from_utf8_lossy(line.as_bytes()).trim_end().to_owned()).collect()
    }

    /// Every record so far.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.locked().iter().map(|line| serde_json::from_slice(line.as_bytes()).unwrap_or_default()).collect()
    }

    /// The records of one kind: `decision`, `outcome`, `authentication` or `notice`.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> Vec<Value> {
        let mut records = self.records();
        records.retain(|record| record.get("kind").and_then(Value::as_str) == Some(kind));
        records
    }

    /// Forgets every line.
    pub fn clear(&self) {
        self.locked().clear();
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for MemorySink {
    async fn write(&self, line: Line) -> Result<(), SinkError> {
        self.locked().push(line);
        Ok(())
    }

    async fn reserve(&self) -> Result<Box<dyn Slot>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Slot for MemorySink {
    fn write(self: Box<Self>, line: Line) {
        self.locked().push(line);
    }
}

/// Fails after a number of writes or reservations, and counts them: a full disk.
#[derive(Clone, Debug)]
pub struct FailingSink {
    memory: MemorySink,
    writes: Arc<AtomicUsize>,
    reservations: Arc<AtomicUsize>,
}

impl FailingSink {
    /// Fails at once, whatever is asked.
    #[must_use]
    pub fn new() -> Self {
        Self::after(0, 0)
    }

    /// Lets so many writes and reservations pass, and fails from then on.
    #[must_use]
    pub fn after(writes: usize, reservations: usize) -> Self {
        Self {
            memory: MemorySink::new(),
            writes: Arc::new(AtomicUsize::new(writes)),
            reservations: Arc::new(AtomicUsize::new(reservations)),
        }
    }

    /// A ledger over this sink, with a clock that stands at [`moment`].
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::new(Arc::new(self.clone()), fixed_clock(moment()))
    }

    /// Lets everything pass from now on, as when the disk has room again.
    pub fn mend(&self) {
        self.writes.store(usize::MAX, Ordering::SeqCst);
        self.reservations.store(usize::MAX, Ordering::SeqCst);
    }

    /// What was kept all the same.
    #[must_use]
    pub const fn kept(&self) -> &MemorySink {
        &self.memory
    }
}

impl Default for FailingSink {
    fn default() -> Self {
        Self::new()
    }
}

fn take(left: &AtomicUsize) -> Result<(), SinkError> {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .map(|_| ())
        .map_err(|_| SinkError::Failed("no space left on device".to_owned()))
}

#[async_trait]
impl Sink for FailingSink {
    async fn write(&self, line: Line) -> Result<(), SinkError> {
        take(&self.writes)?;
        self.memory.write(line).await
    }

    async fn reserve(&self) -> Result<Box<dyn Slot>, SinkError> {
        take(&self.reservations)?;
        self.memory.reserve().await
    }
}

/// The moment at which the clocks of tests stand: 2026-07-28T00:00:00Z.
#[must_use]
pub fn moment() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_785_196_800)
}

/// A clock that stands still.
pub fn fixed_clock(at: SystemTime) -> Clock {
    Arc::new(move || at)
}

/// A clock that moves on by `step` each time it is read.
pub fn ticking_clock(from: SystemTime, step: Duration) -> Clock {
    let reads = AtomicUsize::new(0);
    Arc::new(move || {
        let reads = u32::try_from(reads.fetch_add(1, Ordering::SeqCst)).unwrap_or(u32::MAX);
        from + step * reads
    })
}
