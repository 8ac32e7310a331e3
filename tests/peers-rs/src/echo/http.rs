//! Streamable HTTP in both eras.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE},
    request::Parts,
};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use tokio::net::TcpListener;

use super::{
    Fault, Server,
    server::{Answer, CHANGED, Source},
    session::Session,
};

const SESSION: &str = "mcp-session-id";

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Serves every connection of `listener`, until the process ends.
pub async fn serve(listener: TcpListener, server: Arc<Server>) {
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok(respond(&server, request).await) }
    });
    crate::serve::forever(listener, service).await;
}

async fn respond(server: &Arc<Server>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return plain(StatusCode::BAD_REQUEST, "the body didn't arrive");
    };
    let body = body.to_bytes();
    server.journal.request(&head, &body);
    match head.method {
        Method::POST => post(server, &head, &body).await,
        Method::GET => get(server, &head),
        Method::DELETE => delete(server, &head),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "POST, GET or DELETE"),
    }
}

async fn post(server: &Arc<Server>, head: &Parts, body: &[u8]) -> Response<Body> {
    let session = match named(&head.headers) {
        None => None,
        Some(id) => match server.sessions.get(id) {
            Some(session) => Some(session),
            None => return plain(StatusCode::NOT_FOUND, "no such session"),
        },
    };
    let source = Source { head: Some(head), session: session.as_ref() };
    match server.answer(body, source).await {
        Answer::Nothing => status(StatusCode::ACCEPTED),
        Answer::One(code, message) if server.options.events && code == StatusCode::OK => {
            events(stream::iter([Bytes::from(message)]))
        }
        Answer::One(code, message) => json(code, message),
        Answer::Opened(message, session) => open(server, message, session),
        Answer::Many(messages) => events(stream::unfold(messages, |mut messages| async move {
            Some((Bytes::from(messages.recv().await?), messages))
        })),
        Answer::Faulty(Fault::Hang, _) | Answer::Silence => std::future::pending().await,
        Answer::Faulty(fault, id) => faulty(server, fault, &id),
    }
}

fn open(server: &Server, message: Vec<u8>, session: Arc<Session>) -> Response<Body> {
    let mut response = if server.options.events {
        events(stream::iter([Bytes::from(message)]))
    } else {
        json(StatusCode::OK, message)
    };
    if !server.options.sessionless
        && let Ok(id) = HeaderValue::try_from(server.sessions.open(session))
    {
        response.headers_mut().insert(SESSION, id);
    }
    response
}

/// The stream of the older era for what belongs to no request.
fn get(server: &Server, head: &Parts) -> Response<Body> {
    if named(&head.headers).and_then(|id| server.sessions.get(id)).is_none() {
        return plain(StatusCode::NOT_FOUND, "no such session");
    }
    let changes = server.changes.subscribe();
    events(stream::unfold(changes, |mut changes| async move {
        changes.recv().await.ok()?;
        Some((Bytes::from_static(CHANGED.as_bytes()), changes))
    }))
}

fn delete(server: &Server, head: &Parts) -> Response<Body> {
    match named(&head.headers) {
        Some(id) if server.sessions.close(id) => status(StatusCode::NO_CONTENT),
        _ => plain(StatusCode::NOT_FOUND, "no such session"),
    }
}

fn faulty(server: &Server, fault: Fault, id: &str) -> Response<Body> {
    let (code, kind) = fault.head();
    let messages = fault.messages(id);
    let mut response = if kind == "text/event-stream" { events(messages) } else { streamed(messages) };
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if fault == Fault::Unauthorized {
        let challenge =
            r#"Bearer realm="upstream", error="invalid_token", resource_metadata="http://evil.example/metadata""#;
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if fault == Fault::Redirect
        && let Ok(location) = HeaderValue::try_from(&server.options.redirect_to)
    {
        headers.insert(LOCATION, location);
    }
    response
}

fn named(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION).and_then(|value| value.to_str().ok())
}

fn json(code: StatusCode, message: Vec<u8>) -> Response<Body> {
    let mut response = full(code, message.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(code: StatusCode, text: &'static str) -> Response<Body> {
    full(code, Bytes::from_static(text.as_bytes()))
}

fn status(code: StatusCode) -> Response<Body> {
    full(code, Bytes::new())
}

fn full(code: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body).boxed_unsync());
    *response.status_mut() = code;
    response
}

fn events(messages: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    let framed = messages.map(|message| Bytes::from([b"data: ", &*message, b"\n\n"].concat()));
    let mut response = streamed(framed);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn streamed(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    Response::new(StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync())
}
