//! The ledger in files: NDJSON segments below the state directory.
//!
//! One thread writes. It takes what has gathered since its last write, writes it in one piece, and
//! tells each waiter. Every 200 milliseconds a second thread brings what was written to the disk;
//! where the ledger is durable, the writer does so itself before it tells anyone.
//!
//! What can't be written is refused, aloud: each waiter of the failed batch gets the error, the
//! file is cut back to its last whole line, and the next batch is a new attempt. An outcome has no
//! waiter to refuse, so it is kept in its slot until a write succeeds. (ER-12)

mod disk;
mod syncer;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use async_trait::async_trait;
use doorward_audit::{Clock, Line, Sink, SinkError, Slot};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use self::disk::{Directory, Disk};
use self::writer::{Command, Health, Writer};
use crate::private::NotPrivate;
use crate::{NodeLock, StateDir};

/// How a ledger keeps its lines.
#[derive(Clone)]
pub struct LedgerOptions {
    /// Whether a record has reached the disk before its call goes on. Without it, a record survives
    /// the end of the process at once and a power failure after [`LedgerOptions::sync_every`].
    pub durable: bool,
    /// The size at which a new segment begins, in bytes.
    pub segment_bytes: u64,
    /// How often what was written is brought to the disk.
    pub sync_every: Duration,
    /// How soon a ledger that can't write tries again when no record comes that would try it.
    pub retry_every: Duration,
    /// The most records that may wait for the writer; more wait for room.
    pub queue: usize,
    /// The most outcomes that may be outstanding: calls that are open at once.
    pub slots: usize,
    /// The clock that names segments.
    pub clock: Clock,
}

impl LedgerOptions {
    /// The defaults: not durable, segments of 64 MiB, a sync each 200 milliseconds, a retry each
    /// second, 4,096 waiting records, 65,536 open calls.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            durable: false,
            segment_bytes: 64 << 20,
            sync_every: Duration::from_millis(200),
            retry_every: Duration::from_secs(1),
            queue: 4_096,
            slots: 65_536,
            clock,
        }
    }
}

/// The ledger in files, as a [`Sink`].
///
/// Dropping it ends the writer once every slot is written or dropped too; call
/// [`FileLedger::sync`] before the process ends.
#[derive(Clone)]
pub struct FileLedger {
    commands: Sender<Command>,
    queue: Arc<Semaphore>,
    slots: Arc<Semaphore>,
    slot_count: usize,
    health: Arc<Health>,
}

impl FileLedger {
    /// Opens the ledger of a node.
    ///
    /// Segments lie in `ledger/` below the state directory, mode 0600, named by the time at which
    /// they were begun; none is ever written over. Segments of earlier runs that end in the middle
    /// of a line (the process was killed, the power failed) get a line end, and a `torn_tail` notice
    /// in the new segment tells of each.
    ///
    /// # Errors
    ///
    /// When the directory is not private, or nothing can be written there.
    pub fn open(state: &StateDir, _lock: &NodeLock, options: LedgerOptions) -> Result<Self, OpenError> {
        let directory = state.subdirectory("ledger")?;
        let torn = tail::mend(&directory)?;
        Self::start(Box::new(Directory::new(directory)), &torn, options)
    }

    /// Opens the ledger of a command that runs beside a node: it writes a segment of its own and
    /// leaves the others alone.
    ///
    /// # Errors
    ///
    /// As [`FileLedger::open`].
    pub fn open_beside(state: &StateDir, options: LedgerOptions) -> Result<Self, OpenError> {
        let directory = state.subdirectory("ledger")?;
        Self::start(Box::new(Directory::new(directory)), &[], options)
    }

    fn start(disk: Box<dyn Disk>, torn: &[tail::Torn], options: LedgerOptions) -> Result<Self, OpenError> {
        let (commands, inbox) = mpsc::channel();
        let health = Arc::new(Health::default());
        let (queue, slots) = (options.queue, options.slots);
        let path = disk.path();
        let mut writer = Writer::new(disk, options, Arc::clone(&health)).map_err(OpenError::io(&path))?;
        writer.begin(torn).map_err(OpenError::io(&path))?;
        std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run(&inbox))
            .map_err(OpenError::io(&path))?;
        Ok(Self {
            commands,
            queue: Arc::new(Semaphore::new(queue.min(Semaphore::MAX_PERMITS))),
            slots: Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS))),
            slot_count: slots,
            health,
        })
    }

    /// Brings everything that was handed over until now to the disk.
    ///
    /// # Errors
    ///
    /// When something of it could not be written or synced.
    pub async fn sync(&self) -> Result<(), SinkError> {
        self.ask(|answer| Command::Sync { answer }).await
    }

    /// Why the ledger can't write at the moment; `None` while it can. For the readiness page.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.health.failure()
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), SinkError>>) -> Command,
    ) -> Result<(), SinkError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).map_err(|_| SinkError::Closed)?;
        answered.await.map_err(|_| SinkError::Closed)?
    }
}

#[async_trait]
impl Sink for FileLedger {
    async fn write(&self, line: Line) -> Result<(), SinkError> {
        let room = Arc::clone(&self.queue).acquire_owned().await.map_err(|_| SinkError::Closed)?;
        self.ask(|answer| Command::Write { line, answer, _room: room }).await
    }

    async fn reserve(&self) -> Result<Box<dyn Slot>, SinkError> {
        let room =
            Arc::clone(&self.slots).try_acquire_owned().map_err(|_| SinkError::NoRoom { slots: self.slot_count })?;
        Ok(Box::new(FileSlot { commands: self.commands.clone(), room }))
    }
}

impl std::fmt::Debug for FileLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileLedger").field("failure", &self.failure()).finish_non_exhaustive()
    }
}

/// Room for one outcome. The permit travels with the line, so that lines which wait for the disk
/// to have room again stay bounded.
struct FileSlot {
    commands: Sender<Command>,
    room: OwnedSemaphorePermit,
}

impl Slot for FileSlot {
    fn write(self: Box<Self>, line: Line) {
        let Self { commands, room } = *self;
        if commands.send(Command::Keep { line, room }).is_err() {
            tracing::error!("an outcome was lost: the ledger's writer has ended");
        }
    }
}

/// The ledger could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the ledger can't be opened: {0}")]
pub struct OpenError(#[from] NotPrivate);

impl OpenError {
    fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path: PathBuf = path.to_owned();
        move |error| Self(NotPrivate::Io { path, error })
    }
}
