//! The floor: a bare hop that parses the JSON of the request and checks nothing.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::Failed;

/// Forwards every request to `target`.
pub async fn serve(port: u16, target: SocketAddr) -> Result<(), Failed> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let client = client.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| hop(request, client.clone(), target));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn hop(
    request: Request<Incoming>,
    client: Client<HttpConnector, Full<Bytes>>,
    target: SocketAddr,
) -> Result<hyper::Response<Incoming>, Failed> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let _parsed: serde_json::Value = serde_json::from_slice(&body)?;
    parts.uri = format!("http://{target}{}", parts.uri.path()).parse()?;
    parts.headers.remove(http::header::HOST);
    Ok(client.request(Request::from_parts(parts, Full::new(body))).await?)
}
