//! The network as the fetcher sees it: names and connections.

use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use tokio::net::TcpStream;

/// Looks names up and connects. The two are apart so that what was checked in between is what is
/// connected to (CI-03); a test puts its own in.
#[async_trait]
pub trait Network: Send + Sync {
    /// The addresses of a name, asked for once per fetch.
    ///
    /// # Errors
    /// The name has none, or nobody could be asked.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;

    /// Connects to exactly this address.
    ///
    /// # Errors
    /// Nobody answered there.
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

/// The system's resolver and sockets. Proxies of the environment are not looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNetwork;

#[async_trait]
impl Network for SystemNetwork {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}
