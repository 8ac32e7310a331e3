//! The Streamable HTTP hop over any tower service: an inner service in the same program, or a client.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use bytes::Bytes;
use doorward_wire::{Era, Kind, Method, sse};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use tower::{Service, ServiceExt};

use super::{Frame, Incoming, Link, LinkKey, Outgoing, Shape, Upstream, UpstreamError, UpstreamState};
use crate::Body;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// The largest message that an upstream may send, in bytes.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;

type Hop = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Result<Response<Body>, UpstreamError>> + Send + Sync>;

/// A guarded server reached over Streamable HTTP through a tower service.
///
/// The address is fixed when it is built: no request chooses the host that receives a credential
/// (CVE-2026-15583), and no redirect is followed (CVE-2026-53840, PT-03).
#[derive(Clone)]
pub struct HttpUpstream {
    hop: Hop,
    uri: Uri,
    state: Arc<dyn Fn() -> UpstreamState + Send + Sync>,
}

/// What a legacy conversation remembers: the session id that the upstream gave, which never leaves (E05).
#[derive(Debug, Default)]
struct SessionMemory {
    id: ArcSwapOption<HeaderValue>,
    version: ArcSwapOption<HeaderValue>,
}

impl HttpUpstream {
    /// An upstream at `uri`, reached through `service`.
    ///
    /// The service must not follow redirects and must not add what the caller sent; a credential of the upstream's
    /// own is added by the service.
    pub fn new<S, R, B>(service: S, uri: Uri) -> Self
    where
        S: Service<Request<R>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send + 'static,
        R: From<Bytes> + Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let hop: Hop = Arc::new(move |request| {
            let service = service.clone();
            let request = request.map(R::from);
            Box::pin(async move {
                let response = service
                    .oneshot(request)
                    .await
                    .map_err(|error| UpstreamError::Unreachable(chain(error.into().as_ref())))?;
                Ok(response.map(Body::from_upstream))
            })
        });
        Self { hop, uri, state: Arc::new(|| UpstreamState::Unknown) }
    }

    /// Reports readiness through `state` instead of saying nothing.
    #[must_use]
    pub fn with_state(mut self, state: impl Fn() -> UpstreamState + Send + Sync + 'static) -> Self {
        self.state = Arc::new(state);
        self
    }
}

/// An error and its causes in one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[async_trait]
impl Upstream for HttpUpstream {
    async fn link(&self, _key: &LinkKey) -> Result<Arc<dyn Link>, UpstreamError> {
        // Connections are pooled below; what belongs to one caller is the session id alone, so a link is light.
        Ok(Arc::new(HttpLink {
            hop: Arc::clone(&self.hop),
            uri: self.uri.clone(),
            memory: SessionMemory::default(),
            ended: AtomicBool::new(false),
        }))
    }

    fn state(&self) -> UpstreamState {
        (self.state)()
    }
}

struct HttpLink {
    hop: Hop,
    uri: Uri,
    memory: SessionMemory,
    ended: AtomicBool,
}

impl HttpLink {
    fn request(&self, method: HttpMethod, accept: &'static str, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        if let Some(host) = self.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
            // The upstream's own name: what the caller wrote in `Host` ends at our door.
            request.headers_mut().insert(HOST, host);
        }
        request
    }

    /// A legacy conversation repeats its session and version on every request (checklist C15).
    fn remember_into(&self, headers: &mut HeaderMap) {
        if let Some(id) = self.memory.id.load_full() {
            headers.insert(SESSION, HeaderValue::clone(&id));
        }
        if let Some(version) = self.memory.version.load_full() {
            headers.insert(PROTOCOL, HeaderValue::clone(&version));
        }
    }

    async fn go(&self, request: Request<Bytes>, deadline: Duration) -> Result<Response<Body>, UpstreamError> {
        tokio::time::timeout(deadline, (self.hop)(request)).await.map_err(|_| UpstreamError::TimedOut)?
    }
}

#[async_trait]
impl Link for HttpLink {
    async fn send(&self, out: Outgoing) -> Result<Incoming, UpstreamError> {
        let legacy = out.version().era() == Era::Legacy;
        let opening = matches!(out.message().kind(), Kind::Request { method: Method::Initialize, .. });
        let asks = matches!(out.message().kind(), Kind::Request { .. });
        let accept = "application/json, text/event-stream";
        let mut request = self.request(HttpMethod::POST, accept, out.message().bytes().clone());
        if let Some(caller) = out.caller() {
            // For a service in this program alone: extensions don't travel over a network.
            request.extensions_mut().insert(Arc::clone(caller));
        }
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(out.headers().clone());
        if legacy && !opening {
            self.remember_into(headers);
            if let Some(version) = out.headers().get(&PROTOCOL) {
                self.memory.version.store(Some(Arc::new(version.clone())));
            }
        }
        let response = self.go(request, out.deadline()).await?;
        if opening && let Some(id) = response.headers().get(&SESSION) {
            self.memory.id.store(Some(Arc::new(id.clone())));
        }
        let in_session = legacy && !opening && self.memory.id.load().is_some();
        if in_session && response.status() == StatusCode::NOT_FOUND {
            self.ended.store(true, Ordering::Relaxed);
            return Err(UpstreamError::SessionEnded);
        }
        incoming(response, asks)
    }

    async fn listen(&self, resume: Option<&str>) -> Result<Incoming, UpstreamError> {
        let mut request = self.request(HttpMethod::GET, "text/event-stream", Bytes::new());
        self.remember_into(request.headers_mut());
        if let Some(event) = resume {
            let value = HeaderValue::from_str(event)
                .map_err(|_| UpstreamError::Protocol("an event id is not a header value".into()))?;
            request.headers_mut().insert(LAST_EVENT, value);
        }
        let response = self.go(request, Duration::from_secs(30)).await?;
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Err(UpstreamError::NoStream),
            StatusCode::NOT_FOUND => Err(UpstreamError::SessionEnded),
            _ => incoming(response, true),
        }
    }

    async fn cancel(&self, _id: u64) {
        // Dropping the frames closed the response stream, which is the cancellation (checklist A10); a legacy
        // disconnect is none (B08), and its client says so itself.
    }

    async fn close(&self) {
        if self.memory.id.load().is_none() || self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut request = self.request(HttpMethod::DELETE, "application/json", Bytes::new());
        self.remember_into(request.headers_mut());
        // Deleting is a courtesy (checklist C15); the session is gone on our side whatever the answer.
        drop(self.go(request, Duration::from_secs(5)).await);
    }

    fn is_alive(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }
}

/// Reads a response: which statuses are relayed, and how its frames come.
fn incoming(response: Response<Body>, asks: bool) -> Result<Incoming, UpstreamError> {
    let (parts, body) = response.into_parts();
    let status = parts.status;
    let refused = status.is_redirection()
        || matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        );
    if refused {
        return Err(UpstreamError::Status(status));
    }
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("text/event-stream") && status.is_success() {
        return Ok(Incoming { status, shape: Shape::Stream, frames: events(body) });
    }
    if kind.eq_ignore_ascii_case("application/json") && (asks || !status.is_success()) {
        return Ok(Incoming { status, shape: Shape::Single, frames: single(body) });
    }
    if !asks && status.is_success() {
        return Ok(Incoming { status: StatusCode::ACCEPTED, shape: Shape::Accepted, frames: stream::empty().boxed() });
    }
    if status.is_success() {
        return Err(UpstreamError::Protocol(format!(
            "a request was answered with content type `{}`",
            kind.escape_default()
        )));
    }
    Err(UpstreamError::Status(status))
}

fn single(body: Body) -> BoxStream<'static, Result<Frame, UpstreamError>> {
    stream::once(async move {
        let collected = Limited::new(body, MAX_MESSAGE).collect().await.map_err(|error| {
            if error.downcast_ref::<http_body_util::LengthLimitError>().is_some() {
                UpstreamError::TooLarge(MAX_MESSAGE)
            } else {
                UpstreamError::Closed
            }
        })?;
        Ok(Frame::message(collected.to_bytes()))
    })
    .boxed()
}

/// Decodes an event stream as it arrives; nothing is held back (A09).
fn events(body: Body) -> BoxStream<'static, Result<Frame, UpstreamError>> {
    struct State {
        body: Body,
        decoder: sse::Decoder,
        over: bool,
    }
    let state = State { body, decoder: sse::Decoder::new(MAX_MESSAGE), over: false };
    stream::unfold(state, |mut state| async move {
        loop {
            if let Some(event) = state.decoder.next() {
                let frame = Frame { id: event.id, retry: event.retry, data: event.data };
                return Some((Ok(frame), state));
            }
            if state.over {
                return None;
            }
            match state.body.frame().await {
                None => {
                    state.over = true;
                }
                Some(Err(_)) => {
                    state.over = true;
                    return Some((Err(UpstreamError::Closed), state));
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && state.decoder.push(&data).is_err()
                    {
                        state.over = true;
                        return Some((Err(UpstreamError::TooLarge(MAX_MESSAGE)), state));
                    }
                }
            }
        }
    })
    .boxed()
}
