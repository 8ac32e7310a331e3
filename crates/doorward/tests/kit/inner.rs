//! The tiny inner server: it notes every message that reaches it and answers by its name.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use doorward::upstream::{Frame, Incoming, Link, LinkKey, Outgoing, Shape, Upstream, UpstreamError};
use doorward::wire::Kind;
use futures::StreamExt;
use futures::stream;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// One message that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) link: usize,
    pub(crate) message: Value,
    pub(crate) bytes: Bytes,
    pub(crate) headers: HeaderMap,
}

type Script = Arc<dyn Fn(&Value) -> Option<Vec<Value>> + Send + Sync>;

/// The server; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Inner {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    arrived: Vec<Arrived>,
    keys: Vec<LinkKey>,
    closed: Vec<usize>,
    cancelled: Vec<u64>,
    script: Option<Script>,
    unreachable: bool,
}

impl Inner {
    /// What arrived so far, on every link.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().unwrap().arrived.clone()
    }

    /// The last message that arrived.
    pub(crate) fn last(&self) -> Arrived {
        self.arrived().pop().expect("a message")
    }

    /// The tool calls that arrived.
    pub(crate) fn calls(&self) -> Vec<Value> {
        self.arrived().into_iter().map(|arrived| arrived.message).filter(|m| m["method"] == "tools/call").collect()
    }

    pub(crate) fn keys(&self) -> Vec<LinkKey> {
        self.state.lock().unwrap().keys.clone()
    }

    pub(crate) fn closed(&self) -> Vec<usize> {
        self.state.lock().unwrap().closed.clone()
    }

    pub(crate) fn cancelled(&self) -> Vec<u64> {
        self.state.lock().unwrap().cancelled.clone()
    }

    /// Answers by `script` where it gives messages; the first is not awaited by the others. A message with the key
    /// `"wait"` is a pause in milliseconds, one with `"hang"` never ends.
    pub(crate) fn script(&self, script: impl Fn(&Value) -> Option<Vec<Value>> + Send + Sync + 'static) {
        self.state.lock().unwrap().script = Some(Arc::new(script));
    }

    pub(crate) fn break_down(&self) {
        self.state.lock().unwrap().unreachable = true;
    }
}

#[async_trait]
impl Upstream for Inner {
    async fn link(&self, key: &LinkKey) -> Result<Arc<dyn Link>, UpstreamError> {
        let mut state = self.state.lock().unwrap();
        if state.unreachable {
            return Err(UpstreamError::Unreachable("connection refused (os error 111) at 10.1.2.3".into()));
        }
        state.keys.push(key.clone());
        Ok(Arc::new(InnerLink { number: state.keys.len(), inner: self.clone() }))
    }
}

struct InnerLink {
    number: usize,
    inner: Inner,
}

#[async_trait]
impl Link for InnerLink {
    async fn send(&self, out: Outgoing) -> Result<Incoming, UpstreamError> {
        let message: Value = serde_json::from_slice(out.message().bytes()).unwrap();
        let script = {
            let mut state = self.inner.state.lock().unwrap();
            state.arrived.push(Arrived {
                link: self.number,
                message: message.clone(),
                bytes: out.message().bytes().clone(),
                headers: out.headers().clone(),
            });
            state.script.clone()
        };
        if !matches!(out.message().kind(), Kind::Request { .. }) {
            let frames = stream::empty().boxed();
            return Ok(Incoming { status: StatusCode::ACCEPTED, shape: Shape::Accepted, frames });
        }
        let scripted = script.and_then(|script| script(&message));
        let answers = scripted.unwrap_or_else(|| vec![usual(&message)]);
        let shape = if answers.len() == 1 && answers[0]["hang"].is_null() { Shape::Single } else { Shape::Stream };
        let frames = stream::iter(answers)
            .then(|answer| async move {
                if let Some(pause) = answer["wait"].as_u64() {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    return None;
                }
                if !answer["hang"].is_null() {
                    std::future::pending::<()>().await;
                }
                let text = answer["raw"].as_str().map_or_else(|| answer.to_string(), str::to_owned);
                let id = answer["sse_id"].as_str().map(str::to_owned);
                Some(Ok(Frame { id, retry: None, data: Some(Bytes::from(text)) }))
            })
            .filter_map(|frame| async move { frame })
            .boxed();
        Ok(Incoming { status: StatusCode::OK, shape, frames })
    }

    async fn listen(&self, resume: Option<&str>) -> Result<Incoming, UpstreamError> {
        let request = json!({ "method": "listen", "resume": resume });
        let script = self.inner.state.lock().unwrap().script.clone();
        let Some(events) = script.and_then(|script| script(&request)) else { return Err(UpstreamError::NoStream) };
        let frames = stream::iter(events)
            .then(|event| async move {
                if !event["hang"].is_null() {
                    std::future::pending::<()>().await;
                }
                Ok(Frame::message(Bytes::from(event.to_string())))
            })
            .boxed();
        Ok(Incoming { status: StatusCode::OK, shape: Shape::Stream, frames })
    }

    async fn cancel(&self, id: u64) {
        self.inner.state.lock().unwrap().cancelled.push(id);
    }

    async fn close(&self) {
        self.inner.state.lock().unwrap().closed.push(self.number);
    }

    fn is_alive(&self) -> bool {
        true
    }
}

/// What the server usually says.
fn usual(message: &Value) -> Value {
    let id = &message["id"];
    let result = match message["method"].as_str().unwrap() {
        "initialize" => json!({
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "inner", "version": "1" },
        }),
        "server/discover" => json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
            "ttlMs": 1000, "cacheScope": "public",
        }),
        "tools/list" => json!({
            "resultType": "complete", "ttlMs": 1000, "cacheScope": "public",
            "tools": [tool("echo"), tool("admin_drop"), tool("scoped_read")],
        }),
        "prompts/list" => json!({ "prompts": [{ "name": "hello" }, { "name": "secret_plan" }] }),
        "resources/list" => json!({ "resources": [
            { "uri": "file:///open.txt", "name": "open" }, { "uri": "secret://vault", "name": "vault" },
        ] }),
        "tools/call" => json!({
            "resultType": "complete",
            "content": [{ "type": "text", "text": message["params"]["arguments"].to_string() }],
        }),
        _ => json!({ "resultType": "complete" }),
    };
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

fn tool(name: &str) -> Value {
    json!({
        "name": name, "description": "a tool", "vendorKey": { "kept": 1.0 },
        "inputSchema": { "type": "object", "properties": { "text": { "type": "string" } } },
    })
}
