//! The echo server does what its own tests will be built on.

use std::{process::Stdio, sync::Arc, time::Duration};

use bytes::Bytes;
use clap::Parser;
use doorward_test_peers::echo::{self, Options, Server};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// The server as a process, spoken to in lines.
struct Process {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_echo-upstream"))
            .arg("--stdio")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { input, output, child }
    }

    async fn send(&mut self, message: Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        serde_json::from_str(&self.output.next_line().await.unwrap().unwrap()).unwrap()
    }

    async fn exchange(&mut self, message: Value) -> Value {
        self.send(message).await;
        self.receive().await
    }
}

/// A request of the newer era.
fn modern(id: u64, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn legacy(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn initialize() -> Value {
    let capabilities = json!({ "elicitation": {} });
    legacy(0, "initialize", &json!({ "protocolVersion": "2025-06-18", "capabilities": capabilities }))
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap()
}

/// The server within this test, over HTTP; its address.
async fn serve(arguments: &[&str]) -> String {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }
    let line = Line::parse_from(["test"].iter().chain(arguments));
    let server: Arc<Server> = Server::new(line.options).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(echo::serve_http(listener, server));
    address
}

async fn post(address: &str, session: Option<&str>, message: &Value) -> Response<Incoming> {
    let mut request = Request::post(address).header("content-type", "application/json");
    if let Some(session) = session {
        request = request.header("mcp-session-id", session);
    }
    let request = request.body(Full::new(Bytes::from(message.to_string()))).unwrap();
    Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap()
}

async fn body(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn one_process_serves_both_eras() {
    let mut server = Process::start(&[]);
    let found = server.exchange(modern(1, "server/discover", json!({}))).await;
    assert_eq!(found["result"]["supportedVersions"][0], "2026-07-28");
    let opened = server.exchange(initialize()).await;
    assert_eq!(opened["result"]["protocolVersion"], "2025-06-18");
    let call = json!({ "name": "echo", "arguments": { "text": "hello" } });
    assert_eq!(text(&server.exchange(legacy(2, "tools/call", &call)).await), "hello");
    let answer = server.exchange(modern(3, "tools/call", call)).await;
    assert_eq!(text(&answer), "hello");
    assert_eq!(answer["result"]["resultType"], "complete");
}

#[tokio::test]
async fn the_older_era_asks_by_a_request() {
    let mut server = Process::start(&[]);
    server.exchange(initialize()).await;
    let question = server.exchange(legacy(1, "tools/call", &json!({ "name": "ask" }))).await;
    assert_eq!(question["method"], "elicitation/create");
    let answer = json!({ "action": "accept", "content": { "answer": "blue" } });
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer });
    assert!(text(&server.exchange(answer).await).contains("blue"));
}

#[tokio::test]
async fn the_newer_era_asks_by_its_result_and_wants_its_state_back() {
    let mut server = Process::start(&[]);
    let asked = server.exchange(modern(1, "tools/call", json!({ "name": "ask" }))).await;
    assert_eq!(asked["result"]["resultType"], "input_required");
    let mut retry = json!({
        "name": "ask",
        "inputResponses": { "answer": { "action": "accept", "content": { "answer": "blue" } } },
        "requestState": asked["result"]["requestState"],
    });
    let answer = server.exchange(modern(2, "tools/call", retry.clone())).await;
    assert!(text(&answer).contains("blue"));
    retry["requestState"] = "another".into();
    let refused = server.exchange(modern(3, "tools/call", retry)).await;
    assert_eq!(refused["error"]["code"], -32602);
}

#[tokio::test]
async fn a_cancelled_call_is_never_answered() {
    let mut server = Process::start(&[]);
    server.send(modern(1, "tools/call", json!({ "name": "slow", "arguments": { "ms": 600_000 } }))).await;
    let given_up = json!({ "requestId": 1 });
    server.send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": given_up })).await;
    let next = server.exchange(modern(2, "tools/list", json!({}))).await;
    assert_eq!(next["id"], 2);
}

#[tokio::test]
async fn a_process_reflects_its_environment_and_its_command_line() {
    let mut server = Process::start(&["--page", "6"]);
    let answer = server.exchange(modern(1, "tools/call", json!({ "name": "reflect" }))).await;
    let seen: Value = serde_json::from_str(text(&answer)).unwrap();
    assert_eq!(seen["argv"][2], "--page");
    assert!(seen["environment"].is_object());
    assert!(seen["request"].as_str().unwrap().contains("reflect"));
    assert!(answer["result"]["unknownMember"].is_object());
}

#[tokio::test]
async fn an_old_process_knows_no_discovery() {
    let mut server = Process::start(&["--eras", "legacy", "--discovery", "invalid-params"]);
    let refused = server.exchange(modern(1, "server/discover", json!({}))).await;
    assert_eq!(refused["error"]["code"], -32602);
}

#[tokio::test]
async fn a_crash_ends_the_process() {
    let mut server = Process::start(&["--fault", "crash"]);
    server.send(modern(1, "tools/call", json!({ "name": "echo" }))).await;
    assert_eq!(server.child.wait().await.unwrap().code(), Some(101));
}

#[tokio::test]
async fn the_process_ends_with_its_input() {
    let mut server = Process::start(&[]);
    server.send(modern(1, "tools/call", json!({ "name": "slow", "arguments": { "ms": 600_000 } }))).await;
    drop(server.input);
    assert!(server.child.wait().await.unwrap().success());
}

#[tokio::test]
async fn over_http_the_older_era_needs_its_session() {
    let address = serve(&[]).await;
    let opened = post(&address, None, &initialize()).await;
    let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let list = legacy(1, "tools/list", &json!({}));
    assert_eq!(post(&address, None, &list).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(post(&address, Some("another"), &list).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(post(&address, Some(&session), &list).await.status(), StatusCode::OK);
    let close = Request::delete(&address).header("mcp-session-id", &session);
    let close = close.body(Full::<Bytes>::default()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    assert_eq!(client.request(close).await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(post(&address, Some(&session), &list).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn progress_comes_before_the_answer() {
    let address = serve(&[]).await;
    let mut call = modern(1, "tools/call", json!({ "name": "slow", "arguments": { "ms": 2, "steps": 2 } }));
    call["params"]["_meta"]["progressToken"] = "mine".into();
    let events = body(post(&address, None, &call).await).await;
    let messages: Vec<Value> = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[0]["params"]["progressToken"], "mine");
    assert_eq!(messages[2]["id"], 1);
}

#[tokio::test]
async fn the_journal_has_every_request_and_every_call_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let address = serve(&["--journal", path.to_str().unwrap()]).await;
    let call = modern(7, "tools/call", json!({ "name": "slow", "arguments": { "ms": 600_000 } }));
    let text = call.to_string();
    let caller = tokio::spawn(async move { post(&address, None, &call).await });
    assert_eq!(records(&path, 2).await[1]["body"], text);
    caller.abort();
    let kinds: Vec<Value> = records(&path, 3).await.iter().map(|record| record["kind"].clone()).collect();
    assert_eq!(kinds, ["start", "http", "cancelled"]);
}

/// The journal, once it has this many records.
async fn records(path: &std::path::Path, count: usize) -> Vec<Value> {
    loop {
        let journal = std::fs::read_to_string(path).unwrap();
        if journal.lines().count() >= count {
            return journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn js_11_faults_are_what_they_say() {
    let call = modern(1, "tools/call", json!({ "name": "echo", "arguments": { "text": "x" } }));
    let answer = body(post(&serve(&["--fault", "wrong-id"]).await, None, &call).await).await;
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["id"], 987_654_321);
    let answer = body(post(&serve(&["--fault", "cut-json"]).await, None, &call).await).await;
    assert!(serde_json::from_str::<Value>(&answer).is_err());
    let mut endless = post(&serve(&["--fault", "endless"]).await, None, &call).await.into_body();
    let mut read = 0;
    while read < 8 << 20 {
        read += endless.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
}

#[tokio::test]
async fn pt_03_faults_are_what_they_say() {
    let call = modern(1, "tools/call", json!({ "name": "echo" }));
    let redirect = ["--fault", "redirect", "--redirect-to", "http://elsewhere.example/"];
    let answer = post(&serve(&redirect).await, None, &call).await;
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(answer.headers()["location"], "http://elsewhere.example/");
    let answer = post(&serve(&["--fault", "unauthorized"]).await, None, &call).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(answer.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn tools_change_when_told_to() {
    let address = serve(&["--fault", "changed-tools", "--fault-on", "tools/list", "--fault-from", "2"]).await;
    let list = modern(1, "tools/list", json!({}));
    let before = body(post(&address, None, &list).await).await;
    let after = body(post(&address, None, &list).await).await;
    assert!(!before.contains("quietly") && after.contains("quietly"));
}
