//! What must hold for any input at all.
//!
//! Each function takes arbitrary bytes and panics when an invariant breaks. The fuzz targets call them, and so do the
//! property tests, with inputs that are likelier to get far.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a broken invariant is to panic here")]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{
    Call, CanonicalPath, Era, Head, Id, Kind, Limits, Message, Method, ParseError, ParseFault, Sender, ToolHeaders,
    Version, lines, sse, upstream_headers,
};

/// Any bytes are a sound message or refused for a reason that another parser confirms.
pub fn envelope(data: &[u8]) {
    for from in [Sender::Client, Sender::Server] {
        match Message::parse(Bytes::copy_from_slice(data), from, &Limits::default()) {
            Ok(message) => sound(&message, data, from),
            Err(error) => justly_refused(&error, data),
        }
    }
}

fn sound(message: &Message, data: &[u8], from: Sender) {
    assert_eq!(&message.bytes()[..], data, "a message keeps its bytes");
    let text = std::str::from_utf8(data).expect("a message is UTF-8");
    assert!(serde_json::from_str::<&RawValue>(text).is_ok(), "a message is JSON");
    if from == Sender::Client {
        assert!(oracle(text).is_some(), "a client's message has one reading");
    }
    let parts = [
        message.params(),
        message.result(),
        message.error(),
        message.arguments(),
        message.meta(),
        message.client_capabilities(),
    ];
    for part in parts.into_iter().flatten() {
        assert!(serde_json::from_str::<&RawValue>(part).is_ok_and(|json| json.get() == part), "a part is one value");
        assert!(message.span_of(part).is_some(), "a part has a span");
    }
    assert_eq!(lines::encode(data).iter().filter(|byte| **byte == b'\n').count(), 1, "a line ends once");

    let unchanged = message.edit().finish();
    assert_eq!(unchanged.bytes(), message.bytes(), "no edit changes nothing");
    let other = Id::parse("\"other\\u0020id\"").expect("an id");
    let edited = message.edit().id(&other).progress_token(&other).subscription_id(&other).cancelled_id(&other).finish();
    let reread = Message::parse(edited.bytes().clone(), from, &Limits { max_bytes: usize::MAX, ..Limits::default() });
    same(&edited, &reread.expect("an edited message is a message"));
    for (old, new) in [
        (message.id(), edited.id()),
        (message.progress_token(), edited.progress_token()),
        (message.subscription_id(), edited.subscription_id()),
        (message.cancelled_id(), edited.cancelled_id()),
    ] {
        assert_eq!(new, old.map(|_| &other), "an id is replaced, never added");
    }
    let mut back = edited.edit();
    for (old, put) in [
        (message.id(), Back::Id),
        (message.progress_token(), Back::ProgressToken),
        (message.subscription_id(), Back::SubscriptionId),
        (message.cancelled_id(), Back::CancelledId),
    ] {
        back = match (old, put) {
            (None, _) => back,
            (Some(old), Back::Id) => back.id(old),
            (Some(old), Back::ProgressToken) => back.progress_token(old),
            (Some(old), Back::SubscriptionId) => back.subscription_id(old),
            (Some(old), Back::CancelledId) => back.cancelled_id(old),
        };
    }
    assert_eq!(back.finish().bytes(), message.bytes(), "an edit changes nothing else");
}

#[derive(Clone, Copy)]
enum Back {
    Id,
    ProgressToken,
    SubscriptionId,
    CancelledId,
}

/// Two messages of the same bytes say the same, however each was made.
fn same(left: &Message, right: &Message) {
    assert_eq!(left.bytes(), right.bytes());
    assert_eq!(left.kind(), right.kind());
    assert_eq!(left.target(), right.target());
    assert_eq!(left.listened_tasks(), right.listened_tasks());
    for of in [
        Message::params,
        Message::result,
        Message::error,
        Message::arguments,
        Message::meta,
        Message::claimed_version,
        Message::client_capabilities,
        Message::offered_version,
        Message::log_level,
        Message::result_type,
    ] as [fn(&Message) -> Option<&str>; 10]
    {
        assert_eq!(of(left), of(right));
    }
    for of in
        [Message::progress_token, Message::subscription_id, Message::cancelled_id] as [fn(&Message) -> Option<&Id>; 3]
    {
        assert_eq!(of(left), of(right));
    }
    let cached = |message: &Message| message.private_cache().map(|message| message.bytes().clone());
    assert_eq!(cached(left), cached(right));
}

fn justly_refused(error: &ParseError, data: &[u8]) {
    let text = std::str::from_utf8(data);
    match error.fault() {
        ParseFault::NotUtf8 => assert!(text.is_err()),
        ParseFault::ByteOrderMark => assert!(data.starts_with(b"\xEF\xBB\xBF")),
        ParseFault::Syntax(_) => assert!(text.ok().and_then(oracle).is_none(), "what is refused as no JSON is none"),
        ParseFault::Batch => assert!(data.trim_ascii_start().starts_with(b"[")),
        ParseFault::Envelope(_) | ParseFault::Params(_) => {
            assert!(text.is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok()));
        }
        ParseFault::TooLarge
        | ParseFault::TooDeep
        | ParseFault::TooManyKeys
        | ParseFault::DuplicateKey
        | ParseFault::Number
        | ParseFault::Nul => {}
    }
}

/// The document as serde_json reads it.
fn oracle(text: &str) -> Option<Value> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Without a limit only for what has at most our own depth.
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() <= Limits::default().max_depth {
        deserializer.disable_recursion_limit();
    }
    let value = serde::Deserialize::deserialize(&mut deserializer).ok()?;
    deserializer.end().ok().map(|()| value)
}

/// Any headers and body are a call that its own mirrored headers confirm, or refused. The input is header lines, an empty
/// line and a body.
pub fn headers(data: &[u8]) {
    let mut map = HeaderMap::new();
    let mut rest = data;
    loop {
        let (line, tail) = match memchr::memchr(b'\n', rest) {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &[][..]),
        };
        rest = tail;
        let Some(colon) = memchr::memchr(b':', line) else {
            break;
        };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]))
        {
            map.append(name, value);
        }
    }
    let Ok(head) = Head::read(&map) else { return };
    for name in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        assert!(map.get_all(name).iter().count() <= 1, "a doubled header is refused");
    }
    for session in [None, Some(Version::V2025_06_18), Some(Version::V2026_07_28)] {
        let call = Call::from_http(head.clone(), Bytes::copy_from_slice(rest), session, &Limits::default());
        if let Ok(call) = call {
            confirmed(&call);
        }
    }
}

fn confirmed(call: &Call) {
    let message = call.message();
    if call.era() == Era::Legacy {
        assert_ne!(message.claimed_version(), Some("2026-07-28"));
        return;
    }
    assert_eq!(call.head().version(), Some(call.version().as_str()));
    assert!(matches!(message.kind(), Kind::Request { .. } | Kind::Notification { .. }));
    assert_eq!((call.head().session(), call.head().last_event_id()), (None, None));
    // What goes upstream would be accepted by the same checks.
    let schema =
        r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"n":{"type":"integer","x-mcp-header":"N"}}}"#;
    let tool = ToolHeaders::from_schema(schema).expect("a schema");
    let sent = upstream_headers(call.version(), message, Some(&tool), call.head());
    let next = Head::read(&sent).expect("what is sent is readable");
    let next = Call::from_http(next, message.bytes().clone(), None, &Limits::default()).expect("what is sent is equal");
    let mirrorable = |key: &str| {
        let arguments: Value = serde_json::from_str(message.arguments().unwrap_or("{}")).unwrap_or_default();
        arguments.get(key).is_none_or(|value| value.is_null() || value.is_string() || value.is_boolean())
    };
    if message.method() == Some(&Method::ToolsCall) && mirrorable("a") && mirrorable("n") {
        assert!(next.check_params(&tool).is_ok(), "what is mirrored is equal");
    }
}

/// Any bytes give the same events however they are cut, and what is encoded is read back.
pub fn sse(data: &[u8]) {
    const MAX: usize = 1 << 12;
    let decode = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = sse::Decoder::new(MAX);
        let mut events = Vec::new();
        for chunk in chunks {
            let result = decoder.push(chunk);
            events.extend(decoder.by_ref());
            if result.is_err() {
                break;
            }
        }
        events
    };
    let whole = decode(&mut std::iter::once(data));
    assert_eq!(whole, decode(&mut data.chunks(1)));
    let cut = usize::from(data.first().copied().unwrap_or(1)).max(1);
    assert_eq!(whole, decode(&mut data.chunks(cut)));
    for event in whole {
        let encoded = sse::encode(&event);
        let mut decoder = sse::Decoder::new(2 * encoded.len() + 1);
        assert!(decoder.push(&encoded).is_ok());
        assert_eq!(decoder.next().unwrap_or_default(), event);
        assert_eq!(decoder.next(), None, "one event stays one");
    }
    // Any bytes at all are framed as the data of exactly one event.
    let encoded = sse::encode(&sse::Event::message(Bytes::copy_from_slice(data)));
    let events = {
        let mut decoder = sse::Decoder::new(16 * encoded.len());
        assert!(decoder.push(&encoded).is_ok());
        decoder.collect::<Vec<_>>()
    };
    assert_eq!(events.len(), 1);
    let mut decoder = lines::Decoder::new(MAX);
    decoder.push(data);
    for line in decoder.by_ref().flatten() {
        assert!(line.len() <= MAX && !line.contains(&b'\n'));
    }
}

/// Any path has one form or none.
pub fn path(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(path) = CanonicalPath::parse(raw) else {
        return;
    };
    assert_eq!(CanonicalPath::parse(path.as_str()).as_ref(), Ok(&path), "canonical text is its own form");
    assert!(path.as_str().starts_with('/') && path.as_str().is_ascii());
    for segment in path.segments() {
        assert!(!matches!(segment, "" | "." | ".."));
    }
    let lower = path.as_str().to_ascii_lowercase();
    for trick in ["//", "%2f", "%5c", "%00", "%25", "%2e", ";", "\\", "?", "#"] {
        assert!(!lower.contains(trick), "{trick}");
    }
}
