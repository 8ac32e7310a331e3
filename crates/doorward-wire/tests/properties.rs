//! What holds for any input at all: the fuzz functions, with inputs that get far.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

#[cfg(test)]
mod support;

use doorward_wire::{ParseFault, Sender, fuzz};
use proptest::prelude::*;
use support::{cases, modern, parse};

/// Text out of the pieces that JSON is made of.
const JSONISH: &str = concat!(
    r#"([\[\]{},:] ?|"[ab]{0,2}"|"\\u00(00|61|6[0-9a-f])"|"\\ud8[0-9a-f]{2}(\\ud[c-f][0-9a-f]{2})?"|"\\[nrt/"\\xu]"|"#,
    r#"-?(0|[1-9][0-9]{0,3}|[0-9]{17,21})(\.[0-9]{0,2})?([eE][+-]?[0-9]{0,4})?|true|false|null|[a-z"\\]|/\*|\t|\n){0,24}"#
);

proptest! {
    #![proptest_config(cases(20))]

    #[test]
    fn js_05_our_verdict_on_json_is_the_oracles(text in JSONISH) {
        fuzz::envelope(text.as_bytes());
        let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{{"a":{text}}}}}}}"#);
        fuzz::envelope(call.as_bytes());
    }

    #[test]
    fn js_05_a_damaged_message_is_refused_for_a_reason_or_still_one(
        text in support::message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (at, byte, kind) in damage {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        fuzz::envelope(&bytes);
    }

    #[test]
    fn js_01_one_doubled_key_anywhere_is_found(
        mut members in prop::collection::btree_map("[a-z]{1,3}", support::json(), 1..30),
        at in any::<prop::sample::Index>(),
        depth in 0..6_usize,
        escape in any::<bool>(),
    ) {
        let object = |members: &[(String, String)]| {
            let members: Vec<String> = members.iter().map(|(key, value)| format!("{key}:{value}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let wrap = |object: String| {
            let (open, close) = ("{\"w\":[".repeat(depth), "]}".repeat(depth));
            modern("tools/call", &format!("\"name\":\"t\",\"arguments\":{{\"a\":{open}{object}{close}}},"))
        };
        let mut quoted: Vec<(String, String)> = members.iter().map(|(key, value)| (format!("\"{key}\""), value.clone())).collect();
        prop_assert!(parse(wrap(object(&quoted)), Sender::Client).is_ok());
        let doubled = members.keys().nth(at.index(members.len())).unwrap().clone();
        let spelled = if escape { support::escaped(&doubled) } else { format!("\"{doubled}\"") };
        quoted.insert(at.index(quoted.len()), (spelled, "1".into()));
        let error = parse(wrap(object(&quoted)), Sender::Client).unwrap_err();
        prop_assert_eq!(error.fault(), ParseFault::DuplicateKey);
        members.clear();
    }

    #[test]
    fn hd_01_headers_and_bodies_agree_or_are_refused(
        body in support::message(),
        headers in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "mcp-protocol-version", "Mcp-Method", "MCP-NAME", "mcp-param-a", "Mcp-Param-N", "mcp-session-id", "last-event-id",
                ]),
                prop_oneof![
                    Just("2026-07-28".to_owned()),
                    Just("2025-11-25".to_owned()),
                    prop::sample::select(doorward_wire::Method::KNOWN).prop_map(|method| method.as_str().to_owned()),
                    "[ -~]{0,8}",
                    any::<String>(),
                ],
            ),
            0..5,
        ),
    ) {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        fuzz::headers(format!("{lines}\n{body}").as_bytes());
    }

    #[test]
    fn hd_01_a_right_call_is_accepted_and_sent_on(name in "[ -~]{0,8}", a in "[ -~é]{0,8}", n in any::<i32>(), other in support::json()) {
        let text = |text: &str| serde_json::to_string(text).unwrap();
        let body = modern("tools/call", &format!(r#""name":{},"arguments":{{"a":{},"n":{n},"o":{other}}},"#, text(&name), text(&a)));
        let encoded = base64(&name);
        let request = format!(
            "MCP-Protocol-Version: 2026-07-28\nMcp-Method: tools/call\nMcp-Name: {encoded}\nMcp-Param-A: {}\nMcp-Param-N: {n}\n\n{body}",
            base64(&a)
        );
        fuzz::headers(request.as_bytes());
        let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", &encoded)];
        prop_assert!(support::post(&headers, &body).is_ok());
    }
}

/// The sentinel form of a text, written here by hand so that the test does not lean on the code under test.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: String = text
        .as_bytes()
        .chunks(3)
        .map(|chunk| {
            let group =
                chunk.iter().chain(&[0, 0]).take(3).fold(0_usize, |group, byte| group << 8 | usize::from(*byte));
            let digit = |index: usize| char::from(ALPHABET[group >> (18 - 6 * index) & 63]);
            (0..4).map(|index| if index <= chunk.len() { digit(index) } else { '=' }).collect::<String>()
        })
        .collect();
    format!("=?base64?{digits}?=")
}
