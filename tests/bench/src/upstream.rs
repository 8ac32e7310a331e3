//! A deliberately cheap MCP server: what remains is what stands in front of it.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Failed;

/// Answers `tools/call` of `echo` with the arguments and of `big` with 64 KiB, and `server/discover` with little.
pub async fn serve(port: u16) -> Result<(), Failed> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let big = Bytes::from("x".repeat(64 * 1024));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let big = big.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, big.clone()));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, big: Bytes) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let id = between(&body, br#""id":"#)
        .map_or_else(|| "null".to_owned(), |rest| text(rest).split([',', '}']).next().unwrap_or("null").to_owned());
    let content = if between(&body, br#""name":"big""#).is_some() { text(&big) } else { payload(&body) };
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[{{"type":"text","text":"{content}"}}]}}}}"#
    );
    let mut response = Response::new(Full::new(Bytes::from(answer)));
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// What follows the first place of `mark`.
fn between<'a>(body: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = body.windows(mark.len()).position(|window| window == mark)?;
    body.get(at + mark.len()..)
}

fn payload(body: &[u8]) -> String {
    let rest = between(body, br#""text":""#).unwrap_or_default();
    String::from_utf8_lossy(rest).split('"').next().unwrap_or_default().to_owned()
}
