//! What the operator allows.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use url::Host;

/// The rules of a fetcher.
#[derive(Debug, Clone)]
pub struct FetchPolicy {
    /// Hosts that may have any address and may be asked in plain http: tests, private networks.
    pub allow: Vec<Allowed>,
    /// A further certificate authority, in PEM; the public ones stay.
    pub ca: Option<Vec<u8>>,
    /// The longest body, in bytes, unless an [`crate::Ask`] wants less.
    pub max_bytes: usize,
    /// How long a whole fetch may take, from the first look-up to the last byte (CI-05).
    pub timeout: Duration,
    /// How often one source may ask.
    pub budget: Budget,
    /// How many fetches may be under way at once; more wait, within their time.
    pub max_concurrent: usize,
}

impl Default for FetchPolicy {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            ca: None,
            max_bytes: 64 * 1024,
            timeout: Duration::from_secs(5),
            budget: Budget::default(),
            max_concurrent: 32,
        }
    }
}

/// How often one source (an address, an issuer) may cause a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// So many at once, after a rest.
    pub burst: u32,
    /// And one more each time this has passed.
    pub every: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { burst: 20, every: Duration::from_secs(3) }
    }
}

/// A host on the allow-list: `idp.internal`, `localhost:9000`, `10.0.0.7`, `[::1]:8443`. Without a
/// port, every port of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Allowed {
    host: Host<String>,
    port: Option<u16>,
}

/// A text that names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host: write `name`, `name:port`, an address, or `[ipv6]:port`, without a scheme or path")]
pub struct BadAllowed(String);

impl Allowed {
    pub(crate) fn matches(&self, host: &Host<String>, port: u16) -> bool {
        self.host == *host && self.port.is_none_or(|own| own == port)
    }
}

impl FromStr for Allowed {
    type Err = BadAllowed;

    fn from_str(text: &str) -> Result<Self, BadAllowed> {
        let bad = || BadAllowed(text.escape_debug().take(100).collect());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            None => None,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?)
            }
            Some(_) => return Err(bad()),
        };
        let plain = |character: char| character.is_ascii_alphanumeric() || "-._:[]".contains(character);
        if host.is_empty() || !host.chars().all(plain) {
            return Err(bad());
        }
        let host = Host::parse(host).map_err(|_| bad())?;
        Ok(Self { host: without_dot(host), port })
    }
}

/// The name without the dot that makes it absolute: both mean the same host.
pub(crate) fn without_dot(host: Host<String>) -> Host<String> {
    match host {
        Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_owned()),
        address => address,
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => write!(f, "{}", self.host),
        }
    }
}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Allowed({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_with_and_without_ports() {
        for (text, shown) in [
            ("idp.internal", "idp.internal"),
            ("IDP.Internal", "idp.internal"),
            ("idp.internal.", "idp.internal"),
            ("localhost:9000", "localhost:9000"),
            ("10.0.0.7", "10.0.0.7"),
            ("10.0.0.7:80", "10.0.0.7:80"),
            ("[::1]", "[::1]"),
            ("[::1]:8443", "[::1]:8443"),
        ] {
            assert_eq!(text.parse::<Allowed>().map(|allowed| allowed.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ":80",
            "a:",
            "a:b",
            "a:0",
            "a:65536",
            "https://a",
            "a/b",
            "a b",
            "*",
            "*.a",
            "a@b",
            "::1",
            "[::1",
            "a?b",
            "ä",
        ] {
            assert!(text.parse::<Allowed>().is_err(), "{text:?}");
        }
    }
}
