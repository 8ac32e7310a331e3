//! The page that metrics are read from.

use std::sync::Arc;

use bytes::Bytes;
use doorward::{Body, Guard, door::AllowedHosts};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::Metrics;
use crate::{
    listen::{Handler, RequestBody},
    route::Readiness,
};

/// Answers `/metrics` on the operators' listener, and nothing else.
#[derive(Clone)]
pub struct MetricsPage {
    metrics: Arc<Metrics>,
    guard: Guard,
    readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
    hosts: AllowedHosts,
}

impl MetricsPage {
    /// The page of one node; `hosts` are the names that the listener answers to.
    #[must_use]
    pub fn new(
        metrics: Arc<Metrics>,
        guard: Guard,
        readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
        hosts: AllowedHosts,
    ) -> Self {
        Self { metrics, guard, readiness, hosts }
    }

    fn answer(&self, request: &Request<RequestBody>) -> Result<String, StatusCode> {
        let headers = request.headers();
        self.hosts.check(headers, request.uri()).map_err(doorward::door::HostRefused::status)?;
        // No page of any origin has business here (ER-08).
        if headers.contains_key(header::ORIGIN) {
            return Err(StatusCode::FORBIDDEN);
        }
        match (request.uri().path(), request.method()) {
            ("/metrics", &Method::GET | &Method::HEAD) => {
                let sessions = self.guard.sessions().len();
                self.metrics.text(&(self.readiness)(), sessions).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
            }
            ("/metrics", _) => Err(StatusCode::METHOD_NOT_ALLOWED),
            _ => Err(StatusCode::NOT_FOUND),
        }
    }
}

impl Handler for MetricsPage {
    type Body = Body;

    async fn handle(&self, request: Request<RequestBody>) -> Response<Body> {
        let (status, kind, body) = match self.answer(&request) {
            Ok(text) => {
                (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", Bytes::from(text))
            }
            Err(status) => (status, "text/plain; charset=utf-8", Bytes::new()),
        };
        let mut response = Response::new(Body::full(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}
