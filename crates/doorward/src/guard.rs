//! The guard: one corridor for every server, in the gateway, at the stdio door and in a Rust server.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use doorward_audit::{DecisionId, Ledger};
use doorward_identity::session::SessionLog;
use doorward_identity::{Authenticator, Caller, Resource, Revocations};
use doorward_policy::{CatalogueLog, Policy, RuleBook};
use doorward_privacy::Clearance;
use doorward_wire::{ListKind, Message, ServerName};
use tokio::sync::{Semaphore, watch};

use crate::clock::{NoRandomness, Surroundings, System};
use crate::door::Doorman;
use crate::exchange::Pass;
use crate::lessons::Lessons;
use crate::service::McpService;
use crate::session::{SessionLimits, SessionSummary, Sessions};
use crate::upstream::Upstream;

/// The most replies of Doorward's own that are on their way to upstreams at once: pongs and refusals of questions.
const MAX_REPLIES: usize = 64;

/// The most bodies above [`SMALL_BODY`] that are read at once: with the limit on a body it bounds their memory.
const MAX_READINGS: usize = 128;

/// A body of so many bytes or fewer is read without waiting for a turn.
pub(crate) const SMALL_BODY: u64 = 64 * 1024;

/// The one guard. Cheap to clone; every clone is the same guard.
///
/// It is built in the order in which a call travels: what passes the door, who is calling, what they may do, what may be seen, what is
/// recorded. There is no way to leave one out:
///
/// ```compile_fail
/// # use doorward::GuardBuilder;
/// let guard = GuardBuilder::new().build(); // no door, no authentication, no policy, no ledger
/// ```
#[derive(Clone)]
pub struct Guard {
    core: Arc<Core>,
}

/// What every request needs, shared by all servers.
pub(crate) struct Core {
    pub(crate) authenticator: Authenticator,
    revocations: Arc<Revocations>,
    policy: Arc<Policy>,
    lessons: Lessons,
    pub(crate) clearance: Clearance,
    pub(crate) ledger: Ledger,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) doorman: Doorman,
    pub(crate) surroundings: Arc<dyn Surroundings>,
    changes: watch::Sender<u64>,
    numbers: AtomicU64,
    /// How many replies of Doorward's own may be on their way to upstreams at once.
    pub(crate) replies: Arc<Semaphore>,
    /// How many large bodies may be read at once.
    pub(crate) readings: Semaphore,
}

/// One guarded server.
pub(crate) struct Server {
    pub(crate) name: ServerName,
    pub(crate) resource: Resource,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) call_timeout: Duration,
}

/// What a server behind the guard is.
#[derive(Clone)]
pub struct Guarded {
    /// Its name in rules, records and paths.
    pub name: ServerName,
    /// The resource that tokens must be issued for (RFC 8707), and its metadata.
    pub resource: Resource,
    /// The way to it.
    pub upstream: Arc<dyn Upstream>,
    /// How long one call may take at most, whatever progress it reports (A39).
    pub call_timeout: Duration,
}

impl Core {
    pub(crate) fn now(&self) -> SystemTime {
        self.surroundings.now()
    }

    /// A number that no other message of this process has: our id on every hop.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn decision_id(&self, now: SystemTime) -> Result<DecisionId, NoRandomness> {
        let mut random = [0; 10];
        self.surroundings.fill(&mut random)?;
        Ok(DecisionId::new(now, random))
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn is_revoked(&self, caller: &Caller) -> bool {
        caller.token_id().is_some_and(|id| self.revocations.is_revoked(id))
    }

    /// Whether what was once permitted still is: the token neither expired nor revoked, the rules unchanged for it.
    pub(crate) fn still_holds(&self, pass: &Pass, now: SystemTime) -> bool {
        let token = pass.caller().is_none_or(|caller| caller.expires_at() > now && !self.is_revoked(caller));
        token && self.still_allowed(pass)
    }

    /// Whether the rules as they are now would still let an exchange be.
    pub(crate) fn still_allowed(&self, pass: &Pass) -> bool {
        match pass {
            Pass::Call(permit) => self.policy.still_permits(permit),
            Pass::Stream(attendance) => self.policy.still_admits(attendance),
        }
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Learns what a server offers from the unfiltered page of a list.
    pub(crate) fn learn(&self, server: &ServerName, kind: ListKind, page: &Message) {
        self.lessons.learn(&self.policy, server, kind, page);
    }

    fn changed(&self) {
        self.changes.send_modify(|epoch| *epoch = epoch.wrapping_add(1));
    }
}

impl Guard {
    /// The service that guards one server, to be mounted at its path.
    #[must_use]
    pub fn service(&self, guarded: Guarded) -> McpService {
        let Guarded { name, resource, upstream, call_timeout } = guarded;
        McpService::new(Arc::clone(&self.core), Arc::new(Server { name, resource, upstream, call_timeout }))
    }

    /// Replaces the rules for every request from now on, and ends the streams that they no longer allow.
    pub fn replace_rules(&self, book: RuleBook) {
        self.core.policy.replace(book);
        self.core.changed();
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.core.policy
    }

    /// Revokes one token: it is dead on the next request, and its streams end now.
    pub fn revoke(&self, token_id: &str, expires: SystemTime) {
        self.core.revocations.revoke(token_id, expires);
        self.core.changed();
    }

    /// Fetches the keys of external issuers before they grow old. To be called about once a minute, so that an
    /// issuer's outage delays no request.
    pub async fn refresh_keys(&self) {
        self.core.authenticator.refresh(self.core.now()).await;
    }

    /// The open legacy sessions.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionSummary> {
        self.core.sessions.list()
    }

    /// Ends the sessions that `chosen` picks, and gives their number.
    pub fn end_sessions(&self, chosen: impl Fn(&SessionSummary) -> bool) -> usize {
        self.core.sessions.remove_where(self.core.now(), chosen)
    }

    /// The ledger, for records that are about no call.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.core.ledger
    }

    /// A fresh decision id, for answers that are given before a server is chosen.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] when the operating system gives none.
    pub fn decision_id(&self) -> Result<DecisionId, NoRandomness> {
        self.core.decision_id(self.core.now())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

/// Builds a [`Guard`], one required decision at a time.
#[derive(Debug)]
pub struct GuardBuilder<State> {
    state: State,
}

/// First: what passes the door?
#[derive(Debug)]
pub struct WantsDoor(());
/// Second: who is calling?
#[derive(Debug)]
pub struct WantsIdentity {
    doorman: Doorman,
}
/// Third: may they?
pub struct WantsPolicy {
    doorman: Doorman,
    authenticator: Authenticator,
    revocations: Arc<Revocations>,
}
/// Fourth: where is it recorded?
pub struct WantsLedger {
    identity: WantsPolicy,
    policy: Policy,
}
/// Last: what has a default.
pub struct Ready {
    decided: WantsLedger,
    ledger: Ledger,
    session_limits: SessionLimits,
    session_log: Option<Arc<dyn SessionLog>>,
    catalogue_log: Option<Arc<dyn CatalogueLog>>,
    surroundings: Arc<dyn Surroundings>,
}

impl GuardBuilder<WantsDoor> {
    /// Begins.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a guard without decisions has no default")]
    pub fn new() -> Self {
        Self { state: WantsDoor(()) }
    }

    /// Decides which hosts, pages and sizes pass the door.
    #[must_use]
    pub fn admit(self, doorman: Doorman) -> GuardBuilder<WantsIdentity> {
        GuardBuilder { state: WantsIdentity { doorman } }
    }
}

impl GuardBuilder<WantsIdentity> {
    /// Decides who proves a caller. `revocations` must be the set that the authenticator asks.
    #[must_use]
    pub fn authenticate(
        self,
        authenticator: Authenticator,
        revocations: Arc<Revocations>,
    ) -> GuardBuilder<WantsPolicy> {
        GuardBuilder { state: WantsPolicy { doorman: self.state.doorman, authenticator, revocations } }
    }
}

impl GuardBuilder<WantsPolicy> {
    /// Decides what a caller may do.
    #[must_use]
    pub fn permit(self, policy: Policy) -> GuardBuilder<WantsLedger> {
        GuardBuilder { state: WantsLedger { identity: self.state, policy } }
    }
}

impl GuardBuilder<WantsLedger> {
    /// Decides where every decision is recorded.
    #[must_use]
    pub fn record(self, ledger: Ledger) -> GuardBuilder<Ready> {
        GuardBuilder {
            state: Ready {
                decided: self.state,
                ledger,
                session_limits: SessionLimits::default(),
                session_log: None,
                catalogue_log: None,
                surroundings: Arc::new(System),
            },
        }
    }
}

impl GuardBuilder<Ready> {
    /// Replaces the limits of legacy sessions.
    #[must_use]
    pub fn session_limits(mut self, limits: SessionLimits) -> Self {
        self.state.session_limits = limits;
        self
    }

    /// Notes sessions in a store, for the operator's list.
    #[must_use]
    pub fn session_log(mut self, log: Arc<dyn SessionLog>) -> Self {
        self.state.session_log = Some(log);
        self
    }

    /// Keeps what servers tell of themselves over a restart.
    #[must_use]
    pub fn catalogue_log(mut self, log: Arc<dyn CatalogueLog>) -> Self {
        self.state.catalogue_log = Some(log);
        self
    }

    /// Replaces clock and randomness, for tests.
    #[must_use]
    pub fn surroundings(mut self, surroundings: Arc<dyn Surroundings>) -> Self {
        self.state.surroundings = surroundings;
        self
    }

    /// The guard.
    #[must_use]
    pub fn build(self) -> Guard {
        let Ready { decided, ledger, session_limits, session_log, catalogue_log, surroundings } = self.state;
        let WantsLedger { identity, policy } = decided;
        let sessions = Sessions::new(session_limits, session_log, Arc::clone(&surroundings));
        let core = Core {
            authenticator: identity.authenticator,
            revocations: identity.revocations,
            policy: Arc::new(policy),
            lessons: Lessons::new(catalogue_log),
            clearance: Clearance::new(),
            ledger,
            sessions,
            doorman: identity.doorman,
            surroundings,
            changes: watch::Sender::new(0),
            numbers: AtomicU64::new(1),
            replies: Arc::new(Semaphore::new(MAX_REPLIES)),
            readings: Semaphore::new(MAX_READINGS),
        };
        Guard { core: Arc::new(core) }
    }
}
