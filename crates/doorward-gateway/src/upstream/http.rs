//! Guarded servers behind an address: the HTTP client that [`doorward::upstream::HttpUpstream`] speaks through.
//!
//! The address is fixed when the configuration is read. Whatever asks for another one is refused before a connection is
//! made, so the server's credential, which is added here, can go nowhere else (CVE-2026-15583). Redirects are answers
//! like any other and are never followed (CVE-2026-53840, PT-03).

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use doorward::{
    Surroundings,
    upstream::{HttpUpstream, UpstreamState},
};
use http::{HeaderName, HeaderValue, Request, Response, Uri, header, uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore};
use tower::Service;

/// Longest wait for a connection, TLS apart.
const CONNECT: Duration = Duration::from_secs(5);
/// An unused connection is kept for so long.
const IDLE: Duration = Duration::from_secs(90);
/// Unused connections that are kept.
const MOST_IDLE: usize = 64;
/// Longest head of an answer.
const HEAD_BYTES: usize = 64 * 1024;

/// A server behind an address, and what this node shows it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The MCP endpoint.
    pub endpoint: Uri,
    /// The node's own credential for it; its value should be marked as sensitive.
    pub credential: Option<(HeaderName, HeaderValue)>,
}

/// Why a server behind an address can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRemote {
    /// The endpoint lacks a scheme or a host, or the scheme is neither `http` nor `https`.
    #[error("the server's address must be a whole `https://` or `http://` URL")]
    NotAbsolute,
    /// The cryptographic provider refused.
    #[error("TLS cannot be set up")]
    Tls,
}

/// The upstream for a server behind an address.
///
/// # Errors
///
/// When the endpoint is no absolute URL.
pub fn upstream(remote: Remote, surroundings: Arc<dyn Surroundings>) -> Result<HttpUpstream, BadRemote> {
    let endpoint = remote.endpoint.clone();
    let hop = Hop::new(remote, surroundings)?;
    let state = Arc::clone(&hop.state);
    Ok(HttpUpstream::new(hop, endpoint).with_state(move || read(&state)))
}

/// The client, as a tower service for one origin.
#[derive(Clone)]
pub struct Hop {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    origin: Origin,
    credential: Option<(HeaderName, HeaderValue)>,
    state: Arc<Mutex<UpstreamState>>,
    surroundings: Arc<dyn Surroundings>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: uri::Scheme,
    authority: uri::Authority,
}

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        Some(Self { scheme: uri.scheme()?.clone(), authority: uri.authority()?.clone() })
    }
}

impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hop").field("origin", &self.origin).finish_non_exhaustive()
    }
}

fn read(state: &Mutex<UpstreamState>) -> UpstreamState {
    state.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Hop {
    /// A client for one server.
    ///
    /// # Errors
    ///
    /// As [`upstream`].
    pub fn new(remote: Remote, surroundings: Arc<dyn Surroundings>) -> Result<Self, BadRemote> {
        let origin = Origin::of(&remote.endpoint)
            .filter(|origin| [uri::Scheme::HTTP, uri::Scheme::HTTPS].contains(&origin.scheme))
            .ok_or(BadRemote::NotAbsolute)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(crate::tls::provider())
            .with_safe_default_protocol_versions()
            .map_err(|_| BadRemote::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .http1_max_buf_size(HEAD_BYTES)
            .build(connector);
        let credential = remote.credential;
        let state = Arc::new(Mutex::new(UpstreamState::Unknown));
        Ok(Self { client, origin, credential, state, surroundings })
    }

    fn prepare(&self, request: &mut Request<Full<Bytes>>) -> Result<(), HopError> {
        if Origin::of(request.uri()).as_ref() != Some(&self.origin) {
            return Err(HopError::ForeignOrigin);
        }
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("doorward/", env!("CARGO_PKG_VERSION"))));
        if let Some((name, value)) = &self.credential {
            headers.insert(name.clone(), value.clone());
        }
        Ok(())
    }

    fn note(&self, failure: Option<String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match (failure, &*state) {
            (None, _) => UpstreamState::Ready,
            (Some(why), UpstreamState::Failing { since, .. }) => UpstreamState::Failing { since: *since, why },
            (Some(why), _) => UpstreamState::Failing { since: self.surroundings.now(), why },
        };
    }
}

/// Why a request did not go out.
#[derive(Debug, thiserror::Error)]
pub enum HopError {
    /// It was for another host than the configured one.
    #[error("the request is for another host than the configured one")]
    ForeignOrigin,
    /// The server could not be reached, or broke off.
    #[error(transparent)]
    Client(#[from] hyper_util::client::legacy::Error),
}

impl Service<Request<Full<Bytes>>> for Hop {
    type Response = Response<Incoming>;
    type Error = HopError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, HopError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HopError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Full<Bytes>>) -> Self::Future {
        let hop = self.clone();
        Box::pin(async move {
            hop.prepare(&mut request)?;
            match hop.client.request(request).await {
                Ok(response) => {
                    hop.note(None);
                    Ok(response)
                }
                Err(error) => {
                    hop.note(Some(chain(&error)));
                    Err(error.into())
                }
            }
        })
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use doorward::System;
    use http::StatusCode;
    use http_body_util::BodyExt as _;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };
    use tower::ServiceExt as _;

    use super::*;

    /// A server that answers every request with `answer` and keeps what it was sent.
    async fn server(answer: &'static str) -> (String, Arc<AtomicUsize>, Arc<Mutex<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (connections, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(String::new())));
        let (counter, keeper) = (Arc::clone(&connections), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let keeper = Arc::clone(&keeper);
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                        keeper.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
                        socket.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        (origin, connections, seen)
    }

    fn hop(endpoint: &str) -> Hop {
        let mut value = HeaderValue::from_static("Bearer upstream-secret");
        value.set_sensitive(true);
        let remote = Remote { endpoint: endpoint.parse().unwrap(), credential: Some((header::AUTHORIZATION, value)) };
        Hop::new(remote, Arc::new(System)).unwrap()
    }

    fn request(uri: &str) -> Request<Full<Bytes>> {
        Request::post(uri).body(Full::new(Bytes::from_static(b"{}"))).unwrap()
    }

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    #[tokio::test]
    async fn the_credential_goes_to_the_configured_server_over_kept_connections() {
        let (origin, connections, seen) = server(OK).await;
        let hop = hop(&format!("{origin}/mcp"));
        assert_eq!(read(&hop.state), UpstreamState::Unknown);
        for _ in 0..3 {
            let response = hop.clone().oneshot(request(&format!("{origin}/mcp"))).await.unwrap();
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1);
        assert_eq!(seen.lock().unwrap().matches("authorization: Bearer upstream-secret").count(), 3);
        assert_eq!(read(&hop.state), UpstreamState::Ready);
    }

    #[tokio::test]
    async fn cve_2026_15583_no_other_origin_is_asked_with_or_without_the_credential() {
        let (configured, _, _) = server(OK).await;
        let (other, connections, _) = server(OK).await;
        let hop = hop(&format!("{configured}/mcp"));
        let port = configured.rsplit(':').next().unwrap();
        for uri in [
            format!("{other}/mcp"),
            configured.replace("http://", "https://"),
            format!("http://localhost:{port}/mcp"),
            "/mcp".to_owned(),
        ] {
            let refused = hop.clone().oneshot(request(&uri)).await;
            assert!(matches!(refused, Err(HopError::ForeignOrigin)), "{uri}");
        }
        assert_eq!(connections.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn pt_03_a_redirect_is_not_followed() {
        let (other, connections, _) = server(OK).await;
        let redirect = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {other}/\r\nContent-Length: 0\r\n\r\n");
        let (origin, _, _) = server(redirect.leak()).await;
        let response = hop(&origin).oneshot(request(&format!("{origin}/"))).await.unwrap();
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(connections.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_in_one_line() {
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let hop = hop(&format!("http://{unused}/mcp"));
        assert!(hop.clone().oneshot(request(&format!("http://{unused}/mcp"))).await.is_err());
        let UpstreamState::Failing { why, .. } = read(&hop.state) else { panic!("it was reached") };
        assert!(why.contains("onnection refused") && !why.contains('\n'), "{why}");
    }

    #[test]
    fn an_endpoint_is_a_whole_url() {
        for endpoint in ["/mcp", "localhost:80", "ftp://a/mcp"] {
            let remote = Remote { endpoint: endpoint.parse().unwrap(), credential: None };
            assert_eq!(Hop::new(remote, Arc::new(System)).unwrap_err(), BadRemote::NotAbsolute, "{endpoint}");
        }
    }
}
