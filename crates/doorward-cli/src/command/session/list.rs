//! tmp
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use clap::Args;
/// List
#[derive(Debug, Args)]
#[command(after_help = "Example: doorward")]
pub(crate) struct Arguments {}
pub(super) async fn run(_arguments: &Arguments, _common: &Common, _output: &mut Output) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
