//! What happened to gateways and hosts in the field, over HTTP against this corridor. One test a row, named after the
//! advisory; rows that are proven where the mistake would be made stand in `docs/attacks.md` with their place.

use std::collections::BTreeSet;
use std::time::Duration;

use doorward::Body;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use crate::kit::forge::with;
use crate::kit::{Kit, LEGACY, Plan, base, initialize_body, legacy_request, modern_body, modern_request};
use crate::log::Log;
use crate::proof::{is_malformed, is_rs401, nobody_was_asked};

/// LiteLLM: a made-up `Authorization` took a fallback that made an empty but accepted identity.
#[tokio::test]
async fn cve_2026_59822_made_up_authorization_is_refused_where_even_nobody_is_let_in() {
    let kit = Kit::new();
    for token in ["x", "sk-1234", "null", "undefined", "anonymous", "admin", "AAAA.AAAA.AAAA", "e30.e30.", "true", "0"]
    {
        is_rs401(&kit, token, token).await;
    }
    for value in [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "bearer",
        "Basic YWRtaW46YWRtaW4=",
        "Basic",
        "x",
        "Token t",
        "ApiKey k",
        "Negotiate",
        "Digest username=\"admin\"",
        "AWS4-HMAC-SHA256 a",
        "DPoP x",
        "Bearer: x",
        "Bearer=x",
        "Bearer x y",
    ] {
        // Discovery is open to nobody in particular: a failed proof is not nobody.
        for body in [modern_body(1, "server/discover", json!({})), initialize_body()] {
            let mut request = match body["method"].as_str() {
                Some("initialize") => legacy_request(None, None, &body),
                _ => modern_request(None, &body),
            };
            request.headers_mut().insert("authorization", HeaderValue::from_static(value));
            is_malformed(&kit, request, "no secret", value).await;
        }
    }
}

/// netlicensing-mcp and mcp-pinot: without a credential the server's own was used.
#[tokio::test]
async fn cve_2026_54446_cve_2026_49257_without_a_caller_no_link_and_so_no_credential_is_chosen() {
    let mut plan = Plan::default();
    plan.rules.remove(0);
    let kit = Kit::with(plan);
    for (method, params) in [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "echo" })),
        ("prompts/get", json!({ "name": "hello" })),
        ("resources/read", json!({ "uri": "file:///open.txt" })),
        ("subscriptions/listen", json!({ "notifications": {} })),
        ("no/such", json!({})),
    ] {
        kit.send(modern_request(None, &modern_body(1, method, params.clone()))).await.assert_401(false);
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        kit.send(legacy_request(None, None, &body)).await.assert_401(false);
    }
    kit.send(legacy_request(None, None, &initialize_body())).await.assert_401(false);
    nobody_was_asked(&kit, "no caller");
}

/// The names in a list.
async fn listed(kit: &Kit, token: &str, method: &str, key: &str, name: &str) -> BTreeSet<String> {
    let list = kit.modern(Some(token), method, json!({})).await.json();
    list["result"][key].as_array().unwrap().iter().map(|entry| entry[name].as_str().unwrap().to_owned()).collect()
}

/// mcp-server-kubernetes, gh-aw-mcpg #3332, OpenClaw: the filter knew lists alone, or tools alone, or came too early.
#[tokio::test]
async fn cve_2026_46519_gh_aw_mcpg_3332_cve_2026_44998_what_is_not_listed_is_unknown_to_every_method() {
    let kit = Kit::new();
    let (bob, root) = (kit.token("bob", &[], &["crm.read"]), kit.token("root", &["Admin"], &["crm.read"]));
    let session = kit.initialize(Some(&bob)).await;
    for (list, key, name, method, parameter) in [
        ("tools/list", "tools", "name", "tools/call", "name"),
        ("prompts/list", "prompts", "name", "prompts/get", "name"),
        ("resources/list", "resources", "uri", "resources/read", "uri"),
    ] {
        let all = listed(&kit, &root, list, key, name).await;
        let his = listed(&kit, &bob, list, key, name).await;
        assert!(his.len() < all.len(), "{list}");
        for entry in &all {
            let before = kit.inner.arrived().len();
            let params = json!({ parameter: entry });
            let modern = kit.modern(Some(&bob), method, params.clone()).await;
            let legacy = kit.legacy(Some(&bob), &session, method, params).await;
            if his.contains(entry) {
                assert!(modern.json()["error"].is_null(), "{entry}: {modern:?}");
                assert!(legacy.json()["error"].is_null(), "{entry}: {legacy:?}");
            } else {
                assert!(matches!(modern.code(), -32602), "{entry}: {modern:?}");
                assert!(matches!(legacy.code(), -32602 | -32002), "{entry}: {legacy:?}");
                assert_eq!(kit.inner.arrived().len(), before, "{entry}: the server heard of it");
            }
        }
    }
    // What is hidden is so for completions and subscriptions too.
    for (method, params) in [
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "secret_plan" },
                                        "argument": { "name": "a", "value": "" } }),
        ),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/resource", "uri": "secret://vault" },
                                        "argument": { "name": "a", "value": "" } }),
        ),
        ("resources/subscribe", json!({ "uri": "secret://vault" })),
    ] {
        let before = kit.inner.arrived().len();
        let answer = kit.legacy(Some(&bob), &session, method, params).await;
        assert!(matches!(answer.code(), -32602 | -32002), "{method}: {answer:?}");
        assert_eq!(kit.inner.arrived().len(), before, "{method}");
    }
    // A tool that the server appends later, without a word, meets the same rules.
    kit.inner.script(|message| {
        (message["method"] == "tools/list").then(|| {
            let tools = ["echo", "admin_late"].map(|name| json!({ "name": name, "inputSchema": { "type": "object" } }));
            vec![json!({ "jsonrpc": "2.0", "id": message["id"], "result": {
                "resultType": "complete", "tools": tools, "ttlMs": 0, "cacheScope": "private" } })]
        })
    });
    assert_eq!(listed(&kit, &bob, "tools/list", "tools", "name").await, BTreeSet::from(["echo".to_owned()]));
    assert_eq!(kit.call_tool(Some(&bob), "admin_late", json!({})).await.code(), -32602);
}

/// Kuadrant's mcp-gateway: a header and a shared key skipped the token and rewrote the authority.
#[tokio::test]
async fn ghsa_g53w_w6mj_hrpp_no_internal_header_skips_the_token_or_picks_the_server() {
    let kit = Kit::new();
    let token = kit.token("bob", &[], &[]);
    let plain = modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" })));
    assert_eq!(kit.send(plain).await.status, StatusCode::OK);
    let usual = kit.inner.keys().pop().unwrap();
    for name in [
        "mcp-init-host",
        "router-key",
        "x-mcp-authorized",
        "x-mcp-servername",
        "x-mcp-toolname",
        "x-mcp-method",
        "x-authorized",
        "x-internal",
        "x-forwarded-user",
        "x-forwarded-host",
        "x-envoy-internal",
        "x-original-host",
        "x-upstream-host",
        "x-grafana-url",
        "x-target-url",
        "mcp-server",
        ":authority-x",
    ] {
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        let call = |token: Option<&str>, tool: &str| {
            let mut request = modern_request(token, &modern_body(1, "tools/call", json!({ "name": tool })));
            request.headers_mut().insert(header.clone(), HeaderValue::from_static("http://evil.test"));
            request
        };
        kit.send(call(None, "echo")).await.assert_401(false);
        assert_eq!(kit.send(call(Some(&token), "admin_drop")).await.code(), -32602, "{name}");
        assert_eq!(kit.send(call(Some(&token), "echo")).await.status, StatusCode::OK, "{name}");
        assert_eq!(kit.inner.keys().pop().unwrap(), usual, "{name}: another link was chosen");
        assert!(kit.inner.last().headers.get(&header).is_none(), "{name}: it travelled on");
    }
}

/// mcp-grafana: a header picked the host that got the server's credential. Here an upstream is told no header at all
/// but those of the protocol; that the address is fixed is tested with the gateway's client.
#[tokio::test]
async fn cve_2026_15583_a_link_is_chosen_by_configuration_and_caller_alone() {
    let kit = Kit::new();
    let token = kit.token("bob", &[], &[]);
    for (uri, host) in [("/mcp", "localhost:8700"), ("http://127.0.0.1:8700/mcp?host=evil.test", "127.0.0.1:8700")] {
        let mut request = modern_request(Some(&token), &modern_body(1, "tools/call", json!({ "name": "echo" })));
        *request.uri_mut() = uri.parse().unwrap();
        request.headers_mut().insert("host", host.parse().unwrap());
        assert_eq!(kit.send(request).await.status, StatusCode::OK, "{uri}");
    }
    let keys = kit.inner.keys();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

/// mcp-gateway-registry #1357, vault-mcp-server #128, Ruby SDK: a session id was enough for any authenticated caller.
#[tokio::test]
async fn cve_2026_33946_a_session_id_opens_nothing_for_another_authenticated_caller() {
    let kit = Kit::new();
    let alice = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&alice)).await;
    let heard = kit.inner.arrived().len();
    let now = kit.world.seconds();
    let claims = |subject: &str, client: &str| {
        json!({ "iss": crate::kit::ISSUER, "aud": crate::kit::RESOURCE, "sub": subject, "client_id": client,
                "jti": format!("{subject}-{client}"), "iat": now, "exp": now + 600, "roles": ["Admin"] })
    };
    for (subject, client) in
        [("mallory", "test-client"), ("alice", "other"), ("ALICE", "test-client"), ("alice ", "test-client")]
    {
        let token = kit.key.token(&claims(subject, client));
        for method in ["POST", "GET", "DELETE"] {
            let mut request = Request::builder()
                .method(method)
                .uri("/mcp")
                .header("host", "localhost:8700")
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream")
                .header("authorization", format!("Bearer {token}"))
                .header("mcp-protocol-version", LEGACY)
                .header("mcp-session-id", &session);
            request = request.header("last-event-id", "1");
            let body = match method {
                "POST" => Body::full(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
                _ => Body::empty(),
            };
            let answer = kit.send(request.body(body).unwrap()).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} as {subject}@{client}: {answer:?}");
        }
    }
    let noted = kit.ledger.of_kind("notice").into_iter().filter(|notice| notice["what"] == "session.mismatch").count();
    assert_eq!(noted, 12);
    assert_eq!(kit.inner.arrived().len(), heard);
    assert_eq!(kit.legacy(Some(&alice), &session, "tools/list", json!({})).await.status, StatusCode::OK);
}

/// n8n-mcp: arguments and tokens were logged, those of refused calls and of callers without a token too.
#[tokio::test]
async fn cve_2026_42282_cve_2026_41495_canaries_in_every_field_are_in_no_log_and_no_record() {
    const CANARY: &str = "CANARY-51c4";
    let log = Log::catch();
    let kit = Kit::new();
    let good = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&good)).await;
    let forged = kit.token_saying("sub", json!(CANARY)).replace(|c: char| c.is_ascii_digit(), "x");
    let signature = good.rsplit('.').next().unwrap();
    let tokens = [None, Some(good.as_str()), Some(CANARY), Some(forged.as_str())];
    for token in tokens {
        for method in [
            "tools/call",
            "prompts/get",
            "resources/read",
            "completion/complete",
            "tools/list",
            "subscriptions/listen",
            "x/CANARY-51c4",
        ] {
            let params = json!({
                "name": CANARY, "uri": format!("file:///{CANARY}"), "arguments": { CANARY: CANARY, "text": [CANARY] },
                "ref": { "type": "ref/prompt", "name": CANARY }, "argument": { "name": CANARY, "value": CANARY },
                "_meta": { "x/CANARY-51c4": CANARY, "progressToken": CANARY }, "cursor": CANARY,
                "notifications": { "resourceSubscriptions": [CANARY] }, "requestState": CANARY,
            });
            let mut body = modern_body(1, method, params);
            body["id"] = json!(CANARY);
            for mut request in [
                modern_request(token, &body),
                legacy_request(token, None, &body),
                legacy_request(token, Some(&session), &body),
                legacy_request(token, Some(CANARY), &body),
            ] {
                for name in ["cookie", "user-agent", "x-request-id", "referer", "dpop", "mcp-param-x", "last-event-id"]
                {
                    request.headers_mut().insert(name, CANARY.parse().unwrap());
                }
                *request.uri_mut() = format!("/mcp?{CANARY}={CANARY}").parse().unwrap();
                kit.send(request).await;
            }
        }
        for body in [CANARY.to_owned(), format!("{{\"{CANARY}\""), format!("[\"{CANARY}\"]")] {
            kit.send(base(token).body(Body::full(body)).unwrap()).await;
        }
        let mut hello = initialize_body();
        hello["params"]["clientInfo"]["name"] = json!(CANARY);
        hello["params"]["capabilities"] = json!({ CANARY: {} });
        kit.send(legacy_request(token, None, &hello)).await;
        for (name, value) in [("host", CANARY), ("origin", CANARY), ("content-type", CANARY), ("accept", CANARY)] {
            let mut request = modern_request(token, &modern_body(1, "tools/list", json!({})));
            request.headers_mut().insert(name, value.parse().unwrap());
            kit.send(request).await;
        }
    }
    // What a server says is nobody's to log either.
    kit.inner.script(|message| {
        let error = json!({ "jsonrpc": "2.0", "id": message["id"], "error": { "code": 1, "message": "CANARY-51c4" } });
        Some(vec![json!({ "raw": "CANARY-51c4" }), json!({ "jsonrpc": "2.0", "method": "x/CANARY-51c4" }), error])
    });
    kit.call_tool(Some(&good), "echo", json!({ "text": CANARY })).await;
    assert!(kit.ledger.lines().len() > 100);
    let text = log.text() + &kit.ledger.lines().join("\n");
    for secret in [CANARY, &CANARY.to_lowercase(), &good, signature, &forged, &session] {
        let found = text.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret}");
    }
}

/// n8n-mcp: tenants shared a store. What one person began in one tenant is not there in another.
#[tokio::test]
async fn cve_2026_54052_a_caller_of_two_tenants_shares_no_session_and_no_link() {
    let mut plan = Plan::default();
    plan.tenant = Some("org");
    let kit = Kit::with(plan);
    let of = |org: &str| kit.key.token(&with(with(kit.claims(), "org", json!(org)), "jti", json!(format!("t-{org}"))));
    let (red, blue) = (of("red"), of("blue"));
    let session = kit.initialize(Some(&red)).await;
    let list = kit.legacy(Some(&blue), &session, "tools/list", json!({})).await;
    assert_eq!(list.status, StatusCode::NOT_FOUND, "{list:?}");
    for token in [&red, &blue] {
        assert_eq!(kit.call_tool(Some(token), "echo", json!({})).await.status, StatusCode::OK);
    }
    let keys = kit.inner.keys();
    let (his, hers) = (&keys[keys.len() - 2], &keys[keys.len() - 1]);
    assert_ne!(his, hers, "two tenants, one link");
    let tenants: Vec<Value> =
        kit.ledger.of_kind("decision").into_iter().rev().take(2).map(|d| d["who"]["tenant"].clone()).collect();
    assert_eq!(tenants, [json!("blue"), json!("red")]);
}

/// TypeScript SDK: a pattern made to explode. Rules and templates are matched without backtracking.
#[tokio::test]
async fn cve_2026_0621_a_long_name_costs_no_more_than_its_length() {
    let mut plan = Plan::default();
    let stars = format!("tool:{}", "a*".repeat(200));
    plan.rules.insert(1, crate::kit::rule(crate::kit::tool(stars.trim_start_matches("tool:")), &["Admins"]));
    let kit = Kit::with(plan);
    let token = kit.token("bob", &[], &[]);
    let name = "a".repeat(8_000);
    let call = kit.call_tool(Some(&token), &name, json!({}));
    let answer = tokio::time::timeout(Duration::from_secs(20), call).await.expect("an answer in time");
    assert_eq!(answer.code(), -32602, "{answer:?}");
    nobody_was_asked(&kit, "a long name");
}
