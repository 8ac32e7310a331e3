//! Where a peer is served, and the loop that accepts connections.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use clap::Args;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::net::TcpListener;

/// The one transport that a server is told to use.
#[derive(Args, Debug, Clone, Copy)]
#[group(required = true, multiple = false)]
pub struct Transport {
    /// Serve HTTP on this address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<SocketAddr>,
    /// Serve standard input and output
    #[arg(long)]
    pub stdio: bool,
}

/// Binds `address` and says so on standard output, as the first line.
///
/// # Errors
///
/// When the address can't be bound.
pub async fn listen(address: SocketAddr, path: &str) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}{path}", listener.local_addr()?);
    Ok(listener)
}

/// Serves HTTP/1.1 and HTTP/2 on every connection, until the process ends.
pub async fn forever<S, B>(listener: TcpListener, service: S)
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        tokio::spawn(async move {
            // A peer that goes away mid-answer is part of many tests.
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
