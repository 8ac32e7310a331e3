//! Lists, entry by entry (A48, A49, C06, E28).

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(test)]
mod support;

use doorward_wire::{ListKind, Method, Target};
use proptest::prelude::*;
use support::{cases, server};

const TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{ "ttlMs":1.50, "cacheScope" : "public","tools":[ {"name":"a","vendor":1e400,"inputSchema":{"type":"object"}} ,
 {"inputSchema":{"x":[]},"n\u0061me":"\u0062"},{"name":"c"} ],"nextCursor":"x","_meta":{"io.modelcontextprotocol/subscriptionId":4}}}"#;

fn keep(text: &str, kind: ListKind, names: &[&str]) -> Option<String> {
    let kept = server(text).retain(kind, &mut |key| names.contains(&key)).unwrap();
    kept.map(|message| {
        let reread = server(message.text());
        assert_eq!(
            (reread.kind(), reread.meta(), reread.subscription_id()),
            (message.kind(), message.meta(), message.subscription_id())
        );
        message.text().to_owned()
    })
}

#[test]
fn every_list_has_its_method_its_key_and_its_target() {
    for (method, kind, result, target) in [
        (Method::ToolsList, ListKind::Tools, r#"{"tools":[{"name":"k"}]}"#, Target::Tool("k".into())),
        (Method::PromptsList, ListKind::Prompts, r#"{"prompts":[{"name":"k"}]}"#, Target::Prompt("k".into())),
        (
            Method::ResourcesList,
            ListKind::Resources,
            r#"{"resources":[{"name":"n","uri":"k"}]}"#,
            Target::Resource("k".into()),
        ),
        (
            Method::ResourceTemplatesList,
            ListKind::ResourceTemplates,
            r#"{"resourceTemplates":[{"name":"n","uriTemplate":"k"}]}"#,
            Target::Resource("k".into()),
        ),
    ] {
        assert_eq!(ListKind::of(&method), Some(kind));
        let message = server(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#));
        let entries = message.entries(kind).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(kind.target(&entries[0].key), target);
        assert!(message.span_of(entries[0].raw).is_some());
    }
    assert_eq!(ListKind::of(&Method::ToolsCall), None);
}

#[test]
fn a_list_that_loses_nothing_goes_on_as_it_is() {
    assert_eq!(keep(TOOLS, ListKind::Tools, &["a", "b", "c"]), None);
}

#[test]
fn e28_a_filtered_list_keeps_the_rest_byte_for_byte_and_is_private() {
    let kept = keep(TOOLS, ListKind::Tools, &["a", "b"]).unwrap();
    let (before, rest) = TOOLS.split_once("[ {\"name\"").unwrap();
    let (_, after) = rest.split_once(" ],\"nextCursor").unwrap();
    let expected = format!(
        r#"{}[{{"name":"a","vendor":1e400,"inputSchema":{{"type":"object"}}}},{{"inputSchema":{{"x":[]}},"n\u0061me":"\u0062"}}],"nextCursor{after}"#,
        before.replace("public", "private")
    );
    assert_eq!(kept, expected);
    assert!(keep(TOOLS, ListKind::Tools, &[]).unwrap().contains(r#""tools":[],"nextCursor""#));
}

#[test]
fn e28_a_scope_is_not_invented() {
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}"#;
    assert_eq!(keep(text, ListKind::Tools, &[]).unwrap(), r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#);
}

#[test]
fn a49_e28_any_other_scope_becomes_private() {
    let result = |scope: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"contents":[],"cacheScope":{scope}}}}}"#);
    for scope in ["\"public\"", "\"p\\u0075blic\"", "\"shared\"", "\"Private\"", "\"\"", "null", "5", "{\"a\":[1]}"] {
        let private = server(result(scope)).private_cache().unwrap();
        assert_eq!(private.text(), result("\"private\""), "{scope}");
        assert!(private.private_cache().is_none());
    }
    for text in [
        &result("\"private\""),
        &result("\"priv\\u0061te\""),
        r#"{"jsonrpc":"2.0","id":1,"result":{"a":{"cacheScope":"public"}}}"#,
    ] {
        assert!(server(text).private_cache().is_none(), "{text}");
    }
}

#[test]
fn what_can_not_be_judged_is_not_a_list() {
    for result in [
        r#"{}"#,
        r#"{"prompts":[{"name":"a"}]}"#,
        r#"{"tools":null}"#,
        r#"{"tools":{"name":"a"}}"#,
        r#"{"tools":"a"}"#,
        r#"{"tools":[{"name":"a"},{}]}"#,
        r#"{"tools":[{"name":"a"},{"name":5}]}"#,
        r#"{"tools":[{"name":"a"},null]}"#,
        r#"{"tools":[{"name":"a"},["name","b"]]}"#,
        r#"{"tools":["a"]}"#,
        r#"{"tools":[{"title":"a"}]}"#,
    ] {
        let message = server(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#));
        assert!(message.entries(ListKind::Tools).is_err(), "{result}");
        assert!(message.tools().is_err(), "{result}");
        assert!(message.retain(ListKind::Tools, &mut |_| true).is_err(), "{result}");
    }
    let error = server(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#);
    assert!(error.entries(ListKind::Tools).is_err());
}

#[test]
fn c06_a_tool_tells_which_headers_it_mirrors_and_whether_they_are_valid() {
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[
        {"name":"good","inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}},
        {"name":"plain","inputSchema":{"type":"object"}},
        {"name":"none"},
        {"name":"bad","inputSchema":{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}}]}}"#;
    let message = server(text);
    let tools = message.tools().unwrap();
    let headers: Vec<_> = tools.iter().map(|tool| tool.headers().map(|headers| headers.is_empty()).ok()).collect();
    assert_eq!(headers, [Some(false), Some(true), Some(true), None]);
    assert_eq!(tools[1].input_schema, Some(r#"{"type":"object"}"#));
    assert!(!format!("{:?} {:?}", tools, message.entries(ListKind::Tools)).contains("good"));
}

proptest! {
    #![proptest_config(cases(10))]

    #[test]
    fn a_filtered_list_holds_exactly_what_was_kept(
        entries in prop::collection::vec(("[a-d]", support::json(), any::<bool>()), 0..8),
        mask in any::<u8>(),
        space in support::space(),
        public in any::<bool>(),
    ) {
        let wanted = |name: &str| mask >> (name.as_bytes()[0] - b'a') & 1 == 1;
        let raw: Vec<String> = entries
            .iter()
            .map(|(name, other, escaped)| {
                let name = if *escaped { support::escaped(name) } else { format!("\"{name}\"") };
                format!("{{\"x\":{other}{space},\"name\":{name}}}")
            })
            .collect();
        let text = |items: &[String], scope: &str, separator: &str| {
            format!("{{\"jsonrpc\":\"2.0\",\"result\":{{\"tools\":[{}],\"cacheScope\":\"{scope}\"}},\"id\":1}}", items.join(separator))
        };
        let scope = if public { "public" } else { "private" };
        let message = server(text(&raw, scope, &format!("{space},")));
        let kept: Vec<String> = entries.iter().zip(&raw).filter(|((name, ..), _)| wanted(name)).map(|(_, raw)| raw.clone()).collect();
        match message.retain(ListKind::Tools, &mut |name| wanted(name)).unwrap() {
            None => prop_assert_eq!(kept.len(), raw.len()),
            Some(filtered) => {
                let expected = text(&kept, "private", ",");
                prop_assert_eq!(filtered.text(), expected);
                prop_assert!(filtered.retain(ListKind::Tools, &mut |name| wanted(name)).unwrap().is_none());
                prop_assert!(filtered.private_cache().is_none());
            }
        }
    }
}
