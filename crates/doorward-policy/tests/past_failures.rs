//! How gateways and hosts of the field failed, and why it can't happen here: one test for each, named after its report.

#[cfg(test)]
mod support;

use doorward_audit::Reason;
use doorward_identity::Identified;
use doorward_policy::{Admits, Denial, Policy, Principal};
use doorward_wire::{Era, ListKind, Target};
use serde_json::json;
use support::*;

fn admin_and_basic() -> Policy {
    policy(vec![
        rule("discovery", "", Admits::Anonymous),
        rule("tool", "admin*", policies(&["Admin"])),
        rule("tool", "*", policies(&["Authenticated"])),
        rule("prompt", "admin*", policies(&["Admin"])),
        rule("prompt", "*", policies(&["Authenticated"])),
        rule("resource", "admin://*", policies(&["Admin"])),
        rule("resource", "*", policies(&["Authenticated"])),
    ])
}

/// mcp-server-kubernetes filtered `tools/list` alone: a hidden tool could still be called by its name.
#[test]
fn cve_2026_46519_what_is_not_listed_can_not_be_called() {
    let policy = admin_and_basic();
    let bob = person("bob").proven();
    let list = decide(&policy, &bob, modern("tools/list")).expect("a list");
    let screened = policy
        .screen(list.principal(), &server(), ListKind::Tools, &tools_page(["adminReset", "search"]))
        .expect("a list");
    let listed: Vec<String> =
        screened.entries(ListKind::Tools).expect("a list").into_iter().map(|e| e.key.into_owned()).collect();
    assert_eq!(listed, ["search"]);
    for era in [Era::Modern, Era::Legacy] {
        let call = |name: &str| message(era, "tools/call", json!({ "name": name, "arguments": {} }));
        assert!(decide(&policy, &bob, call("search")).is_ok());
        let denied = decide(&policy, &bob, call("adminReset")).expect_err("not listed");
        assert_eq!((denied.denial, denied.reason), (Denial::Invisible, Reason::Invisible));
        // Hidden and absent answer alike.
        let denied =
            decide(&policy, &bob, message(era, "prompts/get", json!({ "name": "adminX" }))).expect_err("hidden");
        assert_eq!(denied.denial, Denial::Invisible);
    }
}

/// gh-aw-mcpg #3332: the filter knew tools alone; prompts and resources went around it.
#[test]
fn gh_aw_mcpg_3332_prompts_resources_completions_and_subscriptions_are_filtered_like_tools() {
    let policy = admin_and_basic();
    let bob = person("bob").proven();
    let admin = person("ann").role("Admin").proven();
    let calls = || {
        [
            message(Era::Modern, "tools/call", json!({ "name": "adminReset" })),
            message(Era::Modern, "prompts/get", json!({ "name": "adminPrompt" })),
            message(Era::Modern, "resources/read", json!({ "uri": "admin://x" })),
            message(Era::Legacy, "resources/subscribe", json!({ "uri": "admin://x" })),
            message(Era::Legacy, "resources/unsubscribe", json!({ "uri": "admin://x" })),
            message(
                Era::Modern,
                "completion/complete",
                json!({ "ref": { "type": "ref/prompt", "name": "adminPrompt" }, "argument": { "name": "a", "value": "" } }),
            ),
            message(
                Era::Modern,
                "completion/complete",
                json!({ "ref": { "type": "ref/resource", "uri": "admin://{x}" }, "argument": { "name": "x", "value": "" } }),
            ),
            message(
                Era::Modern,
                "subscriptions/listen",
                json!({ "notifications": { "resourceSubscriptions": ["memo://a", "admin://x"] } }),
            ),
        ]
    };
    for call in calls() {
        let method = call.message().method().cloned();
        let denied = decide(&policy, &bob, call).expect_err("hidden");
        assert_eq!(denied.denial, Denial::Invisible, "{method:?}");
    }
    for call in calls() {
        let method = call.message().method().cloned();
        assert!(decide(&policy, &admin, call).is_ok(), "{method:?}");
    }
    for (kind, hidden, shown) in [
        (ListKind::Tools, "adminReset", "search"),
        (ListKind::Prompts, "adminPrompt", "greet"),
        (ListKind::Resources, "admin://x", "memo://x"),
        (ListKind::ResourceTemplates, "admin://{x}", "memo://{x}"),
    ] {
        let list = decide(&policy, &bob, modern("tools/list")).expect("a list");
        assert!(!policy.keep(list.principal(), &server(), kind, hidden), "{kind:?}");
        assert!(policy.keep(list.principal(), &server(), kind, shown), "{kind:?}");
    }
}

/// OpenClaw applied its tool policy before plug-ins appended more tools, which it then never saw.
#[test]
fn cve_2026_44998_rules_hold_for_tools_that_are_appended_later() {
    let policy = admin_and_basic();
    let bob = person("bob").proven();
    policy.learn(&server(), ListKind::Tools, &tools_page(["search"]));
    // Appended after the rules were compiled, and told of or not: no difference.
    for told in [false, true] {
        if told {
            policy.learn(&server(), ListKind::Tools, &tools_page(["search", "adminLate"]));
        }
        assert!(!policy.visible(&bob, &server(), &Target::Tool("adminLate".into())));
        let denied = decide(&policy, &bob, tool("adminLate")).expect_err("an admin's tool");
        assert_eq!(denied.denial, Denial::Invisible);
    }
    // And a server that turns a harmless name into no rule's name gains nothing.
    let closed = support::policy(vec![rule("tool", "search", Admits::Authenticated)]);
    closed.learn(&server(), ListKind::Tools, &tools_page(["search", "exec"]));
    assert!(decide(&closed, &bob, tool("exec")).is_err());
}

/// netlicensing-mcp and mcp-pinot (CVE-2026-49257) served callers without a credential with the server's own.
#[test]
fn cve_2026_54446_absent_never_becomes_anonymous_without_a_rule() {
    let policy = admin_and_basic();
    let absent = Identified::Absent;
    for call in [
        tool("search"),
        tool("adminReset"),
        tool("no-such-tool"),
        message(Era::Modern, "prompts/get", json!({ "name": "greet" })),
        message(Era::Modern, "resources/read", json!({ "uri": "memo://a" })),
        modern("tools/list"),
        legacy("resources/list"),
        legacy("logging/setLevel"),
    ] {
        // Every answer is the same, so it tells nothing of what is there.
        let denied = decide(&policy, &absent, call).expect_err("no credential");
        assert_eq!((denied.denial, denied.reason), (Denial::Unauthenticated, Reason::NoToken));
    }
    // The anonymous principal exists only inside a permit that a rule for everybody gave.
    let ping = decide(&policy, &absent, legacy("ping")).expect("discovery is for everybody");
    assert!(matches!(ping.principal(), Principal::Anonymous(_)));
    assert_eq!(ping.rule(), Some("rules[0] discovery"));
    assert!(!policy.keep(ping.principal(), &server(), ListKind::Tools, "search"));
}

/// LiteLLM's fallback made an empty identity that then passed: a policy here speaks of proven callers alone, so that
/// not having a role is nothing that nobody can have.
#[test]
fn cve_2026_59822_an_absent_identity_meets_no_negative_condition() {
    let mut source = source(vec![rule("tool", "*", policies(&["NotAdmin"]))]);
    source.policies.insert("NotAdmin".to_owned(), not(role("Admin")));
    let (policy, _) = unlimited(compile(source));
    let denied = decide(&policy, &Identified::Absent, tool("t")).expect_err("nobody");
    assert_eq!(denied.denial, Denial::Unauthenticated);
    assert!(decide(&policy, &person("bob").proven(), tool("t")).is_ok());
}

/// A policy that fails while it is evaluated is skipped by Cedar, which for a `forbid` means to allow
/// (GHSA-hm46-7j72-rpv9). Named policies have no `forbid`, and a fault refuses; here all that can be shown is that the
/// conjunction is one: a second policy only ever takes away.
#[test]
fn ghsa_hm46_7j72_rpv9_a_further_policy_only_takes_away() {
    let ann = person("ann").role("Admin").proven();
    for (names, permitted) in [
        (vec!["Admin"], true),
        (vec!["Admin", "Write"], false),
        (vec!["Write", "Admin"], false),
        (vec!["Write"], false),
    ] {
        let policy = policy(vec![rule("tool", "*", policies(&names))]);
        assert_eq!(decide(&policy, &ann, tool("t")).is_ok(), permitted, "{names:?}");
    }
}

/// A pattern with many stars against a long name: linear pieces, no backtracking.
#[test]
fn cve_2026_0621_patterns_can_not_be_made_to_explode() {
    let stars = "a*".repeat(500) + "b";
    let policy = policy(vec![rule("tool", &stars, Admits::Authenticated)]);
    let ann = person("ann").proven();
    assert!(!policy.visible(&ann, &server(), &Target::Tool("a".repeat(100_000))));
    assert!(policy.visible(&ann, &server(), &Target::Tool("a".repeat(100_000) + "b")));
}
