//! The guarded servers: `servers`.

use std::time::Duration;

use doorward_policy::Rule;

use super::decode::{Decoder, FromNode};
use super::rules::Rules;
use super::scalar::{Count, Period};
use super::section::Section;
use super::shape::Shape;
use super::table::{Info, Key, Table};
use super::upstream::Upstream;
use super::yaml::Node;

/// A guarded server, without its rules, which are part of the policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Server {
    /// How it is reached.
    pub upstream: Upstream,
    /// How long it may take.
    pub timeouts: ServerTimeouts,
    /// The most processes of it at the same time; each caller has one of their own.
    pub max_processes: u32,
}

/// How long a server may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerTimeouts {
    /// One call, to its last byte.
    pub call: Duration,
    /// A process or connection that nobody uses is ended after this.
    pub idle: Duration,
}

impl Default for ServerTimeouts {
    fn default() -> Self {
        Self { call: Duration::from_secs(120), idle: Duration::from_secs(300) }
    }
}

/// How many processes of one server run at most when nothing is said.
pub(super) const DEFAULT_MAX_PROCESSES: u32 = 64;

const UPSTREAM: Key<Upstream> = Key::required("upstream", "How the server is reached: a process, or a URL.");
const RULES: Key<Rules> =
    Key::required("rules", "Who may use what of it. The first match wins; what no rule matches is refused.");
const TIMEOUT: Key<ServerTimeouts> = Key::optional("timeout", "How long the server may take.");
const MAX_PROCESSES: Key<Count<10_000>> =
    Key::optional("max_processes", "The most processes of this server at the same time; 64 unless given.");

static SERVER: Table = Table {
    name: "server",
    what: "a server",
    doc: "A guarded MCP server: how it is reached, and who may use what of it.",
    example: "{ upstream: { command: [my-server] }, rules: [{ discovery: true, allow: anonymous }] }",
    keys: &[
        UPSTREAM.info,
        RULES.info,
        Info::not_yet(
            "shared",
            "it will let all callers use one process or connection; for now each caller has one of its own",
        ),
        TIMEOUT.info,
        MAX_PROCESSES.info,
    ],
    terms: &[],
};

/// A server together with its rules, as the file has them.
pub(super) struct GuardedServer {
    pub(super) server: Server,
    pub(super) rules: Vec<Rule>,
}

impl FromNode for GuardedServer {
    const SHAPE: Shape = Shape::Table(|| &SERVER);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &SERVER, d)?;
        let upstream = section.get(&UPSTREAM, d);
        let rules = section.get(&RULES, d);
        let timeouts = section.get(&TIMEOUT, d).unwrap_or_default();
        let max_processes = section.get(&MAX_PROCESSES, d);
        if let Some(Upstream::Http(_)) = upstream
            && section.has(MAX_PROCESSES.info.name)
        {
            d.refuse::<()>(
                section.key_at(MAX_PROCESSES.info.name),
                "`max_processes` means nothing for a server behind a URL",
                "remove it",
            );
        }
        let max_processes = max_processes.map_or(DEFAULT_MAX_PROCESSES, |Count(most)| most);
        let server = Server { upstream: upstream?, timeouts, max_processes };
        rules.map(|Rules(rules)| Self { server, rules })
    }
}

const CALL: Key<Period> = Key::optional("call", "How long one call may take; `2m` unless given.");
const IDLE: Key<Period> =
    Key::optional("idle", "When a process or connection that nobody uses is ended; `5m` unless given.");

static TIMEOUT_TABLE: Table = Table {
    name: "server_timeout",
    what: "`timeout`",
    doc: "How long a server may take.",
    example: "{ call: 2m }",
    keys: &[CALL.info, IDLE.info],
    terms: &[],
};

impl FromNode for ServerTimeouts {
    const SHAPE: Shape = Shape::Table(|| &TIMEOUT_TABLE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &TIMEOUT_TABLE, d)?;
        let default = Self::default();
        Some(Self {
            call: section.get(&CALL, d).map_or(default.call, |Period(time)| time),
            idle: section.get(&IDLE, d).map_or(default.idle, |Period(time)| time),
        })
    }
}
