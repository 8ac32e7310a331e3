//! The guard around a service in the same program: the library's way in.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use doorward_identity::{Resource, resource_metadata};
use doorward_wire::ServerName;
use futures::future::{BoxFuture, FutureExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use tower::{Layer, Service};

use crate::body::BodyError;
use crate::upstream::HttpUpstream;
use crate::{Body, Guard, Guarded, McpService};

/// The path prefix of protected-resource metadata (RFC 9728 section 3).
const METADATA: &str = "/.well-known/oauth-protected-resource";

/// Puts the guard in front of a tower service that speaks MCP over Streamable HTTP.
///
/// The inner service sees only what was permitted, under ids of the guard's own, without the caller's credential;
/// the proven [`Caller`](crate::identity::Caller) stands in the request's extensions as `Arc<Caller>`.
#[derive(Clone, Debug)]
pub struct GuardLayer {
    guard: Guard,
    name: ServerName,
    resource: Resource,
    authorization_servers: Vec<String>,
    call_timeout: Duration,
}

impl GuardLayer {
    /// A layer for the server `name`, whose callers need tokens for `resource` from one of
    /// `authorization_servers` (issuer URLs, for the metadata document).
    #[must_use]
    pub fn new(guard: Guard, name: ServerName, resource: Resource, authorization_servers: Vec<String>) -> Self {
        Self { guard, name, resource, authorization_servers, call_timeout: Duration::from_secs(300) }
    }

    /// Replaces the time that one call may take at most; five minutes by default (A39).
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// Guards a service whose requests have a body of type `R`.
    ///
    /// Use this instead of [`Layer::layer`] when the body type can't be inferred.
    pub fn guard<S, R, B>(&self, inner: S) -> GuardedService
    where
        S: Service<Request<R>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send + 'static,
        R: From<Bytes> + Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        // The inner service is reached by no network, so its host is this machine whatever the public name is.
        let path = self.resource.id.parse::<Uri>().map(|uri| uri.path().to_owned()).unwrap_or_default();
        let uri = Uri::builder().scheme("http").authority("localhost").path_and_query(path).build().unwrap_or_default();
        let service = self.guard.service(Guarded {
            name: self.name.clone(),
            resource: self.resource.clone(),
            upstream: Arc::new(HttpUpstream::new(inner, uri)),
            call_timeout: self.call_timeout,
        });
        let metadata = Bytes::from(resource_metadata(&self.resource, &self.authorization_servers));
        GuardedService { service, metadata }
    }
}

impl<S, B> Layer<S> for GuardLayer
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    type Service = GuardedService;

    fn layer(&self, inner: S) -> GuardedService {
        self.guard::<S, Body, B>(inner)
    }
}

/// A guarded service: the MCP endpoint, and the metadata document that tells clients where to get a token.
#[derive(Clone, Debug)]
pub struct GuardedService {
    service: McpService,
    metadata: Bytes,
}

impl<B> Service<Request<B>> for GuardedService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.uri().path().starts_with(METADATA) {
            let response = metadata(request.method(), self.metadata.clone());
            return std::future::ready(Ok(response)).boxed();
        }
        self.service.call(request)
    }
}

fn metadata(method: &Method, document: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(document));
    if method != Method::GET && method != Method::HEAD {
        response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
