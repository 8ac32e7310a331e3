//! The writer over a disk that fails on demand.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use std::{io, path::PathBuf};

use doorward_audit::testing::{fixed_clock, moment};
use doorward_audit::{Decision, DecisionId, Ending, Ledger, Reason, Record, Verdict};
use serde_json::Value;

use super::disk::Segment;
use super::*;

/// A disk in memory that does as it is told.
#[derive(Clone, Default)]
struct BadDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    segments: Vec<Vec<u8>>,
    synced: Vec<usize>,
    begin_fails: bool,
    /// Appends fail after so many bytes of them were written.
    append_fails_after: Option<usize>,
    truncate_fails: bool,
    sync_fails: bool,
}

struct BadSegment(BadDisk, usize);

impl BadDisk {
    fn set(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn full() -> io::Error {
        io::Error::other("no space left on device")
    }

    /// Every line of every segment; a broken line is null.
    fn records(&self) -> Vec<Value> {
        let state = self.set();
        let lines = state.segments.iter().flat_map(|segment| segment.split_inclusive(|byte| *byte == b'\n'));
        lines.map(|line| serde_json::from_slice(line).unwrap_or_default()).collect()
    }

    fn of_kind(&self, kind: &str) -> usize {
        self.records().iter().filter(|record| record["kind"] == kind).count()
    }

    fn open(&self, change: impl FnOnce(&mut LedgerOptions)) -> FileLedger {
        // Nothing happens in the background unless a test asks for it.
        let never = Duration::from_secs(3_600);
        let mut options =
            LedgerOptions { sync_every: never, retry_every: never, ..LedgerOptions::new(fixed_clock(moment())) };
        change(&mut options);
        FileLedger::start(Box::new(self.clone()), &[], options).unwrap()
    }
}

impl Disk for BadDisk {
    fn begin(&mut self, _at: SystemTime) -> io::Result<Arc<dyn Segment>> {
        let mut state = self.set();
        if state.begin_fails {
            return Err(Self::full());
        }
        state.segments.push(Vec::new());
        state.synced.push(0);
        Ok(Arc::new(BadSegment(self.clone(), state.segments.len() - 1)))
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("memory")
    }
}

impl Segment for BadSegment {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.set();
        let most = state.append_fails_after.unwrap_or(bytes.len()).min(bytes.len());
        state.segments[self.1].extend_from_slice(&bytes[..most]);
        if state.append_fails_after.is_some() { Err(BadDisk::full()) } else { Ok(()) }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.set();
        if state.truncate_fails {
            return Err(BadDisk::full());
        }
        state.segments[self.1].truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.set();
        if state.sync_fails {
            return Err(BadDisk::full());
        }
        state.synced[self.1] = state.segments[self.1].len();
        Ok(())
    }
}

fn decision() -> Decision {
    Decision::new(DecisionId::new(moment(), [1; 10]), moment())
}

fn line() -> Line {
    Record::Decision { decision: decision(), verdict: Verdict::Refuse(Reason::Forbidden) }.encode().unwrap()
}

fn ledger(sink: &FileLedger) -> Ledger {
    Ledger::new(Arc::new(sink.clone()), fixed_clock(moment()))
}

#[tokio::test]
async fn er_12_a_full_disk_refuses_and_a_later_write_succeeds() {
    let disk = BadDisk::default();
    let sink = disk.open(|_| {});
    sink.write(line()).await.unwrap();
    disk.set().append_fails_after = Some(0);
    for _ in 0..3 {
        let refused = sink.write(line()).await.unwrap_err();
        assert_eq!(refused, SinkError::Failed("no space left on device".to_owned()));
        assert_eq!(sink.failure().as_deref(), Some("no space left on device"));
    }
    disk.set().append_fails_after = None;
    sink.write(line()).await.unwrap();
    assert_eq!(sink.failure(), None);
    let records = disk.records();
    let kinds: Vec<_> = records.iter().map(|record| record["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["decision", "notice", "decision"]);
    assert_eq!((&records[1]["what"], &records[1]["refused"]), (&"ledger_resumed".into(), &3.into()));
}

#[tokio::test]
async fn er_12_half_a_batch_is_cut_off_again() {
    let disk = BadDisk::default();
    let sink = disk.open(|_| {});
    sink.write(line()).await.unwrap();
    let whole = disk.set().segments[0].clone();
    disk.set().append_fails_after = Some(17);
    sink.write(line()).await.unwrap_err();
    assert_eq!(disk.set().segments[0], whole);
}

#[tokio::test]
async fn er_12_a_segment_that_can_not_be_cut_is_left() {
    let disk = BadDisk::default();
    let sink = disk.open(|_| {});
    disk.set().append_fails_after = Some(17);
    disk.set().truncate_fails = true;
    sink.write(line()).await.unwrap_err();
    disk.set().append_fails_after = None;
    sink.write(line()).await.unwrap();
    assert_eq!(disk.set().segments.len(), 2);
    assert_eq!(disk.records(), [Value::Null, disk.records()[1].clone(), disk.records()[2].clone()]);
    assert_eq!(disk.of_kind("decision"), 1);
}

#[tokio::test]
async fn er_12_an_outcome_is_kept_until_the_disk_takes_it() {
    let disk = BadDisk::default();
    let sink = disk.open(|_| {});
    let (_, slot) = ledger(&sink).record((), decision()).await.unwrap().open();
    disk.set().append_fails_after = Some(5);
    slot.close(Ending::Answered);
    sink.sync().await.unwrap_err();
    assert_eq!(disk.of_kind("outcome"), 0);
    disk.set().append_fails_after = None;
    sink.sync().await.unwrap();
    assert_eq!(disk.of_kind("outcome"), 1);
    assert!(disk.records().iter().all(|record| !record.is_null()));
}

#[tokio::test]
async fn er_12_kept_outcomes_are_bounded_by_their_slots() {
    let disk = BadDisk::default();
    let sink = disk.open(|options| options.slots = 2);
    let ledger = ledger(&sink);
    let open = [ledger.record((), decision()).await.unwrap(), ledger.record((), decision()).await.unwrap()];
    disk.set().append_fails_after = Some(0);
    drop(open);
    sink.sync().await.unwrap_err();
    let refused = ledger.record((), decision()).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "the ledger could not take the record: all 2 outcome slots are taken: too many calls are open at once"
    );
    disk.set().append_fails_after = None;
    sink.sync().await.unwrap();
    assert!(ledger.record((), decision()).await.is_ok());
}

#[tokio::test]
async fn er_12_a_durable_record_that_does_not_reach_the_disk_is_refused() {
    let disk = BadDisk::default();
    let sink = disk.open(|options| options.durable = true);
    sink.write(line()).await.unwrap();
    {
        let state = disk.set();
        assert_eq!(state.synced[0], state.segments[0].len());
    }
    disk.set().sync_fails = true;
    sink.write(line()).await.unwrap_err();
    disk.set().sync_fails = false;
    sink.write(line()).await.unwrap();
    assert_eq!(disk.of_kind("decision"), 2);
    assert_eq!(disk.set().segments.len(), 2, "a segment whose sync failed is not trusted again");
}

#[tokio::test]
async fn er_12_a_ledger_that_can_not_begin_does_not_open() {
    let disk = BadDisk::default();
    disk.set().begin_fails = true;
    let options = LedgerOptions::new(fixed_clock(moment()));
    let refused = FileLedger::start(Box::new(disk), &[], options).unwrap_err().to_string();
    assert_eq!(refused, "the ledger can't be opened: `memory` can't be used: no space left on device");
}

#[tokio::test]
async fn a_failed_sync_is_told_to_whoever_asks_next() {
    let disk = BadDisk::default();
    let sink = disk.open(|_| {});
    sink.write(line()).await.unwrap();
    disk.set().sync_fails = true;
    sink.sync().await.unwrap_err();
    assert!(sink.failure().is_some());
    disk.set().sync_fails = false;
    sink.write(line()).await.unwrap();
    sink.sync().await.unwrap();
    assert_eq!(sink.failure(), None);
    assert_eq!(disk.set().segments.len(), 2);
}

#[tokio::test]
async fn a_segment_that_is_full_is_followed_by_another() {
    let disk = BadDisk::default();
    let length = line().as_bytes().len() as u64;
    let sink = disk.open(|options| options.segment_bytes = 2 * length);
    for _ in 0..5 {
        sink.write(line()).await.unwrap();
    }
    sink.sync().await.unwrap();
    let state = disk.set();
    let lengths: Vec<_> = state.segments.iter().map(|segment| segment.len() as u64 / length).collect();
    assert_eq!(lengths, [2, 2, 1]);
    assert!(state.segments.iter().zip(&state.synced).all(|(segment, synced)| segment.len() == *synced));
}

#[tokio::test]
async fn an_unused_slot_gives_its_room_back() {
    let sink = BadDisk::default().open(|options| options.slots = 1);
    let slot = sink.reserve().await.unwrap();
    assert_eq!(sink.reserve().await.err(), Some(SinkError::NoRoom { slots: 1 }));
    drop(slot);
    assert!(sink.reserve().await.is_ok());
}

/// Writes until the condition holds; the background decides how often that is.
async fn write_until(sink: &FileLedger, disk: &BadDisk, holds: impl Fn(&State) -> bool) {
    let writes = async {
        while !holds(&disk.set()) {
            sink.write(line()).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), writes).await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_brought_to_the_disk_without_being_asked() {
    let disk = BadDisk::default();
    let sink = disk.open(|options| options.sync_every = Duration::ZERO);
    write_until(&sink, &disk, |state| state.synced[0] > 0).await;
}

#[tokio::test]
async fn er_12_a_sync_that_fails_in_the_background_ends_its_segment_and_is_told() {
    let disk = BadDisk::default();
    let sink = disk.open(|options| options.sync_every = Duration::ZERO);
    disk.set().sync_fails = true;
    write_until(&sink, &disk, |state| state.segments.len() > 1).await;
    disk.set().sync_fails = false;
    let told = disk.records().iter().any(|record| record["what"] == "ledger_resumed");
    assert!(told);
    assert!(sink.sync().await.is_err(), "some acknowledged lines may not be on the disk");
}

#[tokio::test]
async fn a_ledger_recovers_though_nobody_calls() {
    let disk = BadDisk::default();
    let sink = disk.open(|options| options.retry_every = Duration::from_millis(1));
    disk.set().append_fails_after = Some(0);
    sink.write(line()).await.unwrap_err();
    assert!(sink.failure().is_some());
    disk.set().append_fails_after = None;
    let recovered = async {
        while sink.failure().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), recovered).await.unwrap();
    assert_eq!(disk.of_kind("notice"), 1);
}
