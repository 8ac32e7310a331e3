//! What is a message, and what it says (JS-01 to JS-05, JS-07, JS-08, A05, A11).

#[cfg(test)]
mod support;

use doorward_wire::{Id, Kind, Limits, Message, Method, ParseFault, Refused, Sender, Target};
use support::{client, fault, parse, server};

/// A tool call whose arguments are this text.
fn with_arguments(arguments: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#)
}

// === JS-01: doubled keys ===

#[test]
fn js_01_a_key_named_twice_is_refused_at_every_level() {
    for text in [
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":7,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"safe","name":"admin"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{},"arguments":{"a":1}}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"},"params":{"name":"u"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"_meta":{"a":1,"a":1}}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","x":1,"x":1}"#,
        &with_arguments(r#"{"a":{"b":[{"c":1,"d":2,"c":1}]}}"#),
    ] {
        assert_eq!(fault(text), ParseFault::DuplicateKey, "{text}");
    }
}

#[test]
fn js_01_e18_a_key_named_twice_in_different_spellings_is_refused() {
    for text in [
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"safe","n\u0061me":"admin"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"n\u0061me":"safe","name":"admin"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"\u006dethod":"tools/call","method":"ping"}"#,
        &with_arguments(r#"{"/":1,"\/":2}"#),
        &with_arguments("{\"\u{1F600}\":1,\"\\ud83d\\ude00\":2}"),
        &with_arguments(r#"{"\n":1,"\u000a":2}"#),
        &with_arguments(r#"{"":1,"":2}"#),
    ] {
        assert_eq!(fault(text), ParseFault::DuplicateKey, "{text}");
    }
}

#[test]
fn js_01_a_key_written_in_escapes_is_that_key() {
    let text = r#"{"jsonrpc":"2.0","id":7,"m\u0065thod":"tools\/call","params":{"n\u0061me":"adm\u0069n"}}"#;
    assert_eq!(client(text).target(), &Target::Tool("admin".into()));
}

#[test]
fn js_01_large_objects_are_checked_too_and_siblings_may_share_keys() {
    let members = |count: usize| (0..count).map(|index| format!("\"k{index}\":{index}")).collect::<Vec<_>>().join(",");
    for count in [15, 16, 17, 18, 1000] {
        let object = format!("{{{}}}", members(count));
        client(with_arguments(&format!("{{\"a\":{object},\"b\":[{object},{object}]}}")));
        for doubled in ["k0", "k14", "k\\u0031"] {
            let object = format!("{{{},\"{doubled}\":0}}", members(count));
            assert_eq!(fault(with_arguments(&object)), ParseFault::DuplicateKey, "{count} {doubled}");
        }
    }
    // What an inner object named is forgotten when it closes.
    client(with_arguments(r#"{"a":{"x":1,"y":2},"x":1,"b":{"a":1,"x":{"x":1}},"y":1}"#));
    client(with_arguments(r#"{"name":{"name":{"name":1}},"__proto__":{},"constructor":{}}"#));
}

#[test]
fn js_01_the_refusal_of_a_doubled_key_names_the_id_unless_it_is_doubled_itself() {
    let error = parse(with_arguments(r#"{"a":1,"a":1}"#), Sender::Client).unwrap_err();
    assert_eq!((error.code(), error.id()), (-32600, Some(&Id::number(7))));
    let error = parse(r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}"#, Sender::Client).unwrap_err();
    assert_eq!(error.id(), None);
}

// === JS-02, A05: batches ===

#[test]
fn js_02_a05_batches_are_refused_in_their_own_words() {
    for text in [
        "[]",
        " [ ]",
        r#"[{"jsonrpc":"2.0","id":7,"method":"ping"}]"#,
        r#"[[{"jsonrpc":"2.0","id":7,"method":"ping"}]]"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call"}]"#,
        "[",
        "[1,",
    ] {
        let error = parse(text, Sender::Client).unwrap_err();
        assert_eq!((error.fault(), error.code(), error.id()), (ParseFault::Batch, -32600, None), "{text}");
        assert!(error.to_string().contains("batches are not supported"));
    }
}

// === JS-03, JS-04: size, depth, keys, numbers ===

#[test]
fn js_03_a_message_over_the_limit_is_413() {
    let text = with_arguments(&format!("{{\"a\":\"{}\"}}", "x".repeat(5 << 20)));
    let refused: Refused = parse(&text, Sender::Client).unwrap_err().into();
    assert_eq!((refused.status.as_u16(), refused.error.code), (413, -32600));
    let limits = Limits { max_bytes: text.len(), ..Limits::default() };
    assert!(Message::parse(text.clone().into(), Sender::Client, &limits).is_ok());
    let limits = Limits { max_bytes: text.len() - 1, ..Limits::default() };
    assert!(Message::parse(text.into(), Sender::Client, &limits).is_err());
}

#[test]
fn js_04_128_levels_pass_and_one_more_does_not() {
    // The message, its parameters and the arguments are the first three.
    let nested =
        |levels: usize| with_arguments(&format!("{{\"a\":{}{}}}", "[".repeat(levels - 3), "]".repeat(levels - 3)));
    client(nested(128));
    assert_eq!(fault(nested(129)), ParseFault::TooDeep);
    assert_eq!(fault(nested(10_000)), ParseFault::TooDeep);
    assert_eq!(fault(with_arguments(&"{\"a\":".repeat(1_000_000 / 5))), ParseFault::TooDeep);
    assert_eq!(fault(with_arguments(&format!("{{\"a\":{}", "[".repeat(1_000_000)))), ParseFault::TooDeep);
}

#[test]
fn js_04_depth_costs_no_stack_whatever_the_limit() {
    let limits = Limits { max_depth: usize::MAX, ..Limits::default() };
    let text = with_arguments(&format!("{{\"a\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000)));
    assert!(Message::parse(text.into(), Sender::Client, &limits).is_ok());
}

#[test]
fn js_04_keys_are_counted_over_all_objects() {
    let many = |count: usize| format!("{{\"a\":[{}]}}", vec!["{\"k\":1}"; count].join(","));
    // Seven keys are the message's own.
    client(with_arguments(&many(100_000 - 7)));
    assert_eq!(fault(with_arguments(&many(100_000 - 6))), ParseFault::TooManyKeys);
    let one = (0..1_000_000).map(|index| format!("\"{index}\":1")).collect::<Vec<_>>().join(",");
    let limits = Limits { max_bytes: usize::MAX, ..Limits::default() };
    let error = Message::parse(with_arguments(&format!("{{{one}}}")).into(), Sender::Client, &limits).unwrap_err();
    assert_eq!((error.fault(), error.id()), (ParseFault::TooManyKeys, Some(&Id::number(7))));
}

#[test]
fn js_04_a_10_mib_string_is_refused_by_size_alone() {
    let text = with_arguments(&format!("{{\"a\":\"{}\"}}", "x".repeat(10 << 20)));
    assert_eq!(fault(&text), ParseFault::TooLarge);
}

#[test]
fn js_04_a_client_sends_no_number_that_two_parsers_read_differently() {
    for number in [
        "1e400",
        "-1e400",
        "1e309",
        "1.8e308",
        "-0",
        "18446744073709551616",
        "-9223372036854775809",
        "1e-400",
        "0.1e-999999999",
        "123456789012345678901234567890",
        "1E+999999999999999999999",
    ] {
        let text = with_arguments(&format!("{{\"a\":{number}}}"));
        let error = parse(&text, Sender::Client).unwrap_err();
        assert_eq!((error.fault(), error.id()), (ParseFault::Number, Some(&Id::number(7))), "{number}");
        assert!(parse(&text, Sender::Server).is_ok(), "a server may find any number: {number}");
    }
    for number in [
        "0",
        "-1",
        "18446744073709551615",
        "-9223372036854775808",
        "9223372036854775807",
        "1.7976931348623157e308",
        "0.0",
        "-0.0",
        "0e999999999999",
        "0.000e-5",
        "5e-324",
        "1E5",
        "1e+5",
        "0.1",
        "123456789012345678",
    ] {
        client(with_arguments(&format!("{{\"a\":{number}}}")));
    }
}

#[test]
fn js_04_what_is_no_json_number_is_refused() {
    for number in [
        "NaN",
        "Infinity",
        "-Infinity",
        "+1",
        ".5",
        "5.",
        "01",
        "-01",
        "00",
        "0x10",
        "1e",
        "1e+",
        "--1",
        "1.e5",
        "1_000",
        "-",
        "1.5.5",
        "1f",
        "\u{0661}",
    ] {
        assert!(matches!(fault(with_arguments(&format!("{{\"a\":{number}}}"))), ParseFault::Syntax(_)), "{number}");
    }
}

// === JS-05: bytes ===

#[test]
fn js_05_a_byte_order_mark_is_refused() {
    for mark in [&b"\xEF\xBB\xBF"[..], b"\xFF\xFE", b"\xFE\xFF"] {
        let text = [mark, br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#].concat();
        let error = parse(text, Sender::Client).unwrap_err();
        assert!(matches!(error.fault(), ParseFault::ByteOrderMark | ParseFault::NotUtf8));
        assert_eq!(error.code(), -32700);
    }
}

#[test]
fn js_05_hd_13_what_is_not_utf_8_is_refused() {
    let utf_16: Vec<u8> =
        r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(parse(utf_16, Sender::Client).is_err());
    for bad in [
        // Overlong forms of `/`, `"` and NUL, a surrogate, a byte beyond Unicode, a cut character.
        &b"\xC0\xAF"[..],
        b"\xE0\x80\xAF",
        b"\xC0\xA2",
        b"\xC0\x80",
        b"\xED\xA0\x80",
        b"\xF5\x80\x80\x80",
        b"\xE2\x82",
        b"\xFF",
    ] {
        let text = [br#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":""#, bad, br#""}}"#].concat();
        let error = parse(text, Sender::Client).unwrap_err();
        assert_eq!((error.fault(), error.code(), error.id()), (ParseFault::NotUtf8, -32700, None), "{bad:?}");
    }
}

#[test]
fn js_05_one_document_and_nothing_else() {
    let ping = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    for text in [
        format!("{ping}{ping}"),
        format!("{ping}\n{ping}"),
        format!("{ping} x"),
        format!("{ping},"),
        format!("{ping}\0"),
        format!("\0{ping}"),
        format!("{ping}}}"),
        format!("/* c */{ping}"),
        format!("// c\n{ping}"),
        format!("# c\n{ping}"),
        format!("{ping}// c"),
        format!("\u{a0}{ping}"),
        format!(")]}}'\n{ping}"),
        ping.replace(":7", ":7/**/"),
        ping.replace("\"id\"", "id"),
        ping.replace('"', "'"),
        ping.replace("\"ping\"", "\"ping\","),
        ping.replace(",\"id\"", ",,\"id\""),
        ping.replace(":7", ":"),
        ping.replace(":7", " 7"),
        ping.replace(":7", ":7 8"),
        ping.replace(":7", ":[7,]"),
        ping.replace(":7", ":[7}"),
        ping.replace(":7", ":{7]"),
        ping.replace(":7", ":True"),
        ping.replace(":7", ":nul"),
        ping.replace(":7", ":undefined"),
        ping.split_at(10).0.to_owned(),
        String::new(),
        "   ".to_owned(),
        "{".to_owned(),
        "{\"".to_owned(),
        "\"\\".to_owned(),
    ] {
        let error = parse(&text, Sender::Client).unwrap_err();
        assert!(matches!(error.fault(), ParseFault::Syntax(_)), "{text:?}: {error}");
        assert_eq!((error.code(), error.id()), (-32700, None), "{text:?}");
        assert!(parse(&text, Sender::Server).is_err());
    }
    client(format!(" \r\n\t{ping}\r\n"));
}

#[test]
fn js_05_control_characters_stand_in_no_string() {
    for control in ["\0", "\n", "\r", "\t", "\u{1}", "\u{1f}"] {
        assert!(matches!(fault(with_arguments(&format!("{{\"a\":\"x{control}y\"}}"))), ParseFault::Syntax(_)));
        assert!(matches!(fault(with_arguments(&format!("{{\"x{control}y\":1}}"))), ParseFault::Syntax(_)));
    }
    client(with_arguments("{\"a\":\"\u{7f}\u{80}\u{2028}\"}"));
}

#[test]
fn js_05_lone_surrogates_and_unknown_escapes_are_refused() {
    for escape in [
        "\\ud800",
        "\\udc00",
        "\\ud800x",
        "\\ud800\\n",
        "\\ud800\\u0041",
        "\\ud800\\ud800",
        "\\udc00\\ud800",
        "\\ud83d\\",
        "\\u12",
        "\\u12g4",
        "\\u+123",
        "\\U0041",
        "\\x41",
        "\\0",
        "\\'",
        "\\a",
        "\\ ",
        "\\ud83d\\uDE0",
    ] {
        assert!(matches!(fault(with_arguments(&format!("{{\"a\":\"{escape}\"}}"))), ParseFault::Syntax(_)), "{escape}");
        assert!(matches!(fault(with_arguments(&format!("{{\"{escape}\":1}}"))), ParseFault::Syntax(_)), "{escape}");
    }
    client(with_arguments(r#"{"a":"\ud83d\ude00\uD83D\uDE00\"\\\/\b\f\n\r\t\u00e9\uFFFF"}"#));
}

#[test]
fn js_05_an_escaped_nul_is_refused_in_keys_and_in_all_that_a_client_says() {
    let key = with_arguments(r#"{"a\u0000b":1}"#);
    assert_eq!(fault(&key), ParseFault::Nul);
    let value = with_arguments(r#"{"a":"x\u0000y"}"#);
    assert_eq!(parse(&value, Sender::Client).unwrap_err().fault(), ParseFault::Nul);
    assert!(parse(&value, Sender::Server).is_ok());
    let name = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"safe\u0000admin"}}"#;
    assert_eq!(parse(name, Sender::Client).unwrap_err().id(), Some(&Id::number(7)));
}

// === JS-07, A11: ids ===

#[test]
fn js_07_a11_a_request_id_is_a_string_or_a_whole_number() {
    for id in ["1", "0", "-5", "\"\"", "\"a\"", "\"\\u0061\"", "9007199254740991"] {
        let message = client(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
        assert_eq!(message.id().map(Id::as_json), Some(id));
    }
    let long = format!("\"{}\"", "a".repeat(1 << 20));
    for id in ["null", "{}", "[]", "[1]", "true", "1.0", "1.5", "1e3", "9007199254740992", "1e400", "-0", &long] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let error = parse(&text, Sender::Client).unwrap_err();
        assert_eq!((error.code(), error.id()), (-32600, None), "{id:.20}");
        assert!(parse(&text, Sender::Server).is_err(), "{id:.20}");
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        assert!(parse(&text, Sender::Server).is_err(), "{id:.20}");
    }
}

#[test]
fn a11_only_an_error_may_be_without_an_id() {
    for id in ["", r#""id":null,"#] {
        let text = format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32700,"message":"no"}}}}"#);
        assert_eq!(server(text).kind(), Kind::Error { id: None, code: -32700 });
    }
    assert!(parse(r#"{"jsonrpc":"2.0","result":{}}"#, Sender::Server).is_err());
    assert!(parse(r#"{"jsonrpc":"2.0","id":1.5,"error":{"code":1,"message":""}}"#, Sender::Server).is_err());
}

#[test]
fn js_07_tokens_and_other_ids_have_the_same_form() {
    for (bad, good) in [("null", false), ("1.5", false), ("{}", false), ("true", false), ("7", true), ("\"t\"", true)] {
        let progress = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{bad},"progress":1}}}}"#
        );
        let cancelled =
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{bad}}}}}"#);
        let tagged = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{bad}}}}}}}"#
        );
        for text in [progress, cancelled, tagged] {
            let parsed = parse(&text, Sender::Server);
            assert_eq!(parsed.is_ok(), good, "{text}");
            assert!(parsed.map_or_else(|error| error.code() == -32602, |_| true), "{text}");
        }
    }
    let request = |token| {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":{{"_meta":{{"progressToken":{token}}}}}}}"#)
    };
    assert_eq!(client(request("\"t\"")).progress_token(), Some(&Id::parse("\"t\"").unwrap()));
    assert_eq!(client(request("null")).progress_token(), None);
    assert_eq!(parse(request("1.5"), Sender::Client).unwrap_err().id(), Some(&Id::number(7)));
    assert!(
        parse(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#, Sender::Server)
            .is_err()
    );
    assert_eq!(client(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#).cancelled_id(), None);
}

// === JS-08 and the envelope ===

#[test]
fn js_08_what_is_no_message_is_refused_with_its_id() {
    for text in [
        r#"{"jsonrpc":"2.0","id":7,"method":5}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":null}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":["tools/call"]}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":{"name":"tools/call"}}"#,
        r#"{"jsonrpc":"2.0","id":7}"#,
        r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#,
        r#"{"jsonrpc":2.0,"id":7,"method":"ping"}"#,
        r#"{"id":7,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":null}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":"x"}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{},"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""},"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":[]}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":true}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":5}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":null}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"message":"no"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":"1","message":"no"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1.5,"message":"no"}}"#,
    ] {
        assert!(matches!(fault(text), ParseFault::Envelope(_)), "{text}");
        let error = parse(text, Sender::Client).unwrap_err();
        assert_eq!((error.code(), error.id()), (-32600, Some(&Id::number(7))), "{text}");
    }
    for text in ["{}", "5", "null", "\"x\"", "true"] {
        assert!(matches!(fault(text), ParseFault::Envelope(_)), "{text}");
    }
}

#[test]
fn js_08_a_known_method_can_not_hide_what_it_is() {
    // Without an id a server might run it, and nobody would see an answer.
    assert!(matches!(
        fault(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}"#),
        ParseFault::Envelope("a request needs an `id`")
    ));
    assert!(matches!(
        fault(r#"{"jsonrpc":"2.0","id":7,"method":"notifications/initialized"}"#),
        ParseFault::Envelope("a notification has no `id`")
    ));
}

#[test]
fn js_08_unknown_methods_are_read_and_left_to_the_policy() {
    let message = client(r#"{"jsonrpc":"2.0","id":7,"method":"vendor/x","params":{"name":5,"_meta":{}}}"#);
    assert_eq!(message.kind(), Kind::Request { id: &Id::number(7), method: &Method::Unknown("vendor/x".into()) });
    assert_eq!(message.target(), &Target::None);
    let message = client(r#"{"jsonrpc":"2.0","method":"vendor/x"}"#);
    assert_eq!(message.kind(), Kind::Notification { method: &Method::Unknown("vendor/x".into()) });
}

#[test]
fn unknown_members_are_no_fault() {
    let text = r#"{"jsonrpc":"2.0","id":7,"method":"ping","vendor":{"a":[1]},"params":{"other":null}}"#;
    assert_eq!(&client(text).bytes()[..], text.as_bytes());
}

// === meaning ===

#[test]
fn each_method_names_its_target() {
    let target = |method: &str, params: &str| {
        client(format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#)).target().clone()
    };
    assert_eq!(target("tools/call", r#"{"name":"a"}"#), Target::Tool("a".into()));
    assert_eq!(target("tools/call", r#"{"name":"\u0061\ud83d\ude00"}"#), Target::Tool("a\u{1F600}".into()));
    assert_eq!(target("prompts/get", r#"{"name":"a"}"#), Target::Prompt("a".into()));
    for method in ["resources/read", "resources/subscribe", "resources/unsubscribe"] {
        assert_eq!(target(method, r#"{"uri":"file:///a","name":"b"}"#), Target::Resource("file:///a".into()));
    }
    for method in ["tasks/get", "tasks/update", "tasks/cancel", "tasks/result"] {
        assert_eq!(target(method, r#"{"taskId":"t"}"#), Target::Task("t".into()));
    }
    assert_eq!(
        target("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"a"}}"#),
        Target::PromptRef("a".into())
    );
    assert_eq!(
        target("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"a:{b}"}}"#),
        Target::ResourceRef("a:{b}".into())
    );
    assert_eq!(
        target("subscriptions/listen", r#"{"notifications":{"toolsListChanged":true}}"#),
        Target::Resources(vec![])
    );
    assert_eq!(
        target("subscriptions/listen", r#"{"notifications":{"resourceSubscriptions":["a:b","c:d"]}}"#),
        Target::Resources(vec!["a:b".into(), "c:d".into()])
    );
    assert_eq!(target("tools/list", r#"{"name":"a"}"#), Target::None);
    let updated = server(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}"#);
    assert_eq!(updated.target(), &Target::Resource("a:b".into()));
    let task = server(r#"{"jsonrpc":"2.0","method":"notifications/tasks","params":{"taskId":"t"}}"#);
    assert_eq!(task.target(), &Target::Task("t".into()));
}

#[test]
fn a60_the_tasks_that_a_subscription_watches_are_named() {
    let text =
        r#"{"jsonrpc":"2.0","id":7,"method":"subscriptions/listen","params":{"notifications":{"taskIds":["t","u"]}}}"#;
    assert_eq!(client(text).listened_tasks(), ["t", "u"]);
}

#[test]
fn e20_a_message_that_does_not_name_what_it_must_is_refused() {
    for (method, params) in [
        ("tools/call", "{}"),
        ("tools/call", r#"{"name":5}"#),
        ("tools/call", r#"{"name":null}"#),
        ("tools/call", r#"{"name":["a"]}"#),
        ("tools/call", r#"{"name":"a","arguments":[]}"#),
        ("tools/call", r#"{"name":"a","arguments":"{}"}"#),
        ("tools/call", r#"{"name":"a","_meta":5}"#),
        ("tools/call", r#"{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":5}}"#),
        ("tools/call", r#"{"name":"a","_meta":{"io.modelcontextprotocol/clientCapabilities":[]}}"#),
        ("tools/call", r#"{"name":"a","_meta":{"io.modelcontextprotocol/logLevel":1}}"#),
        ("prompts/get", "{}"),
        ("resources/read", r#"{"name":"a"}"#),
        ("resources/read", r#"{"uri":{}}"#),
        ("tasks/get", "{}"),
        ("tasks/update", r#"{"taskId":1}"#),
        ("completion/complete", "{}"),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt","uri":"a"}}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/resource","name":"a"}}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/tool","name":"a","uri":"a"}}"#),
        ("completion/complete", r#"{"ref":{"name":"a"}}"#),
        ("subscriptions/listen", "{}"),
        ("subscriptions/listen", r#"{"notifications":[]}"#),
        ("subscriptions/listen", r#"{"notifications":{"resourceSubscriptions":"a:b"}}"#),
        ("subscriptions/listen", r#"{"notifications":{"resourceSubscriptions":[1]}}"#),
        ("subscriptions/listen", r#"{"notifications":{"taskIds":{"a":1}}}"#),
        ("initialize", r#"{"protocolVersion":1}"#),
        ("initialize", r#"{"capabilities":[]}"#),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
        let error = parse(&text, Sender::Client).unwrap_err();
        assert_eq!((error.code(), error.id()), (-32602, Some(&Id::number(7))), "{text}");
        let error = parse(text.replace(&format!(",\"params\":{params}"), ""), Sender::Client);
        assert_eq!(error.is_err(), method != "initialize", "{method} without parameters");
    }
}

#[test]
fn a_modern_request_is_read_in_all_its_parts() {
    let text = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t","arguments":{"x": [1]},
        "_meta":{"progressToken":"p","io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{"sampling":{}},"io.modelcontextprotocol/logLevel":"debug"}}}"#;
    let message = client(text);
    assert_eq!(message.arguments(), Some(r#"{"x": [1]}"#));
    assert_eq!(message.progress_token().map(Id::as_json), Some("\"p\""));
    assert_eq!(message.claimed_version(), Some("2026-07-28"));
    assert_eq!(message.client_capabilities(), Some(r#"{"sampling":{}}"#));
    assert_eq!(message.log_level(), Some("debug"));
    assert!(message.meta().is_some_and(|meta| meta.starts_with(r#"{"progressToken""#)));
    assert!(message.params().is_some_and(|params| text.contains(params)));
    assert_eq!((message.result(), message.error(), message.result_type()), (None, None, None));
}

#[test]
fn the_legacy_handshake_is_read_in_both_directions() {
    let message = client(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{}}}}"#,
    );
    assert_eq!(
        (message.offered_version(), message.client_capabilities()),
        (Some("2025-06-18"), Some(r#"{"roots":{}}"#))
    );
    assert_eq!(message.claimed_version(), None);
    let message = server(r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{}}}"#);
    assert_eq!(message.offered_version(), Some("2025-06-18"));
    let other = server(r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":{"major":1}}}"#);
    assert_eq!(other.offered_version(), None);
}

#[test]
fn an_answer_is_read_in_all_its_parts() {
    let message = server(
        r#"{"jsonrpc":"2.0","id":3,"result":{"resultType":"input_required","_meta":{"io.modelcontextprotocol/subscriptionId":9}}}"#,
    );
    assert_eq!(message.kind(), Kind::Result { id: &Id::number(3) });
    assert_eq!(message.result_type(), Some("input_required"));
    assert_eq!(message.subscription_id(), Some(&Id::number(9)));
    let message = server(r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32022,"message":"no","data":{"a":1}}}"#);
    assert_eq!(message.kind(), Kind::Error { id: Some(&Id::number(3)), code: -32022 });
    assert_eq!(message.error(), Some(r#"{"code":-32022,"message":"no","data":{"a":1}}"#));
}

#[test]
fn null_stands_for_absence_where_clients_write_it() {
    let message =
        client(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":null,"_meta":null}}"#);
    assert_eq!((message.arguments(), message.meta()), (None, None));
}

#[test]
fn what_is_shown_for_debugging_holds_nothing_that_was_said() {
    let text = r#"{"jsonrpc":"2.0","id":"canary","method":"canary/x","params":{"name":"canary","_meta":{"progressToken":"canary"}}}"#;
    let message = client(text);
    let shown = format!("{message:?} {:?} {:?} {:?}", message.kind(), message.edit(), message.target());
    assert!(!shown.contains("canary"), "{shown}");
    assert_eq!(
        format!("{:?}", client(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)),
        "Message(request, ping, 40 bytes)"
    );
}
