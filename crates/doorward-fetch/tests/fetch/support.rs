//! A network of a test's own, and a TLS server that answers with any bytes.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use doorward_fetch::{Ask, Expect, FetchError, FetchPolicy, Fetcher, Network};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An address of the public internet, which the test network leads to the test's own server.
pub(crate) const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34));

/// A certificate authority of the test's own.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("authority") }
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.issuer.pem().into_bytes()
    }

    /// A server certificate for a name, changed as wanted.
    pub(crate) fn acceptor(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("params");
        change(&mut params);
        let key = KeyPair::generate().expect("key");
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("config");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What a server sends after it has read the head of a request.
#[derive(Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// The same bytes until the other side goes away.
    Forever(Vec<u8>),
    /// One byte, then a pause, for ever.
    Drip,
    /// Nothing more, but the connection stays open.
    Hang,
}

pub(crate) fn send(text: impl AsRef<[u8]>) -> Vec<Step> {
    vec![Step::Send(text.as_ref().to_vec())]
}

/// An answer with a body and its true length.
pub(crate) fn ok(head: &str, body: &str) -> Vec<Step> {
    send(format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len()))
}

pub(crate) fn json(body: &str) -> Vec<Step> {
    ok("Content-Type: application/json\r\n", body)
}

/// A server on loopback; it counts connections and keeps the heads of requests.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    pub(crate) async fn start(tls: Option<TlsAcceptor>, steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("bind");
        let address = listener.local_addr().expect("address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (log, count) = (Arc::clone(&requests), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().expect("lock") += 1;
                let (tls, steps, log) = (tls.clone(), steps.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, steps, log).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, steps, log).await,
                            Err(error) => Err(error),
                        },
                    }
                });
            }
        });
        Self { address, requests, connections }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("lock").clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().expect("lock")
    }
}

async fn serve<S>(mut stream: S, steps: Vec<Step>, log: Arc<Mutex<Vec<String>>>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
        if head[0] == 0x16 {
            // A TLS greeting at a plain server: it answers as such servers do.
            return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    }
    log.lock().expect("lock").push(String::from_utf8_lossy(&head).into_owned());
    for step in steps {
        match step {
            Step::Send(bytes) => {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
            }
            Step::Forever(bytes) => loop {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
            },
            Step::Drip => loop {
                stream.write_all(b"a").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            },
            Step::Hang => std::future::pending().await,
        }
    }
    stream.shutdown().await
}

/// Names with the answers that they give one after the other (the last one stays), and where
/// addresses really lead. It remembers what it was asked.
#[derive(Default)]
pub(crate) struct TestNetwork {
    names: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    routes: Mutex<HashMap<IpAddr, SocketAddr>>,
    resolved: Mutex<Vec<String>>,
    connected: Mutex<Vec<SocketAddr>>,
}

impl TestNetwork {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn name(&self, name: &str, answers: &[&[IpAddr]]) {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        self.names.lock().expect("lock").insert(name.to_owned(), answers);
    }

    pub(crate) fn route(&self, address: IpAddr, to: SocketAddr) {
        self.routes.lock().expect("lock").insert(address, to);
    }

    pub(crate) fn resolved(&self) -> Vec<String> {
        self.resolved.lock().expect("lock").clone()
    }

    pub(crate) fn connected(&self) -> Vec<SocketAddr> {
        self.connected.lock().expect("lock").clone()
    }
}

#[async_trait]
impl Network for TestNetwork {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.resolved.lock().expect("lock").push(name.to_owned());
        let mut names = self.names.lock().expect("lock");
        let answers = names.get_mut(name).ok_or_else(|| io::Error::other("no such name"))?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers.first().cloned().unwrap_or_default() })
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.connected.lock().expect("lock").push(address);
        let route = self.routes.lock().expect("lock").get(&address.ip()).copied();
        TcpStream::connect(route.ok_or_else(|| io::Error::other("nobody answers there"))?).await
    }
}

/// `https://idp.test`, which answers with these steps.
pub(crate) struct World {
    pub(crate) network: Arc<TestNetwork>,
    pub(crate) server: Server,
    pub(crate) policy: FetchPolicy,
}

impl World {
    pub(crate) async fn new(steps: Vec<Step>) -> Self {
        let authority = Authority::new();
        let server = Server::start(Some(authority.acceptor("idp.test", |_| {})), steps).await;
        let network = TestNetwork::new();
        network.name("idp.test", &[&[PUBLIC]]);
        network.route(PUBLIC, server.address);
        Self { network, server, policy: policy(&authority) }
    }

    pub(crate) fn fetcher(&self) -> Fetcher {
        Fetcher::on(self.policy.clone(), Arc::clone(&self.network) as _).expect("fetcher")
    }

    pub(crate) async fn get(&self) -> Result<Bytes, FetchError> {
        get(&self.fetcher(), "https://idp.test/keys?x=1").await
    }
}

/// A policy with time enough for any machine.
pub(crate) fn policy(authority: &Authority) -> FetchPolicy {
    FetchPolicy { ca: Some(authority.pem()), timeout: Duration::from_secs(60), ..FetchPolicy::default() }
}

pub(crate) fn ask(url: &str) -> Ask<'_> {
    Ask { url, source: "test", max_bytes: 5 * 1024, expect: Expect::Json }
}

pub(crate) async fn get(fetcher: &Fetcher, url: &str) -> Result<Bytes, FetchError> {
    fetcher.get(&ask(url)).await
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("address")
}

pub(crate) fn is_refused<T>(outcome: &Result<T, FetchError>) -> bool {
    matches!(outcome, Err(FetchError::Refused(_)))
}
