//! The responder: released events become an HTTP answer. It takes nothing that was not released.

use std::time::Duration;

use bytes::Bytes;
use doorward_audit::DecisionId;
use doorward_wire::sse;
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::Body;
use crate::exchange::{Exchange, Released};
use crate::refusal::{Refusal, stamp, status_for};
use crate::upstream::{Shape, UpstreamError};

/// A stream that says nothing for so long gets a comment, so that nobody on the way closes it (A09).
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A process that has not answered after so long is answered with a stream: the client sees that work goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers one exchange.
pub(crate) async fn respond(mut exchange: Exchange) -> Response<Body> {
    let decision = *exchange.decision();
    let mut response = match exchange.shape() {
        Shape::Accepted => {
            // Nothing follows; the stream is drained so that the outcome says how it went.
            while exchange.next().await.is_some() {}
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        Shape::Single => single(&mut exchange).await,
        Shape::Stream => streamed(exchange, None),
        Shape::Open => open(exchange).await,
    };
    stamp(&mut response, &decision);
    response
}

/// Waits for the events up to the answer; gives the answer, and the exchange for what may follow.
///
/// Used where the head of the answer depends on the answer itself: a session opens with `initialize`.
pub(crate) async fn first_answer(exchange: &mut Exchange) -> Option<Released> {
    while let Some(released) = exchange.next().await {
        if released.is_answer() {
            return Some(released);
        }
    }
    None
}

async fn single(exchange: &mut Exchange) -> Response<Body> {
    match first_answer(exchange).await {
        Some(released) => whole(&released, exchange.status()),
        None => Refusal::from_upstream(&UpstreamError::Closed).response(exchange.decision()),
    }
}

/// A JSON answer.
pub(crate) fn whole(released: &Released, status: StatusCode) -> Response<Body> {
    let status = released.own_status().unwrap_or(status);
    let text = released.text().cloned().unwrap_or_default();
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Looks at the first event: an answer is given as JSON, anything else begins a stream.
async fn open(mut exchange: Exchange) -> Response<Body> {
    match tokio::time::timeout(PATIENCE, exchange.next()).await {
        Ok(Some(released)) if released.is_answer() => {
            let status = released.message().map_or(StatusCode::OK, |message| status_for(exchange.version(), message));
            whole(&released, status)
        }
        Ok(Some(released)) => streamed(exchange, Some(released)),
        Ok(None) => Refusal::from_upstream(&UpstreamError::Closed).response(exchange.decision()),
        Err(_) => streamed(exchange, None),
    }
}

/// An event stream, released as it comes.
fn streamed(exchange: Exchange, first: Option<Released>) -> Response<Body> {
    struct State {
        exchange: Exchange,
        first: Option<Released>,
    }
    let chunks = stream::unfold(State { exchange, first }, |mut state| async move {
        if let Some(first) = state.first.take() {
            return Some((encode(&first), state));
        }
        // Dropping `next` half-way loses nothing: it takes a frame and gives it on without waiting in between,
        // but for what Doorward itself says to the upstream.
        match tokio::time::timeout(KEEP_ALIVE, state.exchange.next()).await {
            Ok(Some(released)) => Some((encode(&released), state)),
            Ok(None) => None,
            Err(_) => Some((Bytes::from_static(sse::KEEP_ALIVE), state)),
        }
    });
    let mut response = Response::new(Body::stream(chunks));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// One released event as it stands on an event stream. Nothing else can be put there.
#[must_use]
pub fn encode(released: &Released) -> Bytes {
    sse::encode(&sse::Event {
        id: released.id().map(str::to_owned),
        event: None,
        data: Some(released.text().cloned().unwrap_or_default()),
        retry: released.retry(),
    })
}

/// An empty 202, for a notification that was taken (A06).
pub(crate) fn accepted(decision: &DecisionId) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    stamp(&mut response, decision);
    response
}
