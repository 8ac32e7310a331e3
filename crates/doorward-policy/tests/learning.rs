//! What a server tells about itself, page by page.

#[cfg(test)]
mod support;

use doorward_policy::{Admits, Catalogue, Policy};
use doorward_wire::{ListKind, Target};
use serde_json::json;
use support::*;

fn open() -> Policy {
    policy(vec![rule("tool", "*", Admits::Authenticated)])
}

#[test]
fn pages_add_up_and_the_same_again_is_no_change() {
    let policy = open();
    let known = |name: &str| policy.knows(&server(), &Target::Tool(name.to_owned()));
    assert!(policy.learn(&server(), ListKind::Tools, &tools_page(["a", "b"])));
    assert!(policy.learn(&server(), ListKind::Tools, &tools_page(["c"])));
    assert!(!policy.learn(&server(), ListKind::Tools, &tools_page(["a", "b"])));
    assert!(known("a") && known("b") && known("c") && !known("d"));
    assert!(policy.knows_argument(&server(), &Target::Tool("a".into()), "region"));
    assert!(!policy.knows_argument(&server(), &Target::Tool("a".into()), "other"));
}

#[test]
fn what_is_no_list_teaches_nothing() {
    let policy = open();
    for result in [json!({}), json!({ "tools": [{}] }), json!({ "tools": {} }), json!({ "prompts": [] })] {
        assert!(!policy.learn(&server(), ListKind::Tools, &page(&result)));
    }
    let elsewhere = "elsewhere".parse().expect("a name");
    assert!(!policy.learn(&elsewhere, ListKind::Tools, &tools_page(["a"])));
    assert_eq!(policy.catalogue(&elsewhere).map(|catalogue| catalogue.len()), None);
}

#[test]
fn a_server_that_renames_its_tools_for_ever_takes_no_more_room() {
    let policy = open();
    let names = |from: usize| (from..from + 2_500).map(|n| format!("tool-{n}")).collect::<Vec<_>>();
    for round in 0..8 {
        let names = names(round * 2_500);
        policy.learn(&server(), ListKind::Tools, &tools_page(names.iter().map(String::as_str)));
        assert!(policy.catalogue(&server()).expect("a server").len() <= 10_000);
        let last = Target::Tool(names.last().expect("names").clone());
        assert!(policy.knows(&server(), &last), "what it offers now is known");
    }
}

#[test]
fn headers_of_tools_are_known_and_bad_ones_hide_the_tool() {
    let policy = open();
    let tools = json!({ "tools": [
        {
            "name": "good",
            "inputSchema": { "type": "object", "properties": { "r": { "type": "string", "x-mcp-header": "Region" } } },
        },
        {
            "name": "bad",
            "inputSchema": { "type": "object", "properties": { "r": { "type": "number", "x-mcp-header": "" } } },
        },
        { "name": "plain", "inputSchema": { "type": "object" } },
    ] });
    policy.learn(&server(), ListKind::Tools, &page(&tools));
    let headers = |name: &str| policy.tool_headers(&server(), &Target::Tool(name.to_owned()));
    assert!(headers("good").is_some_and(|headers| !headers.is_empty()));
    assert!(headers("plain").is_some_and(|headers| headers.is_empty()));
    assert!(headers("bad").is_none() && headers("unknown").is_none());
    assert!(policy.hides(&server(), "bad"));
    assert!(!policy.hides(&server(), "good") && !policy.hides(&server(), "unknown"));
}

#[test]
fn what_was_learnt_outlives_a_restart() {
    let first = open();
    first.learn(&server(), ListKind::Tools, &tools_page(["a"]));
    let resources = page(&json!({ "resources": [{ "uri": "memo://a", "name": "a" }] }));
    first.learn(&server(), ListKind::Resources, &resources);
    let templates = page(&json!({ "resourceTemplates": [{ "uriTemplate": "memo://{id}", "name": "a" }] }));
    first.learn(&server(), ListKind::ResourceTemplates, &templates);
    let stored = first.catalogue(&server()).expect("a server").to_json();
    let again = Catalogue::from_json(&stored).expect("own format");
    assert!(again.knows(&Target::Tool("a".into())));
    assert!(again.knows(&Target::Resource("memo://a".into())));
    assert!(again.knows(&Target::ResourceRef("memo://{id}".into())));
    assert_eq!(again.len(), 3);
}
