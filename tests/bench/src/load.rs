//! A closed loop: so many connections, each asking again as soon as it was answered, every answer checked.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failed;
use crate::node::Path;

/// How much one answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// About 300 bytes, echoed.
    Small,
    /// 64 KiB of text.
    Large,
}

/// One case of the table.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub size: Size,
    pub connections: usize,
}

/// What one round gave.
pub struct Round {
    pub requests: u64,
    pub seconds: f64,
    /// Microseconds, sorted.
    pub latencies: Vec<u64>,
}

/// Runs one round.
pub async fn run(path: &Path, case: Case, length: Duration) -> Result<Round, Failed> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..case.connections)
        .map(|number| tokio::spawn(ask(path.address, path.token.clone(), case, number, began + length)))
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let seconds = began.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Round { requests: latencies.len() as u64, seconds, latencies })
}

async fn ask(
    address: std::net::SocketAddr,
    token: Option<String>,
    case: Case,
    number: usize,
    until: Instant,
) -> Result<Vec<u64>, Failed> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut latencies = Vec::new();
    let mut count = 0_u64;
    while Instant::now() < until {
        count += 1;
        let mark = format!("{number:04}-{count:012}");
        let (tool, text) = match case.size {
            Size::Small => ("echo", format!("{mark}{}", "a".repeat(280))),
            Size::Large => ("big", mark.clone()),
        };
        let body = format!(
            concat!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","#,
                r#""arguments":{{"text":"{text}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
            ),
            id = count,
            tool = tool,
            text = text
        );
        let mut request = Request::post("/mcp/bench")
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool);
        if let Some(token) = &token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let sent = Instant::now();
        let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        latencies.push(u64::try_from(sent.elapsed().as_micros())?);
        let right = match case.size {
            Size::Small => contains(&answer, mark.as_bytes()),
            Size::Large => answer.len() > 64 * 1024,
        } && contains(&answer, format!(r#""id":{count}"#).as_bytes());
        if !status.is_success() || !right {
            let text = String::from_utf8_lossy(&answer).chars().take(300).collect::<String>();
            return Err(format!("a wrong answer with status {status}: {text}").into());
        }
    }
    Ok(latencies)
}

fn contains(body: &[u8], mark: &[u8]) -> bool {
    body.get(..4096.min(body.len())).unwrap_or(body).windows(mark.len()).any(|window| window == mark)
}
