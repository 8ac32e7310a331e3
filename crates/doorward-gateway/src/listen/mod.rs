//! The HTTP door: sockets, caps, clocks and framing, before a request means anything.
//!
//! A listener speaks HTTP/1.1 and HTTP/2, encrypted where it was given a [`TlsAcceptor`]. What a peer may take is in
//! [`Limits`]; what a peer may not write is in `framing`. Requests go to a [`Handler`] one by one, each with the
//! [`Peer`] it came from.

mod activity;
mod bind;
mod body;
mod caps;
mod framing;
mod limits;
mod serve;
mod shutdown;

use ipnet::IpNet;
use std::{io, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

pub use self::{
    bind::{BadListenAddress, BindError, ListenAddress, bind, reachable},
    body::{BodyError, RequestBody},
    limits::Limits,
    serve::{Handler, Peer, TlsPeer},
    shutdown::{Shutdown, Signals},
};
use self::{caps::Caps, serve::Connections};

/// A set of sockets that answer alike.
pub struct Listener<H> {
    handler: H,
    limits: Limits,
    tls: Option<TlsAcceptor>,
    proxies: Vec<IpNet>,
}

impl<H: Handler> Listener<H> {
    /// A plain listener. It is the caller's duty to bind it to loopback alone (HD-08).
    #[must_use]
    pub fn new(handler: H, limits: Limits) -> Self {
        Self { handler, limits, tls: None, proxies: Vec::new() }
    }

    /// Speaks TLS, and nothing else.
    #[must_use]
    pub fn tls(mut self, acceptor: TlsAcceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    /// Addresses of proxies, which many people share: they are spared the cap per address.
    #[must_use]
    pub fn proxies(mut self, proxies: Vec<IpNet>) -> Self {
        self.proxies = proxies;
        self
    }

    /// Serves until the shutdown has drained or stopped every connection.
    pub async fn serve(self, sockets: Vec<TcpListener>, shutdown: Shutdown) {
        let Self { handler, limits, tls, proxies } = self;
        let caps = Caps::new(limits.connections, limits.connections_per_address);
        let connections =
            Arc::new(Connections { handler, limits, caps: caps.clone(), tls, shutdown: shutdown.clone() });
        let proxies: Arc<[IpNet]> = proxies.into();
        let running = TaskTracker::new();
        for socket in sockets {
            let connections = Arc::clone(&connections);
            let (caps, proxies, running) = (caps.clone(), Arc::clone(&proxies), running.clone());
            let accepting = running.clone();
            accepting.spawn(async move { accept(socket, &connections, &caps, &proxies, &running).await });
        }
        running.close();
        running.wait().await;
    }
}

async fn accept<H: Handler>(
    socket: TcpListener,
    connections: &Arc<Connections<H>>,
    caps: &Caps,
    proxies: &[IpNet],
    running: &TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = connections.shutdown.draining() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let peer = address.ip().to_canonical();
                let exempt = proxies.iter().any(|net| net.contains(&peer));
                match caps.admit(address.ip(), exempt) {
                    Ok(place) => {
                        let connections = Arc::clone(connections);
                        running.spawn(async move {
                            connections.serve(stream, address).await;
                            drop(place);
                        });
                    }
                    // Closing tells the peer at once; a queue would make everyone wait for the greedy one.
                    Err(full) => {
                        tracing::debug!(%address, ?full, "a connection over the cap was closed");
                    }
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors or memory: other connections must end first.
                tracing::warn!(%error, "cannot accept connections at the moment");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Whether an accept failed for the sake of the connection that was to be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
