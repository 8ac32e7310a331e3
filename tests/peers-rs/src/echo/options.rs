//! How the server behaves.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Fault;

/// What the server is told on its command line.
#[derive(Args, Debug, Clone)]
pub struct Options {
    /// The protocol eras that the server knows
    #[arg(long, value_enum, default_value_t = Eras::Both)]
    pub eras: Eras,
    /// How a server of the older era answers `server/discover`
    #[arg(long, value_enum, default_value_t = Discovery::NotFound)]
    pub discovery: Discovery,
    /// How many tools one page of `tools/list` has
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    pub page: usize,
    /// Answer every request over HTTP with a stream of events
    #[arg(long)]
    pub events: bool,
    /// Open no sessions in the older era
    #[arg(long)]
    pub sessionless: bool,
    /// Append everything received to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Misbehave in this way
    #[arg(long, value_enum)]
    pub fault: Option<Fault>,
    /// Misbehave when this method is called
    #[arg(long, value_name = "METHOD", default_value = "tools/call")]
    pub fault_on: String,
    /// Misbehave from the given call of that method on
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub fault_from: u64,
    /// Where the fault `redirect` leads
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9/elsewhere")]
    pub redirect_to: String,
}

/// The protocol eras that a server knows.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eras {
    /// Sessions and handshakes, up to 2025-11-25.
    Legacy,
    /// Stateless, from 2026-07-28 on.
    Modern,
    /// Each as its client wishes.
    Both,
}

/// How a server of the older era answers `server/discover`; servers in the
/// wild do each of these.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// -32601.
    NotFound,
    /// -32602.
    InvalidParams,
    /// -32000, over HTTP with status 400.
    BadRequest,
    /// Not at all.
    Silent,
}
