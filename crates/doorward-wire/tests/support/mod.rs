//! What the tests share: reading messages and calls, and generators of messages.

#![expect(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use bytes::Bytes;
use doorward_wire::{Call, Head, Id, Limits, Message, ParseError, ParseFault, Refused, Sender, Version};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

/// How many cases a property is tried with: 1,000, or where `DOORWARD_TESTS=all`, 100,000 divided by `cost`.
pub fn cases(cost: u32) -> ProptestConfig {
    let all = std::env::var("DOORWARD_TESTS").is_ok_and(|tests| tests == "all");
    ProptestConfig {
        cases: if all { 100_000 / cost } else { 1_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub fn parse(text: impl AsRef<[u8]>, from: Sender) -> Result<Message, ParseError> {
    Message::parse(Bytes::copy_from_slice(text.as_ref()), from, &Limits::default())
}

pub fn client(text: impl AsRef<[u8]>) -> Message {
    parse(text, Sender::Client).unwrap()
}

pub fn server(text: impl AsRef<[u8]>) -> Message {
    parse(text, Sender::Server).unwrap()
}

/// The fault of a text that neither sender may send.
pub fn fault(text: impl AsRef<[u8]>) -> ParseFault {
    let error = parse(text.as_ref(), Sender::Client).unwrap_err();
    assert_eq!(parse(text, Sender::Server).unwrap_err(), error, "both senders are read alike");
    error.fault()
}

pub fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        map.append(name.parse::<HeaderName>().unwrap(), value);
    }
    map
}

pub fn head(headers: &[(&str, &str)]) -> Head {
    Head::read(&header_map(headers)).unwrap()
}

/// A POST, as a door would read it.
pub fn post(headers: &[(&str, &str)], body: &str) -> Result<Call, Refused> {
    post_in(headers, body, None)
}

pub fn post_in(headers: &[(&str, &str)], body: &str, session: Option<Version>) -> Result<Call, Refused> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let head = Head::read(&header_map(headers)).map_err(|refused| refused.naming(&body))?;
    Call::from_http(head, body, session, &Limits::default())
}

/// Status, code and id of a refusal.
pub fn told(refused: &Refused) -> (u16, i64, Option<&str>) {
    (refused.status.as_u16(), refused.error.code, refused.id.as_ref().map(Id::as_json))
}

/// `_meta` of a modern request.
pub const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// A modern request with id 1; `params` are the members beside `_meta`, each with a comma after it.
pub fn modern(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}{META}}}}}"#)
}

// === generators ===

/// Space between tokens.
pub fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n"), 1 => Just("\r\n\t ")]
}

/// A JSON string in some spelling.
pub fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z/_]{0,8}".prop_map(|text| format!("\"{text}\"")),
        2 => any::<String>().prop_map(|text| serde_json::to_string(&text.replace('\0', "")).unwrap()),
        1 => "[a-z]{1,4}".prop_map(|text| escaped(&text)),
    ]
}

/// A JSON string in which every character is an escape.
pub fn escaped(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}

/// A number that everyone reads alike.
pub fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        (-1e9..1e9).prop_map(|number: f64| number.to_string()).prop_filter("integer", |text| text != "-0"),
        Just("1.50e+10".to_owned()),
        Just("-0.0".to_owned()),
    ]
}

/// An id in some form.
pub fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u64..1 << 53).prop_map(|number| number.to_string()),
        "[a-z0-9-]{0,36}".prop_map(|text| format!("\"{text}\"")),
        "[a-z]{1,8}".prop_map(|text| escaped(&text)),
    ]
}

/// Any JSON value, oddly spaced, without a doubled key.
pub fn json() -> impl Strategy<Value = String> {
    let leaf =
        prop_oneof![string(), number(), Just("null".to_owned()), Just("true".to_owned()), Just("false".to_owned())];
    leaf.prop_recursive(4, 32, 5, |value| {
        prop_oneof![
            (prop::collection::vec(value.clone(), 0..5), space())
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(&format!("{space},")))),
            (prop::collection::vec(value, 0..5), space()).prop_flat_map(|(values, space)| {
                let members =
                    values.into_iter().enumerate().map(|(index, value)| (format!("k{index}"), value)).collect();
                object(members).prop_map(move |text| format!("{text}{space}"))
            }),
        ]
    })
}

/// An object of these members, in any order and oddly spaced.
pub fn object(members: Vec<(String, String)>) -> impl Strategy<Value = String> {
    (Just(members).prop_shuffle(), prop::collection::vec(space(), 4)).prop_map(|(members, space)| {
        let members: Vec<String> = members
            .into_iter()
            .map(|(key, value)| format!("{}\"{key}\"{}:{}{value}", space[0], space[1], space[2]))
            .collect();
        format!("{{{}{}}}", members.join(&format!("{},", space[3])), space[0])
    })
}

fn named(members: Vec<(&str, String)>) -> Vec<(String, String)> {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// `_meta` with everything that can stand in it, and more.
fn meta() -> impl Strategy<Value = String> {
    (id(), id(), json(), any::<[bool; 3]>()).prop_flat_map(|(token, subscription, other, has)| {
        let mut members = vec![("vendor/other", other)];
        if has[0] {
            members.push(("progressToken", token));
        }
        if has[1] {
            members.push(("io.modelcontextprotocol/subscriptionId", subscription));
        }
        if has[2] {
            members.push(("io.modelcontextprotocol/protocolVersion", "\"2026-07-28\"".into()));
            members.push(("io.modelcontextprotocol/clientCapabilities", "{ \"sampling\": {} }".into()));
            members.push(("io.modelcontextprotocol/logLevel", "\"info\"".into()));
        }
        object(named(members))
    })
}

/// Parameters that suit every method at once.
pub fn params() -> impl Strategy<Value = String> {
    (meta(), json(), json(), string(), string(), id(), id()).prop_flat_map(
        |(meta, argument, other, name, uri, id, token)| {
            object(named(vec![
                ("_meta", meta),
                ("arguments", format!("{{\"a\":{argument}}}")),
                ("name", name.clone()),
                ("uri", uri.clone()),
                ("taskId", name.clone()),
                ("requestId", id),
                ("progressToken", token),
                ("protocolVersion", "\"2025-11-25\"".into()),
                ("capabilities", "{ }".into()),
                ("ref", format!("{{\"type\":\"ref/prompt\",\"name\":{name}}}")),
                ("notifications", format!("{{\"resourceSubscriptions\":[{uri}],\"taskIds\":[ {name} ]}}")),
                ("vendorParam", other),
            ]))
        },
    )
}

/// Any message that may be sent.
pub fn message() -> impl Strategy<Value = String> {
    let methods = doorward_wire::Method::KNOWN.iter().map(|method| method.as_str().to_owned()).collect::<Vec<_>>();
    let method =
        prop_oneof![5 => prop::sample::select(methods), 1 => "vendor/[a-z]{1,8}", 1 => "notifications/[a-zé😀]{1,8}"];
    let call = (method, id(), params(), json()).prop_flat_map(|(method, id, params, other)| {
        let mut members = vec![("jsonrpc", "\"2.0\"".to_owned()), ("params", params), ("vendor", other)];
        if !method.starts_with("notifications/") {
            members.push(("id", id));
        }
        members.push(("method", format!("\"{method}\"")));
        object(named(members))
    });
    let result = (id(), meta(), json()).prop_flat_map(|(id, meta, other)| {
        let result = vec![
            ("_meta", meta),
            ("content", other),
            ("resultType", "\"complete\"".into()),
            ("cacheScope", "\"public\"".into()),
        ];
        object(named(result)).prop_flat_map(move |result| {
            object(named(vec![("jsonrpc", "\"2.0\"".into()), ("id", id.clone()), ("result", result)]))
        })
    });
    let error = (id(), json()).prop_flat_map(|(id, data)| {
        let error = format!("{{\"code\":-32000,\"message\":\"no\",\"data\":{data}}}");
        object(named(vec![("jsonrpc", "\"2.0\"".into()), ("id", id), ("error", error)]))
    });
    prop_oneof![4 => call, 2 => result, 1 => error]
}
