//! A node: started, explained, served until it is told to stop; and spoken to by other commands.

use std::path::PathBuf;

use doorward::identity::TokenRecord;
use doorward_gateway::config::{Config, LogFormat};
pub(crate) use doorward_gateway::control::Client;
use doorward_gateway::node::{Node, NodeOptions, StartError, StartErrorKind};
use doorward_gateway::node_file::{Mode, NodeFile};
use doorward_store::StateDir;

use super::guide::{self, Entry, Guide};
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::logging::Form;
use crate::output::Output;
use crate::state;

/// Where the state lies: where the command line says, else the configuration, else in the user's data directory.
pub(crate) fn state_path(config: &Config, common: &Common) -> Result<PathBuf, Failure> {
    match &config.state {
        Some(configured) if common.named_state().is_none() => Ok(configured.clone()),
        _ => common.state_path(),
    }
}

/// The state directory, made where it is missing.
pub(crate) fn state(config: &Config, common: &Common) -> Result<StateDir, Failure> {
    state::open(&state_path(config, common)?)
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
pub(crate) async fn run(config: Config, mode: Mode, state: &StateDir, output: &mut Output) -> Result<Exit, Failure> {
    let before = NodeFile::read(state.path()).map_err(Failure::configuration)?;
    let node = start(config, mode, state).await?;
    // Who has been told knows it still, unless it is found elsewhere now.
    if before.is_none_or(|before| before.public_url != node.public_url() || before.servers != node.servers()) {
        if let Some(trust) = node.how_to_trust() {
            output.note("");
            output.note(trust.trim_end());
        }
        guide(&node, mode, state).tell(output);
    }
    serve(node, output).await
}

/// Starts a node: when this returns, it serves.
pub(crate) async fn start(config: Config, mode: Mode, state: &StateDir) -> Result<Node, Failure> {
    Node::start(config, NodeOptions { state: state.path().to_owned(), mode }).await.map_err(not_started)
}

/// Says that the node is ready, and serves until it is told to stop.
pub(crate) async fn serve(mut node: Node, output: &mut Output) -> Result<Exit, Failure> {
    let no_signals = |error| Failure::unreachable(format_args!("the system gave no signals to wait for: {error}"));
    // First, so that whoever reads the line may stop the node at once and still see it drain.
    node.listen_for_signals().map_err(no_signals)?;
    // Scripts wait for this line, so it has one form whatever the log's is.
    output.note(format_args!("ready {}", node.public_url()));
    node.serve_until_signal().await.map_err(no_signals)?;
    Ok(Exit::Done)
}

fn not_started(error: StartError) -> Failure {
    match error.kind() {
        StartErrorKind::Configuration => Failure::configuration(error),
        StartErrorKind::Unreachable => Failure::unreachable(error),
    }
}

fn guide(node: &Node, mode: Mode, state: &StateDir) -> Guide {
    let servers = node.servers().iter().map(|server| {
        // The one server of `run` has no name of its own, and clients need one.
        let (title, name) = match mode {
            Mode::Serve => (server.name.as_str(), server.name.as_str()),
            Mode::Run | Mode::Demo => ("The server", "doorward"),
        };
        Entry { title: title.to_owned(), name: name.to_owned(), url: server.resource.clone() }
    });
    let servers: Vec<_> = servers.collect();
    let is_usual = Common::usual_state().is_ok_and(|usual| usual == state.path());
    Guide {
        program: guide::program(),
        state: (!is_usual).then(|| std::path::absolute(state.path()).unwrap_or_else(|_| state.path().to_owned())),
        name_needed: servers.len() > 1,
        has_rules: mode == Mode::Serve,
        servers,
    }
}

/// Connects to the node that runs with this state directory; nothing when none does.
pub(crate) async fn connect(state: &StateDir) -> Result<Option<Client>, Failure> {
    Client::connect(state.path()).await.map_err(Failure::unreachable)
}

/// Lets the running node know that a token is revoked, and returns once it does.
pub(crate) async fn tell_revoked(state: &StateDir, record: &TokenRecord) -> Result<(), Failure> {
    let told = async {
        match Client::connect(state.path()).await? {
            Some(mut node) => node.revoke_token(&record.id, record.expires_at).await,
            // A node that starts later reads it from the store.
            None => Ok(()),
        }
    };
    told.await.map_err(|error| {
        Failure::unreachable(format_args!(
            "the token is revoked for nodes that start from now on, but the running one may still accept it: {error}; stop it, or try again"
        ))
    })
}
