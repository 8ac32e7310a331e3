//! A running node: everything of a configuration, joined and started.
//!
//! ```text
//! Node::start ─ state directory locked ─ addresses bound ─ keys, store, ledger ─ policy compiled
//!             ─ guard ─ upstreams ─ router ─ listeners, command socket, timers ─▶ ready
//! ```
//!
//! Everything that can be wrong is found before the first connection is taken, and said in one line each with the way
//! out; only what a server does once it is called comes later.

mod assemble;
mod doors;
mod error;
mod fetch;
mod housekeeping;
mod upstreams;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use doorward::{
    Guard, Guarded, Surroundings, System,
    audit::{Clock, DecisionId, Ledger, Notice, Text, What},
    identity::{Grant, IssueError, Issued, Resource, TokenIssuer, TokenLog as _},
};
use doorward_store::{FileLedger, LedgerOptions, NodeLock, SqliteStore, StateDir};
use doorward_wire::ServerName;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

pub use self::error::{StartError, StartErrorKind};
use self::{doors::Doors, upstreams::Upstreams};
use crate::{
    config::Config,
    control::ControlSocket,
    listen::{Listener, Shutdown, Signals},
    metrics::{Metered, Metrics, MetricsPage},
    node_file::{self, Mode, NodeFile},
    route::{Mounted, Readiness, Router, RouterSettings},
};

/// What a node needs beside its configuration.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Where the node keeps everything.
    pub state: PathBuf,
    /// Which command started it.
    pub mode: Mode,
}

/// A node that serves.
pub struct Node {
    public_url: String,
    addresses: Vec<SocketAddr>,
    metrics_url: Option<String>,
    trust: Option<String>,
    first_start: bool,
    servers: Vec<node_file::Guarded>,
    issuer: TokenIssuer,
    guard: Guard,
    upstreams: Upstreams,
    store: SqliteStore,
    file: FileLedger,
    shutdown: Shutdown,
    drain: Duration,
    signals: Option<Signals>,
    /// The public listener.
    public: Option<JoinHandle<()>>,
    /// Metrics and the command socket, which stay until the end.
    others: TaskTracker,
    surroundings: Arc<dyn Surroundings>,
    _lock: NodeLock,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

/// A node that is let go of without [`Node::stop`] ends at once.
impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.stop();
    }
}

impl Node {
    /// Starts a node. When this returns the node serves, and `node.json` in its state directory says where.
    ///
    /// # Errors
    ///
    /// In one line (or one for each mistake of the policy), with [`StartError::kind`] for the exit code.
    pub async fn start(config: Config, options: NodeOptions) -> Result<Self, StartError> {
        let surroundings: Arc<dyn Surroundings> = Arc::new(System);
        let state = StateDir::open(&options.state).map_err(StartError::configuration)?;
        let lock = state.lock().map_err(StartError::lock)?;
        doors::raise_open_files(config.limits.connections);
        let Doors { public_url, port, public, admin, tls, trust } =
            doors::open(&config, options.mode, &state, surroundings.now()).await?;

        let first_start = !state.signing_key().exists();
        let store = SqliteStore::open(&state.database()).await.map_err(StartError::database)?;
        let mut identity = assemble::identity(&config, &public_url, &state, &store, surroundings.now()).await?;
        let policy = assemble::policy(&config, &store).await?;

        let clock: Clock = {
            let surroundings = Arc::clone(&surroundings);
            Arc::new(move || surroundings.now())
        };
        let mut ledger_options = LedgerOptions::new(Arc::clone(&clock));
        ledger_options.durable = config.ledger.durable;
        let file = FileLedger::open(&state, &lock, ledger_options).map_err(StartError::unreachable)?;
        let metrics = Metrics::new(config.servers.keys().map(ServerName::as_str));
        let ledger = Ledger::new(Arc::new(Metered::new(Arc::new(file.clone()), Arc::clone(&metrics))), clock);

        let hosts = doors::hosts(&config, &public_url, port);
        let origins = doors::origins(&config, &public_url, port);
        let lists = (hosts.clone(), origins.clone());
        let guard = assemble::guard(&config, &mut identity, policy, ledger, &store, lists).await?;
        let upstreams = Upstreams::build(&config, options.mode, &surroundings)?;
        metrics.watch(upstreams.tallies());

        let mut mounted = Vec::new();
        let mut servers = Vec::new();
        for (name, server) in &config.servers {
            let path = config.endpoint(name);
            let resource = Resource {
                id: format!("{public_url}{path}"),
                metadata_url: format!("{public_url}/.well-known/oauth-protected-resource{path}"),
                scopes: assemble::scopes(&config, name),
            };
            let Some(upstream) = upstreams.of(name) else { continue };
            servers.push(node_file::Guarded { name: name.to_string(), resource: resource.id.clone() });
            let service = guard.service(Guarded {
                name: name.clone(),
                resource: resource.clone(),
                upstream,
                call_timeout: server.timeouts.call,
            });
            mounted.push(Mounted { path, service, resource });
        }

        let shutdown = Shutdown::new();
        let readiness = readiness(&shutdown, &file, &upstreams);
        let settings = RouterSettings {
            hosts,
            origins,
            proxies: config.trusted_proxies.clone(),
            authorization_servers: identity.issuers.clone(),
            readiness: Arc::clone(&readiness),
            shutdown: shutdown.clone(),
            surroundings: Arc::clone(&surroundings),
        };
        let router = Router::new(guard.clone(), mounted, settings);
        let limits = doors::limits(&config);
        let socket = ControlSocket::bind(&state.socket()).map_err(StartError::unreachable)?;
        // What a command revoked before there was a socket to tell it to; from here on none is missed.
        let revoked = store.revoked(surroundings.now()).await.map_err(StartError::unreachable)?;
        identity.revocations.revoke_all(revoked);
        let file_of_node = NodeFile { public_url: public_url.clone(), mode: options.mode, servers: servers.clone() };
        file_of_node.write(state.path()).map_err(StartError::configuration)?;

        let mut node = Self {
            addresses: public.iter().filter_map(|socket| socket.local_addr().ok()).collect(),
            metrics_url: admin.url(),
            trust,
            first_start,
            servers,
            issuer: identity.issuer,
            guard: guard.clone(),
            upstreams,
            store,
            file,
            shutdown: shutdown.clone(),
            drain: limits.drain,
            signals: None,
            public: None,
            others: TaskTracker::new(),
            surroundings,
            public_url: public_url.clone(),
            _lock: lock,
        };
        let version = Text::clip(env!("CARGO_PKG_VERSION"));
        node.note(What::Started { version, servers: node.servers.len() }).await.map_err(StartError::unreachable)?;

        let mut listener = Listener::new(router, limits.clone()).proxies(config.trusted_proxies.clone());
        if let Some(tls) = &tls {
            listener = listener.tls(tls.acceptor.clone());
        }
        node.public = Some(tokio::spawn(listener.serve(public, shutdown.clone())));
        let page = MetricsPage::new(metrics, guard.clone(), readiness, admin.hosts());
        // Operators may look until the very end.
        let last = Shutdown::new();
        node.others.spawn(Listener::new(page, limits).serve(admin.sockets, last.clone()));
        tokio::spawn({
            let shutdown = shutdown.clone();
            async move {
                shutdown.stopped().await;
                last.stop();
            }
        });
        node.others.spawn(socket.serve(guard, public_url, shutdown));
        node.others.close();
        node.keep_house(identity.revocations, tls);
        Ok(node)
    }

    /// The URL that clients know the node by, without a path.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The addresses that callers come in at.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where metrics are read, when they are served.
    #[must_use]
    pub fn metrics_url(&self) -> Option<&str> {
        self.metrics_url.as_deref()
    }

    /// What the node guards.
    #[must_use]
    pub fn servers(&self) -> &[node_file::Guarded] {
        &self.servers
    }

    /// Whether no node has used this state directory before.
    #[must_use]
    pub fn first_start(&self) -> bool {
        self.first_start
    }

    /// How clients come to trust the node's own certificate authority, when it has one.
    #[must_use]
    pub fn how_to_trust(&self) -> Option<&str> {
        self.trust.as_deref()
    }

    /// Makes a token and puts it on record.
    ///
    /// # Errors
    ///
    /// When the grant can't be made a token of, or the token can't be put on record.
    pub async fn issue(&self, grant: &Grant) -> Result<Issued, NotIssued> {
        let mut random = [0; 16];
        self.surroundings.fill(&mut random).map_err(|error| NotIssued::NotRecorded(error.to_string()))?;
        let issued = self.issuer.issue(grant, self.surroundings.now(), random)?;
        self.store.insert(&issued.record).await.map_err(|error| NotIssued::NotRecorded(error.to_string()))?;
        let token = doorward::audit::Token {
            token_id: Text::clip(&issued.record.id),
            subject: Text::clip(&issued.record.subject),
            client: Some(Text::clip(&issued.record.client)),
        };
        self.note(What::TokenIssued(token)).await.map_err(|error| NotIssued::NotRecorded(error.to_string()))?;
        Ok(issued)
    }

    /// Begins to listen for SIGTERM and SIGINT, so that none is missed before [`Node::serve_until_signal`].
    ///
    /// # Errors
    ///
    /// When the system gives no signals to listen for.
    pub fn listen_for_signals(&mut self) -> io::Result<()> {
        self.signals = Some(Signals::listen()?);
        Ok(())
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal ends at once.
    ///
    /// # Errors
    ///
    /// When the system gives no signals to listen for.
    pub async fn serve_until_signal(mut self) -> io::Result<()> {
        let signals = match self.signals.take() {
            Some(signals) => signals,
            None => Signals::listen()?,
        };
        let shutdown = self.shutdown.clone();
        let obeying = tokio::spawn(async move { shutdown.obey(signals).await });
        self.shutdown.draining().await;
        self.stop().await;
        obeying.abort();
        Ok(())
    }

    /// Serves until `end` is ready, then drains.
    pub async fn serve_until(self, end: impl Future<Output = ()>) {
        end.await;
        self.stop().await;
    }

    /// Drains: no new connection, no new request; what runs may end within the configured time. Then everything ends.
    pub async fn stop(mut self) {
        self.shutdown.drain();
        let public = self.public.take();
        let drained = async {
            if let Some(public) = public {
                let _ = public.await;
            }
        };
        let at_once = tokio::select! {
            () = drained => false,
            () = tokio::time::sleep(self.drain) => false,
            () = self.shutdown.stopped() => true,
        };
        self.shutdown.stop();
        if !at_once {
            self.upstreams.close().await;
        }
        let _ = tokio::time::timeout(Duration::from_secs(2), self.others.wait()).await;
        housekeeping::keep_catalogues(&self.guard, &self.store, &self.servers).await;
        if let Err(error) = self.note(What::Stopped).await {
            tracing::error!(%error, "the end is not on record");
        }
        if let Err(error) = self.file.sync().await {
            tracing::error!(%error, "the ledger is not wholly on the disk");
        }
        self.store.close().await;
    }

    async fn note(&self, what: What) -> Result<(), String> {
        let id = self.guard.decision_id().map_err(|error| error.to_string())?;
        note(self.guard.ledger(), id, self.surroundings.now(), what).await
    }
}

async fn note(ledger: &Ledger, id: DecisionId, at: SystemTime, what: What) -> Result<(), String> {
    ledger.notice(Notice { id, at, what }).await.map_err(|error| error.to_string())
}

fn readiness(
    shutdown: &Shutdown,
    file: &FileLedger,
    upstreams: &Upstreams,
) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
    let (shutdown, file, states) = (shutdown.clone(), file.clone(), upstreams.states());
    Arc::new(move || Readiness {
        draining: shutdown.is_draining(),
        ledger: file.failure().is_none(),
        servers: states(),
    })
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// The grant can't be made a token of.
    #[error(transparent)]
    BadGrant(#[from] IssueError),
    /// The token could not be put on record, so it was not handed out.
    #[error("the token could not be put on record: {0}")]
    NotRecorded(String),
}
