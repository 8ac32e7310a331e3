//! URLs that are refused for their text, and addresses in every spelling (CI-01, CI-06).

use std::sync::Arc;

use doorward_fetch::{Allowed, FetchPolicy, Fetcher, MAX_URL, Target, special_use};
use proptest::prelude::*;

use crate::support::*;

fn cases() -> u32 {
    if std::env::var("DOORWARD_TESTS").is_ok_and(|value| value == "all") { 100_000 } else { 1_000 }
}

/// Fetches on a network that knows some names and counts; nothing may be connected to.
async fn refused_without_a_connection(url: &str) {
    let network = TestNetwork::new();
    for (name, address) in [
        ("localhost", "127.0.0.1"),
        ("ip6-localhost", "::1"),
        ("metadata.google.internal", "169.254.169.254"),
        ("nip.test", "10.0.0.1"),
        ("wire.test", "168.63.129.16"),
    ] {
        network.name(name, &[&[ip(address)]]);
    }
    let fetcher = Fetcher::on(FetchPolicy::default(), Arc::clone(&network) as _).expect("fetcher");
    let outcome = get(&fetcher, url).await;
    assert!(is_refused(&outcome), "{url}: {outcome:?}");
    assert_eq!(network.connected(), [], "{url}");
}

#[tokio::test]
async fn ci_01_private_and_special_addresses_are_refused_in_every_spelling() {
    let urls = [
        // The list of CI-01.
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://169.254.169.254/latest/",
        "https://[fd00::1]/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://017700000001/",
        // And others of their kind.
        "https://127.1/",
        "https://127.0.1/",
        "https://0/",
        "https://0x7f000001/",
        "https://0x7F.0x0.0x0.0x1/",
        "https://0177.0.0.1/",
        "https://0177.0.0.01/",
        "https://127.0.0.1./",
        "https://127.0.0.1:8443/x",
        "https://localhost./",
        "https://LOCALHOST/",
        "https://ip6-localhost/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://172.31.255.254/",
        "https://192.168.1.1/",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://0251.0376.0251.0376/",
        "https://169.254.43518/",
        "https://metadata.google.internal/computeMetadata/v1/",
        "https://100.100.100.200/latest/meta-data/",
        "https://168.63.129.16/machine",
        "https://wire.test/",
        "https://192.0.0.192/",
        "https://198.18.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://240.0.0.1/",
        "https://[::]/",
        "https://[::127.0.0.1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[0000:0000:0000:0000:0000:0000:0000:0001]/",
        "https://[::ffff:7f00:1]/",
        "https://[::ffff:a00:1]/",
        "https://[0:0:0:0:0:ffff:10.0.0.1]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://[64:ff9b:1::a00:1]/",
        "https://[2001::1]/",
        "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "https://[2001:db8::1]/",
        "https://[2002:a9fe:a9fe::]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fec0::1]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[ff02::1]/",
        "https://[100::1]/",
        "https://nip.test/",
    ];
    for url in urls {
        refused_without_a_connection(url).await;
    }
}

#[tokio::test]
async fn cve_2026_42449_cve_2026_31945_the_metadata_address_inside_ipv6_is_refused() {
    for url in [
        "https://[::ffff:169.254.169.254]/latest/meta-data/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[0:0:0:0:0:FFFF:A9FE:A9FE]/",
        "https://[::169.254.169.254]/",
        "https://[::ffff:0:169.254.169.254]/",
        "https://[64:ff9b::169.254.169.254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:a9fe:a9fe::1]/",
        "https://[2001:0:a9fe:a9fe::1]/",
    ] {
        refused_without_a_connection(url).await;
    }
}

#[tokio::test]
async fn ci_06_urls_that_parsers_read_differently_are_refused() {
    let long = format!("https://idp.example/{}", "a".repeat(MAX_URL));
    let urls = [
        "http://idp.example/",
        "http://127.0.0.1/",
        "HTTP://idp.example/",
        "ftp://idp.example/",
        "file:///etc/passwd",
        "gopher://idp.example/",
        "data:application/json,{}",
        "javascript:alert(1)",
        "jar:https://idp.example/",
        "//idp.example/",
        "/keys",
        "idp.example",
        "",
        "https:",
        "https://",
        "https:///keys",
        "https:idp.example/",
        "https:/idp.example/",
        "https://?x",
        "https://#x",
        "https://:443/",
        "https://user@idp.example/",
        "https://user:pw@idp.example/",
        "https://@idp.example/",
        "https://:@idp.example/",
        "https://idp.example@127.0.0.1/",
        "https://idp.example#@127.0.0.1/",
        "https://idp.example/#",
        "https://idp.example/#x",
        "https://idp.example/a/../b",
        "https://idp.example/./b",
        "https://idp.example/..",
        "https://idp.example/%2e%2e/b",
        "https://idp.example/%2E%2e/b",
        "https://idp.example/.%2e/b",
        "https://idp.example/a/%2e/b",
        "https://idp.example\\@127.0.0.1/",
        "https://idp.example/a\\b",
        "https:\\\\idp.example\\",
        "https://idp.example/a\tb",
        "https://idp\t.example/",
        "https://idp.example/a\nb",
        "https://idp.example/a b",
        " https://idp.example/",
        "https://idp.example/ ",
        "https://idp.example/\0",
        "https://idp.example/ä",
        "https://ⓔxample.com/",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://idp.example:0/",
        "https://idp.example:65536/",
        "https://idp.example:x/",
        "https://idp.example:-1/",
        "https://[::1/",
        "https://::1/",
        "https://[idp.example]/",
        "https://1.2.3.4.5/",
        "https://256.256.256.256/",
        "https://%31%32%37.0.0.1/",
        "https://./",
        "https://../",
        "https://0xffffffffff/",
        "https://idp.ex<ample/",
        long.as_str(),
    ];
    for url in urls {
        refused_without_a_connection(url).await;
    }
}

#[test]
fn plain_urls_are_read() {
    for url in [
        "https://idp.example/.well-known/openid-configuration",
        "https://idp.example",
        "https://IDP.example/Keys",
        "https://idp.example:443/",
        "https://idp.example:8443/keys?tenant=a&x=..",
        "https://idp.example/a..b/...",
        "https://idp.example/?../",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/",
        "https://8.8.8.8:8443/",
        "https://[2606:4700::1111]/",
        "https://[2606:4700::1111]:8443/x",
    ] {
        assert!(Target::parse(url, &[]).is_ok(), "{url}");
    }
}

#[test]
fn plain_http_and_unusual_addresses_are_for_allowed_hosts() {
    let allow: Vec<Allowed> =
        ["localhost:9000", "idp.internal", "[::1]:7"].iter().map(|text| text.parse().expect("host")).collect();
    for url in [
        "http://localhost:9000/keys",
        "https://localhost:9000/keys",
        "http://idp.internal/",
        "http://IDP.internal:1234/",
        "http://idp.internal./",
        "http://[::1]:7/",
    ] {
        assert!(Target::parse(url, &allow).is_ok(), "{url}");
    }
    for url in [
        "http://localhost/",
        "http://localhost:9001/",
        "http://localhost:90000/",
        "http://evil.idp.internal/",
        "http://idp.internal.evil.example/",
        "http://idp-internal/",
        "http://[::1]/",
        "ftp://idp.internal/",
        "http://user@idp.internal/",
        "http://idp.internal/../",
    ] {
        assert!(Target::parse(url, &allow).is_err(), "{url}");
    }
}

/// The many ways in which the URL standard lets an IPv4 address be written.
fn spelled(address: u32, style: u8, parts: u8) -> String {
    let number = |value: u32, style: u8| match style % 3 {
        0 => value.to_string(),
        1 => format!("0x{value:x}"),
        _ => format!("0{value:o}"),
    };
    let [a, b, c, d] = address.to_be_bytes().map(u32::from);
    let values = match parts % 4 {
        0 => vec![address],
        1 => vec![a, address & 0x00ff_ffff],
        2 => vec![a, b, address & 0xffff],
        _ => vec![a, b, c, d],
    };
    let spelled: Vec<String> =
        values.into_iter().enumerate().map(|(index, value)| number(value, style >> (2 * index))).collect();
    spelled.join(".")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn an_ipv4_address_has_one_spelling(address in any::<u32>(), style in any::<u8>(), parts in 0..4_u8) {
        let host = spelled(address, style, parts);
        let canonical = std::net::Ipv4Addr::from(address).to_string();
        let target = Target::parse(&format!("https://{host}/"), &[]);
        prop_assert_eq!(target.is_ok(), host == canonical, "{}", host);
    }

    #[test]
    fn a_wrapped_ipv4_address_is_never_public(address in any::<u32>()) {
        let [a, b, c, d] = address.to_be_bytes();
        let v4 = std::net::Ipv4Addr::new(a, b, c, d);
        let high = u16::from_be_bytes([a, b]);
        let low = u16::from_be_bytes([c, d]);
        let wrapped = [
            v4.to_ipv6_mapped(),
            std::net::Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            std::net::Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            std::net::Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            std::net::Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            std::net::Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
        ];
        for address in wrapped {
            prop_assert!(special_use(address.into()).is_some(), "{}", address);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
        let _ = Target::parse(&text, &[]);
        let _ = Target::parse(&format!("https://{text}"), &[]);
        let _ = text.parse::<Allowed>();
    }

    #[test]
    fn url_like_texts_are_refused_or_plain(text in "(https|http|HTTPS)://[a-z0-9.@:%\\[\\]/?#\\\\-]{0,40}") {
        if Target::parse(&text, &[]).is_ok() {
            let authority = text.get(8..).and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
            prop_assert!(text.to_ascii_lowercase().starts_with("https://"));
            prop_assert!(!text.contains(['\\', '#']) && !authority.contains('@') && !authority.is_empty());
        }
    }
}
