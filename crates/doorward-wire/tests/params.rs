//! Tool parameters in headers, in both directions (A28, A29, C03 to C06, HD-03).

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

#[cfg(test)]
mod support;

use doorward_wire::{BadAnnotation, Head, Limits, Refused, ToolHeaders, Version, upstream_headers};
use http::HeaderMap;
use proptest::prelude::*;
use support::{cases, client, head, header_map, modern, post, told};

fn tool(properties: &str) -> ToolHeaders {
    ToolHeaders::from_schema(&format!(r#"{{"type":"object","properties":{properties}}}"#)).unwrap()
}

fn bad(properties: &str) -> BadAnnotation {
    ToolHeaders::from_schema(&format!(r#"{{"type":"object","properties":{properties}}}"#)).expect_err(properties)
}

const TYPED: &str = r#"{
    "region":{"type":"string","x-mcp-header":"Region"},
    "count":{"type":"integer","x-mcp-header":"Count"},
    "dry":{"type":"boolean","x-mcp-header":"Dry"},
    "query":{"type":"string"},
    "where":{"type":"object","properties":{"zone":{"type":"string","x-mcp-header":"Zone"}}}
}"#;

fn check(arguments: &str, params: &[(&str, &str)]) -> Result<(), Refused> {
    let headers =
        [&[("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "t")], params].concat();
    let body = modern("tools/call", &format!(r#""name":"t","arguments":{arguments},"#));
    post(&headers, &body)?.check_params(&tool(TYPED))
}

#[test]
fn a28_headers_that_equal_the_arguments_pass() {
    for (arguments, params) in [
        ("{}", vec![]),
        ("null", vec![]),
        (r#"{"query":"x"}"#, vec![]),
        (r#"{"region":null,"count":null,"dry":null,"where":null}"#, vec![]),
        (r#"{"where":5}"#, vec![]),
        (r#"{"where":{"zone":null}}"#, vec![]),
        (r#"{"region":"eu"}"#, vec![("Mcp-Param-Region", "eu")]),
        (r#"{"region":"eu"}"#, vec![("MCP-PARAM-REGION", " eu ")]),
        (r#"{"region":"\u0065u"}"#, vec![("mcp-param-region", "eu")]),
        (r#"{"region":""}"#, vec![("mcp-param-region", "")]),
        (r#"{"region":"Hello"}"#, vec![("mcp-param-region", "=?base64?SGVsbG8=?=")]),
        (r#"{"region":"SGVsbG8="}"#, vec![("mcp-param-region", "SGVsbG8=")]),
        (r#"{"region":"=?base64?SGVsbG8="}"#, vec![("mcp-param-region", "=?base64?SGVsbG8=")]),
        (r#"{"region":"line1\nline2"}"#, vec![("mcp-param-region", "=?base64?bGluZTEKbGluZTI=?=")]),
        (r#"{"count":42}"#, vec![("mcp-param-count", "42")]),
        (r#"{"count":42}"#, vec![("mcp-param-count", "42.0")]),
        (r#"{"count":42.0}"#, vec![("mcp-param-count", "42")]),
        (r#"{"count":4.2e1}"#, vec![("mcp-param-count", "42")]),
        (r#"{"count":-7}"#, vec![("mcp-param-count", "-7")]),
        (r#"{"count":9007199254740991}"#, vec![("mcp-param-count", "9007199254740991")]),
        (r#"{"dry":true}"#, vec![("mcp-param-dry", "true")]),
        (r#"{"dry":false}"#, vec![("mcp-param-dry", "false")]),
        (r#"{"where":{"zone":"a"}}"#, vec![("mcp-param-zone", "a")]),
        (r#"{"zone":"a"}"#, vec![]),
        ("{}", vec![("mcp-param-unknown", "anything")]),
    ] {
        assert!(check(arguments, &params).is_ok(), "{arguments} {params:?}");
    }
}

#[test]
fn a28_hd_03_headers_that_differ_from_the_arguments_are_refused() {
    for (arguments, params) in [
        (r#"{"region":"eu"}"#, vec![]),
        (r#"{"region":""}"#, vec![]),
        (r#"{"count":0}"#, vec![]),
        (r#"{"dry":false}"#, vec![]),
        (r#"{"where":{"zone":"a"}}"#, vec![]),
        ("{}", vec![("mcp-param-region", "eu")]),
        ("null", vec![("mcp-param-region", "")]),
        (r#"{"region":null}"#, vec![("mcp-param-region", "null")]),
        (r#"{"region":"eu"}"#, vec![("mcp-param-region", "us")]),
        (r#"{"region":"eu"}"#, vec![("mcp-param-region", "EU")]),
        (r#"{"region":"eu"}"#, vec![("mcp-param-region", "\"eu\"")]),
        (r#"{"region":"eu"}"#, vec![("mcp-param-region", "eu, eu")]),
        (r#"{"region":"eu "}"#, vec![("mcp-param-region", "eu ")]),
        (r#"{"region":"Hello"}"#, vec![("mcp-param-region", "=?base64?SGVsbG8?=")]),
        (r#"{"region":"Hello"}"#, vec![("mcp-param-region", "=?base64?SGVs!!!bG8=?=")]),
        (r#"{"region":"=?base64?SGVsbG8=?="}"#, vec![("mcp-param-region", "=?base64?SGVsbG8=?=")]),
        (r#"{"region":["eu"]}"#, vec![("mcp-param-region", "eu")]),
        (r#"{"region":{"a":1}}"#, vec![("mcp-param-region", "{\"a\":1}")]),
        (r#"{"count":42}"#, vec![("mcp-param-count", "43")]),
        (r#"{"count":42}"#, vec![("mcp-param-count", "0x2a")]),
        (r#"{"count":42}"#, vec![("mcp-param-count", "+42")]),
        (r#"{"count":42}"#, vec![("mcp-param-count", "042")]),
        (r#"{"count":42}"#, vec![("mcp-param-count", "=?base64?IDQy?=")]),
        (r#"{"count":42}"#, vec![("mcp-param-count", "42.5")]),
        (r#"{"count":1.5}"#, vec![("mcp-param-count", "1.5")]),
        (r#"{"count":9007199254740992}"#, vec![("mcp-param-count", "9007199254740993")]),
        (r#"{"count":9007199254740992}"#, vec![("mcp-param-count", "9007199254740992")]),
        (r#"{"dry":true}"#, vec![("mcp-param-dry", "True")]),
        (r#"{"dry":true}"#, vec![("mcp-param-dry", "1")]),
        (r#"{"zone":"a"}"#, vec![("mcp-param-zone", "a")]),
        (r#"{"where":{"zone":"a"}}"#, vec![("mcp-param-zone", "b")]),
        (r#"{"region":"eu"}"#, vec![("mcp-param-region", "eu"), ("mcp-param-count", "1")]),
        (r#"{"region":"eu"}"#, vec![("mcp-param-region", "eu"), ("Mcp-Param-Region", "us")]),
        (r#"{"region":"zürich"}"#, vec![("mcp-param-region", "zürich")]),
    ] {
        let refused = check(arguments, &params).expect_err(arguments);
        assert_eq!(told(&refused), (400, -32020, Some("1")), "{arguments} {params:?}");
    }
}

#[test]
fn c06_annotations_that_break_a_rule_condemn_the_tool() {
    let string = |name: &str| format!(r#"{{"a":{{"type":"string","x-mcp-header":{name}}}}}"#);
    for name in [
        "\"\"",
        "\"a b\"",
        "\"a:b\"",
        "\"z\\u00fcrich\"",
        "\"a\\r\\nb\"",
        "\"a\\u0000\"",
        "\"(a)\"",
        "5",
        "null",
        "[\"a\"]",
        "true",
        &format!("\"{}\"", "a".repeat(65)),
    ] {
        assert_eq!(bad(&string(name)), BadAnnotation::Name, "{name}");
    }
    for schema in [
        r#""type":"number""#,
        r#""type":"object""#,
        r#""type":"array","items":{"type":"string"}"#,
        r#""type":"null""#,
        r#""type":["string","null"]"#,
        r#""anyOf":[{"type":"string"}]"#,
        r#""description":"no type""#,
    ] {
        assert_eq!(bad(&format!(r#"{{"a":{{{schema},"x-mcp-header":"A"}}}}"#)), BadAnnotation::Type, "{schema}");
    }
    for other in ["A", "a"] {
        let two = format!(
            r#"{{"a":{{"type":"string","x-mcp-header":"A"}},"b":{{"type":"string","x-mcp-header":"{other}"}}}}"#
        );
        assert_eq!(bad(&two), BadAnnotation::Doubled);
    }
    let annotated = r#"{"type":"string","x-mcp-header":"A"}"#;
    for schema in [
        format!(r#"{{"a":{{"type":"array","items":{annotated}}}}}"#),
        format!(r#"{{"a":{{"type":"array","items":{{"properties":{{"b":{annotated}}}}}}}}}"#),
        format!(r#"{{"a":{{"oneOf":[{annotated}]}}}}"#),
        format!(r#"{{"a":{{"allOf":[{{"properties":{{"b":{annotated}}}}}]}}}}"#),
        format!(r#"{{"a":{{"not":{annotated}}}}}"#),
        format!(r#"{{"a":{{"if":{annotated}}}}}"#),
        format!(r#"{{"a":{{"$defs":{{"b":{annotated}}}}}}}"#),
        format!(r#"{{"a":{{"patternProperties":{{"b":{annotated}}}}}}}"#),
        format!(r#"{{"a":{{"additionalProperties":{annotated}}}}}"#),
        r#"{"a":{"prefixItems":[{"x\u002dmcp-header":"A","type":"string"}]}}"#.to_owned(),
    ] {
        assert_eq!(bad(&schema), BadAnnotation::Unreachable, "{schema}");
    }
    assert_eq!(ToolHeaders::from_schema(r#"{"x-mcp-header":"A","type":"string"}"#), Err(BadAnnotation::Unreachable));
    assert_eq!(ToolHeaders::from_schema(r#"{"$defs":{"a":{"x-mcp-header":"A"}}}"#), Err(BadAnnotation::Unreachable));
    assert_eq!(ToolHeaders::from_schema("\\"), Err(BadAnnotation::NotJson));
    let many: Vec<String> = (0..65).map(|i| format!(r#""p{i}":{{"type":"string","x-mcp-header":"P{i}"}}"#)).collect();
    assert_eq!(bad(&format!("{{{}}}", many.join(","))), BadAnnotation::TooMany);
}

#[test]
fn c06_data_and_property_names_are_no_annotations() {
    for schema in [
        r#"{"type":"object"}"#,
        r#"{"properties":{"x-mcp-header":{"type":"string"}}}"#,
        r#"{"properties":{"a":{"items":{"properties":{"x-mcp-header":{"type":"string"}}}}}}"#,
        r#"{"properties":{"a":{"type":"object","default":{"x-mcp-header":5}}}}"#,
        r#"{"properties":{"a":{"enum":[{"x-mcp-header":""}],"examples":[{"x-mcp-header":""}],"const":{"x-mcp-header":""}}}}"#,
        r#"{"properties":{"a":true},"description":"x-mcp-header"}"#,
        "true",
    ] {
        assert!(ToolHeaders::from_schema(schema).is_ok_and(|headers| headers.is_empty()), "{schema}");
    }
    let nested = tool(
        r#"{"a":{"properties":{"b":{"properties":{"c":{"type":"integer","x-mcp-header":"X!#$%&'*+-.^_`|~9"}}}}}}"#,
    );
    assert!(!nested.is_empty());
}

// === to the upstream ===

fn sent(version: Version, body: &str, tool: Option<&ToolHeaders>, seen: &Head) -> Vec<(String, String)> {
    let map: HeaderMap = upstream_headers(version, &client(body), tool, seen);
    let mut headers: Vec<_> =
        map.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    headers
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn c03_version_method_and_name_come_from_the_body_that_is_sent() {
    let seen = head(&[("mcp-protocol-version", "2025-06-18"), ("mcp-method", "tools/list"), ("mcp-name", "admin")]);
    for (method, params, name) in [
        ("tools/call", r#""name":"t","#, Some("t")),
        ("prompts/get", r#""name":"z\u00fcrich","#, Some("=?base64?esO8cmljaA==?=")),
        ("resources/read", r#""uri":"file:///a b","#, Some("file:///a b")),
        ("tasks/get", r#""taskId":" t","#, Some("=?base64?IHQ=?=")),
        ("tools/list", r#""name":"t","#, None),
        ("completion/complete", r#""ref":{"type":"ref/prompt","name":"t"},"#, None),
    ] {
        let mut expected = vec![("mcp-method", method), ("mcp-protocol-version", "2026-07-28")];
        expected.extend(name.map(|name| ("mcp-name", name)));
        expected.sort_unstable();
        assert_eq!(sent(Version::V2026_07_28, &modern(method, params), None, &seen), pairs(&expected));
    }
}

#[test]
fn c03_a_method_that_no_header_can_hold_is_not_put_into_one() {
    for method in ["vendor/z\u{fc}rich", " padded ", "a\tb", "\u{1F600}"] {
        let method = serde_json::to_string(method).unwrap();
        let body = format!(r#"{{"jsonrpc":"2.0","method":{method}}}"#);
        let sent = sent(Version::V2026_07_28, &body, None, &head(&[]));
        assert_eq!(sent, pairs(&[("mcp-protocol-version", "2026-07-28")]), "{method}");
    }
}

#[test]
fn c04_c05_e21_mirrored_parameters_are_built_from_the_new_arguments() {
    let seen = head(&[("mcp-param-region", "secret"), ("mcp-param-count", "1"), ("mcp-param-dry", "true")]);
    let body = modern(
        "tools/call",
        r#""name":"t","arguments":{"region":"ma\u0073ked\n","count":42.0,"dry":null,"where":{"zone":"z"}},"#,
    );
    assert_eq!(
        sent(Version::V2026_07_28, &body, Some(&tool(TYPED)), &seen),
        pairs(&[
            ("mcp-method", "tools/call"),
            ("mcp-name", "t"),
            ("mcp-param-count", "42"),
            ("mcp-param-region", "=?base64?bWFza2VkCg==?="),
            ("mcp-param-zone", "z"),
            ("mcp-protocol-version", "2026-07-28"),
        ])
    );
}

#[test]
fn a29_parameters_that_nobody_here_knows_go_on_unchanged() {
    let seen = head(&[("mcp-param-other", "=?base64?SGVsbG8=?="), ("mcp-param-region", "eu")]);
    let body = modern("tools/call", r#""name":"t","arguments":{},"#);
    let with = |tool| {
        let headers = sent(Version::V2026_07_28, &body, tool, &seen);
        headers.into_iter().filter(|(name, _)| name.starts_with("mcp-param")).collect::<Vec<_>>()
    };
    assert_eq!(with(None), pairs(&[("mcp-param-other", "=?base64?SGVsbG8=?="), ("mcp-param-region", "eu")]));
    assert_eq!(with(Some(&tool(TYPED))), pairs(&[("mcp-param-other", "=?base64?SGVsbG8=?=")]));
}

#[test]
fn c15_a_legacy_upstream_hears_its_version_once_there_is_one() {
    let seen = head(&[("mcp-param-a", "1"), ("mcp-name", "n")]);
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    assert_eq!(sent(Version::V2025_11_25, initialize, None, &seen), pairs(&[]));
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
    let expected = pairs(&[("mcp-protocol-version", "2025-06-18")]);
    assert_eq!(sent(Version::V2025_06_18, call, Some(&tool(TYPED)), &seen), expected);
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn c03_c05_what_is_sent_is_what_we_would_accept(
        name in any::<String>(),
        region in any::<String>(),
        count in -(1_i64 << 53) + 1..1 << 53,
        dry in any::<bool>(),
    ) {
        let clean = |text: &str| serde_json::to_string(&text.replace('\0', "")).unwrap();
        let body = modern(
            "tools/call",
            &format!(r#""name":{},"arguments":{{"region":{},"count":{count},"dry":{dry}}},"#, clean(&name), clean(&region)),
        );
        let tool = tool(TYPED);
        let sent = upstream_headers(Version::V2026_07_28, &client(&body), Some(&tool), &head(&[]));
        let call = doorward_wire::Call::from_http(Head::read(&sent).unwrap(), body.into(), None, &Limits::default()).unwrap();
        prop_assert!(call.check_params(&tool).is_ok());
    }

    #[test]
    fn hd_01_hd_03_no_other_value_passes(name in "[a-zA-Z]{1,6}", header in "[a-zA-Z]{1,6}", value in "[ -~]{0,8}", region in "[ -~]{0,8}") {
        let clean = |text: &str| serde_json::to_string(text).unwrap();
        let body = modern("tools/call", &format!(r#""name":"{name}","arguments":{{"region":{}}},"#, clean(&region)));
        let map = header_map(&[
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", &header),
            ("mcp-param-region", &value),
        ]);
        let call = doorward_wire::Call::from_http(Head::read(&map).unwrap(), body.into(), None, &Limits::default());
        prop_assert_eq!(call.is_ok(), name == header);
        if let Ok(call) = call {
            prop_assert_eq!(call.check_params(&tool(TYPED)).is_ok(), value.trim_matches(' ') == region);
        }
    }
}
