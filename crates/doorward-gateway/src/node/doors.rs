//! Where callers come in: addresses bound, certificates ready, and the names that are answered to.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use doorward::door::{AllowedHosts, AllowedOrigins, Authority, Scheme};
use doorward_store::StateDir;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::StartError;
use crate::{
    config::{Config, PublicUrl, Tls},
    listen::{self, Limits, ListenAddress},
    node_file::Mode,
    tls::{self, Certificates, LocalAuthority, PemFiles},
};

/// Where metrics are when nothing is said.
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8701);

/// Everything that a node listens on.
pub(super) struct Doors {
    pub(super) public_url: String,
    /// The port of the first public address.
    pub(super) port: u16,
    pub(super) public: Vec<TcpListener>,
    pub(super) admin: AdminDoor,
    pub(super) tls: Option<Encryption>,
    /// How to trust the node's own authority.
    pub(super) trust: Option<String>,
}

/// The operators' listener.
pub(super) struct AdminDoor {
    pub(super) sockets: Vec<TcpListener>,
}

/// What encrypts the public listener, and what it needs to stay current.
pub(super) struct Encryption {
    pub(super) acceptor: TlsAcceptor,
    pub(super) certificates: Arc<Certificates>,
    pub(super) files: PemFiles,
    /// What to ask for a renewed certificate, when it is the node's own.
    pub(super) own: Option<(std::path::PathBuf, Vec<String>)>,
}

/// Binds every address and reads every certificate.
pub(super) async fn open(config: &Config, mode: Mode, state: &StateDir, now: SystemTime) -> Result<Doors, StartError> {
    // The configuration has checked it; a door that is open to the network must not hang on that alone (HD-08).
    if config.tls.is_none()
        && let Some(open) = config.listen.iter().find(|address| !address.is_loopback())
    {
        return Err(StartError::configuration(format!(
            "`{open}` can be reached from other machines, and there is no TLS; listen on `localhost`, or set up `tls`"
        )));
    }
    let mut public = Vec::new();
    for address in &config.listen {
        public.extend(listen::bind(*address).await.map_err(StartError::unreachable)?);
    }
    let port = public.first().and_then(|socket| socket.local_addr().ok()).map_or(0, |address| address.port());
    let public_url = config.public_url.at(port);
    let admin = AdminDoor { sockets: bind_admin(config, mode).await? };
    let (tls, trust) = match &config.tls {
        None => (None, None),
        Some(Tls::Files { cert, key }) => {
            let files = PemFiles { certificate: cert.clone(), key: key.clone() };
            (Some(encryption(files, None)?), None)
        }
        Some(Tls::SelfSigned) => {
            let directory = state.subdirectory("tls").map_err(StartError::configuration)?;
            let names = names(config, &public);
            let authority = LocalAuthority::ensure(&directory, &names, now).map_err(StartError::configuration)?;
            let own = Some((directory, names));
            (Some(encryption(authority.pair(), own)?), Some(authority.how_to_trust()))
        }
    };
    Ok(Doors { public_url, port, public, admin, tls, trust })
}

fn encryption(files: PemFiles, own: Option<(std::path::PathBuf, Vec<String>)>) -> Result<Encryption, StartError> {
    let certificates = Certificates::load(&files).map_err(StartError::configuration)?;
    let acceptor = tls::acceptor(Arc::clone(&certificates)).map_err(StartError::configuration)?;
    Ok(Encryption { acceptor, certificates, files, own })
}

/// Binds the operators' addresses. The default one of `run` and `demo` is a convenience: when another node has it, any
/// free port does.
async fn bind_admin(config: &Config, mode: Mode) -> Result<Vec<TcpListener>, StartError> {
    let is_default = mode != Mode::Serve && config.admin == [ListenAddress::Socket(DEFAULT_ADMIN)];
    let any = ListenAddress::Socket(SocketAddr::new(DEFAULT_ADMIN.ip(), 0));
    if is_default && config.listen.iter().all(|address| address.port() == 0) {
        return listen::bind(any).await.map_err(StartError::unreachable);
    }
    let mut sockets = Vec::new();
    for address in &config.admin {
        match listen::bind(*address).await {
            Ok(bound) => sockets.extend(bound),
            Err(error) if is_default && error.source.kind() == io::ErrorKind::AddrInUse => {
                tracing::info!(%address, "the default address for metrics is taken; using a free port");
                sockets.extend(listen::bind(any).await.map_err(StartError::unreachable)?);
            }
            Err(error) => return Err(StartError::unreachable(error)),
        }
    }
    Ok(sockets)
}

impl AdminDoor {
    /// Where metrics are read.
    pub(super) fn url(&self) -> Option<String> {
        let address = self.sockets.first()?.local_addr().ok()?;
        Some(format!("http://{}/metrics", listen::reachable(address)))
    }

    /// The names it answers to: its own addresses, and this machine.
    pub(super) fn hosts(&self) -> AllowedHosts {
        let mut hosts = AllowedHosts::none();
        for address in self.sockets.iter().filter_map(|socket| socket.local_addr().ok()) {
            hosts = hosts.allow_loopback(address.port());
            if let Ok(authority) = Authority::parse(&address.to_string()) {
                hosts = hosts.allow(Scheme::Http, &authority);
            }
        }
        hosts
    }
}

/// The names that a certificate of our own must hold.
fn names(config: &Config, public: &[TcpListener]) -> Vec<String> {
    let mut names = Vec::new();
    if let PublicUrl::Given(url) = &config.public_url
        && let Some(host) = url.host_str()
    {
        names.push(host.trim_matches(['[', ']']).to_owned());
    }
    for host in &config.hosts {
        if let Ok(authority) = Authority::parse(host) {
            names.push(authority.host().trim_matches(['[', ']']).to_owned());
        }
    }
    for address in public.iter().filter_map(|socket| socket.local_addr().ok()) {
        if !address.ip().is_unspecified() {
            names.push(address.ip().to_string());
        }
    }
    names
}

fn public_authority(public_url: &str) -> Option<(Scheme, Authority)> {
    let (scheme, rest) = public_url.split_once("://")?;
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    Some((scheme, Authority::parse(rest).ok()?))
}

fn is_on_loopback(config: &Config) -> bool {
    config.listen.iter().any(|address| address.is_loopback())
}

/// The hosts that requests may name: the public URL's own, what the configuration adds, and on loopback this machine
/// (ER-07).
pub(super) fn hosts(config: &Config, public_url: &str, port: u16) -> AllowedHosts {
    let mut hosts = AllowedHosts::none();
    if let Some((scheme, authority)) = public_authority(public_url) {
        hosts = hosts.allow(scheme, &authority);
    }
    for authority in config.hosts.iter().filter_map(|host| Authority::parse(host).ok()) {
        hosts = hosts.allow(Scheme::Http, &authority).allow(Scheme::Https, &authority);
        if authority.port().is_none()
            && let Ok(with_port) = Authority::parse(&format!("{authority}:{port}"))
        {
            hosts = hosts.allow(Scheme::Http, &with_port);
        }
    }
    if is_on_loopback(config) {
        hosts = hosts.allow_loopback(port);
    }
    hosts
}

/// The pages that may call: the public URL's own, what the configuration adds, and on loopback those of this node
/// (ER-08).
pub(super) fn origins(config: &Config, public_url: &str, port: u16) -> AllowedOrigins {
    let mut origins = AllowedOrigins::none();
    if let Some((scheme, authority)) = public_authority(public_url) {
        origins = origins.allow(scheme, &authority);
    }
    for origin in &config.origins {
        // The configuration has read it already; what it let through by mistake allows nothing.
        origins = origins.clone().allow_text(origin).unwrap_or(origins);
    }
    if is_on_loopback(config) {
        origins = origins.allow_loopback(port);
        if config.tls.is_some() {
            for host in ["localhost", "127.0.0.1", "[::1]"] {
                if let Ok(authority) = Authority::parse(&format!("{host}:{port}")) {
                    origins = origins.allow(Scheme::Https, &authority);
                }
            }
        }
    }
    origins
}

/// What peers may take, from the configuration.
pub(super) fn limits(config: &Config) -> Limits {
    let connections = config.limits.connections;
    // Everybody on this machine shares an address.
    let everybody = config.listen.iter().all(|address| address.is_loopback());
    let connections_per_address = if everybody { connections } else { (connections / 8).clamp(64, 1024) };
    Limits {
        connections,
        connections_per_address,
        head: config.timeouts.headers,
        body: config.timeouts.body,
        body_silence: config.timeouts.body.min(Duration::from_secs(15)),
        idle: config.timeouts.idle,
        drain: config.timeouts.drain,
        ..Limits::default()
    }
}

/// Each connection is an open file, and systems allow few of them unless asked.
pub(super) fn raise_open_files(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_err() {
        tracing::debug!("the limit of open files could not be raised");
    }
    let enough = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2);
    if let Some(most) = getrlimit(Resource::Nofile).current
        && most < enough
    {
        tracing::warn!(most, connections, "the system allows few open files for so many connections");
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Uri, header};

    use super::*;
    use crate::config::{RunOptions, RunTarget, RunTls};

    fn config(listen: &str, public_url: Option<&str>, tls: Option<RunTls>) -> Config {
        let options = RunOptions {
            listen: Some(listen.to_owned()),
            public_url: public_url.map(str::to_owned),
            state: None,
            tls,
            env: Vec::new(),
            upstream_credential: None,
            target: RunTarget::Url("http://localhost:9/mcp".to_owned()),
        };
        Config::for_run(&options).unwrap().0
    }

    fn is_served(hosts: &AllowedHosts, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        hosts.check(&headers, &Uri::from_static("/")).is_ok()
    }

    #[test]
    fn er_07_on_loopback_this_machine_is_served_under_its_port_alone() {
        let config = config("localhost:8700", None, None);
        let hosts = hosts(&config, "http://localhost:8700", 8700);
        for host in ["localhost:8700", "127.0.0.1:8700", "[::1]:8700"] {
            assert!(is_served(&hosts, host), "{host}");
        }
        for host in ["localhost", "localhost:8701", "0.0.0.0:8700", "evil.test:8700"] {
            assert!(!is_served(&hosts, host), "{host}");
        }
    }

    #[test]
    fn er_07_beyond_loopback_only_the_public_name_is_served() {
        let config = config("0.0.0.0:8443", Some("https://mcp.example.com"), Some(RunTls::SelfSigned));
        let hosts = hosts(&config, "https://mcp.example.com", 8443);
        assert!(is_served(&hosts, "mcp.example.com"));
        for host in ["localhost:8443", "127.0.0.1:8443", "0.0.0.0:8443", "mcp.example.com:8443"] {
            assert!(!is_served(&hosts, host), "{host}");
        }
    }

    #[test]
    fn a_listener_for_this_machine_alone_has_no_cap_per_address() {
        let local = limits(&config("localhost:8700", None, None));
        assert_eq!(local.connections_per_address, local.connections);
        let public = limits(&config("0.0.0.0:8443", Some("https://a.test"), Some(RunTls::SelfSigned)));
        assert!(public.connections_per_address < public.connections);
    }
}
