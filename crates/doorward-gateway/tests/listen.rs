//! The HTTP door with real sockets: what a peer may write, how slowly, and how much at once.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends at the first surprise")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use doorward_gateway::listen::{Handler, Limits, Listener, Peer, RequestBody, Shutdown, bind};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

/// Answers with what it got, and counts how often it was asked.
#[derive(Clone, Default)]
struct Echo {
    asked: Arc<AtomicUsize>,
    hold: Option<Duration>,
    endless: bool,
}

impl Handler for Echo {
    type Body = http_body_util::Either<Full<Bytes>, Endless>;

    async fn handle(&self, request: Request<RequestBody>) -> Response<Self::Body> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(request.extensions().get::<Peer>().is_some());
        if let Some(hold) = self.hold {
            tokio::time::sleep(hold).await;
        }
        let (status, body) = match request.into_body().collect().await {
            Ok(body) => (StatusCode::OK, body.to_bytes()),
            Err(error) => (StatusCode::BAD_REQUEST, error.to_string().into()),
        };
        let body = if self.endless {
            http_body_util::Either::Right(Endless)
        } else {
            http_body_util::Either::Left(Full::new(body))
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response
    }
}

/// A body that never ends and is always ready.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}

struct Door {
    address: SocketAddr,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
}

async fn open(echo: Echo, limits: Limits) -> Door {
    let sockets = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = sockets[0].local_addr().unwrap();
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(Listener::new(echo, limits).serve(sockets, shutdown.clone()));
    Door { address, shutdown, serving }
}

/// Sends bytes and reads until the peer closes.
async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is a close too.
    let _ = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn hd_04_ambiguous_requests_get_400_the_connection_closes_and_nobody_is_asked() {
    let echo = Echo::default();
    let door = open(echo.clone(), Limits::default()).await;
    let cases: [(&str, &str); 16] = [
        ("CL.TE", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n"),
        ("xchunked", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("TE list", "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
        ("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"),
        ("TE behind a blank", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        ("TE with vertical tab", "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 35\r\n\r\n"),
        ("two equal lengths", "Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
        ("length with sign", "Content-Length: +0\r\n\r\n"),
        ("obs-fold", "X-A: b\r\n c\r\n\r\n"),
        ("bare CR", "X-A: b\rX-B: c\r\n\r\n"),
        ("bare LF", "X-A: b\nX-B: c\r\n\r\n"),
        ("space before colon", "X-A : b\r\n\r\n"),
        ("h2c upgrade", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"),
        ("NUL", "X-A: b\0c\r\n\r\n"),
    ];
    for (name, rest) in cases {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}{SMUGGLED}");
        let answer = say(door.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{name}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: {answer}");
    }
    assert_eq!(echo.asked.load(Ordering::SeqCst), 0);
    door.shutdown.stop();
    door.serving.await.unwrap();
}

#[tokio::test]
async fn hd_04_a_broken_chunk_reaches_nobody_and_closes() {
    let door = open(Echo::default(), Limits::default()).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunks in ["5\r\nabcdeX\r\n0\r\n\r\n", "5\nabcde\r\n0\r\n\r\n", "-1\r\n\r\n", "5 \r\nabcde\r\n0\r\n\r\n"] {
        let answer = say(door.address, format!("{head}{chunks}{SMUGGLED}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunks:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{chunks:?}: {answer}");
    }
}

#[tokio::test]
async fn ordinary_requests_share_a_connection() {
    let door = open(Echo::default(), Limits::default()).await;
    let requests = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none\
                    POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n\
                    POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nthree";
    let answer = say(door.address, requests.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
    assert!(answer.contains("one") && answer.contains("two") && answer.ends_with("three"), "{answer}");
}

#[tokio::test]
async fn js_03_heads_are_bounded() {
    let door = open(Echo::default(), Limits { head_bytes: 16 * 1024, ..Limits::default() }).await;
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert!(say(door.address, long.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200));
    assert!(say(door.address, many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn hd_11_slow_heads_and_idle_connections_are_closed() {
    let limits = Limits {
        head: Duration::from_secs(1),
        idle: Duration::from_secs(2),
        handshake: Duration::from_secs(1),
        ..Limits::default()
    };
    let door = open(Echo::default(), limits).await;
    assert_eq!(say(door.address, b"").await, "");
    assert_eq!(say(door.address, b"GET / HTTP/1.1\r\nHost: a\r\n").await, "");
    let answer = say(door.address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn hd_11_a_slow_body_ends_with_an_error() {
    let limits = Limits { body_silence: Duration::from_millis(200), ..Limits::default() };
    let door = open(Echo::default(), limits).await;
    let answer = say(door.address, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("did not arrive in time"), "{answer}");
}

#[tokio::test]
async fn hd_11_a_peer_that_does_not_read_loses_its_connection() {
    let limits = Limits { stall: Duration::from_millis(200), ..Limits::default() };
    let door = open(Echo { endless: true, ..Echo::default() }, limits).await;
    let mut socket = TcpStream::connect(door.address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(socket.read(&mut [0; 16]).await.unwrap() > 0);
    door.shutdown.drain();
    // The listener ends only when the connection does, and the answer is endless.
    tokio::time::timeout(Duration::from_secs(10), door.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn hd_11_connections_over_the_cap_are_closed_and_others_are_served() {
    let limits = Limits { connections_per_address: 3, ..Limits::default() };
    let door = open(Echo::default(), limits).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut socket = TcpStream::connect(door.address).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut buffer = [0; 1024];
        assert!(socket.read(&mut buffer).await.unwrap() > 0);
        held.push(socket);
    }
    let mut over = TcpStream::connect(door.address).await.unwrap();
    let mut buffer = [0; 16];
    assert!(matches!(over.read(&mut buffer).await, Ok(0) | Err(_)));
    drop(held);
    // The places come back once the closes were seen.
    for _ in 0..100 {
        let answer = say(door.address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        if answer.starts_with("HTTP/1.1 200 ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no place came back");
}

#[tokio::test]
async fn hd_11_where_it_is_crowded_idle_connections_go_sooner() {
    let limits = Limits { connections: 8, idle: Duration::from_secs(2), ..Limits::default() };
    let door = open(Echo::default(), limits).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut socket = TcpStream::connect(door.address).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(socket.read(&mut [0; 1024]).await.unwrap() > 0);
        held.push(socket);
    }
    let began = std::time::Instant::now();
    assert!(matches!(held[0].read(&mut [0; 16]).await, Ok(0) | Err(_)));
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn draining_lets_running_requests_end_and_takes_no_more() {
    let echo = Echo { hold: Some(Duration::from_millis(500)), ..Echo::default() };
    let door = open(echo.clone(), Limits::default()).await;
    let address = door.address;
    let running = tokio::spawn(async move { say(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await });
    let idle = TcpStream::connect(address).await.unwrap();
    asked(&echo).await;
    door.shutdown.drain();
    assert!(running.await.unwrap().starts_with("HTTP/1.1 200 "));
    door.serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
}

/// Waits until the handler was asked.
async fn asked(echo: &Echo) {
    while echo.asked.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn stopping_drops_what_still_runs() {
    let echo = Echo { hold: Some(Duration::from_secs(3600)), ..Echo::default() };
    let door = open(echo.clone(), Limits::default()).await;
    let address = door.address;
    let running = tokio::spawn(async move { say(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await });
    asked(&echo).await;
    door.shutdown.stop();
    door.serving.await.unwrap();
    assert_eq!(running.await.unwrap(), "");
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_to_those_who_begin_with_it() {
    let door = open(Echo::default(), Limits::default()).await;
    let io = hyper_util::rt::TokioIo::new(TcpStream::connect(door.address).await.unwrap());
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://a/").body(Full::new(Bytes::from_static(b"two"))).unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "two");
}

#[tokio::test]
async fn hd_11_http_2_rapid_reset_ends_the_connection_not_the_door() {
    let echo = Echo::default();
    let door = open(echo.clone(), Limits::default()).await;
    let io = hyper_util::rt::TokioIo::new(TcpStream::connect(door.address).await.unwrap());
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..2000 {
        let request = Request::get("http://a/").body(Full::new(Bytes::new())).unwrap();
        let sending = client.send_request(request);
        // Dropping the future resets the stream.
        let _ = tokio::time::timeout(Duration::ZERO, sending).await;
        if client.is_closed() {
            break;
        }
        tokio::task::yield_now().await;
    }
    drop(client);
    let _ = tokio::time::timeout(Duration::from_secs(5), connection).await;
    let answer = say(door.address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// A CONTINUATION flood: header blocks that never end.
#[tokio::test]
async fn hd_11_an_endless_header_block_closes_the_connection() {
    let door = open(Echo::default(), Limits::default()).await;
    let mut socket = TcpStream::connect(door.address).await.unwrap();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    // HEADERS without END_HEADERS on stream 1, then CONTINUATION after CONTINUATION.
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 0, 1]);
    socket.write_all(&bytes).await.unwrap();
    // A literal header with a name of 1 and a value of 8,190 bytes.
    let mut block = vec![0x00, 0x01, b'x', 0x7f, 0xff, 0x3e];
    block.resize(8190 + 6, b'y');
    let length = u32::try_from(block.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], 9, 0, 0, 0, 0, 1];
    frame.extend(block);
    let flooding = async {
        for _ in 0..100_000 {
            if socket.write_all(&frame).await.is_err() {
                return;
            }
        }
        panic!("the flood was taken");
    };
    tokio::time::timeout(Duration::from_secs(20), flooding).await.unwrap();
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A header that is not indexed (RFC 7541 section 6.2.2).
fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| vec![u8::try_from(bytes.len()).unwrap()];
    [vec![0], length(name), name.to_vec(), length(value), value.to_vec()].concat()
}

#[tokio::test]
async fn hd_04_http_2_headers_that_would_mean_something_in_http_1_reach_nobody() {
    let echo = Echo::default();
    let door = open(echo.clone(), Limits::default()).await;
    for (name, value) in [
        (&b"x"[..], &b"a\r\nhost: evil.test"[..]),
        (b"x", b"a\nb"),
        (b"x", b"a\0b"),
        (b"x\r\ny", b"a"),
        (b"X-Upper", b"a"),
        (b"x y", b"a"),
        (b"transfer-encoding", b"chunked"),
        (b"connection", b"close"),
        (b"upgrade", b"h2c"),
    ] {
        let mut socket = TcpStream::connect(door.address).await.unwrap();
        // GET, http, /, and an authority.
        let block = [&[0x82, 0x86, 0x84, 0x41, 1, b'a'][..], &literal(name, value)].concat();
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let bytes = [preface, frame(4, 0, 0, &[]), frame(1, 0x05, 1, &block)].concat();
        socket.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        let reading = async {
            let mut buffer = [0; 1024];
            // Until the stream is reset, the connection is given up or closed.
            while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                answer.extend_from_slice(&buffer[..read]);
                if has_frame(&answer, &[3, 7]) {
                    return true;
                }
            }
            true
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap());
        assert!(!has_frame(&answer, &[1, 0]), "{}", name.escape_ascii());
    }
    assert_eq!(echo.asked.load(Ordering::SeqCst), 0);
}

/// Whether a stream of frames holds one of these kinds.
fn has_frame(mut bytes: &[u8], kinds: &[u8]) -> bool {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        if kinds.contains(kind) {
            return true;
        }
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        bytes = rest.get(length..).unwrap_or_default();
    }
    false
}
