//! One process as a link: lines in, lines out, each line to the call that it belongs to.

use std::{
    process::ExitStatus,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use doorward::upstream::{Frame, Incoming, Link, Outgoing, Own, Shape, UpstreamError};
use doorward_wire::{Era, Id, Kind, Limits, Message, Method, Sender, ServerName, Version, lines};
use futures::stream;
use http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    command::Spawned,
    demux::{Demux, Holder, Stray},
    life, stderr,
};

/// Largest message of a process, in bytes.
const LARGEST: usize = 32 * 1024 * 1024;
const LIMITS: Limits = Limits { max_bytes: LARGEST, max_depth: 128, max_keys: 2_000_000 };
/// Lines that wait for one call's reader.
const WAITING_LINES: usize = 64;
/// Memory that the lines of one process may take while they wait, in KiB. Holds two of the largest.
const WAITING_KIB: usize = 2 * LARGEST / 1024;
/// How long a call's reader may let its process wait before it loses the call.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages that wait for the process to read them.
const UNREAD: usize = 32;
/// How long a process may leave a message of our own account unread.
const OWN_DEADLINE: Duration = Duration::from_secs(5);
/// What is left in the pipes of a process that ended is read for so long.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was asked to.
    Asked,
    /// It was not, or it fell silent before; with its status, where the system told it.
    ByItself(Option<ExitStatus>),
}

/// What a process said that nobody could use, counted since the node started.
#[derive(Debug, Default)]
pub struct Tally {
    /// Processes started.
    pub started: AtomicU64,
    /// Processes that ended without being asked.
    pub died: AtomicU64,
    /// Lines that are not JSON-RPC (C17).
    pub unreadable: AtomicU64,
    /// Messages that belong to no call (JS-11).
    pub stray: AtomicU64,
}

/// A running process, as a link.
pub(super) struct ProcessLink {
    shared: Arc<Shared>,
}

/// A line on its way to a call's reader, with the memory it takes.
struct Line {
    data: Bytes,
    last: bool,
    _room: OwnedSemaphorePermit,
}

struct Shared {
    server: ServerName,
    era: Era,
    demux: Mutex<Demux<mpsc::Sender<Line>>>,
    stdin: mpsc::Sender<Bytes>,
    room: Arc<Semaphore>,
    /// Set when the process is to end, or did.
    ending: CancellationToken,
    /// Whether it was asked to.
    asked: AtomicBool,
    ended: watch::Sender<bool>,
    spoken_to: AtomicBool,
    last_used: Mutex<Instant>,
    tally: Arc<Tally>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ProcessLink {
    /// Takes over a process. `at_end` is called once, after the process and its group are gone, with how long it lived.
    pub(super) fn start(
        spawned: Spawned,
        server: ServerName,
        version: Version,
        tally: Arc<Tally>,
        at_end: impl FnOnce(End, Duration) + Send + 'static,
    ) -> Self {
        let Spawned { child, stdin, stdout, stderr } = spawned;
        let (to_stdin, from_callers) = mpsc::channel(UNREAD);
        let shared = Arc::new(Shared {
            server,
            era: version.era(),
            demux: Mutex::new(Demux::new(version.era())),
            stdin: to_stdin,
            room: Arc::new(Semaphore::new(WAITING_KIB)),
            ending: CancellationToken::new(),
            asked: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            spoken_to: AtomicBool::new(false),
            last_used: Mutex::new(Instant::now()),
            tally,
        });
        tracing::info!(server = %shared.server, pid = child.id(), "process started");
        tokio::spawn(write(stdin, from_callers, shared.ending.clone()));
        let relay = tokio::spawn({
            let shared = Arc::clone(&shared);
            stderr::relay(stderr, shared.server.clone(), move || shared.spoken_to.load(Ordering::Relaxed))
        });
        let reader = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.read(stdout).await }
        });
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let born = Instant::now();
                let status = life::outlive(child, shared.ending.cancelled()).await;
                // What left the process's group may hold its pipes open for ever.
                let pipes = [reader, relay];
                let aborts = pipes.each_ref().map(tokio::task::JoinHandle::abort_handle);
                if tokio::time::timeout(LAST_WORDS, futures::future::join_all(pipes)).await.is_err() {
                    aborts.iter().for_each(tokio::task::AbortHandle::abort);
                }
                shared.ending.cancel();
                let asked = shared.asked.load(Ordering::Relaxed);
                let end = if asked { End::Asked } else { End::ByItself(status) };
                match end {
                    End::Asked => tracing::info!(server = %shared.server, "process ended"),
                    End::ByItself(status) => {
                        shared.tally.died.fetch_add(1, Ordering::Relaxed);
                        let status = status.map(|status| status.to_string());
                        tracing::warn!(server = %shared.server, status, "process ended by itself");
                    }
                }
                at_end(end, born.elapsed());
                // Last, so that whoever learns of the end finds it in the books of `at_end` already.
                held(&shared.demux).clear();
                shared.ended.send_replace(true);
            }
        });
        Self { shared }
    }

    /// Sends a message, and opens the books for its answer if it is a call, which then has a number.
    pub(super) async fn exchange(
        &self,
        number: Option<u64>,
        message: &[u8],
        subscription: bool,
        limit: Duration,
    ) -> Result<Incoming, UpstreamError> {
        let shared = &self.shared;
        shared.touch();
        shared.spoken_to.store(true, Ordering::Relaxed);
        let Some(number) = number else {
            shared.say(message, limit).await?;
            let frames = Box::pin(stream::empty());
            return Ok(Incoming { status: StatusCode::ACCEPTED, shape: Shape::Accepted, frames });
        };
        let (sender, receiver) = mpsc::channel(WAITING_LINES);
        held(&shared.demux).open(number, sender, subscription);
        let open = Open { shared: Arc::clone(shared), holder: Holder::Call(number) };
        shared.say(message, limit).await?;
        Ok(Incoming { status: StatusCode::OK, shape: Shape::Open, frames: Box::pin(frames(receiver, open)) })
    }

    /// Whether a call is in flight or somebody listens.
    pub(super) fn is_in_use(&self) -> bool {
        held(&self.shared.demux).is_in_use()
    }

    /// When the link was last used.
    pub(super) fn last_used(&self) -> Instant {
        *held(&self.shared.last_used)
    }

    /// Somebody is about to use the link.
    pub(super) fn touch(&self) {
        self.shared.touch();
    }

    /// Begins the end without waiting for it.
    pub(super) fn begin_end(&self) {
        self.shared.asked.store(true, Ordering::Relaxed);
        self.shared.ending.cancel();
    }

    /// Whatever still works for the process.
    #[cfg(test)]
    pub(super) fn downgrade(&self) -> std::sync::Weak<impl Sized + use<>> {
        Arc::downgrade(&self.shared)
    }

    /// Says something on our own account and waits for its answer.
    pub(super) async fn ask(&self, own: &Own, number: u64, limit: Duration) -> Result<Message, UpstreamError> {
        let (sender, mut receiver) = mpsc::channel(1);
        held(&self.shared.demux).open(number, sender, false);
        let _open = Open { shared: Arc::clone(&self.shared), holder: Holder::Call(number) };
        let asking = async {
            self.shared.say(&own.text(Some(number)), limit).await?;
            loop {
                let line = receiver.recv().await.ok_or(UpstreamError::Closed)?;
                if line.last {
                    return Message::parse(line.data, Sender::Server, &LIMITS)
                        .map_err(|error| UpstreamError::Protocol(error.to_string()));
                }
            }
        };
        tokio::time::timeout(limit, asking).await.map_err(|_| UpstreamError::TimedOut)?
    }
}

impl Drop for ProcessLink {
    fn drop(&mut self) {
        self.begin_end();
    }
}

#[async_trait]
impl Link for ProcessLink {
    async fn send(&self, out: Outgoing) -> Result<Incoming, UpstreamError> {
        let message = out.message();
        let subscription = matches!(message.kind(), Kind::Request { method: Method::SubscriptionsListen, .. });
        self.exchange(out.id(), message.bytes(), subscription, out.deadline()).await
    }

    async fn listen(&self, resume: Option<&str>) -> Result<Incoming, UpstreamError> {
        let shared = &self.shared;
        if shared.era == Era::Modern || resume.is_some() {
            // The modern era has none, and a process numbers no events that could be resumed after.
            return Err(UpstreamError::NoStream);
        }
        shared.touch();
        let (sender, receiver) = mpsc::channel(WAITING_LINES);
        let holder = held(&shared.demux).listen(sender);
        let open = Open { shared: Arc::clone(shared), holder };
        // Only after the books hold the stream: a process that ends from here on finds it there.
        if !self.is_alive() {
            return Err(UpstreamError::SessionEnded);
        }
        Ok(Incoming { status: StatusCode::OK, shape: Shape::Stream, frames: Box::pin(frames(receiver, open)) })
    }

    async fn cancel(&self, id: u64) {
        // Only a call that is still believed to be in flight is cancelled (C19).
        let open = held(&self.shared.demux).cancel(id);
        if open {
            let cancel = Own::Cancel { exchange: id }.text(None);
            if let Err(error) = self.shared.say(&cancel, OWN_DEADLINE).await {
                tracing::debug!(server = %self.shared.server, %error, "a cancellation was not delivered");
            }
        }
    }

    async fn close(&self) {
        let mut ended = self.shared.ended.subscribe();
        self.begin_end();
        // The sender lives as long as `self`.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    fn is_alive(&self) -> bool {
        !self.shared.ending.is_cancelled()
    }
}

/// A place in the books, given back when nobody waits any more.
struct Open {
    shared: Arc<Shared>,
    holder: Holder,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.touch();
        held(&self.shared.demux).abandon(self.holder);
    }
}

/// A call's lines as frames: until its answer, else until the process is gone.
fn frames(
    lines: mpsc::Receiver<Line>,
    open: Open,
) -> impl futures::Stream<Item = Result<Frame, UpstreamError>> + Send + 'static {
    stream::unfold(Some((lines, open)), |state| async move {
        let (mut lines, open) = state?;
        match lines.recv().await {
            Some(line) => {
                let next = (!line.last).then_some((lines, open));
                Some((Ok(Frame::message(line.data)), next))
            }
            None => Some((Err(UpstreamError::Closed), None)),
        }
    })
}

impl Shared {
    fn touch(&self) {
        *held(&self.last_used) = Instant::now();
    }

    /// Hands a message to the process on one line (C17), unless the process leaves its input unread for too long.
    async fn say(&self, message: &[u8], limit: Duration) -> Result<(), UpstreamError> {
        let gone = match self.era {
            Era::Modern => UpstreamError::Closed,
            // The process was the session.
            Era::Legacy => UpstreamError::SessionEnded,
        };
        if self.ending.is_cancelled() {
            return Err(gone);
        }
        match self.stdin.send_timeout(lines::encode(message), limit).await {
            Ok(()) => Ok(()),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(gone),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(UpstreamError::TimedOut),
        }
    }

    async fn read(&self, mut stdout: impl AsyncRead + Unpin) {
        let mut decoder = lines::Decoder::new(LARGEST);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match stdout.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) => decoder.push(buffer.get(..read).unwrap_or_default()),
            }
            for line in decoder.by_ref() {
                match line {
                    Ok(line) => self.take(line).await,
                    Err(error) => self.unreadable(&error),
                }
            }
        }
        // A process that can say nothing any more is of no use.
        self.ending.cancel();
    }

    /// One line of the process.
    async fn take(&self, line: Bytes) {
        let message = match Message::parse(line.clone(), Sender::Server, &LIMITS) {
            Ok(message) => message,
            Err(error) => return self.unreadable(&error),
        };
        if let Kind::Request { id, method: Method::Ping } = message.kind() {
            return self.pong(id).await;
        }
        let routed = held(&self.demux).route(&message);
        let delivery = match routed {
            Ok(delivery) => delivery,
            Err(stray) => return self.stray(stray),
        };
        let kib = u32::try_from(line.len() / 1024 + 1).unwrap_or(u32::MAX);
        let deliver = async {
            let room = Arc::clone(&self.room).acquire_many_owned(kib).await.ok()?;
            delivery.to.send(Line { data: line, last: delivery.last, _room: room }).await.ok()
        };
        // A reader that went away is no loss; one that is too slow must not hold up the other calls for longer.
        if tokio::time::timeout(PATIENCE, deliver).await.is_err() {
            tracing::warn!(server = %self.server, "a call whose answer was not read in time was given up");
            held(&self.demux).abandon(delivery.holder);
        }
    }

    async fn pong(&self, id: &Id) {
        let pong = Own::Pong { id: id.clone() }.text(None);
        if let Err(error) = self.say(&pong, OWN_DEADLINE).await {
            tracing::debug!(server = %self.server, %error, "a ping was not answered");
        }
    }

    /// The line itself is never shown: it may hold anybody's data.
    fn unreadable(&self, error: &dyn std::fmt::Display) {
        self.tally.unreadable.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(server = %self.server, %error, "a line of the process is no message");
    }

    fn stray(&self, stray: Stray) {
        self.tally.stray.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(server = %self.server, ?stray, "a message of the process belongs to no call");
    }
}

/// Writes lines until told to end; then the pipe closes, which is the first way of asking a process to end (C21).
async fn write(mut stdin: impl AsyncWrite + Unpin, mut lines: mpsc::Receiver<Bytes>, ending: CancellationToken) {
    let writing = async {
        while let Some(line) = lines.recv().await {
            stdin.write_all(&line).await?;
            stdin.flush().await?;
        }
        std::io::Result::Ok(())
    };
    tokio::select! {
        () = ending.cancelled() => {}
        written = writing => if written.is_err() {
            ending.cancel();
        },
    }
}
