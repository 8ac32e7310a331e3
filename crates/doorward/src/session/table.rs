//! The table of open sessions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use doorward_identity::session::{SessionId, SessionLog, SessionRecord};
use doorward_identity::{Caller, CallerKey, Identified};
use doorward_wire::{ServerName, Version};
use tokio::sync::watch;

use super::Desk;
use crate::clock::Surroundings;
use crate::upstream::Link;

/// How many sessions there may be and how long they live.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// A session that nobody used for so long is over. Thirty minutes by default.
    pub idle: Duration,
    /// A session is over after so long, used or not. Twelve hours by default.
    pub absolute: Duration,
    /// A session that was opened anonymously and not taken over is idle after so long. One minute by default.
    pub anonymous_idle: Duration,
    /// The most sessions of one caller at one server; the one idle for longest makes room. 1,000 by default.
    pub per_caller: usize,
    /// The most sessions in all; beyond it a new one is refused. 50,000 by default.
    pub total: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 60 * 60),
            anonymous_idle: Duration::from_secs(60),
            per_caller: 1_000,
            total: 50_000,
        }
    }
}

/// What an operator may know of a session. The id is a digest: it opens nothing.
#[derive(Clone, Debug)]
pub struct SessionSummary {
    /// Hex of the digest of the session id.
    pub digest: String,
    /// The server.
    pub server: ServerName,
    /// Whose it is; absent while anonymous.
    pub owner: Option<CallerKey>,
    /// When it was opened.
    pub opened: SystemTime,
    /// When it was last used.
    pub last_used: SystemTime,
}

/// One open session.
pub(crate) struct Session {
    digest: [u8; 32],
    server: ServerName,
    version: Version,
    link: Arc<dyn Link>,
    owner: Mutex<Holder>,
    opened: SystemTime,
    last_used_ms: AtomicU64,
    streams: AtomicU64,
    desk: Mutex<Desk>,
    over: watch::Sender<bool>,
}

/// Who holds a session.
#[derive(Clone, Debug)]
enum Holder {
    Nobody,
    Caller { key: CallerKey, standing: [u8; 32] },
}

/// What is needed to open a session.
pub(crate) struct Opening<'a> {
    pub(crate) id: &'a SessionId,
    pub(crate) server: &'a ServerName,
    pub(crate) version: Version,
    pub(crate) link: Arc<dyn Link>,
    pub(crate) who: &'a Identified,
    pub(crate) now: SystemTime,
}

/// Why there is no session for this request. All look the same from outside; the ledger tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// No such id, here or any more.
    Unknown,
    /// Somebody else's.
    Foreign,
    /// Idle or old.
    Expired,
    /// The caller's roles or claims are not those with which it was opened.
    StandingChanged,
    /// There is no room for another one.
    Full,
}

/// All open sessions.
pub(crate) struct Sessions {
    limits: SessionLimits,
    open: Mutex<HashMap<[u8; 32], Arc<Session>>>,
    log: Option<Arc<dyn SessionLog>>,
    surroundings: Arc<dyn Surroundings>,
    sweeper: std::sync::Once,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked while holding the lock left valid books: each change is one call.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Session {
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn link(&self) -> &Arc<dyn Link> {
        &self.link
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        held(&self.desk)
    }

    /// Turns true when the session is over.
    pub(crate) fn over(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    /// Counts an open stream: a session with one is in use.
    pub(crate) fn stream_opened(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    /// The stream is closed again.
    pub(crate) fn stream_closed(&self, now: SystemTime) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
        self.last_used_ms.store(millis(now), Ordering::Relaxed);
    }

    fn is_expired(&self, now: SystemTime, limits: &SessionLimits) -> bool {
        let idle = if matches!(*held(&self.owner), Holder::Nobody) { limits.anonymous_idle } else { limits.idle };
        let rested = millis(now).saturating_sub(self.last_used_ms.load(Ordering::Relaxed));
        let in_use = self.streams.load(Ordering::Relaxed) > 0;
        let is_idle = !in_use && Duration::from_millis(rested) >= idle;
        let is_old = now.duration_since(self.opened).unwrap_or_default() >= limits.absolute;
        is_idle || is_old || !self.link.is_alive()
    }

    /// Whether this request may use the session; a session opened anonymously becomes the first proven caller's.
    fn admit(&self, who: &Identified) -> Result<(), Absence> {
        let mut holder = held(&self.owner);
        match (&*holder, who) {
            (Holder::Nobody, Identified::Absent) => Ok(()),
            (Holder::Nobody, Identified::Proven(caller)) => {
                *holder = Holder::of(caller);
                Ok(())
            }
            // Without a proven caller a session grants nothing (SE-02); the corridor has answered 401 before.
            (Holder::Caller { .. }, Identified::Absent) => Err(Absence::Foreign),
            (Holder::Caller { key, standing }, Identified::Proven(caller)) => {
                if key != caller.key() {
                    Err(Absence::Foreign)
                } else if standing != caller.standing() {
                    Err(Absence::StandingChanged)
                } else {
                    Ok(())
                }
            }
        }
    }

    fn key(&self) -> Option<CallerKey> {
        match &*held(&self.owner) {
            Holder::Nobody => None,
            Holder::Caller { key, .. } => Some(key.clone()),
        }
    }
}

impl Holder {
    fn of(caller: &Caller) -> Self {
        Self::Caller { key: caller.key().clone(), standing: *caller.standing() }
    }
}

impl Sessions {
    pub(crate) fn new(
        limits: SessionLimits,
        log: Option<Arc<dyn SessionLog>>,
        surroundings: Arc<dyn Surroundings>,
    ) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default(), log, surroundings, sweeper: std::sync::Once::new() })
    }

    /// Opens a session. When this caller has too many at this server, the one idle for longest is ended.
    pub(crate) async fn open(self: &Arc<Self>, opening: Opening<'_>) -> Result<Arc<Session>, Absence> {
        let holder = match opening.who {
            Identified::Proven(caller) => Holder::of(caller),
            Identified::Absent => Holder::Nobody,
        };
        let session = Arc::new(Session {
            digest: opening.id.digest(),
            server: opening.server.clone(),
            version: opening.version,
            link: opening.link,
            owner: Mutex::new(holder),
            opened: opening.now,
            last_used_ms: AtomicU64::new(millis(opening.now)),
            streams: AtomicU64::new(0),
            desk: Mutex::default(),
            over: watch::Sender::new(false),
        });
        let displaced = {
            let mut open = held(&self.open);
            let key = session.key();
            let same = |other: &&Arc<Session>| other.server == session.server && other.key() == key;
            let displaced = if open.values().filter(same).count() >= self.limits.per_caller {
                let oldest = open.values().filter(same).min_by_key(|other| other.last_used_ms.load(Ordering::Relaxed));
                oldest.cloned()
            } else {
                None
            };
            if let Some(old) = &displaced {
                open.remove(&old.digest);
            } else if open.len() >= self.limits.total {
                return Err(Absence::Full);
            }
            open.insert(session.digest, Arc::clone(&session));
            displaced
        };
        if let Some(old) = displaced {
            self.finish(old, opening.now);
        }
        if let Some(log) = &self.log {
            let record = self.record(&session);
            if let Err(error) = log.open(&record).await {
                // What is remembered serves the operator's list; the session itself lives here.
                tracing::warn!(%error, "a session could not be noted in the store");
            }
        }
        self.sweep_from_now_on();
        Ok(session)
    }

    /// The session with this id, if it is this caller's at this server.
    pub(crate) fn find(
        &self,
        id: &SessionId,
        server: &ServerName,
        who: &Identified,
        now: SystemTime,
    ) -> Result<Arc<Session>, Absence> {
        let found = held(&self.open).get(&id.digest()).cloned();
        let session = found.filter(|session| session.server == *server).ok_or(Absence::Unknown)?;
        if session.is_expired(now, &self.limits) {
            self.remove(&session, now);
            return Err(Absence::Expired);
        }
        let was_nobodys = session.key().is_none();
        match session.admit(who) {
            Ok(()) => {
                if was_nobodys {
                    self.note_adoption(&session);
                }
                session.last_used_ms.store(millis(now), Ordering::Relaxed);
                Ok(session)
            }
            Err(Absence::StandingChanged) => {
                self.remove(&session, now);
                Err(Absence::StandingChanged)
            }
            Err(absence) => Err(absence),
        }
    }

    /// Notes in the store that an anonymous session has become somebody's.
    fn note_adoption(&self, session: &Session) {
        let (Some(log), Some(owner)) = (self.log.clone(), session.key()) else { return };
        let digest = session.digest;
        tokio::spawn(async move {
            if let Err(error) = log.adopt(&digest, &owner).await {
                tracing::warn!(%error, "the owner of a session could not be noted in the store");
            }
        });
    }

    /// Ends a session: its streams close, its link is closed, its id is unknown from now on.
    pub(crate) fn remove(&self, session: &Arc<Session>, now: SystemTime) {
        let removed = held(&self.open).remove(&session.digest);
        if let Some(session) = removed {
            self.finish(session, now);
        }
    }

    /// Ends every session that `chosen` picks; gives their number.
    pub(crate) fn remove_where(&self, now: SystemTime, chosen: impl Fn(&SessionSummary) -> bool) -> usize {
        let picked: Vec<_> = held(&self.open).values().filter(|session| chosen(&summary(session))).cloned().collect();
        for session in &picked {
            self.remove(session, now);
        }
        picked.len()
    }

    /// What is open now.
    pub(crate) fn list(&self) -> Vec<SessionSummary> {
        held(&self.open).values().map(summary).collect()
    }

    fn finish(&self, session: Arc<Session>, now: SystemTime) {
        session.over.send_replace(true);
        let log = self.log.clone();
        tokio::spawn(async move {
            session.link.close().await;
            if let Some(log) = log
                && let Err(error) = log.close(&session.digest, now).await
            {
                tracing::warn!(%error, "the end of a session could not be noted in the store");
            }
        });
    }

    fn record(&self, session: &Session) -> SessionRecord {
        SessionRecord {
            digest: session.digest,
            server: session.server.clone(),
            owner: session.key(),
            opened_at: session.opened,
            last_used: session.opened,
            expires_at: session.opened + self.limits.absolute,
            version: session.version,
        }
    }

    /// Ends what is idle, also when nobody comes by: a task that lives as long as the table.
    fn sweep_from_now_on(self: &Arc<Self>) {
        let weak: Weak<Self> = Arc::downgrade(self);
        let pause = (self.limits.idle.min(self.limits.anonymous_idle) / 4)
            .clamp(Duration::from_millis(50), Duration::from_secs(10));
        self.sweeper.call_once(|| {
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(pause).await;
                    let Some(sessions) = weak.upgrade() else { return };
                    sessions.sweep(sessions.surroundings.now());
                }
            });
        });
    }

    fn sweep(&self, now: SystemTime) {
        let over: Vec<_> =
            held(&self.open).values().filter(|session| session.is_expired(now, &self.limits)).cloned().collect();
        for session in over {
            self.remove(&session, now);
        }
    }
}

fn summary(session: &Arc<Session>) -> SessionSummary {
    use std::fmt::Write;
    let digest = session.digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    SessionSummary {
        digest,
        server: session.server.clone(),
        owner: session.key(),
        opened: session.opened,
        last_used: SystemTime::UNIX_EPOCH + Duration::from_millis(session.last_used_ms.load(Ordering::Relaxed)),
    }
}
