//! What must agree across sections: addresses with TLS, URLs with addresses, issuers with the outbound guard.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

use super::bounds::Fetch;
use super::decode::Decoder;
use super::door::{DEFAULT_PORT, PublicUrl};
use super::root::{ADMIN, LISTEN, PUBLIC_URL, TLS};
use super::scalar::is_loopback;
use super::section::Section;
use super::yaml::At;
use crate::listen::ListenAddress;

/// Every address beyond this machine needs TLS (HD-08), and no two listeners may take one place.
pub(super) fn on_addresses(
    section: &Section<'_>,
    listen: &[ListenAddress],
    admin: &[ListenAddress],
    d: &mut Decoder<'_>,
) {
    let mut taken: Vec<ListenAddress> = Vec::new();
    for (index, address) in listen.iter().enumerate() {
        let at = section.item_at(LISTEN.info.name, index);
        if !address.is_loopback() && !section.has(TLS.info.name) {
            d.refuse::<()>(
                at,
                format!("`{address}` can be reached from other machines, and there is no `tls`"),
                match at {
                    At::Option(_) => {
                        "add `--tls-cert FILE --tls-key FILE` or `--tls self-signed`, or listen on `localhost`"
                    }
                    _ => {
                        "add `tls: { cert: FILE, key: FILE }` or `tls: { self_signed: true }`, or listen on `localhost`"
                    }
                },
            );
        }
        claim(*address, at, &mut taken, d);
    }
    for address in admin {
        claim(*address, section.value_at(ADMIN.info.name), &mut taken, d);
    }
}

fn claim(address: ListenAddress, at: At, taken: &mut Vec<ListenAddress>, d: &mut Decoder<'_>) {
    if taken.iter().any(|other| collide(*other, address)) {
        d.refuse::<()>(
            at,
            format!("`{address}` is listened on already"),
            "give each listener an address or a port of its own",
        );
    }
    taken.push(address);
}

/// Would binding one take the place of the other? Port 0 asks for a free one and never collides.
fn collide(one: ListenAddress, other: ListenAddress) -> bool {
    let sockets = |address: ListenAddress| match address {
        ListenAddress::Localhost { port } => {
            vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port))]
        }
        ListenAddress::Socket(socket) => vec![socket],
    };
    let others = sockets(other);
    sockets(one).iter().any(|one| {
        others.iter().any(|other| {
            let same_ip = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() != 0 && one.port() == other.port() && one.is_ipv4() == other.is_ipv4() && same_ip
        })
    })
}

/// Callers need one true URL for the gateway: given wherever other machines call, https wherever there is TLS.
pub(super) fn on_url(
    section: &Section<'_>,
    public_url: Option<PublicUrl>,
    listen: &[ListenAddress],
    d: &mut Decoder<'_>,
) -> PublicUrl {
    let tls = section.has(TLS.info.name);
    if let Some(PublicUrl::Given(url)) = &public_url
        && tls
        && url.scheme() == "http"
    {
        d.refuse::<()>(
            section.value_at(PUBLIC_URL.info.name),
            "the public URL is http, but the listener speaks TLS",
            "write `https://`",
        );
    }
    let open = listen.iter().enumerate().find(|(_, address)| !address.is_loopback());
    if let Some((index, address)) = open
        && !section.has(PUBLIC_URL.info.name)
    {
        let at = section.item_at(LISTEN.info.name, index);
        let port = Some(address.port()).filter(|port| *port != 0).unwrap_or(DEFAULT_PORT);
        let url = format!("https://mcp.example.com:{port}");
        d.refuse::<()>(
            at,
            "callers from other machines need to know the gateway's URL, and `public_url` is missing",
            match at {
                At::Option(_) => format!("add `--public-url {url}` with your own host"),
                _ => format!("add `public_url: {url}` with your own host"),
            },
        );
    }
    public_url.unwrap_or(PublicUrl::Localhost { tls })
}

/// The outbound guard will refuse this machine and private addresses that are not named.
pub(super) fn on_fetching(fetch: &Fetch, d: &mut Decoder<'_>) {
    for (at, url) in std::mem::take(&mut d.fetched) {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        let allowed = fetch.allow.iter().any(|allowed| *allowed == host || *allowed == with_port);
        if !allowed && (is_loopback(&url) || is_private(&url)) {
            d.refuse::<()>(
                at,
                format!("`{host}` is no public host, so nothing is fetched from it"),
                format!("add `fetch: {{ allow: [\"{host}\"] }}` if it is yours"),
            );
        }
    }
}

fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified(),
        Some(Host::Domain(_)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_collide_where_binding_both_would_fail() {
        for (one, other, expected) in [
            ("localhost:1", "127.0.0.1:1", true),
            ("localhost:1", "[::1]:1", true),
            ("localhost:1", "127.0.0.2:1", false),
            ("0.0.0.0:1", "127.0.0.1:1", true),
            ("0.0.0.0:1", "[::]:1", false),
            ("0.0.0.0:1", "localhost:1", true),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let address = |text: &str| text.parse::<ListenAddress>().unwrap();
            assert_eq!(collide(address(one), address(other)), expected, "{one} and {other}");
        }
    }
}
