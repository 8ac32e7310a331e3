//! `doorward serve`: the gateway, for one or many servers.

use std::path::PathBuf;

use clap::Args;
use doorward_gateway::node_file::Mode;

use super::{check, node};
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::logging::Verbosity;
use crate::output::Output;

/// Guard the servers of a configuration, one or many
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  doorward serve --config doorward.yaml

Each server is found at `/mcp/NAME`. `doorward check --config doorward.yaml` says what is wrong without starting
anything.")]
pub(crate) struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    let config = check::read(&arguments.config, output)?;
    let state = node::state(&config, common)?;
    common.start_log(&Verbosity::NORMAL, node::log_form(&config))?;
    node::run(config, Mode::Serve, &state, output).await
}
