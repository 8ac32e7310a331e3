//! How much, how long, how often: `limits`, `timeouts`, `sessions`, and the small sections `ledger`, `log`, `fetch`.

use std::path::PathBuf;
use std::time::Duration;

use doorward_policy::Rate;

use super::decode::{Decoder, FromNode};
use super::scalar::{Count, HostName, Period, Size, word};
use super::section::Section;
use super::shape::{Shape, Word};
use super::table::{Key, Table};
use super::yaml::Node;

/// What one caller, client or address may take of the gateway. Everything has a default: limits are on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Requests from one address, proven or not.
    pub per_address: Option<Rate>,
    /// Requests of one caller.
    pub per_caller: Option<Rate>,
    /// Requests of one client, whoever uses it.
    pub per_client: Option<Rate>,
    /// Calls of one caller that are answered at the same time.
    pub concurrent_calls: usize,
    /// Streams of one caller that are open at the same time.
    pub open_streams: usize,
    /// Connections to the gateway at the same time.
    pub connections: usize,
    /// The largest request body, in bytes.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_address: Rate::per_minute(6_000),
            per_caller: Rate::per_minute(3_000),
            per_client: Rate::per_minute(6_000),
            concurrent_calls: 64,
            open_streams: 32,
            connections: 4_096,
            body_bytes: 4 * 1024 * 1024,
        }
    }
}

const PER_ADDRESS: Key<Rate> =
    Key::optional("per_address", "Requests from one address, proven or not; `6000/min` unless given.");
const PER_CALLER: Key<Rate> = Key::optional("per_caller", "Requests of one caller; `3000/min` unless given.");
const PER_CLIENT: Key<Rate> =
    Key::optional("per_client", "Requests of one client, whoever uses it; `6000/min` unless given.");
const CONCURRENT_CALLS: Key<Count<10_000>> =
    Key::optional("concurrent_calls", "Calls of one caller answered at the same time; 64 unless given.");
const OPEN_STREAMS: Key<Count<10_000>> =
    Key::optional("open_streams", "Streams of one caller open at the same time; 32 unless given.");
const CONNECTIONS: Key<Count<1_000_000>> =
    Key::optional("connections", "Connections to the gateway at the same time; 4096 unless given.");
const BODY_BYTES: Key<Size> =
    Key::optional("body_bytes", "The largest request body; `4MiB` unless given, at most `64MiB`.");

/// Above this a message is no message any more.
const MOST_BODY_BYTES: usize = 64 * 1024 * 1024;

pub(super) static LIMITS: Table = Table {
    name: "limits",
    what: "`limits`",
    doc: "What one caller, client or address may take of the gateway. Limits are on unless changed.",
    example: "{ per_caller: 600/min }",
    keys: &[
        PER_ADDRESS.info,
        PER_CALLER.info,
        PER_CLIENT.info,
        CONCURRENT_CALLS.info,
        OPEN_STREAMS.info,
        CONNECTIONS.info,
        BODY_BYTES.info,
    ],
    terms: &[],
};

impl FromNode for Limits {
    const SHAPE: Shape = Shape::Table(|| &LIMITS);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &LIMITS, d)?;
        let default = Self::default();
        let body_bytes = section.get(&BODY_BYTES, d).map_or(default.body_bytes, |Size(bytes)| bytes);
        if body_bytes > MOST_BODY_BYTES {
            d.refuse::<()>(section.value_at("body_bytes"), "more than 64 MiB for one message", "write at most `64MiB`");
        }
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Some(Self {
            per_address: section.get(&PER_ADDRESS, d).or(default.per_address),
            per_caller: section.get(&PER_CALLER, d).or(default.per_caller),
            per_client: section.get(&PER_CLIENT, d).or(default.per_client),
            concurrent_calls: section.get(&CONCURRENT_CALLS, d).map_or(default.concurrent_calls, |Count(n)| count(n)),
            open_streams: section.get(&OPEN_STREAMS, d).map_or(default.open_streams, |Count(n)| count(n)),
            connections: section.get(&CONNECTIONS, d).map_or(default.connections, |Count(n)| count(n)),
            body_bytes,
        })
    }
}

/// How long the gateway waits for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head.
    pub headers: Duration,
    /// For a whole request body.
    pub body: Duration,
    /// A connection without a request.
    pub idle: Duration,
    /// At shutdown, for the calls that are running.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            drain: Duration::from_secs(10),
        }
    }
}

const HEADERS: Key<Period> = Key::optional("headers", "How long a request's head may take; `10s` unless given.");
const BODY: Key<Period> = Key::optional("body", "How long a request's body may take; `30s` unless given.");
const CONNECTION_IDLE: Key<Period> =
    Key::optional("idle", "How long a connection may stay without a request; `2m` unless given.");
const DRAIN: Key<Duration> =
    Key::optional("drain", "How long running calls may go on when the gateway stops; `10s` unless given.");

pub(super) static TIMEOUTS: Table = Table {
    name: "timeouts",
    what: "`timeouts`",
    doc: "How long the gateway waits for a client.",
    example: "{ headers: 10s }",
    keys: &[HEADERS.info, BODY.info, CONNECTION_IDLE.info, DRAIN.info],
    terms: &[],
};

impl FromNode for Timeouts {
    const SHAPE: Shape = Shape::Table(|| &TIMEOUTS);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &TIMEOUTS, d)?;
        let default = Self::default();
        Some(Self {
            headers: section.get(&HEADERS, d).map_or(default.headers, |Period(time)| time),
            body: section.get(&BODY, d).map_or(default.body, |Period(time)| time),
            idle: section.get(&CONNECTION_IDLE, d).map_or(default.idle, |Period(time)| time),
            drain: section.get(&DRAIN, d).unwrap_or(default.drain),
        })
    }
}

/// How long a session of the legacy era lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sessions {
    /// Without a request.
    pub idle: Duration,
    /// Whatever happens; not shorter than `idle`.
    pub absolute: Duration,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(12 * 60 * 60) }
    }
}

const SESSION_IDLE: Key<Period> =
    Key::optional("idle", "How long a session may stay without a request; `30m` unless given.");
const ABSOLUTE: Key<Period> = Key::optional("absolute", "How long a session may live at all; `12h` unless given.");

pub(super) static SESSIONS: Table = Table {
    name: "sessions",
    what: "`sessions`",
    doc: "How long sessions live, for clients of protocol 2025-11-25 and before.",
    example: "{ idle: 30m }",
    keys: &[SESSION_IDLE.info, ABSOLUTE.info],
    terms: &[],
};

impl FromNode for Sessions {
    const SHAPE: Shape = Shape::Table(|| &SESSIONS);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &SESSIONS, d)?;
        let default = Self::default();
        let idle = section.get(&SESSION_IDLE, d).map(|Period(time)| time);
        let absolute = section.get(&ABSOLUTE, d).map(|Period(time)| time);
        // One of the two alone moves the other's default, never against what was written.
        let sessions = match (idle, absolute) {
            (Some(idle), None) => Self { idle, absolute: default.absolute.max(idle) },
            (None, Some(absolute)) => Self { idle: default.idle.min(absolute), absolute },
            (idle, absolute) => {
                Self { idle: idle.unwrap_or(default.idle), absolute: absolute.unwrap_or(default.absolute) }
            }
        };
        if sessions.idle > sessions.absolute {
            return d.refuse(
                section.value_at("idle"),
                "`idle` is longer than `absolute`, so it can never end a session",
                "make `idle` the shorter one",
            );
        }
        Some(sessions)
    }
}

/// How the ledger is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// A call waits until its decision is on the disk, not only with the operating system.
    pub durable: bool,
}

const DURABLE: Key<bool> = Key::optional(
    "durable",
    "Each call waits until its decision is on the disk; slower, and safe against a power cut. `false` unless given.",
);

pub(super) static LEDGER: Table = Table {
    name: "ledger",
    what: "`ledger`",
    doc: "How the audit ledger is written.",
    example: "{ durable: true }",
    keys: &[DURABLE.info],
    terms: &[],
};

impl FromNode for Ledger {
    const SHAPE: Shape = Shape::Table(|| &LEDGER);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &LEDGER, d)?;
        Some(Self { durable: section.get(&DURABLE, d).unwrap_or_default() })
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log {
    /// Its form.
    pub format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

impl FromNode for LogFormat {
    const SHAPE: Shape = Shape::Words(&[
        Word { name: "auto", doc: "For people on a terminal, JSON elsewhere." },
        Word { name: "human", doc: "For people." },
        Word { name: "json", doc: "One JSON object per line." },
    ]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let all = [("auto", Self::Auto), ("human", Self::Human), ("json", Self::Json)];
        word(node, &Self::SHAPE, &all, d)
    }
}

const FORMAT: Key<LogFormat> = Key::optional("format", "The form of the log; `auto` unless given.");

pub(super) static LOG: Table = Table {
    name: "log",
    what: "`log`",
    doc: "How the log is written. Values and secrets never stand in it.",
    example: "{ format: json }",
    keys: &[FORMAT.info],
    terms: &[],
};

impl FromNode for Log {
    const SHAPE: Shape = Shape::Table(|| &LOG);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &LOG, d)?;
        Some(Self { format: section.get(&FORMAT, d).unwrap_or_default() })
    }
}

/// What the outbound guard opens beyond the public internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetch {
    /// Hosts, perhaps with a port, that may be private or this machine; lower case.
    pub allow: Vec<String>,
    /// A PEM file of further authorities; it was readable and held a certificate.
    pub ca: Option<PathBuf>,
}

const ALLOW: Key<Vec<HostName>> =
    Key::optional("allow", "Hosts, perhaps with a port, that may lie in a private network or on this machine.");
const CA: Key<PathBuf> = Key::optional("ca", "A PEM file of further authorities that those hosts may be certified by.");

pub(super) static FETCH: Table = Table {
    name: "fetch",
    what: "`fetch`",
    doc: "What the gateway may fetch beyond the public internet: key sets of private issuers.",
    example: "{ allow: [login.internal] }",
    keys: &[ALLOW.info, CA.info],
    terms: &[],
};

impl FromNode for Fetch {
    const SHAPE: Shape = Shape::Table(|| &FETCH);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &FETCH, d)?;
        let allow = section.get(&ALLOW, d).unwrap_or_default();
        let ca = section.get(&CA, d);
        if let Some(path) = &ca {
            super::door::holds_pem(path, "CERTIFICATE", section.value_at("ca"), d);
        }
        Some(Self { allow: allow.into_iter().map(|HostName(host)| host).collect(), ca })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_on_by_default() {
        let limits = Limits::default();
        assert!(limits.per_address.is_some() && limits.per_caller.is_some() && limits.per_client.is_some());
        assert!(limits.concurrent_calls > 0 && limits.open_streams > 0 && limits.connections > 0);
        assert_eq!(limits.body_bytes, 4 * 1024 * 1024);
    }
}
