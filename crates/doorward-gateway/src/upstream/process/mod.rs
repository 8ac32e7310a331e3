//! Guarded servers that are processes of this machine, spoken to over standard input and output.
//!
//! | module | the question |
//! |---|---|
//! | `command`, `environment` | what is started, and what may it know? |
//! | `life` | how does it end? |
//! | `link`, `demux` | which line belongs to which call? |
//! | `era` | which versions does it speak? |
//! | `pool`, `places`, `backoff` | how many run, for whom, and when is one started again? |
//! | `stderr` | what does it say to the log? |

mod backoff;
mod command;
mod demux;
mod environment;
mod era;
mod life;
mod link;
mod places;
mod pool;
mod stderr;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use doorward::{
    Surroundings,
    upstream::{Link, LinkKey, Owner, Upstream, UpstreamError, UpstreamState},
};
use doorward_wire::{Era, ServerName};
use tokio::time::Instant;

use self::{
    backoff::Restarts,
    era::Found,
    link::{End, ProcessLink},
    places::{Place, Places},
    pool::{Full, Pool, Pooled},
};
pub use self::{
    command::{BadLaunch, Launch},
    environment::{BadVariable, Variable},
    link::Tally,
};

/// A caller waits so long at most for a process that has to wait before it may start again.
const SHORT_WAIT: Duration = Duration::from_secs(1);
/// A process that is making room for another has so long to end.
const ROOM_WAIT: Duration = Duration::from_secs(5);

/// How many processes there may be and how long an unused one stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Processes of one server.
    pub processes: usize,
    /// Processes of one server for one caller.
    pub per_owner: usize,
    /// An unused process of the modern era ends after so long.
    pub idle: Duration,
    /// An unused process of the legacy era, which is a session, ends after so long.
    pub session_idle: Duration,
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            processes: 64,
            per_owner: 16,
            idle: Duration::from_secs(5 * 60),
            session_idle: Duration::from_secs(30 * 60),
        }
    }
}

/// A guarded server that is a process: one for each caller and capability set in the modern era, one for each session
/// in the legacy era.
pub struct ProcessUpstream {
    inner: Arc<Inner>,
}

struct Inner {
    server: ServerName,
    launch: Launch,
    limits: ProcessLimits,
    surroundings: Arc<dyn Surroundings>,
    tally: Arc<Tally>,
    pool: Pool<ProcessLink>,
    /// Holds back a start until a process that was told to end has ended.
    running: Places,
    books: Mutex<Books>,
}

struct Books {
    restarts: Restarts<Owner>,
    era: era::Memory,
    state: UpstreamState,
}

impl ProcessUpstream {
    /// An upstream that starts `launch` when it is first needed. Must be called inside a runtime.
    #[must_use]
    pub fn new(server: ServerName, launch: Launch, limits: ProcessLimits, surroundings: Arc<dyn Surroundings>) -> Self {
        let books = Books { restarts: Restarts::new(), era: era::Memory::default(), state: UpstreamState::Unknown };
        let inner = Arc::new(Inner {
            server,
            launch,
            pool: Pool::new(limits.processes, limits.per_owner),
            running: Places::new(limits.processes, limits.per_owner),
            limits,
            surroundings,
            tally: Arc::default(),
            books: Mutex::new(books),
        });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// What its processes did and said in vain.
    #[must_use]
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.inner.tally)
    }

    /// Ends every process and waits for it.
    pub async fn close(&self) {
        let links = self.inner.pool.drain().await;
        futures::future::join_all(links.iter().map(|link| link.close())).await;
    }
}

async fn sweep(inner: Weak<Inner>) {
    loop {
        let Some(limits) = inner.upgrade().map(|inner| inner.limits.clone()) else {
            return;
        };
        let shortest = limits.idle.min(limits.session_idle);
        tokio::time::sleep((shortest / 4).clamp(Duration::from_millis(50), Duration::from_secs(30))).await;
        let Some(inner) = inner.upgrade() else { return };
        inner.pool.sweep(|key| match key.version.era() {
            Era::Modern => limits.idle,
            Era::Legacy => limits.session_idle,
        });
    }
}

#[async_trait]
impl Upstream for ProcessUpstream {
    async fn link(&self, key: &LinkKey) -> Result<Arc<dyn Link>, UpstreamError> {
        let inner = &self.inner;
        let modern = key.version.era() == Era::Modern;
        if modern && let Some(supported) = inner.books().era.recall(Instant::now()) {
            return Err(UpstreamError::WrongEra { supported });
        }
        let slot = inner.pool.slot(key).map_err(|Full(most)| UpstreamError::Exhausted(most))?;
        let mut held = slot.link.lock().await;
        if let Some(link) = held.as_ref() {
            if Link::is_alive(link.as_ref()) {
                // Between now and its use it must not look unused.
                link.touch();
                return Ok(Arc::clone(link) as Arc<dyn Link>);
            }
            if !modern {
                // The process was the session: another one knows nothing of it.
                return Err(UpstreamError::SessionEnded);
            }
        }
        let link = Arc::new(inner.start(key).await?);
        if modern {
            inner.find_era(&link, key).await?;
        }
        *held = Some(Arc::clone(&link));
        Ok(link)
    }

    fn state(&self) -> UpstreamState {
        self.inner.books().state.clone()
    }
}

impl Inner {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process, once the owner's last failures allow it.
    async fn start(self: &Arc<Self>, key: &LinkKey) -> Result<ProcessLink, UpstreamError> {
        let wait = self.books().restarts.wait(&key.owner, Instant::now());
        match wait {
            Some((left, failures)) if left > SHORT_WAIT => {
                return Err(UpstreamError::Unreachable(format!(
                    "the process failed {failures} times in a row; it is started again in {} s at the earliest",
                    left.as_secs() + 1
                )));
            }
            Some((left, _)) => tokio::time::sleep(left).await,
            None => {}
        }
        let place = self.running.take(&key.owner, ROOM_WAIT).await;
        let place = place.map_err(|Full(most)| UpstreamError::Exhausted(most))?;
        let spawned = match self.launch.spawn() {
            Ok(spawned) => spawned,
            Err(error) => {
                let why = command::why_not_started(self.launch.program(), &error);
                self.failed(key.owner.clone(), Duration::ZERO, why.clone());
                return Err(UpstreamError::Unreachable(why));
            }
        };
        self.tally.started.fetch_add(1, Ordering::Relaxed);
        let (server, tally, at_end) = (self.server.clone(), Arc::clone(&self.tally), self.at_end(key, place));
        let link = ProcessLink::start(spawned, server, key.version, tally, at_end);
        if key.version.era() == Era::Legacy {
            self.books().state = UpstreamState::Ready;
        }
        Ok(link)
    }

    fn at_end(self: &Arc<Self>, key: &LinkKey, place: Place) -> impl FnOnce(End, Duration) + use<> {
        let (inner, owner) = (Arc::downgrade(self), key.owner.clone());
        move |end, lived| {
            if let (End::ByItself(status), Some(inner)) = (end, inner.upgrade()) {
                let why = match status {
                    Some(status) => format!("the process ended by itself ({status})"),
                    None => "the process ended by itself".to_owned(),
                };
                inner.failed(owner, lived, why);
            }
            drop(place);
        }
    }

    fn failed(&self, owner: Owner, lived: Duration, why: String) {
        let mut random = [0xff; 8];
        // Without randomness the delay is the longest one.
        let _ = self.surroundings.fill(&mut random);
        let mut books = self.books();
        books.restarts.failed(owner, lived, Instant::now(), u64::from_ne_bytes(random));
        let since = match books.state {
            UpstreamState::Failing { since, .. } => since,
            UpstreamState::Unknown | UpstreamState::Ready => self.surroundings.now(),
        };
        books.state = UpstreamState::Failing { since, why };
    }

    async fn find_era(&self, link: &ProcessLink, key: &LinkKey) -> Result<(), UpstreamError> {
        let found = era::probe(link, key.version).await?;
        let mut books = self.books();
        books.era.note(&found, Instant::now());
        if matches!(found, Found::Modern | Found::Other { said: true, .. }) {
            books.state = UpstreamState::Ready;
        }
        match found {
            Found::Modern => Ok(()),
            Found::Other { supported, said } => {
                tracing::info!(server = %self.server, said, "the process does not speak the modern era");
                Err(UpstreamError::WrongEra { supported })
            }
        }
    }
}

impl Pooled for ProcessLink {
    fn is_alive(&self) -> bool {
        Link::is_alive(self)
    }

    fn is_in_use(&self) -> bool {
        ProcessLink::is_in_use(self)
    }

    fn last_used(&self) -> Instant {
        ProcessLink::last_used(self)
    }

    fn begin_end(&self) {
        ProcessLink::begin_end(self);
    }
}
