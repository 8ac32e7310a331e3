//! The guarded endpoint as a tower service: what is mounted at a server's path.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower::Service;

use crate::Body;
use crate::body::BodyError;
use crate::corridor;
use crate::guard::{Core, Server};

/// The address that a request came from, put into its extensions by whoever accepts connections.
///
/// It must be the peer's own address, or what a configured proxy says of it; never a header that anyone can send
/// (HD-05). Requests without it share one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// One guarded server as a tower service over HTTP requests. It never fails: every refusal is a response.
#[derive(Clone)]
pub struct McpService {
    core: Arc<Core>,
    server: Arc<Server>,
}

impl McpService {
    pub(crate) fn new(core: Arc<Core>, server: Arc<Server>) -> Self {
        Self { core, server }
    }
}

impl fmt::Debug for McpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpService").field("server", &self.server.name).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for McpService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (core, server) = (Arc::clone(&self.core), Arc::clone(&self.server));
        Box::pin(async move { Ok(corridor::walk(core, server, request).await) })
    }
}
