//! Messages (JS): what the wire refuses never becomes a decision, in either era, and nothing of it reaches the server.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use doorward::Body;
use doorward::identity::{IssuerConfig, Keys};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::kit::forge::{Key, jwks};
use crate::kit::web::Web;
use crate::kit::{Answer, Inner, Kit, MODERN, Plan, base, legacy_request, modern_body, modern_request};

const META: &str = concat!(
    r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{}}"#
);

/// One caller with a session, and what the server had heard before the attack.
struct Scene {
    kit: Kit,
    token: String,
    session: String,
    heard: usize,
}

impl Scene {
    async fn new() -> Self {
        let kit = Kit::new();
        let token = kit.token("alice", &[], &[]);
        let session = kit.initialize(Some(&token)).await;
        let heard = kit.inner.arrived().len();
        Self { kit, token, session, heard }
    }

    /// A modern call of `echo` with right headers around any bytes.
    fn modern(&self, body: impl Into<Bytes>) -> Request<Body> {
        let request = base(Some(&self.token)).header("mcp-protocol-version", MODERN);
        request.header("mcp-method", "tools/call").header("mcp-name", "echo").body(Body::full(body)).unwrap()
    }

    /// The same in a legacy session.
    fn legacy(&self, body: impl Into<Bytes>) -> Request<Body> {
        let mut request = legacy_request(Some(&self.token), Some(&self.session), &Value::Null);
        *request.body_mut() = Body::full(body);
        request
    }

    /// Asserts that both eras refuse these bytes with one of these statuses, and that the server hears nothing.
    async fn refuses(&self, body: impl Into<Bytes>, case: &str) -> Vec<Answer> {
        let body = body.into();
        let mut answers = Vec::new();
        for request in [self.modern(body.clone()), self.legacy(body)] {
            let answer = self.kit.send(request).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{case}: {answer:?}");
            assert!(matches!(answer.code(), -32700 | -32600), "{case}: {answer:?}");
            answers.push(answer);
        }
        assert_eq!(self.kit.inner.arrived().len(), self.heard, "{case}: the server heard something");
        answers
    }

    async fn accepts(&self, body: &str) {
        let answer = self.kit.send(self.modern(body.to_owned())).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}: {answer:?}");
    }
}

/// A call of `echo` with this text in the place of its arguments.
fn call(arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo",{META},"arguments":{arguments}}}}}"#
    )
}

#[tokio::test]
async fn js_01_a_doubled_key_is_refused_wherever_it_stands() {
    let scene = Scene::new().await;
    let whole = call("{}");
    for (key, doubled) in [
        ("method", r#""method":"tools/list","#),
        ("id", r#""id":2,"#),
        ("jsonrpc", r#""jsonrpc":"2.0","#),
        ("params", r#""params":{"name":"admin_drop"},"#),
        ("method, escaped", r#""m\u0065thod":"tools/list","#),
    ] {
        let first = whole.replacen('{', &format!("{{{doubled}"), 1);
        scene.refuses(first, key).await;
    }
    for (key, doubled) in [
        ("name", r#""name":"admin_drop","#),
        ("name, escaped", r#""n\u0061me":"admin_drop","#),
        ("arguments", r#""arguments":{"x":1},"#),
        ("_meta", r#""_meta":{},"#),
    ] {
        scene.refuses(whole.replacen(r#""params":{"#, &format!(r#""params":{{{doubled}"#), 1), key).await;
    }
    for arguments in [r#"{"a":1,"a":1}"#, r#"{"deep":[{"b":1,"\u0062":2}]}"#, r#"{"":1,"":2}"#] {
        scene.refuses(call(arguments), arguments).await;
    }
    scene.accepts(&call(r#"{"a":{"a":1},"A":2}"#)).await;
}

#[tokio::test]
async fn js_02_a_batch_is_refused_whatever_it_holds() {
    let scene = Scene::new().await;
    let one = call("{}");
    let admin = one.replace("\"echo\"", "\"admin_drop\"");
    for batch in [
        "[]".to_owned(),
        "[[]]".to_owned(),
        format!("[{one}]"),
        format!("[{one},{admin}]"),
        format!("[[{one}]]"),
        format!(" \n[{one},{one}]"),
        "[1]".to_owned(),
    ] {
        scene.refuses(batch.clone(), &batch).await;
    }
}

#[tokio::test]
async fn js_03_a_body_over_the_limit_is_413_whatever_its_length_says() {
    let scene = Scene::new().await;
    let large = call(&format!(r#"{{"text":"{}"}}"#, "x".repeat(5 << 20)));
    for mut request in [scene.modern(large.clone()), scene.legacy(large.clone())] {
        for length in [None, Some(large.len().to_string()), Some("5".to_owned())] {
            request.headers_mut().remove("content-length");
            if let Some(length) = &length {
                request.headers_mut().insert("content-length", length.parse().unwrap());
            }
            *request.body_mut() = Body::full(large.clone());
            let (parts, body) = request.into_parts();
            let answer = scene.kit.send(Request::from_parts(parts.clone(), body)).await;
            assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{length:?}: {answer:?}");
            request = Request::from_parts(parts, Body::empty());
        }
    }
    // What is announced is refused before a byte of it is read.
    let unread = Body::stream(futures::stream::poll_fn(|_| -> std::task::Poll<Option<Bytes>> {
        panic!("the body was read");
    }));
    let mut announced = scene.modern("");
    announced.headers_mut().insert("content-length", "99999999999999999999999".parse().unwrap());
    assert_eq!(scene.kit.send(announced).await.status, StatusCode::BAD_REQUEST, "no length, and an empty body");
    let mut announced = scene.modern("");
    announced.headers_mut().insert("content-length", "4194305".parse().unwrap());
    *announced.body_mut() = unread;
    assert_eq!(scene.kit.send(announced).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    // A stream without end stops at the limit.
    let endless = futures::stream::repeat(Bytes::from_static(&[b' '; 64 * 1024]));
    let mut request = scene.modern("");
    *request.body_mut() = Body::stream(endless);
    assert_eq!(scene.kit.send(request).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    // A bomb is not unpacked: compressed bodies are not taken at all.
    let mut bomb = scene.modern(&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..]);
    bomb.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(scene.kit.send(bomb).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(scene.kit.inner.arrived().len(), scene.heard);
}

#[tokio::test]
async fn js_04_depth_width_and_odd_numbers_are_refused() {
    let scene = Scene::new().await;
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    scene.refuses(call(&format!(r#"{{"a":{}}}"#, deep(10_000))), "10,000 levels").await;
    scene.refuses("[".repeat(1_000_000), "a million open brackets").await;
    scene.refuses("{\"a\":".repeat(500_000), "half a million open objects").await;
    let wide: Vec<String> = (0..300_000).map(|number| format!("\"{number}\":0")).collect();
    scene.refuses(call(&format!("{{{}}}", wide.join(","))), "300,000 keys").await;
    for number in [
        "1e400",
        "-1e400",
        "-0",
        "18446744073709551616",
        "-9223372036854775809",
        "1e9999999999",
        "NaN",
        "Infinity",
        "-Infinity",
        "+1",
        "01",
        "1.",
        ".5",
        "0x10",
        "1_000",
        "--1",
        "1e",
        "1e+",
    ] {
        scene.refuses(call(&format!(r#"{{"n":{number}}}"#)), number).await;
    }
    for number in ["0", "-1", "1.5", "18446744073709551615", "-9223372036854775808", "1e2", "1E-7"] {
        scene.accepts(&call(&format!(r#"{{"n":{number}}}"#))).await;
    }
    let huge = scene.kit.send(scene.modern(call(&format!("\"{}\"", "x".repeat(10 << 20))))).await;
    assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn js_05_what_two_parsers_may_read_differently_is_refused() {
    let scene = Scene::new().await;
    let good = call(r#"{"text":"x"}"#);
    let bytes = |text: &[u8]| {
        let (before, after) = good.split_once(r#""x""#).unwrap();
        [before.as_bytes(), b"\"", text, b"\"", after.as_bytes()].concat()
    };
    for (case, body) in [
        ("a raw NUL", bytes(b"a\0b")),
        ("an escaped NUL", bytes(br"a\u0000b")),
        ("a raw line break", bytes(b"a\nb")),
        ("an overlong slash", bytes(b"\xc0\xaf")),
        ("an overlong NUL", bytes(b"\xc0\x80")),
        ("a surrogate in UTF-8", bytes(b"\xed\xa0\x80")),
        ("half a character", bytes(b"\xe2\x82")),
        ("Latin-1", bytes(b"\xe9")),
        ("a lone surrogate", bytes(br"\ud800")),
        ("surrogates the wrong way round", bytes(br"\udc00\ud800")),
        ("an unknown escape", bytes(br"\x41")),
        ("half an escape", bytes(br"\u00")),
        ("a byte order mark", [b"\xef\xbb\xbf", good.as_bytes()].concat()),
        ("trailing data", format!("{good} x").into_bytes()),
        ("two documents", format!("{good}{good}").into_bytes()),
        ("two lines", format!("{good}\n{good}").into_bytes()),
        ("a comment", good.replacen('{', "{/* */", 1).into_bytes()),
        ("a line comment", format!("// x\n{good}").into_bytes()),
        ("a trailing comma", good.replacen(r#""x"}"#, r#""x",}"#, 1).into_bytes()),
        ("single quotes", good.replace('"', "'").into_bytes()),
        ("cut off", good.as_bytes()[..good.len() - 1].to_vec()),
        ("nothing", Vec::new()),
        ("blanks", b"  ".to_vec()),
        ("a text", b"\"tools/call\"".to_vec()),
        ("null", b"null".to_vec()),
    ] {
        scene.refuses(body, case).await;
    }
}

#[tokio::test]
async fn js_07_an_id_is_a_string_or_a_whole_number_and_is_given_back_as_it_came() {
    let scene = Scene::new().await;
    let with_id = |id: &str| call("{}").replacen(r#""id":1"#, &format!(r#""id":{id}"#), 1);
    for id in [
        "null",
        "{}",
        "[]",
        "[1]",
        "true",
        "1.5",
        "1e2",
        "-0",
        "9007199254740993",
        "18446744073709551616",
        "\"\\u0000\"",
    ] {
        scene.refuses(with_id(id), id).await;
    }
    scene.refuses(with_id(&format!("\"{}\"", "x".repeat(1 << 20))), "1 MiB").await;
    for id in ["0", "-1", "9007199254740991", "\"\"", "\"x\"", "\"1\"", "\"\\u0031\"", "\"</script>\""] {
        let answer = scene.kit.send(scene.modern(with_id(id))).await;
        assert_eq!(answer.status, StatusCode::OK, "{id}: {answer:?}");
        assert_eq!(answer.json()["id"], serde_json::from_str::<Value>(id).unwrap(), "{id}");
        assert!(kit_numbers(&scene.kit.inner), "the server sees numbers of ours alone");
    }
}

fn kit_numbers(inner: &Inner) -> bool {
    inner
        .arrived()
        .iter()
        .filter(|arrived| !arrived.message["id"].is_null())
        .all(|arrived| arrived.message["id"].is_u64())
}

/// One client that uses an id twice at the same time in the modern era gets each answer on its own request.
#[tokio::test]
async fn js_07_a_reused_id_of_one_caller_mixes_nothing_up() {
    let kit = std::sync::Arc::new(Kit::new());
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|message| {
        let text = message["params"]["arguments"]["text"].clone();
        let pause = 20 - text.as_str().map_or(0, |text| text.len() as u64);
        Some(vec![
            json!({ "wait": pause }),
            json!({ "jsonrpc": "2.0", "id": message["id"],
                    "result": { "resultType": "complete", "content": [{ "type": "text", "text": text }] } }),
        ])
    });
    let tasks: Vec<_> = (1..20)
        .map(|length| {
            let (kit, token) = (kit.clone(), token.clone());
            tokio::spawn(async move {
                let text = "x".repeat(length);
                let answer = kit.call_tool(Some(&token), "echo", json!({ "text": text })).await;
                assert_eq!(answer.json()["result"]["content"][0]["text"], text.as_str());
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn js_08_what_only_a_server_says_is_refused_from_a_client() {
    let scene = Scene::new().await;
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":["tools/call"]}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#,
        r#"{"id":1,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}"#,
        // Responses: never in the modern era, and in the legacy era not while no question is open.
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no"}}"#,
    ] {
        scene.refuses(body, body).await;
    }
    // Methods that only servers call are unknown ones: 404 in the modern era (A16), an error in the legacy era.
    for method in ["elicitation/create", "sampling/createMessage", "roots/list"] {
        let modern = scene.kit.modern(Some(&scene.token), method, json!({})).await;
        assert_eq!((modern.status, modern.code()), (StatusCode::NOT_FOUND, -32601), "{method}");
        let legacy = scene.kit.legacy(Some(&scene.token), &scene.session, method, json!({})).await;
        assert_eq!((legacy.status, legacy.code()), (StatusCode::OK, -32601), "{method}");
    }
    for method in [
        "notifications/tools/list_changed",
        "notifications/resources/updated",
        "notifications/message",
        "notifications/elicitation/complete",
        "notifications/tasks/status",
        "notifications/no/such",
    ] {
        let note = json!({ "jsonrpc": "2.0", "method": method, "params": {} });
        for request in
            [modern_request(Some(&scene.token), &note), legacy_request(Some(&scene.token), Some(&scene.session), &note)]
        {
            let answer = scene.kit.send(request).await;
            assert!(answer.body.is_empty() || answer.json()["error"].is_object(), "{method}: {answer:?}");
        }
    }
    assert_eq!(scene.kit.inner.arrived().len(), scene.heard);
    let refused = scene.kit.ledger.of_kind("decision");
    assert!(refused.iter().filter(|decision| decision["verdict"] == "allow").count() <= 2, "the handshake alone");
}

#[tokio::test]
async fn js_08_a_flood_of_notifications_meets_the_limit() {
    let mut plan = Plan::default();
    plan.settings.limits.caller = Some("20/min".parse().unwrap());
    let kit = Kit::with(plan);
    let token = kit.token("alice", &[], &[]);
    let session = kit.initialize(Some(&token)).await;
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" });
    let mut refused = 0;
    for _ in 0..50 {
        let answer = kit.send(legacy_request(Some(&token), Some(&session), &note)).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused += 1;
            assert!(!answer.header("retry-after").is_empty());
        } else {
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        }
    }
    assert!(refused >= 30, "{refused}");
    assert!(kit.inner.arrived().len() <= 20);
    let other = kit.token("bob", &[], &[]);
    assert_eq!(kit.call_tool(Some(&other), "echo", json!({})).await.status, StatusCode::OK, "others are not slowed");
}

/// Schemas are read for names and types, and nothing that they point to is fetched.
#[tokio::test]
async fn js_09_a_schema_that_points_elsewhere_fetches_nothing_and_odd_keys_travel_untouched() {
    let key = Key::ed("k");
    let web = Web::new(jwks(&[&key]));
    let mut plan = Plan::default();
    plan.issuers = vec![IssuerConfig::new("https://login.example.com", Keys::JwksUrl("https://x.example/".into()))];
    plan.fetch = web.clone();
    let kit = Kit::with(plan);
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|message| {
        (message["method"] == "tools/list").then(|| {
            let schema = json!({
                "$schema": "https://evil.example/schema", "$id": "https://evil.example/id",
                "type": "object", "$ref": "https://evil.example/ref",
                "properties": { "a": { "$ref": "file:///etc/passwd" }, "b": { "$dynamicRef": "http://127.0.0.1/x" } },
                "$defs": { "x": { "$ref": "#/$defs/x" } },
            });
            vec![json!({ "jsonrpc": "2.0", "id": message["id"], "result": {
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
                "tools": [{ "name": "echo", "inputSchema": schema }] } })]
        })
    });
    assert_eq!(kit.modern(Some(&token), "tools/list", json!({})).await.status, StatusCode::OK);
    let arguments =
        json!({ "__proto__": { "admin": true }, "constructor": 1, "a": 1, "$ref": "https://evil.example/" });
    let answer = kit.call_tool(Some(&token), "echo", arguments.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(kit.inner.last().message["params"]["arguments"], arguments);
    assert!(web.asked().is_empty(), "{:?}", web.asked());
}

#[tokio::test]
async fn js_11_a_server_that_talks_nonsense_gives_one_clear_error_and_leaves_others_alone() {
    let kit = Kit::new();
    let token = kit.token("alice", &[], &[]);
    let huge = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"x":"{}"}}}}"#, "x".repeat(33 << 20));
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    for (case, nonsense) in [
        ("no JSON", "this is no JSON".to_owned()),
        ("cut JSON", r#"{"jsonrpc":"2.0","id":1,"result":{"#.to_owned()),
        ("another id", r#"{"jsonrpc":"2.0","id":987654321,"result":{}}"#.to_owned()),
        ("an id as text", r#"{"jsonrpc":"2.0","id":"1","result":{}}"#.to_owned()),
        ("no id", r#"{"jsonrpc":"2.0","result":{}}"#.to_owned()),
        ("a batch", r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#.to_owned()),
        ("both", r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}"#.to_owned()),
        ("a doubled key", r#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}"#.to_owned()),
        ("33 MiB", huge),
        ("5,000 levels", deep),
        ("an empty event", String::new()),
    ] {
        let own = nonsense.clone();
        kit.inner.script(move |message| {
            // The id of this very call, where the case needs it to be right.
            let raw = own.replace(r#""id":1,"#, &format!(r#""id":{},"#, message["id"]));
            Some(vec![json!({ "raw": raw })])
        });
        kit.ledger.clear();
        let answer = kit.call_tool(Some(&token), "echo", json!({})).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_GATEWAY, 50_200), "{case}: {answer:?}");
        assert_eq!(answer.json()["id"], 1, "{case}");
        assert!(answer.body.len() < 1024, "{case}: nothing of it is passed on");
        let outcome = kit.ledger.of_kind("outcome").pop().unwrap();
        assert_eq!(outcome["ending"], "upstream_failed", "{case}: {outcome}");
    }
    kit.inner.script(|_| None);
    assert_eq!(kit.call_tool(Some(&token), "echo", json!({})).await.status, StatusCode::OK);
}

/// A server that sends events for ever ends with the call's time, and with the byte budget before that.
#[tokio::test]
async fn js_11_events_without_end_are_bounded_by_bytes_and_time() {
    let mut plan = Plan::default();
    plan.call_timeout = Duration::from_millis(300);
    plan.settings.limits.bytes_per_minute = NonZeroU32::new(1 << 20);
    let kit = Kit::with(plan);
    let token = kit.token("alice", &[], &[]);
    kit.inner.script(|message| {
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/progress",
                           "params": { "progressToken": message["id"], "progress": 1, "message": "x".repeat(4096) } });
        let mut events = vec![note; 1000];
        events.push(json!({ "hang": true }));
        Some(events)
    });
    let params = json!({ "name": "echo", "_meta": { "progressToken": 7 } });
    let answer = kit.send(modern_request(Some(&token), &modern_body(1, "tools/call", params))).await;
    let last = answer.events().pop().unwrap();
    assert!(matches!(last["error"]["code"].as_i64(), Some(42_900 | 50_400)), "{last}");
    assert!(answer.body.len() < 2 << 20, "{} bytes", answer.body.len());
}
