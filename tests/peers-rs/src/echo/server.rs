//! What is answered to each message, whatever the transport.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{StatusCode, request::Parts};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::{
    Discovery, Eras, Fault, Options,
    envelope::{Envelope, Params, VERSION},
    journal::Journal,
    session::{Session, Sessions},
    stream::Messages,
    tools,
};

const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

/// One server, whatever the number of its connections.
#[derive(Debug)]
pub struct Server {
    pub(super) options: Options,
    pub(super) journal: Arc<Journal>,
    pub(super) sessions: Sessions,
    pub(super) changes: broadcast::Sender<()>,
    faulty_calls: AtomicU64,
}

/// Where a message came from.
pub(super) struct Source<'a> {
    /// The head of its HTTP request, none over stdio.
    pub(super) head: Option<&'a Parts>,
    /// The session of the older era that it belongs to.
    pub(super) session: Option<&'a Arc<Session>>,
}

/// What a message is answered with.
pub(super) enum Answer {
    /// Nothing: it was a notification or an answer.
    Nothing,
    /// One message, over HTTP with a status.
    One(StatusCode, Vec<u8>),
    /// The answer to `initialize`, and the session that it opens.
    Opened(Vec<u8>, Arc<Session>),
    /// Several messages, the answer last.
    Many(Messages),
    /// Something wrong, for the request with this id.
    Faulty(Fault, String),
    /// Silence, though an answer is due.
    Silence,
}

/// The request being answered.
pub(super) struct Asked<'a> {
    pub(super) id: &'a str,
    pub(super) modern: bool,
    pub(super) params: Params<'a>,
    pub(super) raw: &'a [u8],
    pub(super) source: Source<'a>,
}

impl Asked<'_> {
    pub(super) fn result(&self, members: &str) -> Vec<u8> {
        result(self.id, self.modern, members)
    }

    pub(super) fn done(&self, members: &str) -> Answer {
        Answer::One(StatusCode::OK, self.result(members))
    }

    pub(super) fn failed(&self, status: StatusCode, code: i32, message: &str) -> Answer {
        let error = json!({ "code": code, "message": message });
        Answer::One(status, format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, self.id).into_bytes())
    }

    fn unknown_method(&self) -> Answer {
        let status = if self.modern { StatusCode::NOT_FOUND } else { StatusCode::OK };
        self.failed(status, -32601, "unknown method")
    }
}

/// The text of a result with these members.
pub(super) fn result(id: &str, modern: bool, members: &str) -> Vec<u8> {
    let (kind, comma) = match (modern, members.is_empty()) {
        (true, true) => (r#""resultType":"complete""#, ""),
        (true, false) => (r#""resultType":"complete""#, ","),
        (false, _) => ("", ""),
    };
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{kind}{comma}{members}}}}}"#).into_bytes()
}

impl Server {
    /// A server that behaves as told.
    ///
    /// # Errors
    ///
    /// When its journal can't be opened.
    pub fn new(options: Options) -> io::Result<Arc<Self>> {
        let journal = Arc::new(Journal::open(options.journal.as_deref())?);
        Ok(Arc::new(Self {
            options,
            journal,
            sessions: Sessions::default(),
            changes: broadcast::channel(16).0,
            faulty_calls: AtomicU64::new(0),
        }))
    }

    /// Answers one message.
    pub(super) async fn answer(&self, raw: &[u8], source: Source<'_>) -> Answer {
        let Ok(message) = serde_json::from_slice::<Envelope<'_>>(raw) else {
            let error = br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no message"}}"#;
            return Answer::One(StatusCode::BAD_REQUEST, error.to_vec());
        };
        let Some(method) = message.method.as_deref() else {
            if let (Some(id), Some(session), Some(answer)) =
                (message.id(), source.session, message.result.or(message.error))
            {
                session.answered(id, answer.get());
            }
            return Answer::Nothing;
        };
        let Some(id) = message.id() else {
            return Answer::Nothing;
        };
        let params = message.params();
        let asked = Asked { id, modern: params.meta.is_modern(), params, raw, source };
        if self.misses_session(method, &asked) {
            return asked.failed(StatusCode::BAD_REQUEST, -32000, "no session");
        }
        if let Some(fault) = self.fault(method)
            && fault != Fault::ChangedTools
        {
            return Answer::Faulty(fault, id.to_owned());
        }
        match (method, asked.modern, self.options.eras) {
            ("server/discover", _, Eras::Legacy) => self.undiscovered(&asked),
            (_, true, Eras::Legacy) | ("initialize", _, Eras::Modern) => asked.unknown_method(),
            (_, false, Eras::Modern) => asked.failed(StatusCode::BAD_REQUEST, -32602, "no protocol version in `_meta`"),
            ("server/discover", true, _) => asked.done(&self.discovered()),
            ("subscriptions/listen", true, _) => self.listen(&asked),
            ("initialize", false, _) => initialize(&asked),
            ("ping", false, _) => asked.done(""),
            ("tools/list", ..) => self.list(&asked),
            ("tools/call", ..) => self.call(&asked).await,
            _ => asked.unknown_method(),
        }
    }

    /// Whether this is a request of the older era, over HTTP, outside a session.
    fn misses_session(&self, method: &str, asked: &Asked<'_>) -> bool {
        let outside = matches!(method, "initialize" | "server/discover");
        !(asked.modern || outside || self.options.sessionless)
            && asked.source.head.is_some()
            && asked.source.session.is_none()
    }

    /// The fault for this call, if it is time for it.
    fn fault(&self, method: &str) -> Option<Fault> {
        let fault = self.options.fault?;
        if method != self.options.fault_on {
            return None;
        }
        let call = self.faulty_calls.fetch_add(1, Ordering::Relaxed) + 1;
        (call >= self.options.fault_from).then_some(fault)
    }

    fn undiscovered(&self, asked: &Asked<'_>) -> Answer {
        let (status, code) = match self.options.discovery {
            Discovery::NotFound => (StatusCode::OK, -32601),
            Discovery::InvalidParams => (StatusCode::OK, -32602),
            Discovery::BadRequest => (StatusCode::BAD_REQUEST, -32000),
            Discovery::Silent => return Answer::Silence,
        };
        asked.failed(status, code, "this server is older than that")
    }

    fn discovered(&self) -> String {
        let mut versions = vec![VERSION];
        if self.options.eras == Eras::Both {
            versions.extend(LEGACY);
        }
        format!(
            r#""supportedVersions":{},"capabilities":{{"tools":{{"listChanged":true}}}},"ttlMs":60000,"cacheScope":"public","_meta":{{"io.modelcontextprotocol/serverInfo":{}}}"#,
            json!(versions),
            name()
        )
    }

    fn list(&self, asked: &Asked<'_>) -> Answer {
        let changed = self.options.fault == Some(Fault::ChangedTools)
            && self.faulty_calls.load(Ordering::Relaxed) >= self.options.fault_from;
        let Some((tools, next)) = tools::page(asked.params.cursor.as_deref(), self.options.page, changed) else {
            return asked.failed(StatusCode::OK, -32602, "unknown cursor");
        };
        let next = next.map_or_else(String::new, |cursor| format!(r#","nextCursor":"{cursor}""#));
        let cache = if asked.modern { r#","ttlMs":60000,"cacheScope":"public""# } else { "" };
        asked.done(&format!(r#""tools":[{tools}]{next}{cache}"#))
    }
}

/// The notification of the older era that the tools changed.
pub(super) const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

fn name() -> Value {
    json!({ "name": "echo-upstream", "version": env!("CARGO_PKG_VERSION") })
}

fn initialize(asked: &Asked<'_>) -> Answer {
    let offered = asked.params.protocol_version.as_deref();
    let version = LEGACY.into_iter().find(|known| Some(*known) == offered).unwrap_or(LEGACY[0]);
    let elicits = asked.params.capabilities.as_ref().is_some_and(|all| all.elicitation.is_some());
    let members = format!(
        r#""protocolVersion":"{version}","capabilities":{{"tools":{{"listChanged":true}}}},"serverInfo":{}"#,
        name()
    );
    Answer::Opened(asked.result(&members), Session::new(elicits))
}
