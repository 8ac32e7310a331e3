//! How long one decision takes: 20 rules and six policies, for a caller that is remembered, for one that is new, and
//! for screening a list of 200 tools. Run with `cargo bench -p doorward-policy`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that can't run should stop"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use doorward_identity::Identified;
use doorward_policy::{Admits, Policy, Rule};
use doorward_wire::{ListKind, Target};
use support::*;

/// The time of one round, the middle one of several runs.
fn measure(rounds: u32, mut run: impl FnMut(u32)) -> Duration {
    let mut times: Vec<Duration> = (0..7)
        .map(|_| {
            let start = Instant::now();
            (0..rounds).for_each(&mut run);
            start.elapsed() / rounds
        })
        .collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn rules() -> Vec<Rule> {
    let mut rules: Vec<Rule> = (0..17).map(|n| rule("tool", &format!("group{n}-*"), policies(&["Admin"]))).collect();
    rules.push(rule(
        "tool",
        "customer*",
        policies(&["Authenticated", "Admin", "AdminAndWrite", "NotReadonly", "InEurope"]),
    ));
    rules.push(rule("tool", "*", policies(&["Authenticated"])));
    rules.push(rule("resource", "*", Admits::Authenticated));
    rules
}

fn prepared() -> Policy {
    let policy = policy(rules());
    let names: Vec<String> = (0..200).map(|n| format!("customerTool{n}")).collect();
    policy.learn(&server(), ListKind::Tools, &tools_page(names.iter().map(String::as_str)));
    policy
}

fn main() {
    let region = doorward_identity::ClaimValue::String("eu".to_owned());
    let someone =
        |n: u32| person(&format!("subject-{n}")).role("Admin").scope("write").claim("region", region.clone()).proven();
    let policy = prepared();
    let ann = someone(0);
    let known = Target::Tool("customerTool7".to_owned());
    let unknown = Target::Tool("customerToolX".to_owned());
    let see = |who: &Identified, target: &Target| assert!(policy.visible(who, &server(), target));

    println!("{:<44} {:>12}", "decision", "time");
    let row = |name: &str, time: Duration| println!("{name:<44} {:>12}", format!("{time:.2?}"));
    row("visible, caller and tool known", measure(20_000, |_| see(&ann, black_box(&known))));
    row("visible, caller known, tool not", measure(20_000, |_| see(&ann, black_box(&unknown))));

    let crowd: Vec<Identified> = (0..2_000).map(someone).collect();
    let new = measure(1, |_| {});
    let mut times = Vec::new();
    for _ in 0..5 {
        let fresh = prepared();
        let start = Instant::now();
        for who in &crowd {
            assert!(fresh.visible(who, &server(), &known));
        }
        times.push(start.elapsed() / 2_000);
    }
    times.sort();
    row("visible, caller new, five policies", times.get(2).copied().unwrap_or(new));

    let call = tool("customerTool7");
    row(
        "whole decision, caller and tool known",
        measure(20_000, |_| {
            assert!(decide(&policy, &ann, black_box(call.clone())).is_ok());
        }),
    );
    let list = decide(&policy, &ann, modern("tools/list")).expect("a list");
    let names: Vec<String> = (0..200).map(|n| format!("customerTool{n}")).collect();
    let page = tools_page(names.iter().map(String::as_str));
    row(
        "screening a list of 200 tools",
        measure(500, |_| {
            policy.screen(list.principal(), &server(), ListKind::Tools, black_box(&page)).expect("a list");
        }),
    );
}
