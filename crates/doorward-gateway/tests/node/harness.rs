//! A node in a temporary directory, and a client for it.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use doorward::identity::Grant;
use doorward_gateway::{
    config::{Config, RunOptions, RunTarget},
    demo,
    node::{Node, NodeOptions},
    node_file::Mode,
};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A node and where it lives.
pub(crate) struct Place {
    pub(crate) node: Node,
    pub(crate) directory: TempDir,
}

impl Place {
    /// The demonstration on a free port.
    pub(crate) async fn demo() -> Self {
        let mut config = demo::configuration().unwrap();
        config.listen = vec!["localhost:0".parse().unwrap()];
        Self::start(config, Mode::Demo).await
    }

    /// A script of the shell behind the door.
    pub(crate) async fn script(script: &str, env: &[&str]) -> Self {
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        Self::run(RunTarget::Command(command), env).await
    }

    /// One server, as `doorward run` would guard it.
    pub(crate) async fn run(target: RunTarget, env: &[&str]) -> Self {
        let (config, _) = Config::for_run(&options(target, env)).unwrap();
        Self::start(config, Mode::Run).await
    }

    pub(crate) async fn start(config: Config, mode: Mode) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let node = Node::start(config, node_options(&directory.path().join("state"), mode)).await.unwrap();
        Self { node, directory }
    }

    /// Where the node keeps everything.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// The public listener's address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.node.addresses()[0]
    }

    pub(crate) fn host(&self) -> String {
        self.node.public_url().split_once("://").unwrap().1.to_owned()
    }

    /// A token for the first server.
    pub(crate) async fn token(&self, subject: &str, roles: &[&str], scopes: &[&str]) -> String {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let grant = Grant {
            subject: subject.to_owned(),
            client: "test".to_owned(),
            roles: set(roles),
            scopes: set(scopes),
            resource: self.node.servers()[0].resource.clone(),
            ttl: Duration::from_secs(600),
            claims: Default::default(),
        };
        self.node.issue(&grant).await.unwrap().token.expose().to_owned()
    }

    /// Everything that the node has written to its ledger.
    pub(crate) fn ledger(&self) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(self.state().join("ledger")).unwrap() {
            text.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
        }
        text
    }
}

pub(crate) fn options(target: RunTarget, env: &[&str]) -> RunOptions {
    RunOptions {
        listen: Some("localhost:0".to_owned()),
        public_url: None,
        state: None,
        tls: None,
        env: env.iter().map(|&text| text.to_owned()).collect(),
        upstream_credential: None,
        target,
    }
}

pub(crate) fn node_options(directory: &Path, mode: Mode) -> NodeOptions {
    NodeOptions { state: directory.to_owned(), mode }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Said {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer, alone or as the last event of a stream.
    pub(crate) fn json(&self) -> Value {
        let text = self.text();
        let last = text.lines().rev().find_map(|line| line.strip_prefix("data:"));
        let json = last.unwrap_or(&text);
        serde_json::from_str(json.trim()).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One request over a connection of its own.
pub(crate) async fn ask(address: SocketAddr, request: Request<Full<Bytes>>) -> Said {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let response = client.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = tokio::time::timeout(Duration::from_secs(30), body.collect()).await.unwrap().unwrap().to_bytes();
    connection.abort();
    Said { status: parts.status, headers: parts.headers, body }
}

/// A bare request with the right host and these headers.
pub(crate) fn bare(place: &Place, method: Method, path: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut builder = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        builder = builder.header(header::HOST, place.host());
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::default()).unwrap()
}

pub(crate) async fn get(place: &Place, path: &str, headers: &[(&str, &str)]) -> Said {
    ask(place.address(), bare(place, Method::GET, path, headers)).await
}

/// A modern call with its mirrored headers.
pub(crate) fn modern(place: &Place, token: Option<&str>, method: &str, mut params: Value) -> Request<Full<Bytes>> {
    let name = params.get("name").and_then(Value::as_str).map(str::to_owned);
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let mut headers = vec![
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
    ];
    if let Some(name) = &name {
        headers.push(("mcp-name", name));
    }
    let bearer = token.map(|token| format!("Bearer {token}"));
    if let Some(bearer) = &bearer {
        headers.push(("authorization", bearer));
    }
    let mut request = bare(place, Method::POST, "/mcp", &headers);
    *request.body_mut() = Full::new(body.into());
    request
}

pub(crate) async fn call(place: &Place, token: &str, tool: &str, arguments: Value) -> Said {
    let params = json!({ "name": tool, "arguments": arguments });
    ask(place.address(), modern(place, Some(token), "tools/call", params)).await
}

/// A legacy message, in a session if there is one.
pub(crate) fn legacy(place: &Place, token: &str, session: Option<&str>, body: &Value) -> Request<Full<Bytes>> {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("authorization", &bearer),
    ];
    if let Some(session) = session {
        headers.extend([("mcp-session-id", session), ("mcp-protocol-version", "2025-11-25")]);
    }
    let mut request = bare(place, Method::POST, "/mcp", &headers);
    *request.body_mut() = Full::new(body.to_string().into());
    request
}

/// Opens a legacy session.
pub(crate) async fn session(place: &Place, token: &str) -> String {
    let hello = json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" }
        },
    });
    let said = ask(place.address(), legacy(place, token, None, &hello)).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text());
    let session = said.header("mcp-session-id").to_owned();
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let said = ask(place.address(), legacy(place, token, Some(&session), &ready)).await;
    assert_eq!(said.status, StatusCode::ACCEPTED, "{}", said.text());
    session
}

/// A request as it stands on the wire.
pub(crate) async fn raw(request: Request<Full<Bytes>>) -> Vec<u8> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut text = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [text.as_bytes(), &body].concat()
}
