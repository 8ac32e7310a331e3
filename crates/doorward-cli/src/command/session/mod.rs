//! `doorward session`: the sessions of clients that speak protocol 2025-11-25 or before.

mod list;
mod revoke;

use clap::{Args, Subcommand};

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

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    common.start_log(&Verbosity::QUIET, Form::Auto)?;
    match arguments.command {
        Command::List(arguments) => list::run(&arguments, common, output).await,
        Command::Revoke(arguments) => revoke::run(&arguments, common, output).await,
    }
}
