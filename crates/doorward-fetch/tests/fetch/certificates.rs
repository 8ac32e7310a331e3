//! TLS: the name in the URL is the name in the certificate (CI-11).

use std::net::Ipv4Addr;
use std::sync::Arc;

use doorward_fetch::{FetchError, FetchPolicy, Fetcher, PolicyError};
use rcgen::CertificateParams;

use crate::support::*;

async fn outcome(trusted: &Authority, acceptor: Option<tokio_rustls::TlsAcceptor>) -> Result<bytes::Bytes, FetchError> {
    let server = Server::start(acceptor, json("{}")).await;
    let network = TestNetwork::new();
    network.name("idp.test", &[&[PUBLIC]]);
    network.route(PUBLIC, server.address);
    let fetcher = Fetcher::on(policy(trusted), Arc::clone(&network) as _).expect("fetcher");
    let outcome = get(&fetcher, "https://idp.test/").await;
    assert!(outcome.is_ok() || server.requests().is_empty(), "nothing is sent before the certificate is checked");
    outcome
}

#[tokio::test]
async fn ci_11_certificates_of_others_expired_ones_and_plain_servers_are_refused() {
    let authority = Authority::new();
    assert!(outcome(&authority, Some(authority.acceptor("idp.test", |_| {}))).await.is_ok());
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    };
    let future = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
        params.not_after = rcgen::date_time_ymd(4001, 1, 1);
    };
    let bad = [
        ("another name", Some(authority.acceptor("other.test", |_| {}))),
        ("a longer name", Some(authority.acceptor("idp.test.evil.test", |_| {}))),
        ("the address", Some(authority.acceptor("93.184.216.34", |_| {}))),
        ("expired", Some(authority.acceptor("idp.test", expired))),
        ("not yet valid", Some(authority.acceptor("idp.test", future))),
        ("another authority", Some(Authority::new().acceptor("idp.test", |_| {}))),
        ("no TLS at all", None),
    ];
    for (what, acceptor) in bad {
        let outcome = outcome(&authority, acceptor).await;
        assert!(matches!(outcome, Err(FetchError::Unreachable(_))), "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_address_needs_a_certificate_of_its_own() {
    let authority = Authority::new();
    for (name, good) in [("127.0.0.1", true), ("localhost", false), ("127.0.0.2", false)] {
        let server = Server::start(Some(authority.acceptor(name, |_| {})), json("{}")).await;
        let mut policy = policy(&authority);
        policy.allow = vec!["127.0.0.1".parse().expect("host")];
        // The real network: an allowed address on loopback.
        let fetcher = Fetcher::new(policy).expect("fetcher");
        let url = format!("https://{}:{}/", Ipv4Addr::LOCALHOST, server.address.port());
        assert_eq!(get(&fetcher, &url).await.is_ok(), good, "{name}");
    }
}

#[test]
fn an_authority_that_can_not_be_read_is_refused() {
    for pem in [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n",
    ] {
        let policy = FetchPolicy { ca: Some(pem.as_bytes().to_vec()), ..FetchPolicy::default() };
        assert!(matches!(Fetcher::new(policy), Err(PolicyError::BadAuthority(_))), "{pem:?}");
    }
    let two = [Authority::new().pem(), Authority::new().pem()].concat();
    assert!(Fetcher::new(FetchPolicy { ca: Some(two), ..FetchPolicy::default() }).is_ok());
}
