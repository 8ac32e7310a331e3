//! Which addresses belong to the public internet.
//!
//! The tables are IANA's special-purpose registries (RFC 6890 and its updates), written out,
//! because the methods of [`std::net::IpAddr`] that would tell are partly unstable and change.
//! For IPv4 what is listed is refused; for IPv6 only global unicast (`2000::/3`) passes, less what
//! is listed, so that every way of wrapping an IPv4 address (mapped, translated, tunnelled) is
//! refused without being unwrapped.

use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};

macro_rules! v4 {
    ($a:literal, $b:literal, $c:literal, $d:literal / $length:literal) => {
        Ipv4Net::new_assert(std::net::Ipv4Addr::new($a, $b, $c, $d), $length)
    };
}

macro_rules! v6 {
    ($($part:literal),* ; $length:literal) => {
        Ipv6Net::new_assert(std::net::Ipv6Addr::new($($part),*), $length)
    };
}

const V4: [(Ipv4Net, &str); 18] = [
    (v4!(0, 0, 0, 0 / 8), "this network"),
    (v4!(10, 0, 0, 0 / 8), "private"),
    (v4!(100, 64, 0, 0 / 10), "shared by carriers"),
    (v4!(127, 0, 0, 0 / 8), "loopback"),
    // The wire server of one cloud: a public address that answers from inside.
    (v4!(168, 63, 129, 16 / 32), "cloud platform"),
    (v4!(169, 254, 0, 0 / 16), "link-local"),
    (v4!(172, 16, 0, 0 / 12), "private"),
    (v4!(192, 0, 0, 0 / 24), "protocol assignments"),
    (v4!(192, 0, 2, 0 / 24), "documentation"),
    (v4!(192, 31, 196, 0 / 24), "AS112"),
    (v4!(192, 52, 193, 0 / 24), "multicast tunnels"),
    (v4!(192, 88, 99, 0 / 24), "6to4 relays"),
    (v4!(192, 168, 0, 0 / 16), "private"),
    (v4!(198, 18, 0, 0 / 15), "benchmarks"),
    (v4!(198, 51, 100, 0 / 24), "documentation"),
    (v4!(203, 0, 113, 0 / 24), "documentation"),
    (v4!(224, 0, 0, 0 / 4), "multicast"),
    (v4!(240, 0, 0, 0 / 4), "reserved or broadcast"),
];

/// The only IPv6 addresses that can be public.
const GLOBAL_UNICAST: Ipv6Net = v6!(0x2000, 0, 0, 0, 0, 0, 0, 0; 3);

const V6: [(Ipv6Net, &str); 5] = [
    // Teredo (2001::/32), benchmarks, ORCHID and others.
    (v6!(0x2001, 0, 0, 0, 0, 0, 0, 0; 23), "protocol assignments"),
    (v6!(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0; 32), "documentation"),
    (v6!(0x2002, 0, 0, 0, 0, 0, 0, 0; 16), "6to4"),
    (v6!(0x2620, 0x004f, 0x8000, 0, 0, 0, 0, 0; 48), "AS112"),
    (v6!(0x3fff, 0, 0, 0, 0, 0, 0, 0; 20), "documentation"),
];

/// Why an address is not one of the public internet; `None` for those that are.
#[must_use]
pub fn special_use(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => named(V4.iter().find(|(net, _)| net.contains(&address))),
        IpAddr::V6(address) if !GLOBAL_UNICAST.contains(&address) => Some("not global unicast"),
        IpAddr::V6(address) => named(V6.iter().find(|(net, _)| net.contains(&address))),
    }
}

fn named<T>(entry: Option<&(T, &'static str)>) -> Option<&'static str> {
    entry.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_special(text: &str) -> bool {
        special_use(text.parse().expect("address")).is_some()
    }

    #[test]
    fn f26_addresses_of_no_public_host_are_special() {
        let special = [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "3fff:fff:ffff::1",
            "5f00::1",
            "fc00::1",
            "fd00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff00::1",
            "ff02::1",
            "1fff::1",
            "4000::1",
        ];
        for text in special {
            assert!(is_special(text), "{text}");
        }
    }

    #[test]
    fn addresses_beside_the_special_ones_are_public() {
        let public = [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
            "3ffe:ffff::1",
            "2003::1",
        ];
        for text in public {
            assert!(!is_special(text), "{text}");
        }
    }
}
