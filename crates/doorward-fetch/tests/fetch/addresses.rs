//! What a name leads to: the checked address is the connected address (CI-02, CI-03).

use std::net::SocketAddr;
use std::sync::Arc;

use doorward_fetch::{FetchError, Fetcher};

use crate::support::*;

#[tokio::test]
async fn a_public_name_is_fetched_from_its_checked_address() {
    let world = World::new(json("{}")).await;
    assert_eq!(world.get().await.as_deref(), Ok(b"{}".as_slice()));
    assert_eq!(world.network.resolved(), ["idp.test"]);
    assert_eq!(world.network.connected(), [SocketAddr::new(PUBLIC, 443)]);
}

#[tokio::test]
async fn ci_02_a_public_name_with_a_private_address_is_refused() {
    let answers: [&[&str]; 8] = [
        &["127.0.0.1"],
        &["10.0.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        // One private address among public ones is enough, wherever it stands.
        &["93.184.216.34", "10.0.0.1"],
        &["10.0.0.1", "93.184.216.34"],
        &["93.184.216.34", "2606:4700::1111", "fd00::1"],
    ];
    for answer in answers {
        let world = World::new(json("{}")).await;
        let answer: Vec<_> = answer.iter().map(|text| ip(text)).collect();
        world.network.name("idp.test", &[&answer]);
        for address in &answer {
            world.network.route(*address, world.server.address);
        }
        let outcome = world.get().await;
        assert!(is_refused(&outcome), "{answer:?}: {outcome:?}");
        assert_eq!((world.network.connected(), world.server.connections()), (vec![], 0), "{answer:?}");
    }
}

#[tokio::test]
async fn ci_03_a_name_that_changes_its_mind_is_asked_once_and_the_checked_address_is_used() {
    let world = World::new(json("{}")).await;
    let inside = Server::start(None, json("{}")).await;
    world.network.name("idp.test", &[&[PUBLIC], &[ip("127.0.0.1")], &[PUBLIC], &[ip("169.254.169.254")]]);
    world.network.route(ip("127.0.0.1"), inside.address);
    world.network.route(ip("169.254.169.254"), inside.address);
    let fetcher = world.fetcher();
    assert!(get(&fetcher, "https://idp.test/").await.is_ok());
    assert!(is_refused(&get(&fetcher, "https://idp.test/").await));
    assert!(get(&fetcher, "https://idp.test/").await.is_ok());
    assert!(is_refused(&get(&fetcher, "https://idp.test/").await));
    assert_eq!(world.network.resolved().len(), 4, "one look-up per fetch");
    assert_eq!(world.network.connected(), [SocketAddr::new(PUBLIC, 443); 2]);
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn the_next_checked_address_is_tried_when_one_does_not_answer() {
    let world = World::new(json("{}")).await;
    let dead = ip("93.184.216.35");
    world.network.name("idp.test", &[&[dead, PUBLIC]]);
    assert!(world.get().await.is_ok());
    assert_eq!(world.network.connected(), [SocketAddr::new(dead, 443), SocketAddr::new(PUBLIC, 443)]);
    world.network.name("idp.test", &[&[dead]]);
    assert!(matches!(world.get().await, Err(FetchError::Unreachable(_))));
}

#[tokio::test]
async fn names_without_addresses_and_with_too_many_are_not_fetched() {
    let world = World::new(json("{}")).await;
    world.network.name("idp.test", &[&[]]);
    assert!(matches!(world.get().await, Err(FetchError::Unreachable(_))));
    world.network.name("idp.test", &[&[PUBLIC; 33]]);
    assert!(matches!(world.get().await, Err(FetchError::Unreachable(_))));
    assert!(matches!(get(&world.fetcher(), "https://unknown.test/").await, Err(FetchError::Unreachable(_))));
    assert_eq!(world.network.connected(), []);
}

#[tokio::test]
async fn the_port_of_the_url_is_the_port_that_is_connected_to() {
    let world = World::new(json("{}")).await;
    assert!(get(&world.fetcher(), "https://idp.test:8443/keys").await.is_ok());
    assert_eq!(world.network.connected(), [SocketAddr::new(PUBLIC, 8443)]);
    assert!(world.server.requests()[0].contains("\r\nhost: idp.test:8443\r\n"));
}

#[tokio::test]
async fn an_allowed_host_may_be_private_and_plain_and_no_other_one() {
    let server = Server::start(None, json("{}")).await;
    let network = TestNetwork::new();
    for name in ["idp.internal", "other.internal"] {
        network.name(name, &[&[ip("10.0.0.1")]]);
    }
    network.route(ip("10.0.0.1"), server.address);
    let mut policy = policy(&Authority::new());
    policy.allow = vec!["idp.internal:8080".parse().expect("host")];
    let fetcher = Fetcher::on(policy, Arc::clone(&network) as _).expect("fetcher");
    assert!(get(&fetcher, "http://idp.internal:8080/keys").await.is_ok());
    for url in [
        "http://idp.internal/",
        "https://idp.internal/",
        "http://other.internal:8080/",
        "https://other.internal:8080/",
        "https://10.0.0.1:8080/",
    ] {
        assert!(is_refused(&get(&fetcher, url).await), "{url}");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn jk_08_plain_http_is_refused_without_a_look_up() {
    let world = World::new(json("{}")).await;
    assert!(is_refused(&get(&world.fetcher(), "http://idp.test/jwks").await));
    assert!(world.network.resolved().is_empty());
}
