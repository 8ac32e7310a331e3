//! A process behind the door: a small server in shell, of either era.

use http::StatusCode;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::harness::{Place, ask, call, legacy, modern, session};

/// Answers what it is asked; `TOOL` is what it does for `tools/call`.
fn server(modern: bool, tool: &str) -> String {
    let discover = if modern {
        r#""result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}"#
    } else {
        r#""error":{"code":-32601,"message":"Method not found"}"#
    };
    format!(
        r#"say() {{ printf '%s\n' "$1"; }}
echo 'starting up' ; echo 'ready' >&2
while IFS= read -r line; do
  id=${{line#*\"id\":}}; id=${{id%%[,\}}]*}}
  case "$line" in
    *'"server/discover"'*) say "{{\"jsonrpc\":\"2.0\",\"id\":$id,"'{discover}}}' ;;
    *'"initialize"'*) say "{{\"jsonrpc\":\"2.0\",\"id\":$id,"'"result":{{"protocolVersion":"2025-11-25","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"sh","version":"1"}}}}}}' ;;
    *'"tools/list"'*) say "{{\"jsonrpc\":\"2.0\",\"id\":$id,"'"result":{{"resultType":"complete","tools":[{{"name":"echo","inputSchema":{{"type":"object"}}}}],"ttlMs":0,"cacheScope":"private"}}}}' ;;
    *'"tools/call"'*) {tool} ;;
    *'"id"'*) say "{{\"jsonrpc\":\"2.0\",\"id\":$id,"'"error":{{"code":-32601,"message":"Method not found"}}}}' ;;
  esac
done"#
    )
}

const ECHO: &str = r#"say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"resultType\":\"complete\",\"content\":[{\"type\":\"text\",\"text\":\"from $$\"}]}}""#;

#[tokio::test]
async fn a_modern_process_is_called_and_kept() {
    let place = Place::script(&server(true, ECHO), &[]).await;
    let token = place.token("alice", &[], &[]).await;
    let first = call(&place, &token, "echo", json!({})).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    let second = call(&place, &token, "echo", json!({})).await;
    assert_eq!(first.json()["result"], second.json()["result"]);
    assert_eq!(first.json()["id"], 1);
    place.node.stop().await;
}

#[tokio::test]
async fn each_caller_has_a_process_of_its_own() {
    let place = Place::script(&server(true, ECHO), &[]).await;
    let alice = place.token("alice", &[], &[]).await;
    let bob = place.token("bob", &[], &[]).await;
    let said = async |token: &str| call(&place, token, "echo", json!({})).await.json()["result"].clone();
    assert_ne!(said(&alice).await, said(&bob).await);
    assert_eq!(said(&alice).await, said(&alice).await);
}

#[tokio::test]
async fn a_legacy_process_has_a_session_and_tells_modern_clients_so() {
    let place = Place::script(&server(false, ECHO), &[]).await;
    let token = place.token("alice", &[], &[]).await;
    let refused = ask(place.address(), modern(&place, Some(&token), "tools/list", json!({}))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
    assert_eq!(refused.json()["error"]["code"], -32022);
    let supported = refused.json()["error"]["data"]["supported"].clone();
    assert!(supported.as_array().unwrap().contains(&json!("2025-11-25")), "{supported}");

    let id = session(&place, &token).await;
    let ask_tool =
        json!({ "jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": { "name": "echo", "arguments": {} } });
    let said = ask(place.address(), legacy(&place, &token, Some(&id), &ask_tool)).await;
    assert_eq!((said.status, &said.json()["id"]), (StatusCode::OK, &json!("x")));
}

#[tokio::test]
async fn pt_05_no_process_sees_the_token_the_session_or_the_environment() {
    let spy = r#"seen=$(env; echo "$0" "$@"; echo "$line"); printf '%s' "$seen" > "$SPY"; "#.to_owned() + ECHO;
    let directory = tempfile::tempdir().unwrap();
    for is_modern in [true, false] {
        let file = directory.path().join(format!("spy-{is_modern}"));
        let given = format!("SPY={}", file.display());
        let place = Place::script(&server(is_modern, &spy), &[&given]).await;
        let token = place.token("alice", &[], &[]).await;
        let mut session_id = None;
        let said = if is_modern {
            call(&place, &token, "echo", json!({ "note": "hello" })).await
        } else {
            let id = session(&place, &token).await;
            let tool = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": { "name": "echo", "arguments": { "note": "hello" } } });
            let said = ask(place.address(), legacy(&place, &token, Some(&id), &tool)).await;
            session_id = Some(id);
            said
        };
        assert_eq!(said.status, StatusCode::OK, "{}", said.text());
        let seen = std::fs::read_to_string(&file).unwrap();
        assert!(seen.contains("hello"), "{seen}");
        assert!(!seen.contains(&token), "{seen}");
        assert!(session_id.is_none_or(|id| !seen.contains(&id)), "{seen}");
        assert!(!seen.contains("CARGO"), "{seen}");
    }
}

#[tokio::test]
async fn a_process_that_dies_under_a_call_is_a_clear_answer() {
    let place = Place::script(&server(true, "exit 9"), &[]).await;
    let token = place.token("alice", &[], &[]).await;
    let said = call(&place, &token, "echo", json!({})).await;
    assert_eq!(said.status, StatusCode::BAD_GATEWAY, "{}", said.text());
    assert_eq!(said.json()["id"], 1);
    assert!(!said.header("doorward-decision").is_empty());
}

#[tokio::test]
async fn a_missing_command_is_a_clear_answer_and_the_node_stays_ready() {
    let target = doorward_gateway::config::RunTarget::Command(vec!["/no/such/server".to_owned()]);
    let place = Place::run(target, &[]).await;
    let token = place.token("alice", &[], &[]).await;
    let said = call(&place, &token, "echo", json!({})).await;
    assert_eq!(said.status, StatusCode::BAD_GATEWAY, "{}", said.text());
    assert!(!said.text().contains("/no/such/server"), "{}", said.text());
    let ready = crate::harness::get(&place, "/readyz", &[]).await;
    assert_eq!((ready.status, &ready.json()["servers"]["main"]), (StatusCode::OK, &json!("failing")));
}

/// Notes what it is told, and answers no call.
fn silent(mark: &str) -> String {
    server(true, &format!("printf '%s\\n' called >> \"${mark}\"")).replace(
        "    *'\"tools/list\"'*)",
        &format!(
            "    *'notifications/cancelled'*) printf '%s\\n' \"$line\" >> \"${mark}\" ;;\n    *'\"tools/list\"'*)"
        ),
    )
}

async fn until(file: &std::path::Path, holds: impl Fn(&str) -> bool) -> String {
    for _ in 0..1500 {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if holds(&text) {
            return text;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it never came to be");
}

#[tokio::test]
async fn a10_a_modern_caller_that_leaves_cancels_its_call_at_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("mark");
    let place = Place::script(&silent("MARK"), &[&format!("MARK={}", mark.display())]).await;
    let token = place.token("alice", &[], &[]).await;
    let request = modern(&place, Some(&token), "tools/call", json!({ "name": "echo", "arguments": {} }));
    let mut socket = tokio::net::TcpStream::connect(place.address()).await.unwrap();
    socket.write_all(&crate::harness::raw(request).await).await.unwrap();
    until(&mark, |text| text.contains("called")).await;
    drop(socket);
    let told = until(&mark, |text| text.contains("notifications/cancelled")).await;
    assert_eq!(told.matches("notifications/cancelled").count(), 1, "{told}");
}
