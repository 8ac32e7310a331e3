//! The ways in which the server misbehaves.

use bytes::Bytes;
use clap::ValueEnum;
use futures::{StreamExt as _, stream::BoxStream};
use http::StatusCode;

/// One way to misbehave.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answers with an id that nobody used.
    WrongId,
    /// Answers twice with the same id.
    Twice,
    /// Sends a request, a progress notification and an answer that nobody asked for, then the answer.
    Unasked,
    /// Answers with a whole text that is no JSON.
    InvalidJson,
    /// Answers with JSON that stops in the middle.
    CutJson,
    /// Answers with bytes that are no UTF-8.
    InvalidUtf8,
    /// Answers with one message that never ends.
    Endless,
    /// Sends comments and notifications without end (over HTTP as events).
    EndlessEvents,
    /// Answers with one message of 1 GiB.
    Huge,
    /// Never answers.
    Hang,
    /// Answers over HTTP with a head and no body; over stdio, as `hang`.
    Stall,
    /// Ends the process with status 101.
    Crash,
    /// Answers 307 to another host; over stdio, an error.
    Redirect,
    /// Answers 401 with a challenge; over stdio, an error.
    Unauthorized,
    /// Answers 500 with a page of HTML; over stdio, the page.
    ServerError,
    /// Describes its tools otherwise.
    ChangedTools,
}

/// One GiB in letters.
const HUGE: usize = 1 << 30;

/// The piece that endless and huge bodies are made of.
static PIECE: &[u8] = &[b'a'; 64 * 1024];

impl Fault {
    /// The HTTP status and content type that it comes with.
    pub(super) fn head(self) -> (StatusCode, &'static str) {
        match self {
            Self::Redirect => (StatusCode::TEMPORARY_REDIRECT, "text/plain"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "text/plain"),
            Self::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "text/html"),
            Self::Unasked | Self::Twice | Self::EndlessEvents => (StatusCode::OK, "text/event-stream"),
            _ => (StatusCode::OK, "application/json"),
        }
    }

    /// Its messages; those of an event stream are framed by the transport.
    pub(super) fn messages(self, id: &str) -> BoxStream<'static, Bytes> {
        let good = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[]}}}}"#);
        match self {
            Self::WrongId => all([r#"{"jsonrpc":"2.0","id":987654321,"result":{"resultType":"complete","content":[{"type":"text","text":"of another"}]}}"#]),
            Self::Twice => all([good.clone(), good]),
            Self::Unasked => all([
                r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}"#.to_owned(),
                r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"of another","progress":1}}"#.to_owned(),
                r#"{"jsonrpc":"2.0","id":987654321,"result":{"resultType":"complete","content":[{"type":"text","text":"of another"}]}}"#.to_owned(),
                good,
            ]),
            Self::InvalidJson => all(["this is no JSON"]),
            Self::CutJson => all([format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":["#)]),
            Self::InvalidUtf8 => {
                let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[{{"type":"text","text":""#);
                all([[start.as_bytes(), b"\xff\xfe\xc3\"}]}}"].concat()])
            }
            Self::Endless => start(id).chain(futures::stream::repeat(Bytes::from_static(PIECE))).boxed(),
            Self::Huge => {
                let pieces = futures::stream::repeat(Bytes::from_static(PIECE)).take(HUGE / PIECE.len());
                start(id).chain(pieces).chain(all([r#""}],"isError":false}}"#])).boxed()
            }
            Self::EndlessEvents => futures::stream::repeat(Bytes::from_static(
                br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"again"}}"#,
            ))
            .boxed(),
            Self::Redirect | Self::Unauthorized => {
                all([format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32000,"message":"elsewhere"}}}}"#)])
            }
            Self::ServerError => all(["<html><body>the server failed</body></html>"]),
            Self::Hang | Self::Stall | Self::ChangedTools => futures::stream::pending().boxed(),
            Self::Crash => std::process::exit(101),
        }
    }

    /// Whether its pieces are one message rather than one each.
    pub(super) fn is_one_message(self) -> bool {
        matches!(self, Self::Endless | Self::Huge)
    }
}

fn all<T: Into<Bytes> + Send + 'static, const N: usize>(messages: [T; N]) -> BoxStream<'static, Bytes> {
    futures::stream::iter(messages.map(Into::into)).boxed()
}

fn start(id: &str) -> BoxStream<'static, Bytes> {
    all([format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[{{"type":"text","text":""#
    )])
}
