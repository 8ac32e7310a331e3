//! Commands to a running node, and what operators can read.

use std::os::unix::fs::PermissionsExt as _;

use doorward::identity::TokenLog as _;
use doorward_gateway::control::{Client, ControlError};
use doorward_store::SqliteStore;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::json;

use crate::harness::{Place, ask, call, legacy, session};

async fn client(place: &Place) -> Client {
    Client::connect(&place.state()).await.unwrap().unwrap()
}

#[tokio::test]
async fn tk_29_a_revoked_token_is_dead_when_the_command_returns() {
    let place = Place::demo().await;
    let token = place.token("bob", &[], &[]).await;
    assert_eq!(call(&place, &token, "addNumbers", json!({ "a": 1, "b": 1 })).await.status, StatusCode::OK);
    let store = SqliteStore::open(&place.state().join("doorward.db")).await.unwrap();
    let record = store.list_tokens().await;
    client(&place).await.revoke_token(&record.0, record.1).await.unwrap();
    let dead = call(&place, &token, "addNumbers", json!({ "a": 1, "b": 1 })).await;
    assert_eq!(dead.status, StatusCode::UNAUTHORIZED);
    assert!(dead.header("www-authenticate").contains("invalid_token"));
}

/// The one token on record.
trait OneToken {
    async fn list_tokens(&self) -> (String, std::time::SystemTime);
}

impl OneToken for SqliteStore {
    async fn list_tokens(&self) -> (String, std::time::SystemTime) {
        let record = doorward::identity::TokenLog::list(self).await.unwrap().remove(0);
        (record.id, record.expires_at)
    }
}

#[tokio::test]
async fn a_token_that_was_revoked_before_the_start_stays_dead() {
    let place = Place::demo().await;
    let token = place.token("bob", &[], &[]).await;
    let resource = place.node.servers()[0].resource.clone();
    let store = SqliteStore::open(&place.state().join("doorward.db")).await.unwrap();
    let (id, _) = store.list_tokens().await;
    let state = place.state();
    place.node.stop().await;
    store.revoke(&id, std::time::SystemTime::UNIX_EPOCH).await.unwrap();
    drop(store);
    let mut config = doorward_gateway::demo::configuration().unwrap();
    let port = resource.rsplit(':').next().unwrap().trim_end_matches("/mcp").to_owned();
    config.listen = vec![format!("localhost:{port}").parse().unwrap()];
    let options = crate::harness::node_options(&state, doorward_gateway::node_file::Mode::Demo);
    let node = doorward_gateway::node::Node::start(config, options).await.unwrap();
    assert!(!node.first_start());
    let place = Place { node, directory: place.directory };
    let dead = call(&place, &token, "addNumbers", json!({ "a": 1, "b": 1 })).await;
    assert_eq!(dead.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sessions_are_listed_without_their_ids_and_ended_by_digest() {
    let place = Place::demo().await;
    let token = place.token("bob", &[], &[]).await;
    let id = session(&place, &token).await;
    let mut client = client(&place).await;
    let sessions = client.sessions().await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].owner.as_ref().unwrap().subject, "bob");
    assert!(!format!("{sessions:?}").contains(&id));
    assert!(matches!(client.end_sessions("").await, Err(ControlError::Refused(_))));
    assert_eq!(client.end_sessions("00000000").await.unwrap(), 0);
    assert_eq!(client.end_sessions(&sessions[0].digest).await.unwrap(), 1);
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    assert_eq!(ask(place.address(), legacy(&place, &token, Some(&id), &list)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_socket_is_private_and_goes_with_the_node() {
    let place = Place::demo().await;
    let path = place.state().join("node.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (version, url) = client(&place).await.hello().await.unwrap();
    assert_eq!((version.as_str(), url.as_str()), (env!("CARGO_PKG_VERSION"), place.node.public_url()));
    let directory = place.directory;
    place.node.stop().await;
    assert!(!path.exists());
    assert!(Client::connect(&directory.path().join("state")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_state_directory_may_lie_deep() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("d".repeat(80)).join("e".repeat(80)).join("state");
    let mut config = doorward_gateway::demo::configuration().unwrap();
    config.listen = vec!["localhost:0".parse().unwrap()];
    let options = crate::harness::node_options(&deep, doorward_gateway::node_file::Mode::Demo);
    let node = doorward_gateway::node::Node::start(config, options).await.unwrap();
    let mut client = Client::connect(&deep).await.unwrap().unwrap();
    assert_eq!(client.hello().await.unwrap().1, node.public_url());
    node.stop().await;
    assert!(Client::connect(&deep).await.unwrap().is_none());
}

#[tokio::test]
async fn er_15_metrics_have_a_listener_of_their_own_and_no_names() {
    let place = Place::demo().await;
    let token = place.token("bob-the-canary", &[], &[]).await;
    call(&place, &token, "addNumbers", json!({ "a": 1, "b": 1 })).await;
    let url = place.node.metrics_url().unwrap().to_owned();
    let address = url.trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
    let get = async |path: &str, host: &str| {
        let request = Request::builder().method(Method::GET).uri(path).header("host", host);
        ask(address.parse().unwrap(), request.body(Full::default()).unwrap()).await
    };
    let metrics = get("/metrics", &address).await;
    assert_eq!(metrics.status, StatusCode::OK);
    let text = metrics.text();
    assert!(text.contains(r#"doorward_decisions_total{server="demo",verdict="allow",reason=""} 1"#), "{text}");
    assert!(text.contains(r#"doorward_outcomes_total{ending="answered"} 1"#), "{text}");
    assert!(!text.contains("canary") && !text.contains("addNumbers"), "{text}");
    assert_eq!(get("/metrics", "evil.test").await.status, StatusCode::FORBIDDEN);
    assert_eq!(get("/mcp", &address).await.status, StatusCode::NOT_FOUND);
    assert_eq!(crate::harness::get(&place, "/metrics", &[]).await.status, StatusCode::NOT_FOUND);
}
