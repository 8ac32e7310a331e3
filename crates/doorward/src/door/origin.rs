//! Which `Host` and which `Origin` a request may name.
//!
//! A browser that was led to a name of the attacker's, and then to this machine (DNS rebinding), still says that name
//! in `Host`, and a page of another site says its own in `Origin`. Both lists are therefore on by default, on loopback
//! too, and compare whole values: no suffix, no prefix, no wildcard (A02, B02, ER-07, ER-08).

use std::{collections::BTreeSet, fmt, net::Ipv6Addr};

use http::{HeaderMap, StatusCode, Uri, header};

/// A host and the port it was named with, in one canonical spelling: lower case, IPv6 compressed and in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Authority {
    host: Box<str>,
    port: Option<u16>,
}

impl Authority {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
    ///
    /// # Errors
    ///
    /// When it is empty, holds user information, a character outside a host name, an empty or impossible port, or a
    /// broken address in brackets. Nothing is repaired.
    pub fn parse(text: &str) -> Result<Self, MalformedAuthority> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, after) = rest.split_once(']').ok_or(MalformedAuthority)?;
            let address: Ipv6Addr = address.parse().map_err(|_| MalformedAuthority)?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err(MalformedAuthority),
            };
            (format!("[{address}]"), port)
        } else {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if host.is_empty() || host.len() > 253 || !host.bytes().all(plain) {
                return Err(MalformedAuthority);
            }
            (host.to_ascii_lowercase(), port)
        };
        let port = port.map(parse_port).transpose()?;
        Ok(Self { host: host.into(), port })
    }

    /// The host, lower case; an IPv6 address stands in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, when one was named.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

fn parse_port(text: &str) -> Result<u16, MalformedAuthority> {
    // `u16::from_str` also takes a leading plus sign.
    if text.is_empty() || text.len() > 5 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(MalformedAuthority);
    }
    text.parse().map_err(|_| MalformedAuthority)
}

/// The text is no `host[:port]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host with an optional port")]
pub struct MalformedAuthority;

/// The schemes whose default port may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP, default port 80.
    Http,
    /// HTTP over TLS, default port 443.
    Https,
}

impl Scheme {
    /// The port that may be left out of a URL and of `Host`.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The loopback names a local listener answers to.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The `Host` values that may reach this node. An empty list refuses everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    /// Fully spelt: host and port.
    named: BTreeSet<(Box<str>, u16)>,
}

impl AllowedHosts {
    /// A list that refuses everything.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a host; without a port it means the default port of `scheme`.
    #[must_use]
    pub fn allow(mut self, scheme: Scheme, authority: &Authority) -> Self {
        let port = authority.port.unwrap_or(scheme.default_port());
        self.named.insert((authority.host.clone(), port));
        self
    }

    /// Adds `localhost`, `127.0.0.1` and `[::1]` on this port: for a listener on loopback.
    #[must_use]
    pub fn allow_loopback(mut self, port: u16) -> Self {
        for host in LOOPBACK {
            self.named.insert((host.into(), port));
        }
        self
    }

    /// Checks the one host that a request names: `Host` in HTTP/1.1, `:authority` in HTTP/2, and where a request
    /// holds both (or an absolute target) they must agree.
    ///
    /// A missing port stands for a default port on the list: TLS may have ended before this node, so both are tried.
    ///
    /// # Errors
    ///
    /// When none, more than one, contradicting, or an unlisted host is named (ER-07).
    pub fn check(&self, headers: &HeaderMap, target: &Uri) -> Result<HostChecked, HostRefused> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let header = match (hosts.next(), hosts.next()) {
            (None, _) => None,
            (Some(host), None) => {
                let text = host.to_str().map_err(|_| HostRefused::Malformed)?;
                Some(Authority::parse(text).map_err(|_| HostRefused::Malformed)?)
            }
            (Some(_), Some(_)) => return Err(HostRefused::Doubled),
        };
        let target = match target.authority() {
            None => None,
            Some(authority) => Some(Authority::parse(authority.as_str()).map_err(|_| HostRefused::Malformed)?),
        };
        let named = match (header, target) {
            (None, None) => return Err(HostRefused::Missing),
            (Some(one), None) | (None, Some(one)) => one,
            (Some(header), Some(target)) if header == target => header,
            (Some(_), Some(_)) => return Err(HostRefused::Contradictory),
        };
        let on_list = |port: u16| self.named.contains(&(named.host.clone(), port));
        let allowed = match named.port {
            Some(port) => on_list(port),
            None => on_list(Scheme::Http.default_port()) || on_list(Scheme::Https.default_port()),
        };
        if allowed { Ok(HostChecked { authority: named }) } else { Err(HostRefused::NotAllowed) }
    }
}

/// The proof that a request names a host of this node. Only [`AllowedHosts::check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostChecked {
    authority: Authority,
}

impl HostChecked {
    /// The host as the request named it, canonical.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }
}

/// Why the host of a request was refused. The texts never repeat what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostRefused {
    /// Neither `Host` nor `:authority`.
    #[error("the request names no host")]
    Missing,
    /// More than one `Host`.
    #[error("the request names more than one host")]
    Doubled,
    /// Not `host[:port]`.
    #[error("the host of the request is malformed")]
    Malformed,
    /// `Host` and the request target disagree.
    #[error("`Host` and the request target name different hosts")]
    Contradictory,
    /// A well-formed host that is not on the list.
    #[error("this host is not served here; add it to the allowed hosts if it should be")]
    NotAllowed,
}

impl HostRefused {
    /// 403 for a host that is not on the list, else 400.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::Missing | Self::Doubled | Self::Malformed | Self::Contradictory => StatusCode::BAD_REQUEST,
        }
    }
}

/// The `Origin` values whose pages may talk to this node. An empty list refuses every page, but no other client:
/// a request without `Origin` comes from no page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    /// Serialised as browsers do it: scheme, host, port unless it is the scheme's default (RFC 6454 section 6.2).
    named: BTreeSet<Box<str>>,
}

impl AllowedOrigins {
    /// A list that refuses every page.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an origin of the web.
    #[must_use]
    pub fn allow(mut self, scheme: Scheme, authority: &Authority) -> Self {
        self.named.insert(serialise(scheme, authority));
        self
    }

    /// Adds the three loopback origins on this port, plain HTTP: for a listener on loopback.
    #[must_use]
    pub fn allow_loopback(mut self, port: u16) -> Self {
        for host in LOOPBACK {
            let authority = Authority { host: host.into(), port: Some(port) };
            self.named.insert(serialise(Scheme::Http, &authority));
        }
        self
    }

    /// Adds an origin as text: `https://host[:port]`, or one of an application's own scheme, as in
    /// `vscode-webview://…`, which is compared as it stands.
    ///
    /// # Errors
    ///
    /// When it is `null`, has no scheme, a path, or a malformed host.
    pub fn allow_text(mut self, text: &str) -> Result<Self, MalformedAuthority> {
        let (scheme, rest) = text.split_once("://").ok_or(MalformedAuthority)?;
        let entry = match scheme {
            "http" => serialise(Scheme::Http, &Authority::parse(rest)?),
            "https" => serialise(Scheme::Https, &Authority::parse(rest)?),
            _ => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'+' | b':');
                if scheme.is_empty() || rest.is_empty() || !scheme.bytes().chain(rest.bytes()).all(plain) {
                    return Err(MalformedAuthority);
                }
                text.into()
            }
        };
        self.named.insert(entry);
        Ok(self)
    }

    /// Checks `Origin`, when there is one.
    ///
    /// # Errors
    ///
    /// When there is more than one, or one that is not on the list: `null` never is (ER-08).
    pub fn check(&self, headers: &HeaderMap) -> Result<OriginChecked, OriginRefused> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = match (origins.next(), origins.next()) {
            (None, _) => return Ok(OriginChecked { origin: None }),
            (Some(origin), None) => origin,
            (Some(_), Some(_)) => return Err(OriginRefused::Doubled),
        };
        let text = origin.to_str().map_err(|_| OriginRefused::NotAllowed)?;
        if self.named.contains(text) {
            Ok(OriginChecked { origin: Some(text.into()) })
        } else {
            Err(OriginRefused::NotAllowed)
        }
    }
}

fn serialise(scheme: Scheme, authority: &Authority) -> Box<str> {
    match authority.port {
        Some(port) if port != scheme.default_port() => {
            format!("{}://{}:{port}", scheme.as_str(), authority.host)
        }
        _ => format!("{}://{}", scheme.as_str(), authority.host),
    }
    .into()
}

/// The proof that a request comes from no page, or from one that may talk to this node.
/// Only [`AllowedOrigins::check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginChecked {
    origin: Option<Box<str>>,
}

impl OriginChecked {
    /// The origin on the list, when a page sent one.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }
}

/// Why the origin of a request was refused. The texts never repeat what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginRefused {
    /// More than one `Origin`.
    #[error("the request names more than one origin")]
    Doubled,
    /// `null`, malformed, or not on the list.
    #[error("pages of this origin may not call this server; add it to the allowed origins if they should")]
    NotAllowed,
}

impl OriginRefused {
    /// Always 403 (A02, B02).
    #[must_use]
    pub const fn status(self) -> StatusCode {
        StatusCode::FORBIDDEN
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn local() -> AllowedHosts {
        let public = Authority::parse("mcp.example.com").unwrap();
        AllowedHosts::none().allow_loopback(8700).allow(Scheme::Https, &public)
    }

    fn check_host(values: &[&str]) -> Result<HostChecked, HostRefused> {
        local().check(&headers(&header::HOST, values), &Uri::from_static("/mcp"))
    }

    #[test]
    fn er_07_the_nodes_own_names_are_served() {
        let good = ["localhost:8700", "LOCALHOST:8700", "127.0.0.1:8700", "[::1]:8700", "[0:0:0:0:0:0:0:1]:8700"];
        for host in good.iter().chain(&["mcp.example.com", "mcp.example.com:443", "MCP.Example.Com"]) {
            assert!(check_host(&[host]).is_ok(), "{host}");
        }
    }

    #[test]
    fn er_07_a_foreign_host_is_refused() {
        for host in [
            "evil.test",
            "localhost",
            "localhost:8701",
            "localhost.:8700",
            "localhost.evil.test:8700",
            "evil-localhost:8700",
            "mcp.example.com:80",
            "mcp.example.com.evil.test",
            "127.1:8700",
            "0.0.0.0:8700",
            "2130706433:8700",
            "[::]:8700",
            "[::ffff:127.0.0.1]:8700",
        ] {
            assert_eq!(check_host(&[host]), Err(HostRefused::NotAllowed), "{host}");
        }
    }

    #[test]
    fn er_07_an_odd_host_is_refused_as_malformed() {
        for host in [
            "",
            " ",
            "localhost:",
            "localhost:+8700",
            "localhost:08700x",
            "localhost:870000",
            "localhost:8700:8700",
            "user@localhost:8700",
            "localhost:8700/mcp",
            "localhost:8700,evil.test",
            "local host:8700",
            "::1:8700",
            "[::1",
            "[::1]8700",
            "[::1%25lo]:8700",
            "[127.0.0.1]:8700",
            "lo\u{e4}lhost:8700",
        ] {
            assert_eq!(check_host(&[host]), Err(HostRefused::Malformed), "{host:?}");
        }
    }

    #[test]
    fn er_07_a_missing_or_doubled_host_is_refused() {
        assert_eq!(check_host(&[]), Err(HostRefused::Missing));
        assert_eq!(check_host(&["localhost:8700", "localhost:8700"]), Err(HostRefused::Doubled));
        assert_eq!(check_host(&["localhost:8700", "evil.test"]), Err(HostRefused::Doubled));
    }

    #[test]
    fn er_07_the_target_and_the_header_must_agree() {
        let header = headers(&header::HOST, &["localhost:8700"]);
        let check = |headers: &HeaderMap, target: &'static str| local().check(headers, &Uri::from_static(target));
        assert!(check(&HeaderMap::new(), "http://localhost:8700/mcp").is_ok());
        assert!(check(&header, "http://LOCALHOST:8700/mcp").is_ok());
        assert_eq!(check(&header, "http://127.0.0.1:8700/mcp"), Err(HostRefused::Contradictory));
        assert_eq!(check(&header, "http://evil.test/mcp"), Err(HostRefused::Contradictory));
        assert_eq!(check(&HeaderMap::new(), "http://a@localhost:8700/"), Err(HostRefused::Malformed));
    }

    #[test]
    fn er_07_an_empty_list_refuses_everything() {
        let header = headers(&header::HOST, &["localhost"]);
        assert_eq!(AllowedHosts::none().check(&header, &Uri::from_static("/")), Err(HostRefused::NotAllowed));
    }

    fn origins() -> AllowedOrigins {
        AllowedOrigins::none()
            .allow_loopback(8700)
            .allow_text("https://app.example.com")
            .unwrap()
            .allow_text("vscode-webview://abc123")
            .unwrap()
    }

    #[test]
    fn er_08_no_origin_is_no_page_and_a_listed_one_may_call() {
        assert_eq!(origins().check(&HeaderMap::new()).unwrap().origin(), None);
        for origin in
            ["http://localhost:8700", "http://[::1]:8700", "https://app.example.com", "vscode-webview://abc123"]
        {
            let checked = origins().check(&headers(&header::ORIGIN, &[origin])).unwrap();
            assert_eq!(checked.origin(), Some(origin));
        }
    }

    #[test]
    fn er_08_a_foreign_origin_is_refused() {
        for origin in [
            "null",
            "NULL",
            "",
            "https://evil.test",
            "http://localhost.evil.test",
            "http://localhost.evil.test:8700",
            "http://localhost:87000",
            "http://localhost",
            "https://localhost:8700",
            "http://localhost:8700/",
            "http://localhost:8700.evil.test",
            "http://evil.test#http://localhost:8700",
            "https://app.example.com.evil.test",
            "https://xapp.example.com",
            "http://app.example.com",
            "https://app.example.com, https://evil.test",
            "https://app.example.c\u{f6}m",
        ] {
            assert_eq!(
                origins().check(&headers(&header::ORIGIN, &[origin])),
                Err(OriginRefused::NotAllowed),
                "{origin:?}"
            );
        }
    }

    #[test]
    fn er_08_two_origins_are_refused_even_when_both_are_listed() {
        let two = headers(&header::ORIGIN, &["http://localhost:8700", "https://app.example.com"]);
        assert_eq!(origins().check(&two), Err(OriginRefused::Doubled));
    }

    #[test]
    fn an_origin_in_the_configuration_is_one_origin() {
        for text in ["null", "app.example.com", "https://", "https://a/b", "https://a@b", "x://", "://a", "a b://c"] {
            assert!(AllowedOrigins::none().allow_text(text).is_err(), "{text:?}");
        }
        let spelt = AllowedOrigins::none().allow_text("https://App.Example.com:443").unwrap();
        assert!(spelt.check(&headers(&header::ORIGIN, &["https://app.example.com"])).is_ok());
    }

    /// A thousand cases, a hundred thousand in the full run.
    fn cases() -> ProptestConfig {
        let all = std::env::var("DOORWARD_TESTS").is_ok_and(|tests| tests == "all");
        ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if all { 100_000 } else { 1_000 }) }
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn er_07_nothing_but_a_listed_spelling_passes(host in "\\PC{0,40}") {
            if let Ok(checked) = check_host(&[&host]) {
                let known = [
                    "localhost:8700", "127.0.0.1:8700", "[::1]:8700", "mcp.example.com", "mcp.example.com:443",
                ];
                let spelt = checked.authority().to_string();
                prop_assert!(known.contains(&spelt.as_str()), "{}", spelt);
            }
        }

        #[test]
        fn an_authority_reads_back_as_itself(host in "[a-z0-9.-]{1,20}", port in proptest::option::of(1u16..)) {
            let text = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
            let read = Authority::parse(&text).unwrap();
            prop_assert_eq!(read.to_string(), text);
        }
    }
}
