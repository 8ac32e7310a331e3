//! A node with everything that it says and keeps, and a client for it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use clap::Parser;
use doorward_test_peers::echo;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
};

/// Long enough for the slowest machine; reached only when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// The echo server as a program.
pub(crate) const ECHO: &str = env!("CARGO_BIN_EXE_echo-upstream");

/// The program under test.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("doorward");
    assert!(program.exists(), "there is no `{}`: run `cargo build -p doorward-cli` first", program.display());
    program
}

/// A running node.
pub(crate) struct Node {
    child: Child,
    said: Arc<Mutex<String>>,
    directory: TempDir,
    /// Where its one server is called.
    pub(crate) mcp: String,
}

impl Node {
    /// `doorward run` with these arguments.
    pub(crate) async fn run(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let arguments = [&["run", "--listen", "localhost:0", "--log", "trace"], arguments].concat();
        Self::start(directory, &arguments, "/mcp").await
    }

    /// `doorward serve` with one server, `main`, with this upstream and two seconds for a call.
    pub(crate) async fn serve(upstream: &Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let everyone = json!("Everyone");
        let rules = json!([
            { "discovery": true, "allow": "anonymous" },
            { "tool": "*", "policy": everyone }, { "resource": "*", "policy": everyone },
        ]);
        // JSON is YAML.
        let config = json!({
            "listen": "localhost:0",
            "admin": { "listen": "127.0.0.1:0" },
            "policies": { "Everyone": { "require": "authenticated" } },
            "servers": { "main": { "upstream": upstream, "timeout": { "call": "2s" }, "rules": rules } },
        });
        let file = directory.path().join("doorward.yaml");
        std::fs::write(&file, config.to_string()).unwrap();
        let arguments = ["serve", "--config", file.to_str().unwrap(), "--log", "trace"];
        Self::start(directory, &arguments, "/mcp/main").await
    }

    async fn start(directory: TempDir, arguments: &[&str], path: &str) -> Self {
        let mut child = command(directory.path(), arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        listen(child.stdout.take().unwrap(), &said);
        listen(child.stderr.take().unwrap(), &said);
        let url = tokio::time::timeout(PATIENCE, ready(&said)).await;
        let url = url.unwrap_or_else(|_| panic!("the node did not start: {}", said.lock().unwrap()));
        Self { child, said, directory, mcp: format!("{url}{path}") }
    }

    /// A token for the one server.
    pub(crate) async fn token(&self, user: &str) -> String {
        let arguments = ["token", "issue", "--user", user, "--role", "User"];
        let output = command(self.directory.path(), &arguments).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The most memory that the node ever had, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends the node; gives all that it printed and all that it keeps.
    pub(crate) async fn stop(mut self) -> String {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
        let mut everything = self.said.lock().unwrap().clone();
        read_all(&self.directory.path().join("state"), &mut everything);
        everything
    }
}

#[expect(clippy::disallowed_methods, reason = "the program under test is a process")]
fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = std::process::Command::new(program());
    command.args(arguments).current_dir(directory).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", directory);
    command.env("DOORWARD_STATE", directory.join("state")).env("SECRET_OF_THE_NODE", "canary-environment");
    command.into()
}

/// Keeps what a stream says.
fn listen(stream: impl AsyncRead + Send + Unpin + 'static, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    });
}

async fn ready(said: &Mutex<String>) -> String {
    loop {
        let url = said.lock().unwrap().lines().find_map(|line| line.strip_prefix("ready ").map(str::to_owned));
        if let Some(url) = url {
            return url;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn read_all(directory: &Path, into: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else if let Ok(bytes) = std::fs::read(&path) {
            into.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
}

/// The echo server within this test; its address.
pub(crate) async fn echo_over_http(arguments: &[&str]) -> String {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: echo::Options,
    }
    let server = echo::Server::new(Line::parse_from(["test"].iter().chain(arguments)).options).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(echo::serve_http(listener, server));
    address
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Every message: the body itself, or the events of a stream.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        let events: Vec<_> =
            data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect();
        if events.is_empty() { vec![serde_json::from_str(&self.body).unwrap()] } else { events }
    }

    /// The last message.
    pub(crate) fn message(&self) -> Value {
        self.messages().pop().unwrap_or_else(|| panic!("no message in {self:?}"))
    }

    /// The text of a tool's result.
    pub(crate) fn text(&self) -> String {
        let message = self.message();
        message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {self:?}")).to_owned()
    }
}

/// Sends a request and reads the answer whole.
pub(crate) async fn send(request: Request<Full<Bytes>>) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = async {
        let (parts, body) = client.request(request).await.unwrap().into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    };
    tokio::time::timeout(PATIENCE, answer).await.expect("an answer in time")
}

/// A request to the node with a token.
pub(crate) fn request(node: &Node, token: &str, method: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(&node.mcp)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("authorization", format!("Bearer {token}"))
}

/// A call of a tool in the newer era.
pub(crate) fn modern(node: &Node, token: &str, tool: &str, arguments: &Value) -> http::Result<Request<Full<Bytes>>> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": tool, "arguments": arguments,
        "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                   "io.modelcontextprotocol/clientCapabilities": {} },
    } });
    request(node, token, "POST")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .body(Full::new(body.to_string().into()))
}

/// A message of the older era, in a session if there is one.
pub(crate) fn legacy(
    node: &Node,
    token: &str,
    session: Option<&str>,
    body: &Value,
) -> http::Result<Request<Full<Bytes>>> {
    let mut request = request(node, token, "POST");
    if let Some(session) = session {
        request = request.header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
    }
    request.body(Full::new(body.to_string().into()))
}

/// Opens a session of the older era.
pub(crate) async fn session(node: &Node, token: &str) -> String {
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let answer = send(legacy(node, token, None, &hello).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let session = answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(send(legacy(node, token, Some(&session), &ready).unwrap()).await.status, StatusCode::ACCEPTED);
    session
}
