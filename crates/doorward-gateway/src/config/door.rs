//! Where callers come in: `public_url`, `listen`, `tls`, `admin`, `hosts`, `origins`, `trusted_proxies`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use url::Url;

use super::decode::{Decoder, FromNode, OneOrMany, Yes};
use super::file::{open, warn_if_open};
use super::scalar::{URL, is_loopback, web_url};
use super::section::Section;
use super::shape::{Form, Shape};
use super::source::quoted;
use super::surroundings::Contents;
use super::table::{Key, Table, Term};
use super::yaml::{At, Node};
use crate::listen::ListenAddress;

/// The port that is listened on when nothing is said.
pub(super) const DEFAULT_PORT: u16 = 8700;
/// The port of `/metrics` when nothing is said.
const DEFAULT_ADMIN_PORT: u16 = 8701;

/// The URL that clients know the gateway by: scheme, host and port, nothing else. It is configured, never taken from
/// a request (MX-04).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicUrl {
    /// As configured.
    Given(Url),
    /// `localhost` with whatever port is bound; `https` when there is TLS.
    Localhost {
        /// Whether the listener speaks TLS.
        tls: bool,
    },
}

impl PublicUrl {
    /// The URL, once the port is known. It has no path beyond `/`.
    #[must_use]
    pub fn at(&self, port: u16) -> String {
        match self {
            Self::Given(url) => url.as_str().trim_end_matches('/').to_owned(),
            Self::Localhost { tls: true } => format!("https://localhost:{port}"),
            Self::Localhost { tls: false } => format!("http://localhost:{port}"),
        }
    }

    /// Whether it leads back to this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Given(url) => is_loopback(url),
            Self::Localhost { .. } => true,
        }
    }
}

impl FromNode for PublicUrl {
    const SHAPE: Shape = Shape::Text(&URL);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &URL)?;
        let url = web_url(node, text, d)?;
        if url.path() != "/" || url.query().is_some() {
            return d.refuse(
                node.at,
                format!("{} is more than scheme, host and port", quoted(text)),
                format!("write `{}`: servers are found at `/mcp/NAME` below it", url.origin().ascii_serialization()),
            );
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return d.refuse(
                node.at,
                format!("{} is not https", quoted(text)),
                "write `https://`; plain http is for `localhost`, `127.0.0.1` and `[::1]` alone",
            );
        }
        Some(Self::Given(url))
    }
}

pub(super) const LISTEN_FORM: Form = Form {
    what: "an address to listen on",
    example: "0.0.0.0:8443",
    pattern: "^(localhost|[0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$",
};

impl FromNode for ListenAddress {
    const SHAPE: Shape = Shape::Text(&LISTEN_FORM);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        // A port alone is a number, and deserves the same answer as any other half of an address.
        let text = d.verbatim(node, &Self::SHAPE)?;
        match text.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                let port = text.strip_prefix(':').unwrap_or(text);
                let fix = if port.parse::<u16>().is_ok() {
                    format!("write `localhost:{port}` for this machine alone, or `0.0.0.0:{port}` with `tls`")
                } else {
                    "write `localhost:8700`, `127.0.0.1:8700`, `0.0.0.0:8443` or `\"[::]:8443\"`".to_owned()
                };
                d.refuse(node.at, format!("{} is not an address with a port", quoted(text)), fix)
            }
        }
    }
}

pub(super) type ListenAddresses = OneOrMany<ListenAddress>;

/// How the listener speaks TLS.
#[derive(Clone, Debug)]
pub enum Tls {
    /// A certificate chain and its key, both PEM; both files were readable, and are read again when they change.
    Files {
        /// The chain, the leaf first.
        cert: PathBuf,
        /// The private key of the leaf.
        key: PathBuf,
    },
    /// A local authority and a leaf, made and kept in the state directory.
    SelfSigned,
}

const CERT: Key<PathBuf> =
    Key::optional("cert", "The certificate chain, PEM, the leaf first; read again when it changes.");
const KEY: Key<PathBuf> = Key::optional("key", "The private key of the certificate, PEM.");
const SELF_SIGNED: Key<Yes> = Key::optional(
    "self_signed",
    "Makes a local authority and a certificate in the state directory, and says how to trust it.",
);

pub(super) static TLS: Table = Table {
    name: "tls",
    what: "`tls`",
    doc: "How the gateway speaks TLS. Every address beyond this machine needs it.",
    example: "{ cert: tls.crt, key: tls.key }",
    keys: &[CERT.info, KEY.info, SELF_SIGNED.info],
    terms: &[
        Term::ExactlyOne(&["cert", "self_signed"]),
        Term::AtMostOne(&["key", "self_signed"]),
        Term::Needs("cert", "key"),
    ],
};

impl FromNode for Tls {
    const SHAPE: Shape = Shape::Table(|| &TLS);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &TLS, d)?;
        let cert = section.get(&CERT, d);
        let key = section.get(&KEY, d);
        let self_signed = section.get(&SELF_SIGNED, d);
        let cert = cert.filter(|path| holds_pem(path, "CERTIFICATE", section.value_at("cert"), d).is_some());
        let key = key.filter(|path| {
            let at = section.value_at("key");
            holds_pem(path, "PRIVATE KEY", at, d).is_some_and(|contents| {
                warn_if_open(at, path, &contents, d);
                true
            })
        });
        match (cert, key, self_signed) {
            (Some(cert), Some(key), None) => Some(Self::Files { cert, key }),
            (None, None, Some(Yes)) => Some(Self::SelfSigned),
            _ => None,
        }
    }
}

/// Checks that a PEM file is readable and holds a section of this kind, which catches two files being swapped.
pub(super) fn holds_pem(path: &Path, label: &str, at: At, d: &mut Decoder<'_>) -> Option<Contents> {
    let contents = open(at, path, d)?;
    let text = String::from_utf8_lossy(&contents.bytes);
    let holds = |label: &str| {
        let end = format!("{label}-----");
        text.lines().any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&end))
    };
    if holds(label) {
        return Some(contents);
    }
    let fix = if holds("CERTIFICATE") || holds("PRIVATE KEY") {
        "`cert` and `key` may be swapped".to_owned()
    } else {
        format!("name a PEM file with a `-----BEGIN {label}-----` line")
    };
    d.refuse(at, format!("the file `{}` holds no {}", path.display(), label.to_lowercase()), fix)
}

const ADMIN_LISTEN: Key<ListenAddresses> =
    Key::optional("listen", "Where `/metrics` is served, in the clear; this machine alone unless said otherwise.");

pub(super) static ADMIN: Table = Table {
    name: "admin",
    what: "`admin`",
    doc: "The listener for operators: `/metrics`.",
    example: "{ listen: 127.0.0.1:8701 }",
    keys: &[ADMIN_LISTEN.info],
    terms: &[],
};

/// The addresses of the listener for operators.
#[derive(Clone, Debug)]
pub(super) struct Admin(pub(super) Vec<ListenAddress>);

impl Default for Admin {
    fn default() -> Self {
        Self(vec![ListenAddress::Socket((std::net::Ipv4Addr::LOCALHOST, DEFAULT_ADMIN_PORT).into())])
    }
}

impl FromNode for Admin {
    const SHAPE: Shape = Shape::Table(|| &ADMIN);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &ADMIN, d)?;
        let Some(OneOrMany(listen)) = section.get(&ADMIN_LISTEN, d) else {
            return Some(Self::default());
        };
        if listen.iter().any(|address| !address.is_loopback()) {
            d.warn(
                section.value_at("listen"),
                "metrics are served beyond this machine, in the clear and without a login",
                "keep `127.0.0.1:8701`, or let only the collector's network reach this address",
            );
        }
        Some(Self(listen))
    }
}

const ORIGIN: Form = Form { what: "an origin", example: "https://app.example.com", pattern: "^https?://[^/\\s]+$" };

/// A web origin, as browsers write it (RFC 6454 section 6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin(pub(super) String);

impl FromNode for Origin {
    const SHAPE: Shape = Shape::Text(&ORIGIN);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &ORIGIN)?;
        if text == "*" || text == "null" {
            return d.refuse(
                node.at,
                format!("{} would let every page in a browser call", quoted(text)),
                "name each origin, such as `https://app.example.com`",
            );
        }
        let url = web_url(node, text, d)?;
        let origin = url.origin().ascii_serialization();
        if url.path() != "/" || url.query().is_some() {
            return d.refuse(node.at, format!("{} is more than an origin", quoted(text)), format!("write `{origin}`"));
        }
        Some(Self(origin))
    }
}

const NETWORK: Form =
    Form { what: "an address or a network", example: "10.0.0.0/8", pattern: "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$" };

/// An address or a network of proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network(pub(super) IpNet);

impl FromNode for Network {
    const SHAPE: Shape = Shape::Text(&NETWORK);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &NETWORK)?;
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let Some(network) = network else {
            return d.malformed(node, text, &NETWORK);
        };
        if network.prefix_len() == 0 {
            return d.refuse(
                node.at,
                format!("{} is everyone: any caller could claim any address", quoted(text)),
                "name the addresses of your own proxies",
            );
        }
        Some(Self(network.trunc()))
    }
}
