//! Starting and ending: what is wrong is said at once, what runs may end.

use std::time::{Duration, SystemTime};

use doorward::identity::session::{SessionLog, SessionRecord};
use doorward_gateway::{
    config::{Config, RunTarget},
    demo,
    node::{Node, StartErrorKind},
    node_file::{Mode, NodeFile},
};
use doorward_store::{SqliteStore, StateDir};
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::harness::{Place, ask, modern, node_options, options};

#[tokio::test]
async fn a_node_writes_down_where_it_is() {
    let place = Place::demo().await;
    let file = NodeFile::read(&place.state()).unwrap().unwrap();
    assert_eq!(file.public_url, place.node.public_url());
    assert_eq!(file.servers, place.node.servers());
    assert!(place.node.first_start());
    assert!(place.ledger().contains("\"what\":\"started\""));
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line() {
    let place = Place::demo().await;
    let mut config = demo::configuration().unwrap();
    config.listen = vec![format!("localhost:{}", place.address().port()).parse().unwrap()];
    let directory = tempfile::tempdir().unwrap();
    let error = Node::start(config, node_options(&directory.path().join("state"), Mode::Demo)).await.unwrap_err();
    assert_eq!(error.kind(), StartErrorKind::Unreachable);
    assert!(error.to_string().contains("another program uses this port"), "{error}");
}

#[tokio::test]
async fn two_nodes_never_share_a_state_directory() {
    let place = Place::demo().await;
    let mut config = demo::configuration().unwrap();
    config.listen = vec!["localhost:0".parse().unwrap()];
    let error = Node::start(config, node_options(&place.state(), Mode::Demo)).await.unwrap_err();
    assert_eq!(error.kind(), StartErrorKind::Unreachable);
    assert!(error.to_string().contains("another node is using the state directory"), "{error}");
}

#[tokio::test]
async fn a_broken_key_or_an_open_directory_is_a_configuration_mistake() {
    let directory = tempfile::tempdir().unwrap();
    let start = async || {
        let (config, _) = Config::for_run(&options(RunTarget::Url("http://localhost:9/mcp".into()), &[])).unwrap();
        Node::start(config, node_options(directory.path(), Mode::Run)).await.unwrap_err()
    };
    let private = |mode| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    private(0o755);
    let open = start().await;
    assert_eq!(open.kind(), StartErrorKind::Configuration, "{open}");
    private(0o700);
    let key = directory.path().join("signing.key");
    std::fs::write(&key, "nonsense").unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let broken = start().await;
    assert_eq!(broken.kind(), StartErrorKind::Configuration, "{broken}");
    assert!(broken.to_string().contains("signing.key") && !broken.to_string().contains('\n'), "{broken}");
}

#[tokio::test]
async fn stopping_lets_a_running_call_end_and_takes_no_more() {
    let slow = r#"read -r probe
echo '{"jsonrpc":"2.0","id":9007199254740991,"result":{"supportedVersions":["2026-07-28"]}}'
read -r line; id=${line#*\"id\":}; id=${id%%,*}; echo called > "$MARK"; sleep 1
echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"resultType\":\"complete\",\"content\":[]}}"
cat >/dev/null"#;
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("mark");
    let place = Place::script(slow, &[&format!("MARK={}", mark.display())]).await;
    let token = place.token("alice", &[], &[]).await;
    let address = place.address();
    let request = modern(&place, Some(&token), "tools/call", json!({ "name": "slow", "arguments": {} }));
    let running = tokio::spawn(ask(address, request));
    for _ in 0..1500 {
        if mark.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let state = place.state();
    place.node.stop().await;
    assert_eq!(running.await.unwrap().status, StatusCode::OK);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    let mut ledger = String::new();
    for entry in std::fs::read_dir(state.join("ledger")).unwrap() {
        ledger.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    assert!(ledger.contains("\"ending\":\"answered\"") && ledger.contains("\"what\":\"stopped\""), "{ledger}");
}

#[tokio::test]
async fn sessions_of_an_earlier_run_are_over() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDir::open(directory.path().join("state")).unwrap();
    let store = SqliteStore::open(&state.database()).await.unwrap();
    // Far ahead, so that it is not forgotten for its age.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 32);
    let left = SessionRecord {
        digest: [7; 32],
        server: "demo".parse().unwrap(),
        owner: None,
        opened_at: now,
        last_used: now,
        expires_at: now + Duration::from_secs(3600),
        version: doorward_wire::Version::V2025_11_25,
    };
    SessionLog::open(&store, &left).await.unwrap();
    let mut config = demo::configuration().unwrap();
    config.listen = vec!["localhost:0".parse().unwrap()];
    let node = Node::start(config, node_options(state.path(), Mode::Demo)).await.unwrap();
    assert_eq!(SessionLog::list(&store).await.unwrap(), []);
    store.close().await;
    node.stop().await;
}

/// A server of the legacy era that does nothing but open its sessions.
const HANDSHAKE: &str = r#"while IFS= read -r line; do
  id=${line#*\"id\":}; id=${id%%[,\}]*}
  case "$line" in *'"initialize"'*)
    echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"}}}" ;;
  esac
done"#;

#[tokio::test]
async fn an_open_stream_does_not_hold_up_the_end() {
    let place = Place::script(HANDSHAKE, &[]).await;
    let token = place.token("alice", &[], &[]).await;
    let id = crate::harness::session(&place, &token).await;
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("accept", "text/event-stream"),
        ("mcp-session-id", &id),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    let request = crate::harness::bare(&place, http::Method::GET, "/mcp", &headers);
    let stream = tokio::net::TcpStream::connect(place.address()).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut client, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let response = client.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let stopping = tokio::spawn(place.node.stop());
    // It ends well, long before the time for running calls is over.
    let ended = tokio::time::timeout(Duration::from_secs(8), response.into_body().collect()).await.unwrap();
    assert!(ended.is_ok());
    stopping.await.unwrap();
}

#[tokio::test]
async fn hd_08_no_node_is_open_to_the_network_without_tls() {
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let mut config = demo::configuration().unwrap();
        config.listen = vec!["localhost:0".parse().unwrap(), open.parse().unwrap()];
        let directory = tempfile::tempdir().unwrap();
        let error = Node::start(config, node_options(&directory.path().join("state"), Mode::Demo)).await.unwrap_err();
        assert_eq!(error.kind(), StartErrorKind::Configuration);
        assert!(error.to_string().contains("there is no TLS"), "{error}");
    }
}

#[tokio::test]
async fn what_a_server_told_is_remembered() {
    let place = Place::demo().await;
    let token = place.token("alice", &["Admin"], &[]).await;
    ask(place.address(), modern(&place, Some(&token), "tools/list", json!({}))).await;
    let state = place.state();
    place.node.stop().await;
    let store = SqliteStore::open(&state.join("doorward.db")).await.unwrap();
    let server = demo::SERVER.parse().unwrap();
    let kept = doorward::policy::CatalogueLog::load(&store, &server).await.unwrap().unwrap();
    // Unfiltered: also what this caller did not see.
    assert!(kept.contains("adminRestart") && kept.contains("customerData"), "{kept}");
}
