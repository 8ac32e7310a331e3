//! Addresses to listen on, and the sockets behind them.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use tokio::net::TcpListener;

/// Where to listen: an address with a port, or `localhost:PORT`, which stands for both loopback addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `127.0.0.1` and, where the machine has it, `::1`.
    Localhost {
        /// Zero asks the system for a free port, the same for both addresses.
        port: u16,
    },
    /// One address as it stands.
    Socket(SocketAddr),
}

impl ListenAddress {
    /// Whether only this machine can reach it. Everything else needs TLS (HD-08).
    #[must_use]
    pub fn is_loopback(self) -> bool {
        match self {
            Self::Localhost { .. } => true,
            Self::Socket(address) => address.ip().to_canonical().is_loopback(),
        }
    }

    /// The port as configured.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Localhost { port } => port,
            Self::Socket(address) => address.port(),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Localhost { port } => write!(f, "localhost:{port}"),
            Self::Socket(address) => address.fmt(f),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = BadListenAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(port) = text.strip_prefix("localhost:") {
            let port = port.parse().map_err(|_| BadListenAddress)?;
            return Ok(Self::Localhost { port });
        }
        text.parse().map(Self::Socket).map_err(|_| BadListenAddress)
    }
}

/// The text is no address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address to listen on; write `localhost:8700`, `127.0.0.1:8700`, `0.0.0.0:8443` or `[::]:8443`")]
pub struct BadListenAddress;

/// An address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {}", reason(source))]
pub struct BindError {
    /// The address, as configured.
    pub address: ListenAddress,
    /// What the operating system said.
    pub source: io::Error,
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program uses this port; stop it or choose another port".to_owned(),
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need a privilege".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

/// Binds one configured address; `localhost` gives two sockets where the machine has IPv6.
///
/// # Errors
///
/// When the address is taken, not permitted or not there. A missing IPv6 loopback is not an error.
pub async fn bind(address: ListenAddress) -> Result<Vec<TcpListener>, BindError> {
    let failed = |source| BindError { address, source };
    match address {
        ListenAddress::Socket(socket) => Ok(vec![TcpListener::bind(socket).await.map_err(failed)?]),
        ListenAddress::Localhost { port } => {
            let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
            let port = four.local_addr().map_err(failed)?.port();
            match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
                Ok(six) => Ok(vec![four, six]),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(failed(error)),
                // No IPv6 on this machine: the error differs between systems.
                Err(error) => {
                    tracing::debug!(%error, "no IPv6 loopback; listening on IPv4 alone");
                    Ok(vec![four])
                }
            }
        }
    }
}

/// The address to show for a bound one: an unspecified address is no name to call.
#[must_use]
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_written() {
        for (text, loopback) in [
            ("localhost:8700", true),
            ("127.0.0.1:0", true),
            ("[::1]:8700", true),
            ("0.0.0.0:8443", false),
            ("[::]:8443", false),
            ("192.0.2.1:443", false),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.is_loopback(), loopback, "{text}");
        }
        for text in ["", "localhost", "8700", ":8700", "localhost:", "localhost:70000", "example.com:80", "::1:80"] {
            assert_eq!(text.parse::<ListenAddress>(), Err(BadListenAddress), "{text}");
        }
    }

    #[tokio::test]
    async fn localhost_is_both_loopback_addresses_on_one_port() {
        let sockets = bind(ListenAddress::Localhost { port: 0 }).await.unwrap();
        let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()));
        assert!(addresses.iter().all(|address| address.port() == addresses[0].port()));
        assert!(matches!(addresses.len(), 1 | 2));
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_way_out() {
        let held = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let port = held[0].local_addr().unwrap().port();
        for text in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
            let error = bind(text.parse().unwrap()).await.unwrap_err();
            let said = error.to_string();
            assert!(said.contains(&text) && said.contains("another program uses this port"), "{said}");
        }
    }
}
