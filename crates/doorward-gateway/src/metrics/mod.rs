//! What can be counted from outside: Prometheus metrics on a listener of their own.
//!
//! Everything is counted where it is recorded: [`Metered`] stands between the ledger and its sink, so the metrics and
//! the ledger can't tell different stories. Labels come from closed lists and from the configuration, never from a
//! request, so nobody can make them grow; and no label names a person or a token (ER-15).

mod page;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use doorward::{
    audit::{Line, Reason, Sink, SinkError, Slot},
    upstream::UpstreamState,
};
use doorward_wire::ServerName;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text::encode},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};
use serde::Deserialize;

pub use self::page::MetricsPage;
use crate::{route::Readiness, upstream::process::Tally};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    server: Arc<str>,
    verdict: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndingLabels {
    ending: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    server: Arc<str>,
}

/// The ways in which a call ends, as records spell them.
const ENDINGS: [&str; 7] =
    ["answered", "answered_with_error", "cancelled", "timed_out", "upstream_failed", "ended", "dropped"];
/// For what no list holds, which would be a defect.
const OTHER: &str = "other";

/// The node's counters.
pub struct Metrics {
    registry: Mutex<Registry>,
    servers: BTreeSet<Arc<str>>,
    decisions: Family<DecisionLabels, Counter>,
    authentications: Family<ResultLabels, Counter>,
    outcomes: Family<EndingLabels, Counter>,
    latency: Histogram,
    released: Counter,
    dropped: Counter,
    unrecorded: Counter,
    up: Family<ServerLabels, Gauge>,
    sessions: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// What a record says, as far as it is counted.
#[derive(Debug, Deserialize)]
struct Seen<'a> {
    kind: &'a str,
    #[serde(default)]
    server: Option<&'a str>,
    #[serde(default)]
    verdict: Option<&'a str>,
    #[serde(default)]
    result: Option<&'a str>,
    #[serde(default)]
    reason: Option<&'a str>,
    #[serde(default)]
    ending: Option<&'a str>,
    #[serde(default)]
    latency_us: u64,
    #[serde(default)]
    events: u64,
    #[serde(default)]
    dropped: u64,
}

impl Metrics {
    /// Counters for a node that guards these servers.
    pub fn new<'a>(servers: impl IntoIterator<Item = &'a str>) -> Arc<Self> {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("doorward")),
            servers: servers.into_iter().map(Arc::from).collect(),
            decisions: Family::default(),
            authentications: Family::default(),
            outcomes: Family::default(),
            // A millisecond to two minutes.
            latency: Histogram::new([
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10., 30., 120.,
            ]),
            released: Counter::default(),
            dropped: Counter::default(),
            unrecorded: Counter::default(),
            up: Family::default(),
            sessions: Gauge::default(),
        };
        {
            let mut registry = metrics.registry.lock().unwrap_or_else(PoisonError::into_inner);
            registry.register("decisions", "Calls that were allowed or refused", metrics.decisions.clone());
            let help = "Credentials that were verified anew or refused";
            registry.register("authentications", help, metrics.authentications.clone());
            registry.register("outcomes", "How allowed calls ended", metrics.outcomes.clone());
            let help = "From the decision to the end of a call";
            registry.register_with_unit("call_duration", help, Unit::Seconds, metrics.latency.clone());
            registry.register("events_released", "Messages released to callers", metrics.released.clone());
            registry.register("events_dropped", "Messages of servers that were dropped", metrics.dropped.clone());
            registry.register("unrecorded", "Records that the ledger could not take", metrics.unrecorded.clone());
            let help = "Whether a server answered when it was last used: 1 yes, 0 no, -1 not used yet";
            registry.register("server_up", help, metrics.up.clone());
            registry.register("sessions", "Open sessions of the legacy era", metrics.sessions.clone());
        }
        Arc::new(metrics)
    }

    /// Counts what processes do and say too.
    pub fn watch(&self, processes: Vec<(ServerName, Arc<Tally>)>) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(Processes(processes)));
    }

    fn count(&self, line: &Line) {
        let Ok(seen) = serde_json::from_slice::<Seen<'_>>(line.as_bytes()) else { return };
        let reason = seen.reason.map_or("", |reason| Reason::parse(reason).map_or(OTHER, Reason::as_str));
        match seen.kind {
            "decision" => {
                let server = seen.server.and_then(|name| self.servers.get(name)).cloned();
                let verdict = if seen.verdict == Some("allow") { "allow" } else { "refuse" };
                let labels = DecisionLabels { server: server.unwrap_or_else(|| "".into()), verdict, reason };
                self.decisions.get_or_create(&labels).inc();
            }
            "authentication" => {
                let result = if seen.result == Some("ok") { "ok" } else { "failed" };
                self.authentications.get_or_create(&ResultLabels { result, reason }).inc();
            }
            "outcome" => {
                let ending = ENDINGS.into_iter().find(|ending| Some(*ending) == seen.ending).unwrap_or(OTHER);
                self.outcomes.get_or_create(&EndingLabels { ending }).inc();
                let latency = Duration::from_micros(seen.latency_us);
                self.latency.observe(latency.as_secs_f64());
                self.released.inc_by(seen.events);
                self.dropped.inc_by(seen.dropped);
            }
            _ => {}
        }
    }

    /// Everything in the text format of OpenMetrics.
    fn text(&self, now: &Readiness, sessions: usize) -> Result<String, fmt::Error> {
        for server in &now.servers {
            let up = match server.state {
                UpstreamState::Ready => 1,
                UpstreamState::Failing { .. } => 0,
                UpstreamState::Unknown => -1,
            };
            self.up.get_or_create(&ServerLabels { server: server.name.as_str().into() }).set(up);
        }
        self.sessions.set(i64::try_from(sessions).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

/// A sink that counts what it passes on.
pub struct Metered {
    inner: Arc<dyn Sink>,
    metrics: Arc<Metrics>,
}

impl Metered {
    /// Counts what goes to `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Sink>, metrics: Arc<Metrics>) -> Self {
        Self { inner, metrics }
    }
}

#[async_trait]
impl Sink for Metered {
    async fn write(&self, line: Line) -> Result<(), SinkError> {
        let written = self.inner.write(line.clone()).await;
        if written.is_ok() {
            self.metrics.count(&line);
        } else {
            self.metrics.unrecorded.inc();
        }
        written
    }

    async fn reserve(&self) -> Result<Box<dyn Slot>, SinkError> {
        let metrics = Arc::clone(&self.metrics);
        match self.inner.reserve().await {
            Ok(inner) => Ok(Box::new(MeteredSlot { inner, metrics })),
            Err(error) => {
                self.metrics.unrecorded.inc();
                Err(error)
            }
        }
    }
}

struct MeteredSlot {
    inner: Box<dyn Slot>,
    metrics: Arc<Metrics>,
}

impl Slot for MeteredSlot {
    fn write(self: Box<Self>, line: Line) {
        self.metrics.count(&line);
        self.inner.write(line);
    }
}

/// The counters of processes, read when they are asked for.
struct Processes(Vec<(ServerName, Arc<Tally>)>);

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Processes")
    }
}

impl Collector for Processes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        type Read = fn(&Tally) -> &AtomicU64;
        let kinds: [(&str, &str, Read); 4] = [
            ("processes_started", "Processes started", |tally| &tally.started),
            ("processes_died", "Processes that ended by themselves", |tally| &tally.died),
            ("process_lines_unreadable", "Lines of processes that are no message", |tally| &tally.unreadable),
            ("process_messages_stray", "Messages of processes that belong to no call", |tally| &tally.stray),
        ];
        for (name, help, read) in kinds {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (server, tally) in &self.0 {
                let labels = ServerLabels { server: server.as_str().into() };
                let counter = ConstCounter::new(read(tally).load(Ordering::Relaxed));
                counter.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use doorward::audit::{Decision, DecisionId, Ending, Ledger, testing::MemorySink};
    use std::time::SystemTime;

    use super::*;
    use crate::route::ServerState;

    fn decision(server: Option<&str>) -> Decision {
        let mut decision = Decision::new(DecisionId::new(SystemTime::UNIX_EPOCH, [0; 10]), SystemTime::UNIX_EPOCH);
        decision.server = server.map(|name| name.parse().unwrap());
        decision
    }

    async fn counted() -> (Arc<Metrics>, String) {
        let metrics = Metrics::new(["crm"]);
        let sink = Metered::new(Arc::new(MemorySink::new()), Arc::clone(&metrics));
        let ledger = Ledger::new(Arc::new(sink), Arc::new(|| SystemTime::UNIX_EPOCH));
        let recorded = ledger.record((), decision(Some("crm"))).await.unwrap();
        recorded.open().1.close(Ending::Answered);
        ledger.refuse(decision(Some("crm")), Reason::NoToken).await.unwrap();
        ledger.refuse(decision(Some("made-up-by-a-defect")), Reason::NoToken).await.unwrap();
        ledger.refuse(decision(None), Reason::ForeignHost).await.unwrap();
        let tally = Arc::new(Tally::default());
        tally.died.fetch_add(3, Ordering::Relaxed);
        metrics.watch(vec![("crm".parse().unwrap(), tally)]);
        let state = ServerState { name: "crm".parse().unwrap(), state: UpstreamState::Ready };
        let now = Readiness { draining: false, ledger: true, servers: vec![state] };
        let text = metrics.text(&now, 7).unwrap();
        (metrics, text)
    }

    #[tokio::test]
    async fn what_is_recorded_is_counted() {
        let (_, text) = counted().await;
        for line in [
            r#"doorward_decisions_total{server="crm",verdict="allow",reason=""} 1"#,
            r#"doorward_decisions_total{server="crm",verdict="refuse",reason="no_token"} 1"#,
            r#"doorward_outcomes_total{ending="answered"} 1"#,
            r#"doorward_call_duration_seconds_count 1"#,
            r#"doorward_server_up{server="crm"} 1"#,
            r#"doorward_processes_died_total{server="crm"} 3"#,
            "doorward_sessions 7",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[tokio::test]
    async fn er_15_labels_come_from_closed_lists() {
        let (_, text) = counted().await;
        assert!(!text.contains("made-up"), "{text}");
        assert!(text.contains(r#"{server="",verdict="refuse",reason="no_token"} 1"#), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            for name in ["who", "subject", "token", "address", "client"] {
                assert!(!line.contains(&format!("{name}=")), "{line}");
            }
        }
    }

    #[test]
    fn every_ending_is_known() {
        let codes = [
            Ending::Answered,
            Ending::AnsweredWithError { code: 1 },
            Ending::Cancelled,
            Ending::TimedOut,
            Ending::UpstreamFailed,
            Ending::Ended { reason: Reason::Revoked },
            Ending::Dropped,
        ];
        for ending in codes {
            let text = serde_json::to_value(ending).unwrap();
            assert!(ENDINGS.contains(&text["ending"].as_str().unwrap()), "{text}");
        }
    }
}
