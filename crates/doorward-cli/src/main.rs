//! The `doorward` binary: one file per command, and the few things that all of them share.

mod cli;
mod command;
mod exit;
mod logging;
mod output;
mod parse;
mod state;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
