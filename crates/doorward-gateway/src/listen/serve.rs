//! One connection, from its first byte to its last.

use std::{convert::Infallible, future::Future, net::SocketAddr, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::Service,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, MissedTickBehavior},
};
use tokio_rustls::TlsAcceptor;

use super::{
    activity::{Activity, Verdict},
    body::{AnswerBody, RequestBody},
    caps::Caps,
    framing::{Protocol, Strict, sniff},
    limits::Limits,
    shutdown::Shutdown,
};

/// Who is at the other end of a connection: an extension of each of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address the connection came from.
    pub address: SocketAddr,
    /// What the handshake said, when the connection is encrypted.
    pub tls: Option<TlsPeer>,
}

/// What a TLS handshake said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPeer {
    /// The server name that the client asked for, lower case (RFC 6066 section 3).
    pub server_name: Option<Box<str>>,
}

/// What answers the requests of a listener. A failure is an answer too.
pub trait Handler: Clone + Send + Sync + 'static {
    /// The answer's body.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static;

    /// Answers one request, whose extensions hold its [`Peer`].
    fn handle(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// What all connections of a listener share.
pub(super) struct Connections<H> {
    pub(super) handler: H,
    pub(super) limits: Limits,
    pub(super) caps: Caps,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) shutdown: Shutdown,
}

impl<H: Handler> Connections<H> {
    pub(super) async fn serve(self: Arc<Self>, socket: TcpStream, address: SocketAddr) {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        // Where places are scarce, those who say nothing have less time.
        let patience = if self.caps.is_crowded() { self.limits.handshake / 4 } else { self.limits.handshake };
        let deadline = Instant::now() + patience;
        let Some(acceptor) = self.tls.clone() else {
            return self.plain(socket, address, deadline).await;
        };
        let handshake = tokio::select! {
            biased;
            handshake = tokio::time::timeout_at(deadline, acceptor.accept(socket)) => handshake,
            () = self.shutdown.stopped() => return,
        };
        match handshake {
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let server_name = session.server_name().map(|name| name.to_ascii_lowercase().into());
                let protocol = if session.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
                let peer = Peer { address, tls: Some(TlsPeer { server_name }) };
                self.speak(stream, protocol, Bytes::new(), peer).await;
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
        }
    }

    async fn plain(self: Arc<Self>, mut socket: TcpStream, address: SocketAddr, deadline: Instant) {
        let sniffed = tokio::select! {
            biased;
            sniffed = sniff(&mut socket, deadline) => sniffed,
            () = self.shutdown.draining() => return,
        };
        match sniffed {
            Ok((protocol, seen)) => self.speak(socket, protocol, seen, Peer { address, tls: None }).await,
            Err(error) => {
                tracing::debug!(%address, %error, "a connection ended before its first request");
            }
        }
    }

    async fn speak<I>(self: Arc<Self>, io: I, protocol: Protocol, seen: Bytes, peer: Peer)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new();
        let limits = &self.limits;
        let service = PerRequest { connections: Arc::clone(&self), activity: activity.clone(), peer };
        match protocol {
            Protocol::Http1 => {
                let io = TokioIo::new(Strict::new(io, seen, limits.head));
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    // Runs while a connection waits for its next request too; the time for one head is `Strict`'s.
                    .header_read_timeout(limits.idle)
                    .max_headers(limits.headers)
                    .max_header_size(limits.head_bytes)
                    .max_buf_size(limits.head_bytes.max(64 * 1024))
                    .half_close(false)
                    .serve_connection(io, service);
                self.drive(connection, http1::Connection::graceful_shutdown, &activity).await;
            }
            Protocol::Http2 => {
                let io = TokioIo::new(Prefixed { seen, io });
                let connection = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(limits.streams)
                    .max_pending_accept_reset_streams(20)
                    .max_local_error_reset_streams(64)
                    .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
                    .max_send_buf_size(64 * 1024)
                    .keep_alive_interval(limits.idle / 4)
                    .keep_alive_timeout(limits.handshake)
                    .serve_connection(io, service);
                self.drive(connection, http2::Connection::graceful_shutdown, &activity).await;
            }
        }
    }

    /// Runs a connection until it ends by itself, is idle or stalled for too long, or the node shuts down.
    async fn drive<C>(&self, connection: C, graceful: impl Fn(Pin<&mut C>), activity: &Activity)
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = std::pin::pin!(connection);
        let mut ended_gracefully = false;
        let period = (self.limits.idle.min(self.limits.stall) / 4).max(std::time::Duration::from_millis(10));
        let mut ticks = tokio::time::interval_at(Instant::now() + period, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    return;
                }
                _ = ticks.tick() => {
                    let idle = if self.caps.is_crowded() { self.limits.idle / 8 } else { self.limits.idle };
                    match activity.verdict(idle, self.limits.stall) {
                        Verdict::Keep => {}
                        Verdict::Idle if !ended_gracefully => {
                            ended_gracefully = true;
                            graceful(connection.as_mut());
                        }
                        Verdict::Idle => return,
                        Verdict::Stalled => {
                            tracing::debug!("a peer did not read its answer; connection closed");
                            return;
                        }
                    }
                }
                () = self.shutdown.draining(), if !ended_gracefully => {
                    ended_gracefully = true;
                    graceful(connection.as_mut());
                }
                () = self.shutdown.stopped() => return,
            }
        }
    }
}

/// The service of one connection.
struct PerRequest<H> {
    connections: Arc<Connections<H>>,
    activity: Activity,
    peer: Peer,
}

impl<H: Handler> Service<Request<Incoming>> for PerRequest<H> {
    type Response = Response<AnswerBody<H::Body>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let ticket = self.activity.begin();
        let connections = Arc::clone(&self.connections);
        let Limits { body_silence, body, .. } = connections.limits;
        let mut request = request.map(|incoming| RequestBody::new(incoming, body_silence, body));
        request.extensions_mut().insert(self.peer.clone());
        Box::pin(async move {
            let response = connections.handler.handle(request).await;
            Ok(response.map(|body| AnswerBody::new(body, ticket)))
        })
    }
}

/// A stream whose first bytes were read already.
struct Prefixed<I> {
    seen: Bytes,
    io: I,
}

impl<I: AsyncRead + Unpin> AsyncRead for Prefixed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.seen.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let take = self.seen.len().min(buf.remaining());
        buf.put_slice(&self.seen.split_to(take));
        std::task::Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Prefixed<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
