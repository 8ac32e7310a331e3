//! What is found at which path, and what every answer carries.

use http::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Place, ask, bare, get, modern};

#[tokio::test]
async fn health_and_readiness_say_how_the_node_is() {
    let place = Place::demo().await;
    assert_eq!(get(&place, "/healthz", &[]).await.status, StatusCode::OK);
    let ready = get(&place, "/readyz", &[]).await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.json(), json!({ "ready": true, "servers": { "demo": "ready" } }));
    let head = ask(place.address(), bare(&place, Method::HEAD, "/readyz", &[])).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    let post = ask(place.address(), bare(&place, Method::POST, "/readyz", &[])).await;
    assert_eq!((post.status, post.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
}

#[tokio::test]
async fn hd_06_every_other_spelling_of_a_path_is_refused() {
    let place = Place::demo().await;
    for path in [
        "/",
        "/MCP",
        "/mcp/x",
        "/mcp/demo",
        "/.well-known/oauth-protected-resource/other",
        "/metrics",
        "/admin",
        "/mcp.",
        "/oauth/token",
    ] {
        assert_eq!(get(&place, path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in [
        "//mcp",
        "/mcp//",
        "/x/../mcp",
        "/x/%2e%2e/mcp",
        "/mcp;x",
        "/x/..;/mcp",
        "/mcp%2f",
        "/mcp%00",
        "/mcp%5c",
        "/%2fmcp",
    ] {
        assert_eq!(get(&place, path, &[]).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn hd_06_a_path_that_is_only_spelt_otherwise_is_the_same_path() {
    let place = Place::demo().await;
    for path in ["/%72eadyz", "/readyz/"] {
        assert_eq!(get(&place, path, &[]).await.status, StatusCode::OK, "{path}");
    }
    // The server's endpoint answers as the server's endpoint.
    for path in ["/%6dcp", "/mcp/"] {
        assert_eq!(get(&place, path, &[]).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn er_07_a_foreign_host_reaches_nothing() {
    let place = Place::demo().await;
    let port = place.address().port();
    for path in ["/mcp", "/readyz", "/healthz", "/.well-known/oauth-protected-resource", "/nothing"] {
        for host in
            [format!("evil.test:{port}"), "localhost".to_owned(), format!("localhost.:{port}"), "evil.test".to_owned()]
        {
            let said = get(&place, path, &[("host", &host)]).await;
            assert_eq!(said.status, StatusCode::FORBIDDEN, "{path} {host}");
        }
        let empty = get(&place, path, &[("host", "")]).await;
        assert_eq!(empty.status, StatusCode::BAD_REQUEST, "{path}");
    }
    for host in [format!("127.0.0.1:{port}"), format!("[::1]:{port}"), format!("LocalHost:{port}")] {
        assert_eq!(get(&place, "/readyz", &[("host", &host)]).await.status, StatusCode::OK, "{host}");
    }
    let records = place.ledger();
    assert!(records.contains("foreign_host") && !records.contains("evil.test"), "{records}");
}

#[tokio::test]
async fn er_08_a_page_of_another_origin_reaches_nothing() {
    let place = Place::demo().await;
    let own = place.node.public_url().to_owned();
    for path in ["/mcp", "/readyz", "/.well-known/oauth-protected-resource"] {
        for origin in
            ["null", "https://evil.test", "http://localhost.evil.test", &format!("{own}.evil.test"), "http://localhost"]
        {
            let said = get(&place, path, &[("origin", origin)]).await;
            assert_eq!(said.status, StatusCode::FORBIDDEN, "{path} {origin}");
            assert_eq!(said.header("access-control-allow-origin"), "", "{path} {origin}");
        }
    }
    let token = place.token("bob", &[], &[]).await;
    let mut request = modern(&place, Some(&token), "tools/list", json!({}));
    request.headers_mut().insert("origin", own.parse().unwrap());
    let said = ask(place.address(), request).await;
    assert_eq!((said.status, said.header("access-control-allow-origin")), (StatusCode::OK, own.as_str()));
    assert_eq!(said.header("access-control-allow-credentials"), "");
    assert!(said.header("vary").contains("Origin"));
}

#[tokio::test]
async fn hd_10_a_preflight_is_answered_for_listed_origins_alone() {
    let place = Place::demo().await;
    let own = place.node.public_url().to_owned();
    let preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization, mcp-param-region, x-evil"),
        ];
        ask(place.address(), bare(&place, Method::OPTIONS, "/mcp", &headers)).await
    };
    let allowed = preflight(&own).await;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    assert_eq!(allowed.header("access-control-allow-origin"), own);
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    let names = allowed.header("access-control-allow-headers");
    assert!(
        names.contains("authorization") && names.contains("mcp-param-region") && !names.contains("x-evil"),
        "{names}"
    );
    let refused = preflight("https://evil.test").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (StatusCode::FORBIDDEN, ""));
    // Without an origin it is no preflight.
    let plain = ask(place.address(), bare(&place, Method::OPTIONS, "/mcp", &[])).await;
    assert_eq!(plain.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn er_01_every_answer_is_hardened_and_every_refusal_has_a_decision() {
    let place = Place::demo().await;
    let answers = [
        get(&place, "/readyz", &[]).await,
        get(&place, "/nothing", &[]).await,
        get(&place, "/mcp", &[]).await,
        get(&place, "//", &[]).await,
        get(&place, "/mcp", &[("host", "evil.test")]).await,
    ];
    for said in &answers {
        assert_eq!(said.header("x-content-type-options"), "nosniff");
        assert_eq!(said.header("cache-control"), "no-store");
        assert_eq!(said.header("x-frame-options"), "DENY");
        assert_eq!(said.header("strict-transport-security"), "");
        assert_eq!(said.header("server"), "");
    }
    let records = place.ledger();
    for said in &answers[1..] {
        let decision = said.header("doorward-decision");
        assert!(!decision.is_empty() && records.contains(decision), "{said:?}");
    }
}

#[tokio::test]
async fn hd_05_forwarded_headers_change_nothing() {
    let place = Place::demo().await;
    let claims = [
        ("x-forwarded-for", "203.0.113.77"),
        ("x-forwarded-host", "evil.test"),
        ("forwarded", "for=203.0.113.77;host=evil.test"),
        ("x-real-ip", "203.0.113.77"),
        ("x-original-url", "/readyz"),
        ("x-rewrite-url", "/readyz"),
        ("x-user", "alice"),
        ("x-role", "Admin"),
    ];
    assert_eq!(get(&place, "/nothing", &claims).await.status, StatusCode::NOT_FOUND);
    let challenged = get(&place, "/mcp", &claims).await;
    assert_eq!(challenged.status, StatusCode::UNAUTHORIZED);
    assert!(!challenged.header("www-authenticate").contains("evil"), "{challenged:?}");
    let records = place.ledger();
    assert!(records.contains("\"address\":\"127.0.0.1\""), "{records}");
    assert!(!records.contains("203.0.113.77"), "{records}");
}
