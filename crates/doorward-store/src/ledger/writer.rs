//! The thread that writes.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use doorward_audit::{DecisionId, Line, Notice, Record, SinkError, Text, What};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::LedgerOptions;
use super::disk::{Disk, Segment};
use super::syncer::Syncer;
use super::tail::Torn;

/// What the writer is asked to do. A room is held until the line is written or given up.
pub(super) enum Command {
    /// Write a line that somebody waits for.
    Write { line: Line, answer: oneshot::Sender<Result<(), SinkError>>, _room: OwnedSemaphorePermit },
    /// Write a line that nobody waits for, now or as soon as it can be.
    Keep { line: Line, room: OwnedSemaphorePermit },
    /// Bring everything to the disk.
    Sync { answer: oneshot::Sender<Result<(), SinkError>> },
}

/// Whether the ledger can write, as others see it.
#[derive(Default)]
pub(super) struct Health {
    failing: AtomicBool,
    why: Mutex<String>,
}

impl Health {
    pub(super) fn failure(&self) -> Option<String> {
        self.is_failing().then(|| self.why.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Returns whether this is news.
    fn fail(&self, why: &str) -> bool {
        why.clone_into(&mut self.why.lock().unwrap_or_else(PoisonError::into_inner));
        !self.failing.swap(true, Ordering::AcqRel)
    }

    /// Returns whether this is news.
    fn recover(&self) -> bool {
        self.failing.swap(false, Ordering::AcqRel)
    }
}

/// The most bytes that are gathered into one write.
const BATCH_BYTES: usize = 1 << 20;

pub(super) struct Writer {
    disk: Box<dyn Disk>,
    options: LedgerOptions,
    health: Arc<Health>,
    syncer: Syncer,
    /// The current segment and the length of what is whole in it. None after a failure that left
    /// it in doubt, so that the next attempt begins a new one.
    segment: Option<(Arc<dyn Segment>, u64)>,
    /// Outcomes that could not be written yet, oldest first.
    kept: VecDeque<(Line, OwnedSemaphorePermit)>,
    /// The error of a sync in the background: lines that were acknowledged may not outlive a power
    /// failure. Told to the next one who asks for a sync.
    doubt: Option<SinkError>,
    /// How many records were refused since the ledger began to fail.
    refused: u64,
    /// When the oldest unsynced write happened.
    unsynced: Option<Instant>,
    buffer: Vec<u8>,
}

/// What one round of the writer has taken from its inbox.
#[derive(Default)]
struct Batch {
    bytes: usize,
    lines: Vec<Line>,
    waiters: Vec<oneshot::Sender<Result<(), SinkError>>>,
    /// Held until the round is over, so that the queue's bound counts lines being written.
    rooms: Vec<OwnedSemaphorePermit>,
    /// Lines of `lines` that have to be kept when the write fails: position and room.
    keep: Vec<(usize, OwnedSemaphorePermit)>,
    syncs: Vec<oneshot::Sender<Result<(), SinkError>>>,
}

impl Writer {
    pub(super) fn new(disk: Box<dyn Disk>, options: LedgerOptions, health: Arc<Health>) -> io::Result<Self> {
        Ok(Self {
            disk,
            options,
            health,
            syncer: Syncer::start()?,
            segment: None,
            kept: VecDeque::new(),
            doubt: None,
            refused: 0,
            unsynced: None,
            buffer: Vec::new(),
        })
    }

    /// Begins the first segment, so that a ledger that can't write is known at the start, and tells
    /// of broken lines in earlier ones.
    pub(super) fn begin(&mut self, torn: &[Torn]) -> io::Result<()> {
        self.buffer.clear();
        for torn in torn {
            let what = What::TornTail { segment: Text::clip(&torn.segment), bytes: torn.bytes };
            self.push_notice(what)?;
        }
        self.write_buffer()
    }

    /// Writes until nobody can hand over anything any more.
    pub(super) fn run(mut self, inbox: &Receiver<Command>) {
        loop {
            let first = match self.patience() {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => inbox.recv_timeout(patience),
            };
            let ended = matches!(first, Err(RecvTimeoutError::Disconnected));
            let mut batch = Batch::default();
            if let Ok(first) = first {
                batch.take(first);
                while batch.bytes < BATCH_BYTES {
                    let Ok(next) = inbox.try_recv() else { break };
                    batch.take(next);
                }
            }
            self.round(batch);
            if ended {
                self.end();
                return;
            }
        }
    }

    /// How long to wait for the next command; None for ever.
    fn patience(&self) -> Option<Duration> {
        let sync = self.unsynced.map(|since| self.options.sync_every.saturating_sub(since.elapsed()));
        let retry = (self.health.is_failing() || !self.kept.is_empty()).then_some(self.options.retry_every);
        match (sync, retry) {
            (Some(sync), Some(retry)) => Some(sync.min(retry)),
            (sync, retry) => sync.or(retry),
        }
    }

    fn round(&mut self, batch: Batch) {
        let Batch { lines, waiters, rooms, keep, syncs, .. } = batch;
        self.doubt_if_sync_failed();
        let result = self.write_round(&lines).map_err(|error| failed(&error));
        if let Err(error) = &result {
            self.refused += u64::try_from(waiters.len()).unwrap_or(u64::MAX);
            for (position, room) in keep {
                if let Some(line) = lines.get(position) {
                    self.kept.push_back((line.clone(), room));
                }
            }
            self.report(error);
        }
        for waiter in waiters {
            // A waiter that has gone away needs no answer.
            let _ = waiter.send(result.clone());
        }
        drop(rooms);
        if !syncs.is_empty() {
            let synced = result.and_then(|()| self.sync_now());
            for sync in syncs {
                let _ = sync.send(synced.clone());
            }
        }
        self.sync_if_due();
    }

    /// Writes kept lines, then new ones.
    fn write_round(&mut self, lines: &[Line]) -> io::Result<()> {
        let failing = self.health.is_failing();
        if lines.is_empty() && self.kept.is_empty() && !failing {
            return Ok(());
        }
        self.buffer.clear();
        if failing {
            self.push_notice(What::LedgerResumed { refused: self.refused })?;
        }
        while !self.kept.is_empty() {
            let mut taken = 0;
            for (line, _) in &self.kept {
                self.buffer.extend_from_slice(line.as_bytes());
                taken += 1;
                if self.buffer.len() >= BATCH_BYTES {
                    break;
                }
            }
            self.write_buffer()?;
            self.kept.drain(..taken);
            self.buffer.clear();
        }
        for line in lines {
            self.buffer.extend_from_slice(line.as_bytes());
        }
        self.write_buffer()?;
        self.buffer.shrink_to(2 * BATCH_BYTES);
        if self.health.recover() {
            tracing::warn!(refused = self.refused, "the ledger writes again");
            self.refused = 0;
        }
        Ok(())
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        let bytes = u64::try_from(self.buffer.len()).map_err(io::Error::other)?;
        if self.segment.as_ref().is_some_and(|(_, length)| *length > 0 && length + bytes > self.options.segment_bytes) {
            self.sync_segment()?;
            self.segment = None;
        }
        let (segment, length) = match self.segment.take() {
            Some(current) => current,
            None => (self.disk.begin((self.options.clock)())?, 0),
        };
        let written = segment.append(&self.buffer).and_then(|()| match self.options.durable {
            true => segment.sync(),
            false => Ok(()),
        });
        match written {
            Ok(()) => {
                if bytes > 0 && !self.options.durable {
                    self.unsynced.get_or_insert_with(Instant::now);
                }
                self.segment = Some((segment, length + bytes));
                Ok(())
            }
            Err(error) => {
                // What nobody was told of must not stand there. Where it can't be cut off, the
                // segment is left, and its broken end is mended at the next start.
                if segment.truncate(length).is_ok() && !self.options.durable {
                    self.segment = Some((segment, length));
                } else if let Err(error) = segment.sync() {
                    self.doubt = Some(failed(&error));
                }
                Err(error)
            }
        }
    }

    fn push_notice(&mut self, what: What) -> io::Result<()> {
        let mut random = [0; 10];
        aws_lc_rs::rand::fill(&mut random).map_err(io::Error::other)?;
        let at = (self.options.clock)();
        let notice = Record::Notice(Notice { id: DecisionId::new(at, random), at, what });
        let line = notice.encode().map_err(io::Error::other)?;
        self.buffer.extend_from_slice(line.as_bytes());
        Ok(())
    }

    fn sync_if_due(&mut self) {
        let due = self.unsynced.is_some_and(|since| since.elapsed() >= self.options.sync_every);
        if let (true, Some((segment, _))) = (due, &self.segment)
            && self.syncer.ask(segment)
        {
            self.unsynced = None;
        } else if due {
            // The disk is slower than the interval: the next sync covers this one too.
            self.unsynced = Some(Instant::now());
        }
    }

    fn sync_now(&mut self) -> Result<(), SinkError> {
        if let Some(lost) = self.doubt.take() {
            return Err(lost);
        }
        self.sync_segment().map_err(|error| {
            let error = failed(&error);
            self.report(&error);
            error
        })
    }

    /// Syncs the current segment; after an error the kernel may have dropped what it could not
    /// write and call the next sync a success, so the segment is not used again.
    fn sync_segment(&mut self) -> io::Result<()> {
        let Some((segment, _)) = &self.segment else { return Ok(()) };
        let synced = segment.sync();
        if synced.is_err() {
            self.segment = None;
        }
        self.unsynced = None;
        synced
    }

    fn doubt_if_sync_failed(&mut self) {
        if let Some(error) = self.syncer.failure() {
            let error = failed(&error);
            self.segment = None;
            self.report(&error);
            self.doubt = Some(error);
        }
    }

    fn report(&mut self, error: &SinkError) {
        let why = error.to_string();
        if self.health.fail(&why) {
            tracing::error!(error = why, "the ledger can't write: calls are refused until it can");
        }
    }

    fn end(&mut self) {
        let synced = self.sync_segment();
        if let Err(error) = synced {
            tracing::error!(%error, "the end of the ledger may not have reached the disk");
        }
        if !self.kept.is_empty() {
            tracing::error!(outcomes = self.kept.len(), "outcomes were lost: the ledger could not be written");
        }
    }
}

impl Batch {
    fn take(&mut self, command: Command) {
        match command {
            Command::Write { line, answer, _room: room } => {
                self.waiters.push(answer);
                self.rooms.push(room);
                self.push(line);
            }
            Command::Keep { line, room } => {
                self.keep.push((self.lines.len(), room));
                self.push(line);
            }
            Command::Sync { answer } => self.syncs.push(answer),
        }
    }

    fn push(&mut self, line: Line) {
        self.bytes += line.as_bytes().len();
        self.lines.push(line);
    }
}

fn failed(error: &io::Error) -> SinkError {
    SinkError::Failed(error.to_string())
}
