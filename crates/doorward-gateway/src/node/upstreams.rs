//! The guarded servers, each behind what its configuration says.

use std::{collections::BTreeMap, sync::Arc};

use doorward::{Surroundings, upstream::Upstream};
use doorward_wire::ServerName;

use super::StartError;
use crate::{
    config::{self, Config},
    demo::DemoServer,
    node_file::Mode,
    route::ServerState,
    upstream::{
        http::{self, Remote},
        process::{Launch, ProcessLimits, ProcessUpstream, Tally, Variable},
    },
};

/// Most processes of one server for one caller.
const PER_OWNER: usize = 16;

/// Every server by its name.
pub(super) struct Upstreams {
    all: BTreeMap<ServerName, Arc<dyn Upstream>>,
    processes: Vec<(ServerName, Arc<ProcessUpstream>)>,
}

impl Upstreams {
    pub(super) fn build(config: &Config, mode: Mode, surroundings: &Arc<dyn Surroundings>) -> Result<Self, StartError> {
        let mut upstreams = Self { all: BTreeMap::new(), processes: Vec::new() };
        for (name, server) in &config.servers {
            let upstream: Arc<dyn Upstream> = match &server.upstream {
                _ if mode == Mode::Demo => Arc::new(DemoServer),
                config::Upstream::Process(process) => {
                    let limits = ProcessLimits {
                        processes: usize::try_from(server.max_processes).unwrap_or(usize::MAX),
                        per_owner: PER_OWNER,
                        idle: server.timeouts.idle,
                        // The process is the session, so it is not ended before the session is.
                        session_idle: server.timeouts.idle.max(config.sessions.idle),
                    };
                    let upstream = Arc::new(ProcessUpstream::new(
                        name.clone(),
                        launch(name, process)?,
                        limits,
                        Arc::clone(surroundings),
                    ));
                    upstreams.processes.push((name.clone(), Arc::clone(&upstream)));
                    upstream
                }
                config::Upstream::Http(remote) => {
                    let upstream = http::upstream(address(name, remote)?, Arc::clone(surroundings));
                    Arc::new(upstream.map_err(|error| told(name, error))?)
                }
            };
            upstreams.all.insert(name.clone(), upstream);
        }
        Ok(upstreams)
    }

    pub(super) fn of(&self, name: &ServerName) -> Option<Arc<dyn Upstream>> {
        self.all.get(name).cloned()
    }

    pub(super) fn tallies(&self) -> Vec<(ServerName, Arc<Tally>)> {
        self.processes.iter().map(|(name, process)| (name.clone(), process.tally())).collect()
    }

    pub(super) fn states(&self) -> impl Fn() -> Vec<ServerState> + Send + Sync + use<> {
        let all = self.all.clone();
        move || {
            let state = |(name, upstream): (&ServerName, &Arc<dyn Upstream>)| ServerState {
                name: name.clone(),
                state: upstream.state(),
            };
            all.iter().map(state).collect()
        }
    }

    /// Ends every process and waits for it.
    pub(super) async fn close(&self) {
        futures::future::join_all(self.processes.iter().map(|(_, process)| process.close())).await;
    }
}

fn told(name: &ServerName, error: impl std::fmt::Display) -> StartError {
    StartError::configuration(format!("the server `{name}` can't be used: {error}"))
}

fn launch(name: &ServerName, process: &config::Process) -> Result<Launch, StartError> {
    let mut launch = Launch::new(process.program.clone(), process.args.clone()).map_err(|error| told(name, error))?;
    let variables = process.env.iter().map(|(name, value)| Variable::new(name.as_str(), value.expose()));
    launch = launch.environment(variables.collect::<Result<_, _>>().map_err(|error| told(name, error))?);
    if let Some(directory) = &process.cwd {
        launch = launch.directory(directory.clone());
    }
    Ok(launch)
}

fn address(name: &ServerName, remote: &config::Remote) -> Result<Remote, StartError> {
    let endpoint = remote.url.as_str().parse().map_err(|error| told(name, error))?;
    let credential = match &remote.credential {
        None => None,
        Some(credential) => {
            let value = credential.value().ok_or_else(|| told(name, "its credential is no header value"))?;
            Some((credential.header().clone(), value))
        }
    };
    Ok(Remote { endpoint, credential })
}
