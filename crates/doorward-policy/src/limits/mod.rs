//! How often, how much and how many at once.
//!
//! Limits stand at two places of the corridor: for an address, a caller and a client before any rule is asked
//! ([`Policy::throttle`](crate::Policy::throttle)), and for a tool and a server once a call is permitted otherwise.
//! Every refusal says when to come back.

mod clock;
mod keyed;
mod slots;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use doorward_audit::Reason;
use doorward_identity::{CallerKey, Identified};
use doorward_wire::ServerName;

pub use self::clock::Clock;
use self::keyed::Keyed;
pub use self::slots::Slot;
use self::slots::Slots;
use crate::rate::Rate;
use crate::rule::Kind;

/// How long whoever holds too many slots is asked to wait: nobody knows when one ends.
const SLOT_WAIT: Duration = Duration::from_secs(1);

/// Which limits there are. Limits on single tools stand in the [rules](crate::Rule::limit).
#[derive(Clone, Debug)]
pub struct LimitSettings {
    /// For one address; a whole /64 network counts as one in IPv6.
    pub address: Option<Rate>,
    /// For one caller: issuer, subject and client.
    pub caller: Option<Rate>,
    /// For one client of an issuer, whoever uses it.
    pub client: Option<Rate>,
    /// For one server, all callers together.
    pub servers: BTreeMap<ServerName, Rate>,
    /// Bytes of messages a minute for one caller, both ways.
    pub bytes_per_minute: Option<NonZeroU32>,
    /// Requests of one caller at the same time.
    pub concurrent: Option<NonZeroU32>,
    /// Open streams of one caller: subscriptions, and the standalone stream of the legacy era.
    pub streams: Option<NonZeroU32>,
    /// How many addresses, callers and so on each limit remembers. When all places are taken, newcomers wait.
    pub max_keys: usize,
}

impl Default for LimitSettings {
    /// Generous for people and agents, and far below what one machine serves.
    fn default() -> Self {
        Self {
            address: Rate::per_second(400),
            caller: Rate::per_second(200),
            client: None,
            servers: BTreeMap::new(),
            bytes_per_minute: None,
            concurrent: NonZeroU32::new(64),
            streams: NonZeroU32::new(32),
            max_keys: 100_000,
        }
    }
}

/// A limit is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit for {limit} is met; come back in {} s", .retry_after.as_secs().max(1))]
pub struct TooFast {
    /// After how long the same thing would be allowed, if nothing else happens meanwhile. Never zero.
    pub retry_after: Duration,
    /// Which limit: for people and metrics, never a value of the request.
    pub limit: &'static str,
    reason: Reason,
}

impl TooFast {
    fn new(limit: &'static str, retry_after: Duration) -> Self {
        Self { retry_after: retry_after.max(Duration::from_millis(1)), limit, reason: Reason::TooFast }
    }

    fn too_many(limit: &'static str) -> Self {
        Self { reason: Reason::TooMany, ..Self::new(limit, SLOT_WAIT) }
    }

    /// What goes on record: too fast, or too many at once.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

/// On whose account something is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    Caller(CallerKey),
    /// Somebody unproven, known by the address.
    Address(IpAddr),
    /// Somebody unproven without an address. They all share one account.
    Nobody,
}

impl Account {
    pub(crate) fn of(who: &Identified, address: Option<IpAddr>) -> Self {
        match (who, address) {
            (Identified::Proven(caller), _) => Self::Caller(caller.key().clone()),
            (Identified::Absent, Some(address)) => Self::Address(network(address)),
            (Identified::Absent, None) => Self::Nobody,
        }
    }
}

/// The proof that a caller was counted before any rule was asked, with the account that the rest is counted on. It
/// remembers whose it is. Only [`Policy::throttle`](crate::Policy::throttle) makes one, and one is for one use.
///
/// ```compile_fail,E0599
/// # fn twice(pace: doorward_policy::Pace) -> doorward_policy::Pace {
/// pace.clone()
/// # }
/// ```
#[derive(Debug)]
pub struct Pace(Account);

impl Pace {
    /// Whether the proof is one of this identity.
    pub(crate) fn is_of(&self, who: &Identified) -> bool {
        match (&self.0, who) {
            (Account::Caller(key), Identified::Proven(caller)) => key == caller.key(),
            (Account::Address(_) | Account::Nobody, Identified::Absent) => true,
            _ => false,
        }
    }

    pub(crate) fn account(&self) -> &Account {
        &self.0
    }
}

/// What a limit on one tool counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TargetKey {
    pub(crate) server: ServerName,
    pub(crate) account: Account,
    /// `None` for discovery.
    pub(crate) kind: Option<Kind>,
    /// The name where the server has told of it; else the rule's pattern, so that made-up names share one count.
    pub(crate) name: Arc<str>,
}

/// All counters. They outlive every source and catalogue.
pub(crate) struct Limits {
    settings: LimitSettings,
    clock: Clock,
    address: Option<Keyed<IpAddr>>,
    caller: Option<Keyed<CallerKey>>,
    client: Option<Keyed<(Box<str>, Box<str>)>>,
    servers: BTreeMap<ServerName, Keyed<()>>,
    bytes: Option<Arc<Keyed<Account>>>,
    /// One counter for each rate that some rule states: as many as the configuration has.
    targets: RwLock<HashMap<Rate, Arc<Keyed<TargetKey>>>>,
    requests: Slots,
    streams: Slots,
}

impl Limits {
    pub(crate) fn new(settings: LimitSettings, clock: Clock) -> Self {
        let keys = settings.max_keys;
        Self {
            address: settings.address.map(|rate| Keyed::new(rate.quota(), keys, clock.clone())),
            caller: settings.caller.map(|rate| Keyed::new(rate.quota(), keys, clock.clone())),
            client: settings.client.map(|rate| Keyed::new(rate.quota(), keys, clock.clone())),
            servers: settings
                .servers
                .iter()
                .map(|(server, rate)| (server.clone(), Keyed::new(rate.quota(), 1, clock.clone())))
                .collect(),
            bytes: settings
                .bytes_per_minute
                .map(|bytes| Arc::new(Keyed::new(governor::Quota::per_minute(bytes), keys, clock.clone()))),
            targets: RwLock::default(),
            requests: Slots::new(settings.concurrent, "requests at the same time"),
            streams: Slots::new(settings.streams, "open streams"),
            settings,
            clock,
        }
    }

    /// The first place: before any rule is asked.
    pub(crate) fn throttle(&self, address: Option<IpAddr>, who: &Identified) -> Result<Pace, TooFast> {
        if let (Some(limit), Some(address)) = (&self.address, address) {
            limit.one(&network(address)).map_err(|wait| TooFast::new("one address", wait))?;
        }
        let pace = Pace(Account::of(who, address));
        let Identified::Proven(caller) = who else {
            return Ok(pace);
        };
        if let Some(limit) = &self.caller {
            limit.one(caller.key()).map_err(|wait| TooFast::new("one caller", wait))?;
        }
        if let (Some(limit), Some(client)) = (&self.client, caller.client()) {
            let key = (caller.issuer().into(), client.into());
            limit.one(&key).map_err(|wait| TooFast::new("one client", wait))?;
        }
        Ok(pace)
    }

    /// The second place: one tool, prompt or resource.
    pub(crate) fn target(&self, rate: Rate, key: &TargetKey) -> Result<(), TooFast> {
        self.counter(rate).one(key).map_err(|wait| TooFast::new("this target", wait))
    }

    /// The second place: one server.
    pub(crate) fn server(&self, server: &ServerName) -> Result<(), TooFast> {
        match self.servers.get(server) {
            Some(limit) => limit.one(&()).map_err(|wait| TooFast::new("this server", wait)),
            None => Ok(()),
        }
    }

    /// A place for one request of an account, until it is dropped. `bytes` are those of the request itself.
    pub(crate) fn request(&self, account: &Account, bytes: usize) -> Result<Slot, TooFast> {
        self.slot(&self.requests, account, bytes)
    }

    /// A place for one stream of an account, until it is dropped.
    pub(crate) fn stream(&self, account: &Account, bytes: usize) -> Result<Slot, TooFast> {
        self.slot(&self.streams, account, bytes)
    }

    /// A slot that takes no place, for what is over as soon as it is sent.
    pub(crate) fn passing(&self, account: &Account, bytes: usize) -> Result<Slot, TooFast> {
        let slot = Slot::free(self.bytes.clone(), account.clone());
        slot.spend(bytes)?;
        Ok(slot)
    }

    fn slot(&self, slots: &Slots, account: &Account, bytes: usize) -> Result<Slot, TooFast> {
        let slot = slots.take(account, self.bytes.clone()).map_err(TooFast::too_many)?;
        slot.spend(bytes)?;
        Ok(slot)
    }

    fn counter(&self, rate: Rate) -> Arc<Keyed<TargetKey>> {
        let known = self.targets.read().unwrap_or_else(PoisonError::into_inner).get(&rate).cloned();
        known.unwrap_or_else(|| {
            let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
            let counter = targets
                .entry(rate)
                .or_insert_with(|| Arc::new(Keyed::new(rate.quota(), self.settings.max_keys, self.clock.clone())));
            Arc::clone(counter)
        })
    }
}

/// What counts as one address: in IPv6 a /64, since whoever has one address there has them all.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_address_and_a_mapped_one_as_ipv4() {
        let parse = |text: &str| text.parse::<IpAddr>().expect(text);
        assert_eq!(network(parse("2001:db8::1")), network(parse("2001:db8::ffff:1")));
        assert_ne!(network(parse("2001:db8::1")), network(parse("2001:db8:0:1::1")));
        assert_eq!(network(parse("::ffff:192.0.2.1")), parse("192.0.2.1"));
        assert_ne!(network(parse("192.0.2.1")), network(parse("192.0.2.2")));
    }
}
