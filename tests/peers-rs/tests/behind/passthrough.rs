//! Nothing of the caller's reaches a server that shows all that it got: no token, cookie, proof or session id (PT).

use std::path::Path;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::node::{ECHO, Node, echo_over_http, legacy, modern, request, send, session};

/// What a caller may send along that is not for the server.
const MEANT_FOR_THE_GUARD: [&str; 9] = [
    "cookie",
    "dpop",
    "proxy-authorization",
    "x-api-key",
    "x-auth-token",
    "x-forwarded-for",
    "x-forwarded-authorization",
    "referer",
    "user-agent",
];

fn with_secrets(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    for name in MEANT_FOR_THE_GUARD {
        request.headers_mut().insert(name, format!("canary-{name}").parse().unwrap());
    }
    request
}

/// Uses the node as a client of each era would; gives its secrets, and what the server said that it got.
async fn use_it(node: &Node) -> (Vec<String>, String) {
    let token = node.token("alice").await;
    let arguments = json!({ "region": "north" });
    let mut call = with_secrets(modern(node, &token, "reflect", &arguments).unwrap());
    call.headers_mut().insert("mcp-session-id", "canary-session".parse().unwrap());
    call.headers_mut().insert("mcp-param-region", "north".parse().unwrap());
    let answer = send(call).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let mut got = answer.text();

    let session = session(node, &token).await;
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "reflect" } });
    let answer = send(with_secrets(legacy(node, &token, Some(&session), &call).unwrap())).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    got.push_str(&answer.text());
    let end = request(node, &token, "DELETE").header("mcp-session-id", &session);
    let end = end.header("mcp-protocol-version", "2025-11-25").body(Full::default()).unwrap();
    assert_eq!(send(with_secrets(end)).await.status, StatusCode::NO_CONTENT);

    // Once more with the token where a client might leave it by mistake: that call is not carried out.
    let mistaken = send(modern(node, &token, "reflect", &json!({ "region": token })).unwrap()).await;
    assert_eq!(mistaken.status, StatusCode::FORBIDDEN, "{mistaken:?}");
    let signature = token.rsplit('.').next().unwrap().to_owned();
    (vec![token, signature, session, "canary".to_owned()], got)
}

fn journal(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[track_caller]
fn holds_none(text: &str, secrets: &[String], place: &str) {
    for secret in secrets {
        if let Some(at) = text.find(secret.as_str()) {
            let around: String = text[..at].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
            panic!("{place} holds a secret of the caller behind `{around}`");
        }
    }
}

#[tokio::test]
async fn pt_01_pt_05_a_process_gets_nothing_of_the_caller_in_environment_arguments_or_input() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let node = Node::run(&["--", ECHO, "--stdio", "--journal", path.to_str().unwrap()]).await;
    let (secrets, got) = use_it(&node).await;
    holds_none(&got, &secrets, "what the process reflects");
    let journal = journal(&path);
    holds_none(&journal, &secrets, "what the process was started with and read");
    let starts: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|record| record["kind"] == "start")
        .collect();
    assert!(!starts.is_empty());
    for start in starts {
        let argv = start["argv"].as_array().unwrap();
        assert_eq!(argv.len(), 4, "the command as it was given, and nothing more: {argv:?}");
        let environment = start["environment"].as_object().unwrap();
        for name in environment.keys() {
            let passed = ["PATH", "HOME", "USER", "LANG", "TERM", "TMPDIR", "SHELL"];
            assert!(passed.contains(&name.as_str()) || name.starts_with("LC_"), "the process got `{name}`");
        }
    }
    let kept = node.stop().await;
    assert!(kept.contains("\"kind\":\"decision\""), "the ledger was read too");
    holds_none(&kept, &secrets, "what the node prints and keeps");
}

#[tokio::test]
async fn pt_01_a_server_over_http_gets_the_headers_of_the_protocol_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let address = echo_over_http(&["--journal", path.to_str().unwrap()]).await;
    let node = Node::run(&["--upstream", &address]).await;
    let (secrets, got) = use_it(&node).await;
    // The first record shows this test's own start, and not what the node sent.
    let journal: Vec<Value> = journal(&path).lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(journal.len() >= 5, "{journal:?}");
    for record in &journal {
        holds_none(&record.to_string(), &secrets, "what the server received");
        for header in record["headers"].as_array().into_iter().flatten() {
            let name = header[0].as_str().unwrap();
            let known = [
                "accept",
                "content-type",
                "content-length",
                "host",
                "mcp-protocol-version",
                "mcp-method",
                "mcp-name",
                "mcp-session-id",
                "mcp-param-region",
                "user-agent",
            ];
            assert!(known.contains(&name), "the server got `{name}`");
            let value = header[1].as_str().unwrap();
            assert!(name != "host" || address.contains(value), "{header}");
            assert!(name != "user-agent" || value.starts_with("doorward/"), "{header}");
        }
    }
    assert!(got.contains("mcp-session-id"), "the session at the server has an id of the server's making");
    holds_none(&got, &secrets, "what the server reflects");
    let kept = node.stop().await;
    holds_none(&kept, &secrets, "what the node prints and keeps");
}

/// An address that must not be called, and how often it was.
async fn elsewhere() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/elsewhere", listener.local_addr().unwrap());
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&calls);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    (address, calls)
}

fn credential(directory: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let file = directory.join("upstream.secret");
    std::fs::write(&file, "credential-of-the-server\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn pt_03_cve_2026_53840_no_credential_follows_a_redirect_or_answers_a_challenge() {
    for fault in ["redirect", "unauthorized"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let secret = credential(directory.path());
        let (other, calls) = elsewhere().await;
        let arguments = ["--fault", fault, "--redirect-to", &other, "--journal", path.to_str().unwrap()];
        let address = echo_over_http(&arguments).await;
        let node = Node::run(&["--upstream", &address, "--upstream-credential", &secret]).await;
        let token = node.token("alice").await;
        let answer = send(modern(&node, &token, "echo", &json!({ "text": "x" })).unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{fault}: {answer:?}");
        assert!(answer.message()["error"].is_object(), "{fault}: {answer:?}");
        for name in ["www-authenticate", "location", "set-cookie"] {
            assert!(answer.headers.get(name).is_none(), "{fault}: the server's `{name}` came through");
        }
        assert!(!answer.body.contains("evil.example") && !answer.body.contains(&other), "{fault}: {answer:?}");
        assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 0, "{fault}: another address was called");
        // The call was made once, with the server's own credential and not with the caller's.
        let journal = journal(&path);
        let calls: Vec<&str> = journal.lines().filter(|line| line.contains("tools/call")).collect();
        assert_eq!(calls.len(), 1, "{fault}: {calls:?}");
        assert!(calls[0].contains("Bearer credential-of-the-server"), "{fault}: {calls:?}");
        assert!(!journal.contains(&token), "{fault}");
        let kept = node.stop().await;
        holds_none(&kept, &[token, "credential-of-the-server".to_owned()], "what the node prints and keeps");
    }
}

/// Every field of every kind of request, with a token and without, and nothing of it anywhere that the node writes.
#[tokio::test]
async fn cve_2026_42282_cve_2026_41495_canaries_of_every_request_are_in_no_log_no_ledger_and_no_store() {
    const CANARY: &str = "CANARY-9d1e";
    let node = Node::run(&["--", ECHO, "--stdio"]).await;
    let good = node.token("alice").await;
    let session = session(&node, &good).await;
    let forged = format!("{CANARY}.{CANARY}.{CANARY}");
    for token in [good.as_str(), CANARY, &forged] {
        for method in ["tools/call", "prompts/get", "resources/read", "completion/complete", "tools/list", CANARY] {
            let params = json!({
                "name": CANARY, "uri": format!("file:///{CANARY}"), "arguments": { CANARY: CANARY, "text": CANARY },
                "ref": { "type": "ref/prompt", "name": CANARY }, "cursor": CANARY, "requestState": CANARY,
                "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                           "io.modelcontextprotocol/clientCapabilities": { CANARY: {} },
                           "io.modelcontextprotocol/clientInfo": { "name": CANARY, "version": CANARY },
                           "progressToken": CANARY, "x/y": CANARY },
            });
            let body = json!({ "jsonrpc": "2.0", "id": CANARY, "method": method, "params": params });
            let target = if method == "resources/read" { format!("file:///{CANARY}") } else { CANARY.to_owned() };
            for era in [Some("2026-07-28"), None] {
                let mut call = request(&node, token, "POST").uri(format!("{}?{CANARY}={CANARY}", node.mcp));
                call = match era {
                    Some(era) => call
                        .header("mcp-protocol-version", era)
                        .header("mcp-method", method)
                        .header("mcp-name", &target),
                    None => call.header("mcp-session-id", &session).header("mcp-protocol-version", "2025-11-25"),
                };
                for name in ["cookie", "user-agent", "x-request-id", "traceparent", "mcp-param-x", "last-event-id"] {
                    call = call.header(name, CANARY);
                }
                send(call.body(Full::new(body.to_string().into())).unwrap()).await;
            }
        }
        for body in [CANARY.to_owned(), format!("{{\"{CANARY}\":"), format!("[\"{CANARY}\"]")] {
            send(request(&node, token, "POST").body(Full::new(body.into())).unwrap()).await;
        }
        for (name, value) in
            [("host", CANARY), ("origin", CANARY), ("mcp-session-id", CANARY), ("x-forwarded-for", CANARY)]
        {
            let mut call = modern(&node, token, "echo", &json!({})).unwrap();
            call.headers_mut().insert(name, value.parse().unwrap());
            send(call).await;
        }
        let path = format!("{}/{CANARY}", node.mcp);
        send(request(&node, token, "GET").uri(path).body(Full::default()).unwrap()).await;
    }
    let failing = send(modern(&node, &good, CANARY, &json!({ "text": CANARY })).unwrap()).await;
    assert!(failing.body.contains("error") || failing.body.contains("isError"), "{failing:?}");
    let kept = node.stop().await;
    assert!(kept.contains("\"kind\":\"decision\"") && kept.contains("refused"), "log and ledger were read");
    let signature = good.rsplit('.').next().unwrap().to_owned();
    holds_none(&kept, &[CANARY.to_owned(), CANARY.to_lowercase(), good, signature, session], "what the node writes");
}
