//! When headers and body are one call (A14, A15, A24 to A27, A62, B05, B23, E18, E19, HD-01, HD-02, SE-10, JS-08).

#![expect(clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[cfg(test)]
mod support;

use doorward_wire::{Call, Era, Limits, Refused, Version};
use support::{META, modern, post, post_in, told};

const VERSION: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");

fn accepted(headers: &[(&str, &str)], body: &str) -> Call {
    let call = post(headers, body).unwrap_or_else(|refused| panic!("{refused:?}: {body}"));
    assert_eq!(&call.message().bytes()[..], body.as_bytes());
    call
}

fn refused(headers: &[(&str, &str)], body: &str) -> Refused {
    post(headers, body).expect_err(body)
}

fn stdio(line: &str, session: Option<Version>) -> Result<Call, Refused> {
    Call::from_stdio(line.to_owned().into(), session, &Limits::default())
}

// === the version ===

#[test]
fn b23_a_modern_request_is_modern_and_a_handshake_is_legacy_on_one_endpoint() {
    let call = accepted(&[VERSION, ("Mcp-Method", "server/discover")], &modern("server/discover", ""));
    assert_eq!((call.era(), call.version()), (Era::Modern, Version::V2026_07_28));
    let call =
        accepted(&[], r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#);
    assert_eq!((call.era(), call.version()), (Era::Legacy, Version::V2025_11_25));
}

#[test]
fn a24_hd_02_header_and_meta_name_the_same_version_or_none() {
    let body = modern("tools/list", "");
    let method = ("Mcp-Method", "tools/list");
    assert_eq!(told(&refused(&[method], &body)), (400, -32020, Some("1")));
    for other in ["2025-11-25", "2025-06-18", "2026-07-29", "v999.0.0", "", "2026-07-28, 2026-07-28"] {
        assert_eq!(
            told(&refused(&[method, ("MCP-Protocol-Version", other)], &body)),
            (400, -32020, Some("1")),
            "{other}"
        );
    }
    let body = body.replace("2026-07-28", "v999.0.0");
    assert_eq!(told(&refused(&[method, VERSION], &body)), (400, -32020, Some("1")));
}

#[test]
fn hd_02_e18_two_versions_are_refused_even_when_they_are_equal() {
    let body = modern("tools/list", "");
    assert_eq!(told(&refused(&[VERSION, VERSION, ("Mcp-Method", "tools/list")], &body)), (400, -32020, Some("1")));
    let legacy = ("mcp-protocol-version", "2025-06-18");
    assert_eq!(told(&refused(&[legacy, VERSION], &body)), (400, -32020, Some("1")));
}

#[test]
fn a15_b05_an_unknown_version_gets_the_list_of_known_ones() {
    let body = modern("server/discover", "").replace("2026-07-28", "v999.0.0");
    let unknown = ("MCP-Protocol-Version", "v999.0.0");
    for (headers, body) in [
        (vec![unknown, ("Mcp-Method", "server/discover")], body.as_str()),
        (vec![unknown], r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
        (vec![unknown], r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#),
    ] {
        let refused = refused(&headers, body);
        assert_eq!(told(&refused), (400, -32022, Some("1")), "{body}");
        let data = refused.error.data.unwrap();
        assert_eq!(data["requested"], "v999.0.0");
        assert_eq!(data["supported"].as_array().map(Vec::len), Some(4));
    }
    for version in ["2024-11-05", "2026-07-27", "DRAFT-2026-07-28", "draft", "2026-07-28x"] {
        let refused =
            refused(&[("MCP-Protocol-Version", version)], r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        assert_eq!(told(&refused), (400, -32022, Some("1")), "{version}");
    }
}

#[test]
fn b05_a_legacy_message_has_the_version_of_its_session_else_of_its_header_else_2025_03_26() {
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let version = |headers: &[(&str, &str)], session| post_in(headers, list, session).unwrap().version();
    let header = ("MCP-Protocol-Version", "2025-06-18");
    assert_eq!(version(&[], None), Version::V2025_03_26);
    assert_eq!(version(&[header], None), Version::V2025_06_18);
    assert_eq!(version(&[], Some(Version::V2025_11_25)), Version::V2025_11_25);
    assert_eq!(version(&[header], Some(Version::V2025_11_25)), Version::V2025_11_25);
}

#[test]
fn b03_the_handshake_decides_the_version_whatever_a_header_says() {
    let initialize = |offered: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{offered}","capabilities":{{}}}}}}"#
        )
    };
    let header = ("MCP-Protocol-Version", "2025-03-26");
    assert_eq!(accepted(&[header], &initialize("2025-06-18")).version(), Version::V2025_06_18);
    assert_eq!(accepted(&[], &initialize("2024-11-05")).version(), Version::V2025_11_25);
    assert_eq!(accepted(&[], &initialize("2026-07-28")).version(), Version::V2025_11_25);
}

#[test]
fn a16_initialize_said_in_the_modern_way_is_a_modern_call() {
    let method = ("Mcp-Method", "initialize");
    let legacy_body =
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2026-07-28","capabilities":{}}}"#;
    assert_eq!(accepted(&[VERSION, method], legacy_body).era(), Era::Modern);
    assert_eq!(accepted(&[VERSION, method], &modern("initialize", "")).era(), Era::Modern);
}

#[test]
fn a16_methods_that_the_modern_era_removed_are_read_and_left_to_the_policy() {
    for method in ["ping", "logging/setLevel", "unknown/method", "tasks/list"] {
        assert_eq!(accepted(&[VERSION, ("Mcp-Method", method)], &modern(method, "")).era(), Era::Modern);
    }
}

// === _meta ===

#[test]
fn a14_a_modern_request_without_version_or_capabilities_in_meta_is_invalid() {
    let headers = [VERSION, ("Mcp-Method", "server/discover")];
    for params in [
        "",
        r#","params":{}"#,
        r#","params":{"_meta":{}}"#,
        r#","params":{"_meta":null}"#,
        r#","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}"#,
        r#","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#,
        r#","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":null}}"#,
        r#","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":20260728,"io.modelcontextprotocol/clientCapabilities":{}}}"#,
        r#","params":{"protocolVersion":"2026-07-28","clientCapabilities":{}}"#,
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":101,"method":"server/discover"{params}}}"#);
        assert_eq!(told(&refused(&headers, &body)), (400, -32602, Some("101")), "{body}");
    }
    // The client's name is optional.
    accepted(&headers, &modern("server/discover", ""));
}

// === Mcp-Method and Mcp-Name ===

#[test]
fn a25_hd_01_a_request_names_its_method_in_the_header() {
    let body = modern("tools/list", "");
    assert_eq!(told(&refused(&[VERSION], &body)), (400, -32020, Some("1")));
    for other in [
        "prompts/list",
        "TOOLS/LIST",
        "tools/List",
        "tools/list/",
        "",
        "tools/list,tools/list",
        "=?base64?dG9vbHMvbGlzdA==?=",
    ] {
        assert_eq!(told(&refused(&[VERSION, ("Mcp-Method", other)], &body)), (400, -32020, Some("1")), "{other}");
    }
    for name in ["mcp-method", "MCP-METHOD", "Mcp-Method"] {
        accepted(&[VERSION, (name, "tools/list")], &body);
    }
    accepted(&[VERSION, ("Mcp-Method", " \ttools/list  ")], &body);
}

/// The request with the tasks extension declared.
fn with_tasks(body: &str) -> String {
    body.replace(
        r#"clientCapabilities":{}"#,
        r#"clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#,
    )
}

#[test]
fn a61_tasks_need_the_extension_declared_on_this_very_request() {
    let listen = r#""notifications":{"taskIds":["t"]},"#;
    for (method, params) in [
        ("tasks/get", r#""taskId":"t","#),
        ("tasks/update", r#""taskId":"t","#),
        ("tasks/cancel", r#""taskId":"t","#),
        ("subscriptions/listen", listen),
    ] {
        let headers = [VERSION, ("Mcp-Method", method), ("Mcp-Name", "t")];
        let body = modern(method, params);
        for undeclared in [
            body.clone(),
            with_tasks(&body).replace("tasks\":{}", "tasks\":true"),
            with_tasks(&body).replace("/tasks\"", "/task\""),
            with_tasks(&body).replace("extensions", "experimental"),
        ] {
            let refused = refused(&headers, &undeclared);
            assert_eq!(told(&refused), (400, -32021, Some("1")), "{undeclared}");
            let needed = refused.error.data.expect("the error names what is needed");
            assert!(needed["requiredCapabilities"]["extensions"]["io.modelcontextprotocol/tasks"].is_object());
        }
        accepted(&headers, &with_tasks(&body));
    }
    // Without tasks a subscription needs no extension.
    let plain = modern("subscriptions/listen", r#""notifications":{"taskIds":[]},"#);
    accepted(&[VERSION, ("Mcp-Method", "subscriptions/listen")], &plain);
}

/// Every method with a name, and the parameter that holds it.
const NAMED: [(&str, &str); 6] = [
    ("tools/call", "name"),
    ("prompts/get", "name"),
    ("resources/read", "uri"),
    ("tasks/get", "taskId"),
    ("tasks/update", "taskId"),
    ("tasks/cancel", "taskId"),
];

#[test]
fn a25_a62_hd_01_a_request_names_its_target_in_the_header() {
    for (method, key) in NAMED {
        let body = with_tasks(&modern(method, &format!(r#""{key}":"get_weather","#)));
        let with = |name: &str| post(&[VERSION, ("Mcp-Method", method), ("Mcp-Name", name)], &body);
        assert_eq!(told(&refused(&[VERSION, ("Mcp-Method", method)], &body)), (400, -32020, Some("1")), "{method}");
        for other in [
            "admin",
            "Get_weather",
            "get_weather2",
            "get_weathe",
            "",
            "get_weather,admin",
            "=?base64?YWRtaW4=?=",
            "=?base64?Z2V0X3dlYXRoZXI?=",
            "=?BASE64?Z2V0X3dlYXRoZXI=?=",
            "%67et_weather",
        ] {
            assert_eq!(told(&with(other).unwrap_err()), (400, -32020, Some("1")), "{method} {other}");
        }
        for same in ["get_weather", "  get_weather  ", "=?base64?Z2V0X3dlYXRoZXI=?="] {
            assert!(with(same).is_ok(), "{method} {same}");
        }
    }
}

#[test]
fn a27_hd_01_names_are_compared_as_the_body_means_them() {
    let headers = |name| [VERSION, ("Mcp-Method", "tools/call"), ("Mcp-Name", name)];
    let body = modern("tools/call", r#""name":"z\u00fcrich","#);
    assert!(post(&headers("=?base64?esO8cmljaA==?="), &body).is_ok());
    let body = modern("tools/call", r#""name":" padded ","#);
    assert!(post(&headers("=?base64?IHBhZGRlZCA=?="), &body).is_ok());
    assert!(post(&headers(" padded "), &body).is_err());
    // A name that looks like the sentinel form must itself be encoded.
    let body = modern("tools/call", r#""name":"=?base64?YWRtaW4=?=","#);
    assert!(post(&headers("=?base64?YWRtaW4=?="), &body).is_err());
    assert!(post(&headers("=?base64?PT9iYXNlNjQ/WVdSdGFXND0/PQ==?="), &body).is_ok());
}

#[test]
fn hd_01_a_name_where_the_protocol_defines_none_is_no_ones_to_obey() {
    let call = accepted(&[VERSION, ("Mcp-Method", "tools/list"), ("Mcp-Name", "admin")], &modern("tools/list", ""));
    let sent = doorward_wire::upstream_headers(call.version(), call.message(), None, call.head());
    assert!(sent.get("mcp-name").is_none());
}

#[test]
fn a_modern_notification_may_leave_out_its_method_header_but_not_lie_in_it() {
    let body = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(accepted(&[VERSION], body).era(), Era::Modern);
    accepted(&[VERSION, ("Mcp-Method", "notifications/cancelled")], body);
    assert_eq!(told(&refused(&[VERSION, ("Mcp-Method", "tools/list")], body)), (400, -32020, None));
}

// === what each era ignores ===

#[test]
fn se_10_a04_a_modern_call_has_no_session() {
    let headers = [VERSION, ("Mcp-Method", "tools/list"), ("Mcp-Session-Id", "s"), ("Last-Event-ID", "1")];
    let call = post_in(&headers, &modern("tools/list", ""), Some(Version::V2025_06_18)).unwrap();
    assert_eq!(
        (call.version(), call.head().session(), call.head().last_event_id()),
        (Version::V2026_07_28, None, None)
    );
}

#[test]
fn e19_a_legacy_call_ignores_the_mirrored_headers() {
    let headers = [
        ("MCP-Protocol-Version", "2025-11-25"),
        ("Mcp-Session-Id", "s"),
        ("Last-Event-ID", "1"),
        ("Mcp-Method", "tools/list"),
        ("Mcp-Name", "=?base64?!?="),
        ("Mcp-Param-Region", "x"),
    ];
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
    let call = post_in(&headers, body, Some(Version::V2025_11_25)).unwrap();
    assert_eq!((call.era(), call.head().session(), call.head().last_event_id()), (Era::Legacy, Some("s"), Some("1")));
    let tool = doorward_wire::ToolHeaders::from_schema(
        r#"{"properties":{"region":{"type":"string","x-mcp-header":"Region"}}}"#,
    );
    assert!(call.check_params(&tool.unwrap()).is_ok());
    let sent = doorward_wire::upstream_headers(call.version(), call.message(), None, call.head());
    assert_eq!(sent.len(), 1);
}

#[test]
fn e19_hd_02_no_request_sheds_its_checks_by_leaving_a_version_out() {
    // A modern body under a legacy header, a modern header over a legacy body, and a body that claims a legacy version.
    let wrong = [("Mcp-Method", "tools/list"), ("Mcp-Name", "safe")];
    let body = modern("tools/call", r#""name":"admin","#);
    assert_eq!(
        told(&refused(&[("MCP-Protocol-Version", "2025-11-25"), wrong[0], wrong[1]], &body)),
        (400, -32020, Some("1"))
    );
    assert_eq!(told(&refused(&wrong, &body)), (400, -32020, Some("1")));
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"admin"}}"#;
    assert_eq!(told(&refused(&[VERSION, wrong[0], wrong[1]], body)), (400, -32602, Some("1")));
    let body = modern("tools/call", r#""name":"admin","#).replace("2026-07-28", "2025-11-25");
    assert_eq!(told(&refused(&wrong, &body)), (400, -32020, Some("1")));
}

// === responses ===

#[test]
fn js_08_a05_a_modern_client_sends_no_responses() {
    for body in
        [r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#]
    {
        assert_eq!(told(&refused(&[VERSION], body)), (400, -32600, Some("1")));
        let call = post_in(&[("MCP-Protocol-Version", "2025-11-25")], body, Some(Version::V2025_11_25)).unwrap();
        assert_eq!(call.era(), Era::Legacy);
        assert!(stdio(body, None).is_err());
        assert!(stdio(body, Some(Version::V2025_06_18)).is_ok());
    }
}

#[test]
fn a11_a_refusal_is_one_json_rpc_error_with_the_readable_id() {
    let refused = refused(&[VERSION], &modern("tools/list", "").replace("\"id\":1", "\"id\":\"\\u0061\""));
    let body: serde_json::Value = serde_json::from_slice(&refused.body()).unwrap();
    assert_eq!((&body["jsonrpc"], &body["id"], &body["error"]["code"]), (&"2.0".into(), &"a".into(), &(-32020).into()));
    assert!(refused.body().starts_with(br#"{"jsonrpc":"2.0","id":"\u0061","#));
}

#[test]
fn a_refusal_repeats_no_value_but_the_version_that_was_asked_for() {
    let canary = [VERSION, ("Mcp-Method", "tools/call"), ("Mcp-Name", "canary-header")];
    let refused = refused(&canary, &modern("tools/call", r#""name":"canary-body","#));
    assert!(!format!("{refused:?}{:?}", refused.body()).contains("canary"));
}

// === stdio ===

#[test]
fn on_stdio_meta_alone_tells_the_era() {
    let call = stdio(&modern("tools/call", r#""name":"t","#), None).unwrap();
    assert_eq!(call.version(), Version::V2026_07_28);
    assert!(call.check_params(&doorward_wire::ToolHeaders::default()).is_ok());
    let call =
        stdio(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#, None)
            .unwrap();
    assert_eq!(call.version(), Version::V2025_06_18);
    let call = stdio(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, Some(Version::V2025_06_18)).unwrap();
    assert_eq!(call.version(), Version::V2025_06_18);
    let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(stdio(cancelled, None).unwrap().era(), Era::Modern);
    assert_eq!(stdio(cancelled, Some(Version::V2025_11_25)).unwrap().era(), Era::Legacy);
    // Both eras may meet on one process.
    assert_eq!(stdio(&modern("tools/list", ""), Some(Version::V2025_11_25)).unwrap().era(), Era::Modern);
}

#[test]
fn a14_a15_stdio_holds_the_same_rules_on_meta() {
    let unknown = modern("tools/list", "").replace("2026-07-28", "2031-01-01");
    assert_eq!(stdio(&unknown, None).unwrap_err().error.code, -32022);
    let bare = format!("{{{META}}}").replace(r#","io.modelcontextprotocol/clientCapabilities":{}"#, "");
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{bare}}}"#);
    assert_eq!(stdio(&body, None).unwrap_err().error.code, -32602);
    assert_eq!(stdio("[]", None).unwrap_err().error.code, -32600);
    assert_eq!(stdio("x", None).unwrap_err().error.code, -32700);
}
