//! Encryption with real handshakes: versions, protocols, a local authority, certificates that change.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends at the first surprise")]

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use doorward_gateway::{
    listen::{Handler, Limits, Listener, Peer, RequestBody, Shutdown, bind},
    tls::{self, Certificates, LocalAuthority, PemFiles, TlsError},
};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Says which server name the handshake asked for.
#[derive(Clone)]
struct Names;

impl Handler for Names {
    type Body = Full<Bytes>;

    async fn handle(&self, request: Request<RequestBody>) -> Response<Full<Bytes>> {
        let peer = request.extensions().get::<Peer>().unwrap();
        let name = peer.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        Response::new(Full::new(format!("{name:?} {:?}", request.version()).into()))
    }
}

fn now() -> SystemTime {
    // The test's own clock, as handshakes compare with the machine's.
    std::fs::metadata("/proc/self/stat").unwrap().modified().unwrap()
}

fn authority(directory: &Path) -> LocalAuthority {
    LocalAuthority::ensure(&directory.join("tls"), &["mcp.test".to_owned()], now()).unwrap()
}

async fn serve(certificates: Arc<Certificates>) -> (SocketAddr, Shutdown) {
    let sockets = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = sockets[0].local_addr().unwrap();
    let shutdown = Shutdown::new();
    let listener = Listener::new(Names, Limits::default()).tls(tls::acceptor(certificates).unwrap());
    tokio::spawn(listener.serve(sockets, shutdown.clone()));
    (address, shutdown)
}

async fn connect(
    address: SocketAddr,
    trusted: &Path,
    name: &str,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
}

#[tokio::test]
async fn both_protocols_are_spoken_under_the_local_authority() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority(directory.path());
    let (address, _shutdown) = serve(Certificates::load(&authority.pair()).unwrap()).await;

    let stream = connect(address, &authority.certificate(), "mcp.test", &["h2", "http/1.1"]).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://mcp.test/").body(Full::<Bytes>::default()).unwrap();
    let said = client.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(said, r#"Some("mcp.test") HTTP/2.0"#);

    let stream = connect(address, &authority.certificate(), "127.0.0.1", &["http/1.1"]).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "mcp.test").body(Full::<Bytes>::default()).unwrap();
    let said = client.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(said, "None HTTP/1.1");
}

#[tokio::test]
async fn the_local_authority_speaks_for_its_names_only() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority(directory.path());
    let (address, _shutdown) = serve(Certificates::load(&authority.pair()).unwrap()).await;
    for name in ["mcp.test", "localhost", "127.0.0.1", "::1"] {
        assert!(connect(address, &authority.certificate(), name, &[]).await.is_ok(), "{name}");
    }
    for name in ["evil.test", "xmcp.test", "127.0.0.2"] {
        assert!(connect(address, &authority.certificate(), name, &[]).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn hd_09_tls_1_1_is_refused_in_the_handshake() {
    let directory = tempfile::tempdir().unwrap();
    let (address, _shutdown) = serve(Certificates::load(&authority(directory.path()).pair()).unwrap()).await;
    for minor in [1_u8, 2] {
        // A ClientHello of TLS 1.0 or 1.1 that offers RC4 and AES with a static key.
        let mut hello = vec![3, minor];
        hello.extend([7; 32]);
        hello.extend([0, 0, 4, 0x00, 0x05, 0x00, 0x2f, 1, 0]);
        let length = u8::try_from(hello.len()).unwrap();
        let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
        record.extend(hello);
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(&record).await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        // An alert of level fatal.
        assert_eq!((answer.first(), answer.get(5)), (Some(&21), Some(&2)), "{answer:?}");
    }
}

#[tokio::test]
async fn hd_08_plain_http_on_the_encrypted_port_is_not_answered() {
    let directory = tempfile::tempdir().unwrap();
    let (address, _shutdown) = serve(Certificates::load(&authority(directory.path()).pair()).unwrap()).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: mcp.test\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    assert!(!answer.windows(4).any(|window| window == b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_changed_certificate_is_taken_and_a_broken_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let old = authority(directory.path());
    let new = authority(&directory.path().join("other"));
    let files = PemFiles { certificate: directory.path().join("crt"), key: directory.path().join("key") };
    let install = |pair: PemFiles| {
        std::fs::copy(pair.certificate, &files.certificate).unwrap();
        std::fs::copy(pair.key, &files.key).unwrap();
    };
    install(old.pair());
    let certificates = Certificates::load(&files).unwrap();
    let (address, _shutdown) = serve(Arc::clone(&certificates)).await;
    let ask = Arc::new(tokio::sync::Notify::new());
    let following = tokio::spawn({
        let (certificates, files, ask) = (Arc::clone(&certificates), files.clone(), Arc::clone(&ask));
        async move { certificates.follow(files, &ask).await }
    });
    let trusted =
        async |authority: &LocalAuthority| connect(address, &authority.certificate(), "mcp.test", &[]).await.is_ok();
    assert!(trusted(&old).await && !trusted(&new).await);

    std::fs::write(&files.key, "-----BEGIN PRIVATE KEY-----\nbroken").unwrap();
    assert!(matches!(certificates.reload(&files), Err(TlsError::NoKey(_))));
    std::fs::copy(new.pair().key, &files.key).unwrap();
    assert!(matches!(certificates.reload(&files), Err(TlsError::Mismatch(_))));
    assert!(trusted(&old).await);

    install(new.pair());
    ask.notify_one();
    for _ in 0..500 {
        if trusted(&new).await {
            following.abort();
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the new certificate was not taken");
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_with_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let pair = authority(directory.path()).pair();
    let missing = PemFiles { certificate: directory.path().join("no.crt"), key: pair.key.clone() };
    let swapped = PemFiles { certificate: pair.key.clone(), key: pair.certificate.clone() };
    let no_key = PemFiles { certificate: pair.certificate.clone(), key: pair.certificate.clone() };
    for (files, expected) in
        [(missing, "no.crt"), (swapped, "holds no PEM certificate"), (no_key, "holds no PEM private key")]
    {
        let said = files.load().unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains('\n'), "{said}");
    }
}
