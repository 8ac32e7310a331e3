//! A tiny HTTP client, and the calls that `curl` lines describe.

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The JSON-RPC message: the body itself, or the last event of a stream.
    pub(crate) fn message(&self) -> Value {
        let mut data = self.body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        let text = data.rfind(|data| !data.is_empty()).unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_else(|_| panic!("no message in {self:?}"))
    }
}

/// One request on a connection of its own.
pub(crate) fn send(method: &str, url: &str, headers: &[(String, String)], body: &str) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let uri: http::Uri = url.parse().unwrap();
        let authority = uri.authority().unwrap().to_string();
        let stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(uri.path()).header("host", &authority);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(bytes::Bytes::from(body.to_owned()))).unwrap();
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        driver.abort();
        Answer { status: parts.status, headers: parts.headers, body }
    })
}

fn pair(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// A call in the stateless revision, with this token or none.
pub(crate) fn call(url: &str, token: Option<&str>, method: &str, params: Value) -> Answer {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut headers = vec![
        pair("content-type", "application/json"),
        pair("accept", "application/json, text/event-stream"),
        pair("mcp-protocol-version", "2026-07-28"),
        pair("mcp-method", method),
    ];
    if let Some(name) = params["name"].as_str() {
        headers.push(pair("mcp-name", name));
    }
    headers.extend(token.map(|token| pair("authorization", format!("Bearer {token}"))));
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    send("POST", url, &headers, &message.to_string())
}

/// A message in a revision with sessions.
pub(crate) fn legacy(url: &str, token: Option<&str>, session: Option<&str>, message: &Value) -> Answer {
    let mut headers =
        vec![pair("content-type", "application/json"), pair("accept", "application/json, text/event-stream")];
    headers.extend(token.map(|token| pair("authorization", format!("Bearer {token}"))));
    if let Some(session) = session {
        headers.push(pair("mcp-session-id", session));
        headers.push(pair("mcp-protocol-version", "2025-11-25"));
    }
    send("POST", url, &headers, &message.to_string())
}

/// Opens a session of 2025-11-25, and gives its id.
pub(crate) fn open_session(url: &str, token: &str) -> String {
    let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let answer = legacy(url, Some(token), None, &message);
    assert_eq!(answer.status, 200, "{answer:?}");
    let session = answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(legacy(url, Some(token), Some(&session), &ready).status, 202);
    session
}

/// Does what a printed `curl` command does: `-X`, `-H`, `-d` and the URL, each word quoted for a shell or bare.
pub(crate) fn curl(command: &str) -> Answer {
    let mut words = shell_words(command).into_iter();
    assert_eq!(words.next().as_deref(), Some("curl"));
    let (mut method, mut url, mut headers, mut body) = ("GET".to_owned(), String::new(), Vec::new(), String::new());
    while let Some(word) = words.next() {
        match word.as_str() {
            "-X" => method = words.next().unwrap(),
            "-H" => {
                let header = words.next().unwrap();
                let (name, value) = header.split_once(':').unwrap();
                headers.push(pair(name, value.trim()));
            }
            "-d" => {
                body = words.next().unwrap();
                method = "POST".to_owned();
            }
            flag if flag.starts_with('-') => {}
            _ => url = word,
        }
    }
    send(&method, &url, &headers, &body)
}

/// Words as a shell reads them: single quotes, backslashes at line ends, nothing else.
fn shell_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for character in text.replace("\\\n", " ").chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                begun = true;
            }
            space if space.is_whitespace() && !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            other => {
                word.push(other);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[test]
fn printed_commands_are_read_as_a_shell_reads_them() {
    assert_eq!(shell_words("a 'b c' \\\n  d'e'''"), ["a", "b c", "de"]);
}
