//! Servers that misbehave, as processes and over HTTP: the caller gets one clear answer, and the node stays small (JS-11).

use http::StatusCode;
use serde_json::{Value, json};

use crate::node::{ECHO, Node, echo_over_http, legacy, modern, send, session};

/// What a node may have needed at most, in KiB: a message of 32 MiB in a few copies, and itself.
const PEAK: u64 = 400 * 1024;

async fn over_http(fault: &[&str]) -> Node {
    Node::serve(&json!({ "url": echo_over_http(fault).await })).await
}

async fn as_a_process(fault: &[&str]) -> Node {
    let command: Vec<&str> = [&[ECHO, "--stdio"], fault].concat();
    Node::serve(&json!({ "command": command })).await
}

/// Asserts that a call through each kind of server ends with an error that says nothing of the server's nonsense.
async fn is_a_clear_error(fault: &str) {
    for (kind, node) in
        [("http", over_http(&["--fault", fault]).await), ("stdio", as_a_process(&["--fault", fault]).await)]
    {
        let token = node.token("alice").await;
        let answer = send(modern(&node, &token, "echo", &json!({ "text": "x" })).unwrap()).await;
        let message = answer.message();
        assert_eq!(message["id"], 1, "{kind} {fault}: {answer:?}");
        let code = message["error"]["code"].as_i64().unwrap_or_else(|| panic!("{kind} {fault}: {answer:?}"));
        assert!(matches!(code, 50_200 | 50_400), "{kind} {fault}: {answer:?}");
        assert!(!answer.body.contains("of another") && !answer.body.contains("aaaa"), "{kind} {fault}: {answer:?}");
        assert!(answer.body.len() < 4096, "{kind} {fault}: {} bytes", answer.body.len());
        assert!(node.peak_kib() < PEAK, "{kind} {fault}: {} KiB", node.peak_kib());
        // What a call that never got its answer leaves behind is nobody else's trouble.
        let list = request_list(&node, &node.token("bob").await).await;
        assert!(list["result"]["tools"].is_array(), "{kind} {fault}: {list}");
    }
}

async fn request_list(node: &Node, token: &str) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": { "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} } } });
    let request = crate::node::request(node, token, "POST")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/list")
        .body(http_body_util::Full::new(body.to_string().into()))
        .unwrap();
    send(request).await.message()
}

#[tokio::test]
async fn js_11_an_answer_with_a_wrong_id_is_nobodys() {
    is_a_clear_error("wrong-id").await;
}

#[tokio::test]
async fn js_11_what_is_no_json_is_not_passed_on() {
    is_a_clear_error("invalid-json").await;
    is_a_clear_error("invalid-utf8").await;
}

#[tokio::test]
async fn js_11_an_answer_without_an_end_is_bounded() {
    is_a_clear_error("endless").await;
}

#[tokio::test]
async fn js_11_an_answer_of_a_gibibyte_is_bounded() {
    is_a_clear_error("huge").await;
}

#[tokio::test]
async fn js_11_a_server_that_never_answers_is_given_up() {
    is_a_clear_error("hang").await;
}

#[tokio::test]
async fn js_11_what_nobody_asked_for_reaches_nobody() {
    for fault in ["unasked", "twice"] {
        for (kind, node) in
            [("http", over_http(&["--fault", fault]).await), ("stdio", as_a_process(&["--fault", fault]).await)]
        {
            let token = node.token("alice").await;
            let answer = send(modern(&node, &token, "echo", &json!({ "text": "x" })).unwrap()).await;
            assert_eq!(answer.status, StatusCode::OK, "{kind} {fault}: {answer:?}");
            let messages = answer.messages();
            assert_eq!(messages.len(), 1, "{kind} {fault}: {messages:?}");
            assert_eq!(
                (&messages[0]["id"], &messages[0]["result"]["content"]),
                (&json!(1), &json!([])),
                "{kind} {fault}"
            );
        }
    }
}

/// The older era as well, where a stray request could be taken for a question to the user.
#[tokio::test]
async fn js_11_a_stray_answer_in_a_session_is_nobodys() {
    for (kind, node) in
        [("http", over_http(&["--fault", "wrong-id"]).await), ("stdio", as_a_process(&["--fault", "wrong-id"]).await)]
    {
        let token = node.token("alice").await;
        let session = session(&node, &token).await;
        let call = json!({ "jsonrpc": "2.0", "id": 987_654_321, "method": "tools/call", "params": { "name": "echo" } });
        let answer = send(legacy(&node, &token, Some(&session), &call).unwrap()).await;
        // The client chose the very number that the server answers to: it is still not the number of this call.
        let message = answer.message();
        assert!(message["error"].is_object(), "{kind}: {answer:?}");
        assert!(!answer.body.contains("of another"), "{kind}: {answer:?}");
    }
}
