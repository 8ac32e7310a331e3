//! A server behind an address.

use std::sync::{Arc, Mutex};

use doorward_gateway::config::RunTarget;
use http::StatusCode;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::harness::{Place, call};

/// Answers every request with one tool result under the request's own id, and keeps what it was sent.
async fn server() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(String::new()));
    let keeper = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let keeper = Arc::clone(&keeper);
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                    request.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let Ok(body) = serde_json::from_str::<serde_json::Value>(body) else { continue };
                    keeper.lock().unwrap().push_str(&text);
                    assert!(head.starts_with("POST /mcp "));
                    let answer = json!({
                        "jsonrpc": "2.0", "id": body["id"],
                        "result": { "resultType": "complete", "content": [{ "type": "text", "text": "far away" }] },
                    })
                    .to_string();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                        answer.len()
                    );
                    socket.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
                    request.clear();
                }
            });
        }
    });
    (url, seen)
}

#[tokio::test]
async fn pt_01_the_callers_token_stays_here() {
    let (url, seen) = server().await;
    let place = Place::run(RunTarget::Url(url), &[]).await;
    let token = place.token("alice", &[], &[]).await;
    let said = call(&place, &token, "echo", json!({ "note": "hello" })).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text());
    assert_eq!((&said.json()["id"], &said.json()["result"]["content"][0]["text"]), (&json!(1), &json!("far away")));
    let seen = seen.lock().unwrap();
    assert!(seen.contains("hello") && seen.contains("mcp-name: echo"), "{seen}");
    assert!(!seen.contains(&token) && !seen.to_lowercase().contains("authorization"), "{seen}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_clear_answer() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let place = Place::run(RunTarget::Url(format!("http://{unused}/mcp")), &[]).await;
    let token = place.token("alice", &[], &[]).await;
    let said = call(&place, &token, "echo", json!({})).await;
    assert_eq!((said.status, &said.json()["id"]), (StatusCode::BAD_GATEWAY, &json!(1)), "{}", said.text());
    assert!(!said.text().contains(&unused.port().to_string()), "{}", said.text());
}
