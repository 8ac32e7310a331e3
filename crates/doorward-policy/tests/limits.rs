//! Limits at both places, through the whole decision, and when to come back.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[cfg(test)]
mod support;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use doorward_audit::Reason;
use doorward_identity::Identified;
use doorward_policy::{Admits, Denial, LimitSettings, Policy, Rate, Rule, RuleBook};
use doorward_wire::{Era, ListKind};
use serde_json::json;
use support::*;

fn book() -> RuleBook {
    compile(source(vec![rule("discovery", "", Admits::Anonymous), rule("tool", "*", Admits::Authenticated)]))
}

fn none() -> LimitSettings {
    LimitSettings {
        address: None,
        caller: None,
        client: None,
        servers: BTreeMap::new(),
        bytes_per_minute: None,
        concurrent: None,
        streams: None,
        max_keys: 1_000,
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().expect("an address"))
}

fn wait(denial: Option<Denial>) -> Duration {
    match denial {
        Some(Denial::TooFast { retry_after }) => retry_after,
        other => panic!("not too fast but {other:?}"),
    }
}

fn throttled(policy: &Policy, address: Option<IpAddr>, who: &Identified) -> Option<Denial> {
    policy.throttle(address, who).err()
}

#[test]
fn the_first_place_counts_addresses_callers_and_clients_apart() {
    let limits = LimitSettings {
        address: Rate::per_minute(4),
        caller: Rate::per_minute(3),
        client: Rate::per_minute(5),
        ..none()
    };
    let (policy, clock) = limited(book(), limits);
    let ann = person("ann").proven();
    let bob = person("bob").proven();
    let address = |n: u8| ip(&format!("192.0.2.{n}"));
    for n in 0..3 {
        assert_eq!(throttled(&policy, address(n), &ann), None);
    }
    assert_eq!(wait(throttled(&policy, address(3), &ann)), Duration::from_secs(20), "the caller");
    // The same client has five for all its users.
    assert_eq!(throttled(&policy, address(4), &bob), None);
    assert_eq!(throttled(&policy, address(5), &bob), None);
    assert_eq!(wait(throttled(&policy, address(6), &bob)), Duration::from_secs(12), "the client");
    assert_eq!(throttled(&policy, address(7), &person("cat").client("other").proven()), None);
    // Nobody in particular is counted by the address alone.
    for _ in 0..4 {
        assert_eq!(throttled(&policy, address(9), &Identified::Absent), None);
    }
    assert_eq!(wait(throttled(&policy, address(9), &Identified::Absent)), Duration::from_secs(15), "the address");
    clock.advance(Duration::from_secs(15));
    assert_eq!(throttled(&policy, address(9), &Identified::Absent), None);
}

#[test]
fn a_limit_on_a_rule_counts_each_caller_and_each_tool_apart() {
    let limited_rule = Rule { limit: Rate::per_minute(2), ..rule("tool", "*", Admits::Authenticated) };
    let (policy, clock) = limited(compile(source(vec![limited_rule])), none());
    policy.learn(&server(), ListKind::Tools, &tools_page(["a", "b"]));
    let ann = person("ann").proven();
    let ask = |who: &Identified, name: &str| decide(&policy, who, tool(name)).map(drop);
    for _ in 0..2 {
        assert!(ask(&ann, "a").is_ok());
    }
    let denied = ask(&ann, "a").expect_err("used up");
    assert_eq!(denied.reason, Reason::TooFast);
    assert_eq!(denied.rule.as_deref(), Some("rules[0] tool *"));
    assert_eq!(wait(Some(denied.denial)), Duration::from_secs(30));
    assert!(ask(&ann, "b").is_ok(), "another tool");
    assert!(ask(&person("bob").proven(), "a").is_ok(), "another caller");
    clock.advance(Duration::from_secs(30));
    assert!(ask(&ann, "a").is_ok());
    assert!(ask(&ann, "a").is_err());
}

#[test]
fn a_limit_on_discovery_holds_too() {
    let discovery = Rule { limit: Rate::per_minute(2), ..rule("discovery", "", Admits::Anonymous) };
    let (policy, _) = limited(compile(source(vec![discovery, rule("tool", "*", Admits::Authenticated)])), none());
    for who in [Identified::Absent, person("ann").proven()] {
        assert!(decide(&policy, &who, legacy("ping")).is_ok());
        assert!(decide(&policy, &who, modern("server/discover")).is_ok());
        let denied = decide(&policy, &who, legacy("ping")).expect_err("used up");
        assert_eq!(denied.reason, Reason::TooFast);
        assert_eq!(denied.rule.as_deref(), Some("rules[0] discovery"));
    }
}

#[test]
fn made_up_names_share_one_count() {
    let limited_rule = Rule { limit: Rate::per_minute(3), ..rule("tool", "*", Admits::Authenticated) };
    let (policy, _) = limited(compile(source(vec![limited_rule])), none());
    let ann = person("ann").proven();
    let permitted = (0..50).filter(|n| decide(&policy, &ann, tool(&format!("made-up-{n}"))).is_ok()).count();
    assert_eq!(permitted, 3);
}

#[test]
fn a_new_catalogue_or_source_forgets_no_count() {
    let limited_rule = || Rule { limit: Rate::per_hour(1), ..rule("tool", "*", Admits::Authenticated) };
    let (policy, _) = limited(compile(source(vec![limited_rule()])), none());
    policy.learn(&server(), ListKind::Tools, &tools_page(["a"]));
    let ann = person("ann").proven();
    assert!(decide(&policy, &ann, tool("a")).is_ok());
    policy.learn(&server(), ListKind::Tools, &tools_page(["a", "b"]));
    assert!(decide(&policy, &ann, tool("a")).is_err());
    let catalogues = [(server(), policy.catalogue(&server()).expect("a server"))].into();
    policy.replace(RuleBook::compile(source(vec![limited_rule()]), &catalogues).expect("sound"));
    assert!(decide(&policy, &ann, tool("a")).is_err());
}

#[test]
fn a_server_has_one_count_for_all() {
    let limits =
        LimitSettings { servers: BTreeMap::from([(server(), Rate::per_minute(2).expect("a rate"))]), ..none() };
    let (policy, _) = limited(book(), limits);
    assert!(decide(&policy, &person("ann").proven(), tool("a")).is_ok());
    assert!(decide(&policy, &person("bob").proven(), tool("b")).is_ok());
    let denied = decide(&policy, &person("cat").proven(), tool("c")).expect_err("used up");
    assert_eq!(wait(Some(denied.denial)), Duration::from_secs(30));
}

#[test]
fn a_caller_has_so_many_requests_at_once_and_gets_each_place_back() {
    let limits = LimitSettings { concurrent: NonZeroU32::new(2), ..none() };
    let (policy, _) = limited(book(), limits);
    let ann = person("ann").proven();
    let first = decide(&policy, &ann, tool("a")).expect("a place");
    let second = decide(&policy, &ann, tool("a")).expect("a place");
    let denied = decide(&policy, &ann, tool("a")).expect_err("no place");
    assert_eq!(denied.reason, Reason::TooMany);
    assert!(wait(Some(denied.denial)) > Duration::ZERO);
    assert!(decide(&policy, &person("bob").proven(), tool("a")).is_ok(), "others have their own");
    // A notification is over when it is sent, so that a cancellation always gets through.
    let ticket = doorward_policy::ExchangeTicket::of(&first);
    let cancel = message(Era::Legacy, "notifications/cancelled", json!({ "requestId": 1 }));
    assert!(decide_in(&policy, &ann, cancel, Some(&ticket)).is_ok());
    let (_, slot) = first.into_call();
    assert!(decide(&policy, &ann, tool("a")).is_err(), "the place goes with the call");
    drop(slot);
    assert!(decide(&policy, &ann, tool("a")).is_ok());
    drop(second);
}

#[test]
fn a_refusal_after_the_place_was_taken_gives_it_back() {
    let limits = LimitSettings {
        concurrent: NonZeroU32::new(1),
        servers: BTreeMap::from([(server(), Rate::per_minute(1).expect("a rate"))]),
        ..none()
    };
    let (policy, clock) = limited(book(), limits);
    let ann = person("ann").proven();
    assert!(decide(&policy, &ann, tool("a")).is_ok());
    for _ in 0..3 {
        let denied = decide(&policy, &ann, tool("a")).expect_err("the server's rate");
        assert_eq!(denied.reason, Reason::TooFast);
    }
    clock.advance(Duration::from_secs(60));
    assert!(decide(&policy, &ann, tool("a")).is_ok());
}

#[test]
fn streams_have_places_of_their_own() {
    let limits = LimitSettings { concurrent: NonZeroU32::new(1), streams: NonZeroU32::new(1), ..none() };
    let (policy, _) = limited(book(), limits);
    let ann = person("ann").proven();
    let listen = || message(Era::Modern, "subscriptions/listen", json!({ "notifications": {} }));
    let attend = || {
        let pace = policy.throttle(None, &ann).expect("no limit");
        policy.attend(&server(), &ann, decision(), pace, policy.without_path(&ann))
    };
    let stream = decide(&policy, &ann, listen()).expect("a place");
    assert!(decide(&policy, &ann, tool("a")).is_ok());
    assert!(decide(&policy, &ann, listen()).is_err());
    assert!(wait(attend().err()) > Duration::ZERO);
    drop(stream);
    let attendance = attend().expect("a place");
    assert!(decide(&policy, &ann, listen()).is_err());
    drop(attendance);
    assert!(decide(&policy, &ann, listen()).is_ok());
}

#[test]
fn bytes_are_counted_both_ways_on_the_callers_account() {
    let limits = LimitSettings { bytes_per_minute: NonZeroU32::new(10_000), ..none() };
    let (policy, clock) = limited(book(), limits);
    let ann = person("ann").proven();
    let permit = decide(&policy, &ann, tool("a")).expect("bytes left");
    assert!(permit.slot().spend(9_000).is_ok());
    let limit = permit.slot().spend(9_000).expect_err("over the budget");
    assert!(limit.retry_after > Duration::ZERO && limit.to_string().contains("bytes"));
    let mut refused = None;
    for _ in 0..20 {
        refused = decide(&policy, &ann, tool("a")).err().or(refused);
    }
    assert!(matches!(refused.map(|denied| denied.denial), Some(Denial::TooFast { .. })));
    assert!(decide(&policy, &person("bob").proven(), tool("a")).is_ok());
    clock.advance(Duration::from_secs(60));
    assert!(decide(&policy, &ann, tool("a")).is_ok());
}

#[test]
fn somebody_unproven_is_counted_by_address() {
    let limits = LimitSettings { concurrent: NonZeroU32::new(1), ..none() };
    let (policy, _) = limited(book(), limits);
    let server = server();
    let ping = |address: Option<IpAddr>| {
        use futures::FutureExt as _;
        let question = doorward_policy::Question {
            server: &server,
            call: legacy("ping"),
            who: Identified::Absent,
            address,
            exchange: None,
            id: decision(),
            now: now(),
            path: policy.without_path(&Identified::Absent),
            pace: policy.throttle(address, &Identified::Absent).expect("no limit"),
        };
        policy.decide(question).now_or_never().expect("ready")
    };
    let one = ping(ip("192.0.2.1")).expect("a place");
    assert!(ping(ip("192.0.2.1")).is_err());
    assert!(ping(ip("192.0.2.2")).is_ok());
    let nobody = ping(None).expect("a place");
    assert!(ping(None).is_err());
    drop((one, nobody));
}
