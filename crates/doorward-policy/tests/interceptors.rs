//! Interceptors: in order, with the parsed arguments, and refused is whatever does not pass in good order.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[cfg(test)]
mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use doorward_audit::Reason;
use doorward_identity::Identified;
use doorward_policy::{
    Admits, Clock, Denial, InterceptError, Intercepted, Interceptor, LimitSettings, Policy, PolicySettings, Rate, Rule,
    Timer, Verdict,
};
use doorward_wire::{Era, Method, Target};
use futures::FutureExt as _;
use serde_json::json;
use support::*;

/// What one interceptor does with every call.
enum Does {
    Pass,
    Refuse(&'static str),
    Fail,
    PanicAtOnce,
    PanicLater,
    Hang,
}

struct Scripted {
    does: Does,
    name: &'static str,
    seen: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Interceptor for Scripted {
    async fn before(&self, call: &Intercepted<'_>) -> Result<Verdict, InterceptError> {
        let arguments = call.arguments()?.map(ToString::to_string).unwrap_or_default();
        self.seen.lock().expect("no panic").push(format!("{} {:?} {arguments}", self.name, call.target()));
        match self.does {
            Does::Pass => Ok(Verdict::Pass),
            Does::Refuse(reason) => Ok(Verdict::Refuse { reason: reason.to_owned() }),
            Does::Fail => Err(InterceptError("the database is down: secret-canary".to_owned())),
            Does::PanicAtOnce => panic!("at once"),
            Does::PanicLater => {
                futures::future::ready(()).await;
                panic!("later")
            }
            Does::Hang => futures::future::pending().await,
        }
    }
}

fn with(rules: Vec<Rule>, does: Vec<(&'static str, Does)>, timer: Timer) -> (Policy, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let limits = LimitSettings { address: None, caller: None, ..LimitSettings::default() };
    let settings = PolicySettings { limits, patience: Duration::from_secs(1) };
    let mut policy = Policy::new(compile(source(rules)), settings, Clock::new(|| Duration::ZERO), timer);
    for (name, does) in does {
        policy = policy.with_interceptor(Arc::new(Scripted { does, name, seen: Arc::clone(&seen) }));
    }
    (policy, seen)
}

fn everything() -> Vec<Rule> {
    vec![rule("tool", "*", Admits::Authenticated), rule("prompt", "*", policies(&["Admin"]))]
}

/// Panics are expected here, so they need not be printed.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    static HOOKS: Mutex<()> = Mutex::new(());
    let _one = HOOKS.lock();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = run();
    std::panic::set_hook(hook);
    result
}

#[test]
fn they_run_in_order_and_see_what_the_server_would_get() {
    let (policy, seen) = with(everything(), vec![("first", Does::Pass), ("second", Does::Pass)], never());
    let call = message(Era::Modern, "tools/call", json!({ "name": "t", "arguments": { "region": "eu", "n": [1] } }));
    assert!(decide(&policy, &person("ann").proven(), call).is_ok());
    let seen = seen.lock().expect("no panic").clone();
    let expected = r#"tool(1 bytes) {"region":"eu","n":[1]}"#;
    let fields = |line: &String| line.split_once(' ').map(|(name, _)| name.to_owned());
    assert_eq!(seen.iter().filter_map(fields).collect::<Vec<_>>(), ["first", "second"]);
    for line in &seen {
        let (_, rest) = line.split_once(' ').expect("a name");
        let (target, arguments) = rest.split_once(") ").expect("arguments");
        assert_eq!(format!("{target})"), "tool(1 bytes)", "instead of {expected}");
        let arguments: serde_json::Value = serde_json::from_str(arguments).expect("JSON");
        assert_eq!(arguments, json!({ "region": "eu", "n": [1] }));
    }
}

#[test]
fn the_first_objection_ends_it_with_its_reason_on_one_line() {
    let (policy, seen) =
        with(everything(), vec![("first", Does::Refuse("not\non \u{1b}fridays")), ("second", Does::Pass)], never());
    let denied = decide(&policy, &person("ann").proven(), tool("t")).expect_err("refused");
    assert_eq!(denied.reason, Reason::Interceptor);
    let Denial::Interceptor { reason } = denied.denial else { panic!("an interceptor refused") };
    assert!(reason.contains("fridays") && !reason.chars().any(char::is_control), "{reason:?}");
    assert_eq!(seen.lock().expect("no panic").len(), 1);
}

#[test]
fn an_error_or_a_panic_refuses_and_tells_no_detail() {
    for does in [Does::Fail, Does::PanicAtOnce, Does::PanicLater] {
        let (policy, _) = with(everything(), vec![("only", does)], never());
        let denied = quietly(|| decide(&policy, &person("ann").proven(), tool("t"))).expect_err("refused");
        assert_eq!(denied.reason, Reason::InterceptorFailed);
        let Denial::Fault(text) = denied.denial else { panic!("a fault of ours") };
        assert!(!text.contains("canary"));
    }
}

#[test]
fn a_panic_is_over_when_it_is_over() {
    let (policy, _) = with(everything(), vec![("only", Does::PanicLater)], never());
    for _ in 0..3 {
        assert!(quietly(|| decide(&policy, &person("ann").proven(), tool("t"))).is_err());
    }
}

#[test]
fn one_that_hangs_is_refused_when_the_time_is_up() {
    let rung = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&rung);
    let timer = Timer::new(move |patience| {
        assert_eq!(patience, Duration::from_secs(1));
        counting.fetch_add(1, Ordering::Relaxed);
        Box::pin(futures::future::ready(()))
    });
    let (policy, _) = with(everything(), vec![("only", Does::Hang)], timer);
    let denied = decide(&policy, &person("ann").proven(), tool("t")).expect_err("too slow");
    assert_eq!(denied.reason, Reason::InterceptorFailed);
    assert_eq!(rung.load(Ordering::Relaxed), 1);
}

#[test]
fn what_the_rules_refuse_no_interceptor_sees() {
    let (policy, seen) = with(everything(), vec![("only", Does::Pass)], never());
    let ann = person("ann").proven();
    let prompt = message(Era::Modern, "prompts/get", json!({ "name": "p" }));
    assert!(decide(&policy, &ann, prompt).is_err());
    assert!(decide(&policy, &Identified::Absent, tool("t")).is_err());
    assert!(decide(&policy, &ann, modern("made/up")).is_err());
    assert!(seen.lock().expect("no panic").is_empty());
}

#[test]
fn what_an_interceptor_refuses_no_limit_counts() {
    let limited = Rule { limit: Rate::per_hour(1), ..rule("tool", "*", Admits::Authenticated) };
    struct Picky;
    #[async_trait]
    impl Interceptor for Picky {
        async fn before(&self, call: &Intercepted<'_>) -> Result<Verdict, InterceptError> {
            let bad = call.arguments()?.is_some_and(|arguments| arguments.get("bad").is_some());
            Ok(if bad { Verdict::Refuse { reason: "bad".to_owned() } } else { Verdict::Pass })
        }
    }
    let (policy, _) = with(vec![limited], Vec::new(), never());
    let policy = policy.with_interceptor(Arc::new(Picky));
    let ann = person("ann").proven();
    let call = |arguments| message(Era::Modern, "tools/call", json!({ "name": "t", "arguments": arguments }));
    for _ in 0..5 {
        assert!(decide(&policy, &ann, call(json!({ "bad": 1 }))).is_err());
    }
    assert!(decide(&policy, &ann, call(json!({}))).is_ok());
    assert!(matches!(decide(&policy, &ann, call(json!({}))).map_err(|d| d.denial), Err(Denial::TooFast { .. })));
}

#[test]
fn an_interceptor_sees_who_calls_what_where() {
    struct Curious;
    #[async_trait]
    impl Interceptor for Curious {
        async fn before(&self, call: &Intercepted<'_>) -> Result<Verdict, InterceptError> {
            assert_eq!(call.server(), &server());
            assert_eq!(call.method(), Some(&Method::ToolsCall));
            assert_eq!(call.target(), &Target::Tool("t".into()));
            assert_eq!(call.caller().caller().map(|caller| caller.subject().to_owned()).as_deref(), Some("ann"));
            assert_eq!(call.arguments()?, None);
            Ok(Verdict::Pass)
        }
    }
    let policy = policy(everything()).with_interceptor(Arc::new(Curious));
    let call = message(Era::Modern, "tools/call", json!({ "name": "t" }));
    assert!(decide(&policy, &person("ann").proven(), call).is_ok());
}

#[test]
fn a_decision_that_is_given_up_leaves_no_place_taken() {
    let limits = LimitSettings {
        address: None,
        caller: None,
        servers: BTreeMap::new(),
        concurrent: std::num::NonZeroU32::new(1),
        ..LimitSettings::default()
    };
    struct Once(AtomicUsize);
    #[async_trait]
    impl Interceptor for Once {
        async fn before(&self, _: &Intercepted<'_>) -> Result<Verdict, InterceptError> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
                futures::future::pending::<()>().await;
            }
            Ok(Verdict::Pass)
        }
    }
    let (policy, _) = limited(compile(source(everything())), limits);
    let policy = policy.with_interceptor(Arc::new(Once(AtomicUsize::new(0))));
    let ann = person("ann").proven();
    let server = server();
    let question = doorward_policy::Question {
        server: &server,
        call: tool("t"),
        who: ann.clone(),
        address: None,
        exchange: None,
        id: decision(),
        now: now(),
        path: policy.without_path(&ann),
        pace: policy.throttle(None, &ann).expect("no limit"),
    };
    assert!(policy.decide(question).now_or_never().is_none(), "it waits, and is dropped");
    assert!(decide(&policy, &ann, tool("t")).is_ok());
}
