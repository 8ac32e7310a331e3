//! `doorward session`: the sessions of clients that speak protocol 2025-11-25 or before.

mod list;
mod revoke;

use clap::{Args, Subcommand, ValueEnum};
use doorward_gateway::control::OpenSession;

use super::node;
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::logging::{Form, Verbosity};
use crate::output::Output;

/// List and end the open sessions of clients that speak protocol 2025-11-25 or before
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward session list
  doorward session revoke 3f9a2c41d07be856
  doorward session revoke --user alice")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Arguments),
    Revoke(revoke::Arguments),
}

/// The kinds of sessions.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Kind {
    /// Those of MCP clients.
    #[default]
    Mcp,
}

/// How many digits of a session's digest name it; the ledger writes as many.
const DIGITS: usize = 16;

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    common.start_log(&Verbosity::QUIET, Form::Auto)?;
    match arguments.command {
        Command::List(arguments) => list::run(&arguments, common, output).await,
        Command::Revoke(arguments) => revoke::run(&arguments, common, output).await,
    }
}

/// The open sessions of the running node, the last used first; none when no node runs.
async fn open(client: Option<&mut node::Client>) -> Result<Vec<OpenSession>, Failure> {
    let Some(client) = client else { return Ok(Vec::new()) };
    let mut sessions = client.sessions().await.map_err(Failure::unreachable)?;
    sessions.sort_by(|one, other| (other.last_used, &other.digest).cmp(&(one.last_used, &one.digest)));
    Ok(sessions)
}
