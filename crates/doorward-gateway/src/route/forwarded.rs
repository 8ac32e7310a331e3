//! Where a request came from, and what others claim about it (HD-05).

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// Headers with which a proxy speaks about its client, or with which a client pretends to be one. Nothing here reads
/// them but [`address`], and nothing behind gets them.
const CLAIMS: [&str; 17] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-user",
    "x-role",
    "x-remote-user",
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of whoever sent the request: the peer's own, or, when the peer is a configured proxy, the nearest address
/// on its list that is none. A list that can't be read counts as empty.
pub(super) fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
    let peer = peer.to_canonical();
    if !is_proxy(peer) {
        return peer;
    }
    let values: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut nearest = peer;
    for entry in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let Some(address) = parse(entry.trim()) else { return nearest };
        nearest = address;
        if !is_proxy(address) {
            return address;
        }
    }
    nearest
}

/// An address, perhaps with a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let address = entry
        .parse::<IpAddr>()
        .or_else(|_| entry.parse::<std::net::SocketAddr>().map(|socket| socket.ip()))
        .or_else(|_| entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>());
    address.ok().map(|address| address.to_canonical())
}

/// Takes every claim out.
pub(super) fn strip(headers: &mut HeaderMap) {
    for claim in CLAIMS {
        headers.remove(claim);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn found(peer: &str, values: &[&str]) -> String {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        address(peer.parse().unwrap(), &headers(values), &proxies).to_string()
    }

    #[test]
    fn hd_05_nobody_but_a_configured_proxy_is_believed() {
        assert_eq!(found("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(found("::ffff:192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(found("10.1.2.3", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(found("::ffff:10.1.2.3", &["198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn hd_05_what_the_client_wrote_before_the_proxy_does_not_count() {
        assert_eq!(found("10.1.2.3", &["127.0.0.1, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(found("10.1.2.3", &["127.0.0.1", "198.51.100.7, 10.9.9.9"]), "198.51.100.7");
        assert_eq!(found("10.1.2.3", &["evil, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(found("10.1.2.3", &["198.51.100.7, evil"]), "10.1.2.3");
        assert_eq!(found("10.1.2.3", &["10.4.4.4"]), "10.4.4.4");
        assert_eq!(found("10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn an_entry_may_have_a_port() {
        assert_eq!(found("fd00::1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(found("fd00::1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(found("fd00::1", &["[2001:db8::7]"]), "2001:db8::7");
    }

    #[test]
    fn hd_05_claims_are_dropped() {
        let mut headers = HeaderMap::new();
        for claim in CLAIMS {
            headers.append(claim, HeaderValue::from_static("a"));
            headers.append(claim, HeaderValue::from_static("b"));
        }
        headers.append("x-request-id", HeaderValue::from_static("kept"));
        strip(&mut headers);
        assert_eq!(headers.len(), 1);
    }

    proptest! {
        #![proptest_config(crate::testing::cases())]

        #[test]
        fn hd_05_without_a_proxy_no_header_matters(value in "[ -~]{0,60}") {
            prop_assert_eq!(found("192.0.2.1", &[&value]), "192.0.2.1");
        }
    }
}
