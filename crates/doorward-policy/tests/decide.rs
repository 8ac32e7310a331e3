//! What a call gets: the rows of the table, the denials, and whose proofs count.

#![expect(clippy::panic, reason = "a test may panic")]

#[cfg(test)]
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_audit::Reason;
use doorward_identity::Identified;
use doorward_policy::{
    Admits, Denial, ExchangeTicket, LogShape, Permit, Policy, Principal, Question, Require, Row, Rule,
};
use doorward_wire::{Era, ListKind, Method, Target};
use futures::FutureExt as _;
use serde_json::json;
use support::*;

fn denial(policy: &Policy, who: &Identified, call: doorward_wire::Call) -> Denial {
    match decide(policy, who, call) {
        Ok(permit) => panic!("permitted by {:?}", permit.rule()),
        Err(denied) => denied.denial,
    }
}

fn permit(policy: &Policy, who: &Identified, call: doorward_wire::Call) -> Permit {
    decide(policy, who, call).unwrap_or_else(|denied| panic!("{:?} by {:?}", denied.denial, denied.rule))
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The rules of the design's example, as far as they are built.
fn example() -> Policy {
    policy(vec![
        rule("discovery", "", Admits::Anonymous),
        rule("tool", "admin*", policies(&["Admin"])),
        rule("tool", "customerData", policies(&["Authenticated", "Write"])),
        rule("tool", "*", policies(&["Authenticated"])),
        rule("resource", "*", policies(&["Authenticated"])),
        rule("prompt", "*", policies(&["Authenticated"])),
    ])
}

// === targets ===

#[test]
fn the_first_rule_that_matches_decides_and_says_which_it_is() {
    let policy = example();
    let ann = person("ann").role("Admin").proven();
    assert_eq!(permit(&policy, &ann, tool("adminReset")).rule(), Some("rules[1] tool admin*"));
    assert_eq!(permit(&policy, &ann, tool("other")).rule(), Some("rules[3] tool *"));
    let bob = person("bob").proven();
    let denied = decide(&policy, &bob, tool("adminReset")).expect_err("no admin");
    assert_eq!(denied.denial, Denial::Invisible);
    assert_eq!(denied.reason, Reason::Invisible);
    assert_eq!(denied.rule.as_deref(), Some("rules[1] tool admin*"));
    assert_eq!(denied.call.message().target(), &Target::Tool("adminReset".into()));
}

#[test]
fn without_a_rule_everybody_is_refused() {
    let policy = policy(vec![rule("tool", "a", Admits::Authenticated)]);
    let ann = person("ann").role("Admin").proven();
    assert_eq!(denial(&policy, &ann, tool("b")), Denial::Invisible);
    let prompt = message(Era::Modern, "prompts/get", json!({ "name": "a" }));
    assert_eq!(denial(&policy, &ann, prompt), Denial::Invisible);
}

#[test]
fn an_unknown_server_answers_as_an_unknown_target() {
    let policy = example();
    let ann = person("ann").proven();
    let server = "elsewhere".parse().expect("a name");
    let question = |who: &Identified| Question {
        server: &server,
        call: tool("t"),
        who: who.clone(),
        address: None,
        exchange: None,
        id: decision(),
        now: now(),
        path: policy.without_path(who),
        pace: policy.throttle(None, who).expect("no limit"),
    };
    let denied = policy.decide(question(&ann)).now_or_never().expect("ready").expect_err("no rules");
    assert_eq!((denied.denial, denied.reason), (Denial::Invisible, Reason::UnknownServer));
    let denied = policy.decide(question(&Identified::Absent)).now_or_never().expect("ready").expect_err("no rules");
    assert_eq!(denied.denial, Denial::Unauthenticated);
}

#[test]
fn sc_01_a_missing_scope_is_asked_for_with_all_that_the_operation_needs() {
    let policy = policy(vec![rule("tool", "*", policies(&["Write", "AdminAndWrite", "NotReadonly"]))]);
    let ann = person("ann").role("Admin").scope("read").proven();
    assert_eq!(
        denial(&policy, &ann, tool("t")),
        Denial::MissingScope { needed: set(&["write"]), granted: set(&["read"]) }
    );
    let ann = person("ann").role("Admin").scope("write").proven();
    assert!(decide(&policy, &ann, tool("t")).is_ok());
}

#[test]
fn sc_02_role_and_scope_are_both_required() {
    let policy = policy(vec![rule("tool", "*", policies(&["AdminAndWrite"]))]);
    let role_only = person("ann").role("Admin").proven();
    assert!(matches!(denial(&policy, &role_only, tool("t")), Denial::MissingScope { .. }));
    let scope_only = person("bob").scope("write").proven();
    assert_eq!(denial(&policy, &scope_only, tool("t")), Denial::Invisible);
    let both = person("cat").role("Admin").scope("write").proven();
    assert!(decide(&policy, &both, tool("t")).is_ok());
}

#[test]
fn a_scope_under_not_that_the_token_has_is_forbidden_and_none_is_asked_for() {
    let policy = policy(vec![rule("tool", "*", policies(&["NotReadonly"]))]);
    let readonly = person("ann").scope("readonly").proven();
    assert!(policy.visible(&readonly, &server(), &Target::Tool("t".into())));
    assert_eq!(denial(&policy, &readonly, tool("t")), Denial::Forbidden);
}

#[test]
fn a_claim_is_read_with_its_type_and_an_absent_one_meets_nothing() {
    use doorward_identity::ClaimValue as Value;
    let claim = |name: &str, equals| Require::Claim { name: name.to_owned(), equals };
    let strings = |values: &[&str]| Value::Strings(set(values));
    for (require, good, bad) in [
        (claim("region", Value::String("e\"u\\".into())), Value::String("e\"u\\".into()), Value::String("us".into())),
        (claim("level", Value::Integer(i64::MIN)), Value::Integer(i64::MIN), Value::Integer(0)),
        (claim("level", Value::Integer(-3)), Value::Integer(-3), Value::Integer(3)),
        (claim("staff", Value::Bool(true)), Value::Bool(true), Value::Bool(false)),
        (claim("groups", strings(&["a", "b"])), strings(&["b", "a"]), strings(&["a"])),
        (claim("groups", strings(&[])), strings(&[]), strings(&["a"])),
        (
            claim("https://acme.example/unit", Value::String("x".into())),
            Value::String("x".into()),
            Value::String("X".into()),
        ),
    ] {
        let Require::Claim { name, .. } = &require else { panic!("a claim") };
        let mut source = source(vec![rule("tool", "*", policies(&["P"]))]);
        source.policies.insert("P".to_owned(), require.clone());
        let (policy, _) = unlimited(compile(source));
        let with = |value: &Value| person("ann").claim(name, value.clone()).proven();
        assert!(decide(&policy, &with(&good), tool("t")).is_ok(), "{require:?} on {good:?}");
        assert_eq!(denial(&policy, &with(&bad), tool("t")), Denial::Invisible, "{require:?} on {bad:?}");
        assert_eq!(denial(&policy, &person("bob").proven(), tool("t")), Denial::Invisible, "{require:?} on nothing");
    }
}

#[test]
fn a_claim_of_another_type_than_declared_is_a_fault_and_refuses() {
    use doorward_identity::{ClaimType, ClaimValue};
    let equals = ClaimValue::Integer(1);
    let mut source = source(vec![
        rule("tool", "ruled", policies(&["P"])),
        rule("tool", "not", policies(&["NotP"])),
        rule("tool", "*", Admits::Authenticated),
    ]);
    source.claims.insert("region".to_owned(), ClaimType::Integer);
    source.policies.remove("InEurope");
    source.policies.insert("P".to_owned(), Require::Claim { name: "region".to_owned(), equals: equals.clone() });
    source.policies.insert("NotP".to_owned(), not(Require::Claim { name: "region".to_owned(), equals }));
    let (policy, _) = unlimited(compile(source));
    let ann = person("ann").claim("region", ClaimValue::String("eu".to_owned())).proven();
    for name in ["ruled", "not", "ruled"] {
        let denied = decide(&policy, &ann, tool(name)).expect_err("no integer");
        assert_eq!(denied.reason, Reason::PolicyFault);
        assert!(matches!(denied.denial, Denial::Fault(_)));
        assert!(!policy.visible(&ann, &server(), &Target::Tool(name.to_owned())));
    }
    // What reads no policy is not hurt, nor is anybody else.
    assert!(decide(&policy, &ann, tool("free")).is_ok());
    assert!(decide(&policy, &person("bob").proven(), tool("not")).is_ok());
}

#[test]
fn se_06_each_token_is_judged_by_its_own_scopes_whatever_was_remembered() {
    let policy = example();
    let low = person("ann").proven();
    let high = person("ann").scope("write").proven();
    for _ in 0..3 {
        assert!(matches!(denial(&policy, &low, tool("customerData")), Denial::MissingScope { .. }));
        assert!(decide(&policy, &high, tool("customerData")).is_ok());
    }
}

#[test]
fn completion_is_governed_by_what_it_completes() {
    let policy = policy(vec![
        rule("prompt", "secret*", policies(&["Admin"])),
        rule("prompt", "*", Admits::Authenticated),
        rule("resource", "file:///secret/*", policies(&["Admin"])),
        rule("resource", "*", Admits::Authenticated),
    ]);
    let ann = person("ann").proven();
    let complete = |reference| {
        let params = json!({ "ref": reference, "argument": { "name": "x", "value": "" } });
        message(Era::Legacy, "completion/complete", params)
    };
    assert!(decide(&policy, &ann, complete(json!({ "type": "ref/prompt", "name": "greet" }))).is_ok());
    let secret = json!({ "type": "ref/prompt", "name": "secretGreet" });
    assert_eq!(denial(&policy, &ann, complete(secret)), Denial::Invisible);
    let template = json!({ "type": "ref/resource", "uri": "file:///secret/{name}" });
    assert_eq!(denial(&policy, &ann, complete(template)), Denial::Invisible);
}

#[test]
fn pt_another_spelling_of_a_resource_does_not_walk_around_its_rule() {
    let policy = policy(vec![
        rule("resource", "file:///secret/*", policies(&["Admin"])),
        rule("resource", "*", Admits::Authenticated),
    ]);
    let ann = person("ann").proven();
    for uri in [
        "file:///secret/x",
        "file:///public/../secret/x",
        "file:///public/%2e%2e/secret/x",
        "FILE:///secret/x",
        "file://localhost/secret/x",
        "file:///%73ecret/x",
        "file:///secret%2fx",
        "file:///secret\\x",
        "file:////secret/x",
    ] {
        let read = message(Era::Modern, "resources/read", json!({ "uri": uri }));
        assert_eq!(denial(&policy, &ann, read), Denial::Invisible, "{uri}");
        assert!(!policy.visible(&ann, &server(), &Target::Resource(uri.to_owned())), "{uri}");
    }
    let read = message(Era::Modern, "resources/read", json!({ "uri": "file:///public/x" }));
    assert!(decide(&policy, &ann, read).is_ok());
}

// === methods ===

#[test]
fn a_method_of_the_other_era_or_of_a_server_is_refused_by_name() {
    let policy = example();
    let ann = person("ann").proven();
    for call in [
        legacy("tasks/list"),
        legacy("made/up"),
        modern("made/up"),
        modern("ping"),
        modern("logging/setLevel"),
        legacy("elicitation/create"),
        legacy("notifications/tools/list_changed"),
    ] {
        let method = call.message().method().cloned();
        assert_eq!(denial(&policy, &ann, call), Denial::UnknownMethod, "{method:?}");
    }
    assert_eq!(denial(&policy, &Identified::Absent, modern("made/up")), Denial::Unauthenticated);
}

#[test]
fn every_method_with_a_row_is_permitted_to_one_who_may_do_everything() {
    let policy = example();
    let ann = person("ann").role("Admin").scope("write").proven();
    for (era, method, params) in [
        (Era::Modern, "server/discover", json!({})),
        (Era::Modern, "tools/list", json!({})),
        (Era::Modern, "tools/call", json!({ "name": "customerData" })),
        (Era::Modern, "prompts/list", json!({})),
        (Era::Modern, "prompts/get", json!({ "name": "p" })),
        (Era::Modern, "resources/list", json!({})),
        (Era::Modern, "resources/templates/list", json!({})),
        (Era::Modern, "resources/read", json!({ "uri": "a:b" })),
        (Era::Modern, "subscriptions/listen", json!({ "notifications": { "resourceSubscriptions": ["a:b"] } })),
        (Era::Legacy, "initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": {} })),
        (Era::Legacy, "notifications/initialized", json!({})),
        (Era::Legacy, "ping", json!({})),
        (Era::Legacy, "logging/setLevel", json!({ "level": "info" })),
        (Era::Legacy, "resources/subscribe", json!({ "uri": "a:b" })),
        (Era::Legacy, "resources/unsubscribe", json!({ "uri": "a:b" })),
        (Era::Legacy, "notifications/roots/list_changed", json!({})),
    ] {
        let permit = permit(&policy, &ann, message(era, method, params));
        assert_eq!(permit.call().message().method(), Some(&Method::parse(method)));
        assert_eq!(permit.server(), &server());
    }
}

#[test]
fn lists_are_open_to_whoever_may_see_anything_and_to_nobody_else() {
    let policy = policy(vec![rule("tool", "*", policies(&["Admin"]))]);
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        let admin = permit(&policy, &person("ann").role("Admin").proven(), modern(method));
        assert!(matches!(admin.row(), Row::List(_)));
        assert_eq!(denial(&policy, &person("bob").proven(), modern(method)), Denial::Forbidden);
        assert_eq!(denial(&policy, &Identified::Absent, modern(method)), Denial::Unauthenticated);
    }
}

#[test]
fn a_list_shows_what_is_visible_and_is_never_public() {
    let policy = example();
    let page = page(&json!({
        "cacheScope": "public",
        "ttlMs": 1000,
        "tools": [{ "name": "adminReset" }, { "name": "customerData" }, { "name": "other" }],
    }));
    let shown = |who: Identified| {
        let permit = permit(&policy, &who, modern("tools/list"));
        let screened = policy.screen(permit.principal(), &server(), ListKind::Tools, &page).expect("a list");
        let keys: Vec<String> =
            screened.entries(ListKind::Tools).expect("a list").into_iter().map(|e| e.key.into_owned()).collect();
        assert!(screened.text().contains("\"private\"") && !screened.text().contains("\"public\""));
        keys
    };
    // A scope that is missing hides nothing.
    assert_eq!(shown(person("bob").proven()), ["customerData", "other"]);
    assert_eq!(shown(person("ann").role("Admin").proven()), ["adminReset", "customerData", "other"]);
}

#[test]
fn a_list_that_can_not_be_read_is_not_shown() {
    let policy = example();
    let ann = person("ann").proven();
    let permit = permit(&policy, &ann, modern("tools/list"));
    for result in [json!({}), json!({ "tools": [{}] }), json!({ "tools": "x" }), json!({ "prompts": [] })] {
        let screened = policy.screen(permit.principal(), &server(), ListKind::Tools, &page(&result));
        assert!(screened.is_err(), "{result}");
    }
}

// === without a credential ===

#[test]
fn absent_becomes_anonymous_only_by_a_rule_that_admits_everybody() {
    let policy = policy(vec![rule("tool", "public*", Admits::Anonymous), rule("tool", "*", Admits::Authenticated)]);
    let absent = Identified::Absent;
    let permitted = permit(&policy, &absent, tool("publicInfo"));
    assert!(matches!(permitted.principal(), Principal::Anonymous(_)));
    assert_eq!(denial(&policy, &absent, tool("other")), Denial::Unauthenticated);
    assert_eq!(
        denial(&policy, &absent, message(Era::Modern, "prompts/get", json!({ "name": "p" }))),
        Denial::Unauthenticated
    );
    // Something is visible, so lists are answered, with that alone.
    let list = permit(&policy, &absent, modern("tools/list"));
    assert!(policy.keep(list.principal(), &server(), ListKind::Tools, "publicInfo"));
    assert!(!policy.keep(list.principal(), &server(), ListKind::Tools, "other"));
    // A proven caller stays who it is.
    let ann = person("ann").proven();
    assert!(permit(&policy, &ann, tool("publicInfo")).principal().caller().is_some());
}

#[test]
fn anonymous_discovery_opens_discovery_alone() {
    let policy = example();
    let absent = Identified::Absent;
    assert!(policy.may_discover_anonymously(&server()));
    let initialize = json!({ "protocolVersion": "2025-11-25", "capabilities": {} });
    for call in [
        message(Era::Legacy, "initialize", initialize),
        legacy("notifications/initialized"),
        legacy("ping"),
        modern("server/discover"),
    ] {
        let permitted = permit(&policy, &absent, call);
        assert_eq!(permitted.rule(), Some("rules[0] discovery"));
    }
    for call in [
        modern("tools/list"),
        legacy("prompts/list"),
        legacy("logging/setLevel"),
        tool("other"),
        message(Era::Modern, "subscriptions/listen", json!({ "notifications": {} })),
        message(Era::Legacy, "tasks/get", json!({ "taskId": "1" })),
        legacy("notifications/cancelled"),
        answer(),
    ] {
        assert_eq!(denial(&policy, &absent, call), Denial::Unauthenticated);
    }
}

#[test]
fn without_a_rule_on_discovery_whoever_may_see_anything_may_discover() {
    let closed = policy(vec![rule("tool", "*", policies(&["Admin"]))]);
    assert!(!closed.may_discover_anonymously(&server()));
    assert_eq!(denial(&closed, &Identified::Absent, legacy("ping")), Denial::Unauthenticated);
    assert_eq!(denial(&closed, &person("bob").proven(), legacy("ping")), Denial::Forbidden);
    assert!(decide(&closed, &person("ann").role("Admin").proven(), legacy("ping")).is_ok());
    let open = policy(vec![rule("tool", "public", Admits::Anonymous)]);
    assert!(open.may_discover_anonymously(&server()));
}

#[test]
fn a_rule_on_discovery_decides_alone() {
    let policy =
        policy(vec![rule("tool", "*", Admits::Authenticated), rule("discovery", "", policies(&["AdminAndWrite"]))]);
    assert_eq!(denial(&policy, &person("bob").proven(), modern("server/discover")), Denial::Forbidden);
    let admin = person("ann").role("Admin").proven();
    assert!(matches!(denial(&policy, &admin, modern("server/discover")), Denial::MissingScope { .. }));
    let both = person("ann").role("Admin").scope("write").proven();
    assert!(decide(&policy, &both, modern("server/discover")).is_ok());
}

// === subscriptions, tasks, exchanges ===

#[test]
fn a_subscription_needs_every_resource_that_it_names() {
    let policy = policy(vec![
        rule("resource", "memo://a", Admits::Authenticated),
        rule("resource", "memo://b", policies(&["Write"])),
        rule("resource", "memo://c", policies(&["Admin"])),
    ]);
    let listen = |uris: &[&str]| {
        message(Era::Modern, "subscriptions/listen", json!({ "notifications": { "resourceSubscriptions": uris } }))
    };
    let ann = person("ann").proven();
    assert!(decide(&policy, &ann, listen(&[])).is_ok());
    assert!(decide(&policy, &ann, listen(&["memo://a"])).is_ok());
    assert!(matches!(denial(&policy, &ann, listen(&["memo://a", "memo://b"])), Denial::MissingScope { .. }));
    assert_eq!(denial(&policy, &ann, listen(&["memo://b", "memo://c"])), Denial::Invisible);
    assert_eq!(denial(&policy, &ann, listen(&["memo://a", "memo://d"])), Denial::Invisible);
}

#[test]
fn a60_a_task_is_its_owners_and_hangs_on_the_rule_of_its_tool() {
    let policy = policy(vec![rule("tool", "report", policies(&["Write"]))]);
    let ann = person("ann").scope("write").proven();
    let bob = person("bob").scope("write").proven();
    let begun = permit(&policy, &ann, tool("report"));
    policy.tasks().register(&begun, "t-1", Some(Duration::from_secs(60)), now()).expect("room");
    let get = |id: &str| message(Era::Modern, "tasks/get", json!({ "taskId": id }));
    assert_eq!(permit(&policy, &ann, get("t-1")).row(), Row::Task);
    assert_eq!(denial(&policy, &ann, get("t-2")), Denial::Invisible);
    assert_eq!(denial(&policy, &bob, get("t-1")), Denial::Invisible);
    assert_eq!(denial(&policy, &Identified::Absent, get("t-1")), Denial::Unauthenticated);
    // Another client of the same person did not begin it.
    let other = person("ann").scope("write").client("other").proven();
    assert_eq!(denial(&policy, &other, get("t-1")), Denial::Invisible);
    // A weaker token of the same caller is judged anew.
    let weak = person("ann").proven();
    assert!(matches!(denial(&policy, &weak, get("t-1")), Denial::MissingScope { .. }));
    // A subscription to it is no way around.
    let listen =
        |id: &str| message(Era::Modern, "subscriptions/listen", json!({ "notifications": { "taskIds": [id] } }));
    assert!(decide(&policy, &ann, listen("t-1")).is_ok());
    assert_eq!(denial(&policy, &bob, listen("t-1")), Denial::Invisible);
}

#[test]
fn only_a_call_of_a_tool_can_begin_a_task() {
    let policy = example();
    let ann = person("ann").proven();
    let list = permit(&policy, &ann, modern("tools/list"));
    assert!(policy.tasks().register(&list, "t", None, now()).is_err());
}

#[test]
fn what_belongs_to_an_exchange_needs_the_callers_own() {
    let policy = example();
    let ann = person("ann").proven();
    let bob = person("bob").proven();
    let ticket = ExchangeTicket::of(&permit(&policy, &ann, tool("other")));
    let cancel = || message(Era::Legacy, "notifications/cancelled", json!({ "requestId": 1 }));
    let progress = || message(Era::Legacy, "notifications/progress", json!({ "progressToken": 1, "progress": 1 }));
    for call in [cancel, progress, answer] {
        assert_eq!(denial(&policy, &ann, call()), Denial::NoExchange);
        assert!(decide_in(&policy, &ann, call(), Some(&ticket)).is_ok());
        let denied = decide_in(&policy, &bob, call(), Some(&ticket)).expect_err("not his");
        assert_eq!(denied.denial, Denial::NoExchange);
        let denied = decide_in(&policy, &Identified::Absent, call(), Some(&ticket)).expect_err("nobody's");
        assert_eq!(denied.denial, Denial::Unauthenticated);
    }
}

#[test]
fn an_answer_is_judged_anew_and_taking_back_is_always_free() {
    let policy = example();
    let strong = person("ann").scope("write").proven();
    let weak = person("ann").proven();
    let ticket = ExchangeTicket::of(&permit(&policy, &strong, tool("customerData")));
    let denied = decide_in(&policy, &weak, answer(), Some(&ticket)).expect_err("too weak by now");
    assert!(matches!(denied.denial, Denial::MissingScope { .. }));
    let cancel = message(Era::Legacy, "notifications/cancelled", json!({ "requestId": 1 }));
    assert!(decide_in(&policy, &weak, cancel, Some(&ticket)).is_ok());
}

#[test]
fn a_standalone_stream_is_open_to_whoever_may_see_anything() {
    let policy = policy(vec![rule("discovery", "", Admits::Anonymous), rule("tool", "*", policies(&["Admin"]))]);
    let attend = |who: &Identified| {
        let pace = policy.throttle(None, who).expect("no limit");
        policy.attend(&server(), who, decision(), pace, policy.without_path(who))
    };
    let ann = person("ann").role("Admin").proven();
    let attendance = attend(&ann).expect("an admin");
    assert_eq!(attendance.server(), &server());
    let ticket = ExchangeTicket::attending(&attendance);
    assert!(decide_in(&policy, &ann, answer(), Some(&ticket)).is_ok());
    assert_eq!(attend(&person("bob").proven()).err(), Some(Denial::Forbidden));
    assert_eq!(attend(&Identified::Absent).err(), Some(Denial::Unauthenticated));
}

// === proofs ===

#[test]
fn a_proof_that_was_made_for_somebody_else_is_a_fault() {
    let policy = example();
    let ann = person("ann").role("Admin").proven();
    let bob = person("bob").proven();
    let server = server();
    let ask = |path_of: &Identified, pace_of: &Identified| {
        let question = Question {
            server: &server,
            call: tool("other"),
            who: bob.clone(),
            address: None,
            exchange: None,
            id: decision(),
            now: now(),
            path: policy.without_path(path_of),
            pace: policy.throttle(None, pace_of).expect("no limit"),
        };
        policy.decide(question).now_or_never().expect("ready").map_err(|denied| denied.denial)
    };
    assert!(ask(&bob, &bob).is_ok());
    for (path_of, pace_of) in [(&ann, &bob), (&bob, &ann), (&Identified::Absent, &bob), (&bob, &Identified::Absent)] {
        assert!(matches!(ask(path_of, pace_of), Err(Denial::Fault(_))));
    }
}

#[test]
fn a_permit_carries_what_the_rule_says() {
    let quiet = Rule { log: LogShape::Omit, ..rule("tool", "quiet", Admits::Authenticated) };
    let policy = policy(vec![quiet, rule("tool", "*", Admits::Authenticated)]);
    let ann = person("ann").proven();
    assert_eq!(permit(&policy, &ann, tool("quiet")).log(), LogShape::Omit);
    assert_eq!(permit(&policy, &ann, tool("loud")).log(), LogShape::Shape);
}

#[test]
fn what_was_judged_is_what_the_permit_holds_byte_for_byte() {
    let policy = example();
    let ann = person("ann").proven();
    let call = tool("other");
    let bytes = call.message().bytes().clone();
    let permit = permit(&policy, &ann, call);
    assert_eq!(permit.call().message().bytes(), &bytes);
    let (call, _slot) = permit.into_call();
    assert_eq!(call.message().bytes(), &bytes);
}

// === changes while in use ===

#[test]
fn a_new_source_holds_from_the_next_decision_on() {
    let policy = policy(vec![rule("tool", "*", Admits::Authenticated)]);
    let ann = person("ann").proven();
    assert!(decide(&policy, &ann, tool("t")).is_ok());
    policy.replace(compile(source(vec![rule("tool", "*", policies(&["Admin"]))])));
    assert_eq!(denial(&policy, &ann, tool("t")), Denial::Invisible);
}

#[test]
fn open_exchanges_are_judged_anew_when_the_rules_change() {
    let policy = policy(vec![rule("tool", "*", Admits::Authenticated), rule("resource", "*", Admits::Authenticated)]);
    let ann = person("ann").proven();
    let admin = person("cat").role("Admin").proven();
    let listen = json!({ "notifications": { "resourceSubscriptions": ["memo://a"] } });
    let listen = || message(Era::Modern, "subscriptions/listen", listen.clone());
    let hers = permit(&policy, &ann, listen());
    let call = permit(&policy, &ann, tool("t"));
    let discovery = permit(&policy, &ann, modern("server/discover"));
    let admins = permit(&policy, &admin, listen());
    let cancel = message(Era::Legacy, "notifications/cancelled", json!({ "requestId": 1 }));
    let cancel = decide_in(&policy, &ann, cancel, Some(&ExchangeTicket::of(&call))).expect("her own");
    let pace = policy.throttle(None, &ann).expect("no limit");
    let stream = policy.attend(&server(), &ann, decision(), pace, policy.without_path(&ann)).expect("a stream");
    let all = [&hers, &call, &discovery, &admins, &cancel];
    assert!(all.iter().all(|permit| policy.still_permits(permit)));
    assert!(policy.still_admits(&stream));
    policy.replace(compile(source(vec![
        rule("tool", "*", Admits::Authenticated),
        rule("resource", "*", policies(&["Admin"])),
    ])));
    assert_eq!(all.map(|permit| policy.still_permits(permit)), [false, true, true, true, true]);
    assert!(policy.still_admits(&stream));
    policy.replace(compile(source(vec![rule("tool", "*", policies(&["Admin"]))])));
    assert_eq!(all.map(|permit| policy.still_permits(permit)), [false, false, false, false, true]);
    assert!(!policy.still_admits(&stream));
}

#[test]
fn paths_are_ruled_before_any_server() {
    use doorward_policy::{PathAdmits, PathRule};
    use doorward_wire::CanonicalPath;
    let mut source = source(vec![rule("tool", "*", Admits::Authenticated)]);
    let path = |text: &str| CanonicalPath::parse(text).expect("a path");
    let (open, _) = unlimited(compile(source.clone()));
    assert!(open.path(&path("/mcp/crm"), &Identified::Absent).is_ok());
    assert_eq!(open.path(&path("/other"), &person("ann").proven()).err(), Some(Denial::Forbidden));
    let rule = |text: &str, admits| PathRule { path: text.parse().expect("a pattern"), admits };
    let named = |name: &str| PathAdmits::Policies(vec![name.to_owned()]);
    source.paths = vec![
        rule("/mcp/crm", PathAdmits::Any),
        rule("/mcp/ops/**", named("AdminAndWrite")),
        rule("/mcp/*", named("Authenticated")),
    ];
    let (policy, _) = unlimited(compile(source));
    let ann = person("ann").proven();
    let admin = person("ann").role("Admin").proven();
    let both = person("ann").role("Admin").scope("write").proven();
    let ask = |text: &str, who: &Identified| policy.path(&path(text), who).err();
    assert_eq!(ask("/mcp/crm", &Identified::Absent), None);
    assert_eq!(ask("/mcp/ops", &Identified::Absent), Some(Denial::Unauthenticated));
    assert_eq!(ask("/mcp/ops/x", &ann), Some(Denial::Forbidden));
    assert!(matches!(ask("/mcp/ops", &admin), Some(Denial::MissingScope { .. })));
    assert_eq!(ask("/mcp/ops", &both), None);
    assert_eq!(ask("/mcp/ops/", &ann), Some(Denial::Forbidden));
    assert_eq!(ask("/mcp/other", &ann), None);
    assert_eq!(ask("/mcp/other/x", &both), Some(Denial::Forbidden));
    assert_eq!(ask("/healthz", &Identified::Absent), Some(Denial::Unauthenticated));
}
