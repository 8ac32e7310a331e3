//! `doorward token`: access tokens for scripts and CI.

mod issue;
mod list;
mod resource;
mod revoke;
mod row;

use clap::{Args, Subcommand};
use doorward::audit::{Text, Token};
use doorward::identity::TokenRecord;

use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::logging::{Form, Verbosity};
use crate::output::Output;

/// Issue, list and revoke access tokens for scripts and CI
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward token issue --user alice --role Admin --ttl 8h
  doorward token list
  doorward token revoke 5Tq0cWm2hB3vL8ZxY1kRpA")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Issue(issue::Arguments),
    List(list::Arguments),
    Revoke(revoke::Arguments),
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    common.start_log(&Verbosity::QUIET, Form::Auto)?;
    match arguments.command {
        Command::Issue(arguments) => issue::run(arguments, common, output).await,
        Command::List(arguments) => list::run(&arguments, common, output).await,
        Command::Revoke(arguments) => revoke::run(&arguments, common, output).await,
    }
}

/// A token as the ledger names it.
fn named(record: &TokenRecord) -> Token {
    Token {
        token_id: Text::clip(&record.id),
        subject: Text::clip(&record.subject),
        client: Some(Text::clip(&record.client)),
    }
}
