//! A node that speaks TLS under its own authority.

use std::{path::Path, sync::Arc};

use doorward_gateway::{
    config::{Config, RunTarget, RunTls},
    node_file::Mode,
    tls,
};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::harness::{Place, Said, options};

async fn place() -> Place {
    let mut options = options(RunTarget::Url("http://localhost:9/mcp".to_owned()), &[]);
    options.tls = Some(RunTls::SelfSigned);
    options.public_url = Some("https://mcp.test".to_owned());
    let (config, _) = Config::for_run(&options).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let node = doorward_gateway::node::Node::start(
        config,
        crate::harness::node_options(&directory.path().join("state"), Mode::Run),
    );
    Place { node: node.await.unwrap(), directory }
}

async fn get(port: u16, trusted: &Path, asked: &str, host: &str) -> Said {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from(asked.to_owned()).unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/readyz").header(header::HOST, host).body(Empty::<bytes::Bytes>::new()).unwrap();
    let (parts, body) = client.send_request(request).await.unwrap().into_parts();
    Said { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

fn port(place: &Place) -> u16 {
    place.node.addresses()[0].port()
}

#[tokio::test]
async fn hd_08_answers_over_tls_ask_for_tls_from_then_on() {
    let place = place().await;
    let trusted = place.state().join("tls/ca.pem");
    assert!(place.node.how_to_trust().unwrap().contains(trusted.to_str().unwrap()));
    let said = get(port(&place), &trusted, "mcp.test", "mcp.test").await;
    assert_eq!((said.status, said.header("strict-transport-security")), (StatusCode::OK, "max-age=31536000"));
    // On this machine the promise would hold for every other program too.
    let local = format!("localhost:{}", port(&place));
    let said = get(port(&place), &trusted, "localhost", &local).await;
    assert_eq!((said.status, said.header("strict-transport-security")), (StatusCode::OK, ""));
}

#[tokio::test]
async fn hd_09_a_connection_for_one_name_answers_for_no_other() {
    let place = place().await;
    let trusted = place.state().join("tls/ca.pem");
    let local = format!("localhost:{}", port(&place));
    for (asked, host) in [("mcp.test", local.as_str()), ("localhost", "mcp.test")] {
        let said = get(port(&place), &trusted, asked, host).await;
        assert_eq!(said.status, StatusCode::MISDIRECTED_REQUEST, "{asked} {host}");
    }
    let said = get(port(&place), &trusted, "mcp.test", "evil.test").await;
    assert!(said.status.is_client_error());
}
