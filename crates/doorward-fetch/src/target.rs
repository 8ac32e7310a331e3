//! A URL that may be fetched, as far as its text can tell.

use url::{Host, Url};

use crate::FetchError;
use crate::policy::{Allowed, without_dot};

/// The longest URL, in bytes (CI-06).
pub const MAX_URL: usize = 2048;

/// A URL of the plain kind that is asked for a document. Whether its addresses are public is not
/// known yet.
#[derive(Debug, Clone)]
pub struct Target {
    url: Url,
    host: Host<String>,
    port: u16,
    allowed: bool,
}

impl Target {
    /// Reads a URL: `https`, or `http` for a host on the allow-list; a host and no user name, no
    /// fragment, no dot segment, no character that parsers read differently (F25, CI-01, CI-06).
    ///
    /// # Errors
    /// [`FetchError::Refused`] with what is wrong.
    pub fn parse(text: &str, allow: &[Allowed]) -> Result<Self, FetchError> {
        let refused = |why: &str| Err(FetchError::Refused(format!("the URL {why}")));
        if text.len() > MAX_URL {
            return refused("is longer than 2048 bytes");
        }
        // The URL standard drops tabs, turns backslashes and maps foreign letters: nothing of that.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return refused("has spaces, backslashes or other characters that it must not have");
        }
        // It also reads `https:host` and `https:///host`.
        let Some((scheme, rest)) = text.split_once("://") else {
            return refused("is not an https URL");
        };
        if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
            return refused("has no host");
        }
        let Ok(url) = Url::parse(text) else {
            return refused("can't be read");
        };
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return refused("has no host");
        };
        if !url.username().is_empty() || url.password().is_some() || authority(rest).contains('@') {
            return refused("has a user name");
        }
        if url.fragment().is_some() {
            return refused("has a fragment");
        }
        if has_dot_segment(rest) {
            return refused("has a dot segment in its path");
        }
        if port == 0 {
            return refused("has the port 0");
        }
        // `0x7f.1`, `2130706433`, `017700000001` and `127.1` all mean 127.0.0.1: an address has one
        // spelling here.
        let spelled = authority(rest).to_ascii_lowercase();
        if !matches!(host, Host::Domain(_)) && !is_spelled(&spelled, &host.to_string()) {
            return refused("spells an address in an unusual way");
        }
        let host = without_dot(host.to_owned());
        if host == Host::Domain(String::new()) {
            return refused("has no host");
        }
        let allowed = allow.iter().any(|entry| entry.matches(&host, port));
        match (scheme.to_ascii_lowercase().as_str(), allowed) {
            ("https", _) | ("http", true) => Ok(Self { url, host, port, allowed }),
            ("http", false) => refused("is not https, and its host is not on the allow-list"),
            _ => refused("is not an https URL"),
        }
    }

    pub(crate) fn host(&self) -> &Host<String> {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The operator named this host: it may have any address.
    pub(crate) fn is_allowed(&self) -> bool {
        self.allowed
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }

    pub(crate) fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The authority is exactly this host, with or without a port.
fn is_spelled(authority: &str, host: &str) -> bool {
    match authority.strip_prefix(host) {
        Some("") => true,
        Some(rest) => rest.starts_with(':'),
        None => false,
    }
}

fn has_dot_segment(rest: &str) -> bool {
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let path = rest.get(..end).unwrap_or(rest).to_ascii_lowercase();
    path.split('/').skip(1).map(|segment| segment.replace("%2e", ".")).any(|segment| segment == "." || segment == "..")
}
