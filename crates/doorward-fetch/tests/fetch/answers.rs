//! Answers that are not what they should be (CI-04, CI-05, JK-04).

use std::time::Duration;

use doorward_fetch::{Ask, Expect, FetchError};

use crate::support::*;

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn the_request_is_a_plain_get_and_nothing_else() {
    let world = World::new(json("{\"a\":1}")).await;
    assert_eq!(world.get().await.as_deref(), Ok(b"{\"a\":1}".as_slice()));
    let requests = world.server.requests();
    assert_eq!(requests.len(), 1);
    let mut lines: Vec<&str> = requests[0].split("\r\n").collect();
    assert_eq!(lines.remove(0), "GET /keys?x=1 HTTP/1.1");
    let names: Vec<&str> = lines.iter().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert_eq!(names, ["host", "accept", "accept-encoding", "user-agent", "connection"]);
    assert!(requests[0].contains("\r\naccept-encoding: identity\r\n"));
    assert!(requests[0].contains("\r\nhost: idp.test\r\n"));
}

#[tokio::test]
async fn ci_04_redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308, 300] {
        let inside = Server::start(None, json("{}")).await;
        for location in
            [format!("http://{}/", inside.address), "https://idp.test/other".to_owned(), "/other".to_owned()]
        {
            let world = World::new(send(format!(
                "HTTP/1.1 {status} Moved\r\nLocation: {location}\r\n{JSON}Content-Length: 2\r\n\r\n{{}}"
            )))
            .await;
            assert_eq!(world.get().await, Err(FetchError::Status(status)), "{location}");
            assert_eq!((world.server.connections(), inside.connections()), (1, 0));
        }
    }
}

#[tokio::test]
async fn jk_04_other_statuses_than_200_are_failures() {
    for status in [201, 202, 203, 204, 206, 304, 400, 401, 404, 410, 429, 500, 502, 503] {
        let world = World::new(send(format!("HTTP/1.1 {status} X\r\n{JSON}Content-Length: 0\r\n\r\n"))).await;
        assert_eq!(world.get().await, Err(FetchError::Status(status)));
    }
}

#[tokio::test]
async fn ci_05_bodies_up_to_the_limit_are_read_and_longer_ones_are_not() {
    let body = |length: usize| format!("\"{}\"", "a".repeat(length - 2));
    let exact = World::new(json(&body(5 * 1024))).await;
    assert_eq!(exact.get().await.map(|body| body.len()), Ok(5 * 1024));
    let over = World::new(json(&body(5 * 1024 + 1))).await;
    assert_eq!(over.get().await, Err(FetchError::TooLarge(5 * 1024)));
    // The policy's limit holds whatever is asked for.
    let mut small = World::new(json(&body(200))).await;
    small.policy.max_bytes = 100;
    let ask = Ask { max_bytes: usize::MAX, ..ask("https://idp.test/") };
    assert_eq!(small.fetcher().get(&ask).await, Err(FetchError::TooLarge(100)));
}

#[tokio::test]
async fn ci_05_a_huge_declared_length_is_refused_at_once() {
    for length in ["5121", "1073741824", "18446744073709551615"] {
        let head = format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: {length}\r\n\r\n");
        let world = World::new(vec![Step::Send(head.into_bytes()), Step::Hang]).await;
        let outcome = world.get().await;
        assert!(matches!(outcome, Err(FetchError::TooLarge(_) | FetchError::Unreachable(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn ci_05_endless_chunks_are_cut_off() {
    let head = format!("HTTP/1.1 200 OK\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n");
    let chunk = b"10\r\naaaaaaaaaaaaaaaa\r\n".to_vec();
    let world = World::new(vec![Step::Send(head.into_bytes()), Step::Forever(chunk)]).await;
    assert_eq!(world.get().await, Err(FetchError::TooLarge(5 * 1024)));
}

#[tokio::test]
async fn ci_05_an_endless_body_without_a_length_is_cut_off() {
    let head = format!("HTTP/1.1 200 OK\r\n{JSON}\r\n");
    let world = World::new(vec![Step::Send(head.into_bytes()), Step::Forever(vec![b'a'; 1024])]).await;
    assert_eq!(world.get().await, Err(FetchError::TooLarge(5 * 1024)));
}

#[tokio::test]
async fn ci_05_chunks_and_bodies_until_the_end_are_read() {
    let chunked = format!("HTTP/1.1 200 OK\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n1\r\n}}\r\n0\r\n\r\n");
    assert_eq!(World::new(send(chunked)).await.get().await.as_deref(), Ok(b"{}".as_slice()));
    let until_end = format!("HTTP/1.1 200 OK\r\n{JSON}\r\n{{}}");
    assert_eq!(World::new(send(until_end)).await.get().await.as_deref(), Ok(b"{}".as_slice()));
}

#[tokio::test]
async fn ci_05_a_wrong_content_length_never_gives_more_or_less_than_declared() {
    // More declared than sent: the document is not whole.
    let short = World::new(send(format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: 10\r\n\r\n{{}}"))).await;
    assert!(matches!(short.get().await, Err(FetchError::Unreachable(_))));
    // Less declared than sent: what follows is nobody's.
    let long =
        World::new(send(format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: 2\r\n\r\n{{}}HTTP/1.1 200 OK\r\n\r\n")))
            .await;
    assert_eq!(long.get().await.as_deref(), Ok(b"{}".as_slice()));
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 2, 3\r\n",
        "Content-Length: x\r\n",
    ] {
        let world = World::new(send(format!("HTTP/1.1 200 OK\r\n{JSON}{lengths}\r\n{{}}"))).await;
        assert!(matches!(world.get().await, Err(FetchError::Unreachable(_))), "{lengths}");
    }
}

#[tokio::test]
async fn ci_05_an_encoded_body_is_never_unpacked() {
    for encoding in ["gzip", "br", "deflate", "zstd", "compress", "identity, gzip", "x", ""] {
        let world = World::new(ok(&format!("{JSON}Content-Encoding: {encoding}\r\n"), "{}")).await;
        assert!(matches!(world.get().await, Err(FetchError::Unusable(_))), "{encoding}");
    }
    let twice = World::new(ok(&format!("{JSON}Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"), "{}")).await;
    assert!(matches!(twice.get().await, Err(FetchError::Unusable(_))));
    let plain = World::new(ok(&format!("{JSON}Content-Encoding: Identity\r\n"), "{}")).await;
    assert!(plain.get().await.is_ok());
    let transfer = World::new(send(format!(
        "HTTP/1.1 200 OK\r\n{JSON}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
    )))
    .await;
    assert!(!matches!(transfer.get().await.as_deref(), Ok(bytes) if bytes != b"{}"), "nothing was unpacked");
}

#[tokio::test]
async fn ci_05_a_slow_answer_ends_with_the_time_for_the_whole_fetch() {
    let slow = [
        ("silence", vec![Step::Hang]),
        ("a slow head", vec![Step::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), Step::Drip]),
        ("a slow body", vec![Step::Send(format!("HTTP/1.1 200 OK\r\n{JSON}\r\n").into_bytes()), Step::Drip]),
        (
            "a slow body of a declared length",
            vec![Step::Send(format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: 5000\r\n\r\n").into_bytes()), Step::Drip],
        ),
        (
            "a body that stops",
            vec![Step::Send(format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: 5\r\n\r\n{{").into_bytes()), Step::Hang],
        ),
        ("interim answers for ever", vec![Step::Send(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec()), Step::Hang]),
    ];
    for (what, steps) in slow {
        let mut world = World::new(steps).await;
        world.policy.timeout = Duration::from_millis(300);
        assert_eq!(world.get().await, Err(FetchError::TimedOut(Duration::from_millis(300))), "{what}");
    }
}

#[tokio::test]
async fn ci_05_a_name_server_or_host_that_keeps_silent_ends_with_the_same_time() {
    struct Silent;
    #[async_trait::async_trait]
    impl doorward_fetch::Network for Silent {
        async fn resolve(&self, name: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            if name == "slow.test" { std::future::pending().await } else { Ok(vec![PUBLIC]) }
        }

        async fn connect(&self, _: std::net::SocketAddr) -> std::io::Result<tokio::net::TcpStream> {
            std::future::pending().await
        }
    }
    let mut policy = policy(&Authority::new());
    policy.timeout = Duration::from_millis(200);
    let fetcher = doorward_fetch::Fetcher::on(policy, std::sync::Arc::new(Silent)).expect("fetcher");
    for url in ["https://slow.test/", "https://idp.test/"] {
        assert_eq!(get(&fetcher, url).await, Err(FetchError::TimedOut(Duration::from_millis(200))), "{url}");
    }
}

#[tokio::test]
async fn answers_that_are_no_http_and_heads_without_end_are_failures() {
    let many = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\n{{}}", "X: y\r\n".repeat(200));
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 2\r\n\r\n{{}}", "y".repeat(64 * 1024));
    let answers = [
        "",
        "{}",
        "HTTP/1.1\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "SSH-2.0-x\r\n",
        many.as_str(),
        long.as_str(),
    ];
    for answer in answers {
        let world = World::new(send(answer)).await;
        let outcome = world.get().await;
        assert!(
            matches!(outcome, Err(FetchError::Unreachable(_))),
            "{}: {outcome:?}",
            answer.get(..20).unwrap_or(answer)
        );
    }
    let endless =
        World::new(vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Forever(b"X: y\r\n".to_vec())]).await;
    assert!(matches!(endless.get().await, Err(FetchError::Unreachable(_))));
}

#[tokio::test]
async fn jk_04_a_wrong_content_type_is_a_failure_where_json_is_wanted() {
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/jwk-set+json",
        "application/problem+json",
    ] {
        assert!(World::new(ok(&format!("Content-Type: {kind}\r\n"), "{}")).await.get().await.is_ok(), "{kind}");
    }
    for head in [
        "",
        "Content-Type: text/html\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/javascript\r\n",
        "Content-Type: text/x+json\r\n",
        "Content-Type: \r\n",
        "Content-Type: application/json\r\nContent-Type: text/html\r\n",
    ] {
        let world = World::new(ok(head, "{}")).await;
        assert!(matches!(world.get().await, Err(FetchError::Unusable(_))), "{head}");
        let anything = Ask { expect: Expect::Anything, ..ask("https://idp.test/") };
        assert!(world.fetcher().get(&anything).await.is_ok(), "{head}");
    }
}
