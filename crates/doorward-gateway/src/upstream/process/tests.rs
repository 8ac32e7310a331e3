//! Links to real processes: small shell scripts that read and write lines.

use std::{path::Path, time::SystemTime};

use bytes::Bytes;
use doorward::{NoRandomness, identity::CallerKey, upstream::Incoming};
use doorward_wire::Version;
use futures::StreamExt as _;

use super::*;

const LONG: Duration = Duration::from_secs(30);
const MODERN: Version = Version::V2026_07_28;
const LEGACY: Version = Version::V2025_11_25;

/// Answers the probe with the modern version, then does as `rest` says.
const MODERN_START: &str = r#"read -r line
echo '{"jsonrpc":"2.0","id":9007199254740991,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}'
"#;

/// A clock that stands and randomness that is all zero, so that no restart waits.
struct Still {
    random: u8,
}

impl Surroundings for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        bytes.fill(self.random);
        Ok(())
    }
}

fn sh(script: &str) -> Launch {
    Launch::new("/bin/sh", vec!["-c".to_owned(), script.to_owned()]).unwrap()
}

fn start(script: &str, version: Version) -> ProcessLink {
    let spawned = sh(script).spawn().unwrap();
    ProcessLink::start(spawned, "crm".parse().unwrap(), version, Arc::default(), |_, _| {})
}

fn upstream(launch: Launch, limits: ProcessLimits) -> ProcessUpstream {
    ProcessUpstream::new("crm".parse().unwrap(), launch, limits, Arc::new(Still { random: 0 }))
}

fn key(version: Version, session: u64) -> LinkKey {
    LinkKey {
        server: "crm".parse().unwrap(),
        owner: Owner::Caller(CallerKey::new("https://issuer.test", "alice", None)),
        version,
        capabilities: [0; 32],
        session: (version != MODERN).then_some(session),
    }
}

async fn call(link: &ProcessLink, number: u64) -> Incoming {
    let message = format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"ping"}}"#);
    link.exchange(Some(number), message.as_bytes(), false, LONG).await.unwrap()
}

/// All frames of a call, and whether it ended with an error.
async fn all(incoming: Incoming) -> (Vec<String>, Option<UpstreamError>) {
    let mut lines = Vec::new();
    let mut frames = incoming.frames;
    while let Some(frame) = tokio::time::timeout(LONG, frames.next()).await.unwrap() {
        match frame {
            Ok(frame) => lines.push(String::from_utf8(frame.data.unwrap().to_vec()).unwrap()),
            Err(error) => return (lines, Some(error)),
        }
    }
    (lines, None)
}

/// Waits until a condition holds.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to be");
}

fn result(id: u64, name: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"name":"{name}"}}}}"#)
}

#[tokio::test]
async fn answers_in_any_order_reach_their_calls_and_noise_is_skipped() {
    let script = format!(
        "echo 'npm notice: hello'; read -r a; read -r b; echo '[]'; printf '\\377\\n'; echo '{}'; echo '{}'; cat >/dev/null",
        result(2, "two"),
        result(1, "one")
    );
    let link = start(&script, MODERN);
    let (one, two) = (call(&link, 1).await, call(&link, 2).await);
    assert_eq!(all(one).await.0, [result(1, "one")]);
    assert_eq!(all(two).await.0, [result(2, "two")]);
    assert!(!link.is_in_use());
    link.close().await;
}

#[tokio::test]
async fn c17_the_process_gets_each_message_on_one_line() {
    let link = start("read -r line; printf '%s\\n' \"$line\"; cat >/dev/null", MODERN);
    let message = "{\"jsonrpc\":\"2.0\",\n \"id\":1,\r\n\"result\":{\"pretty\":\"\\n\"}}";
    let incoming = link.exchange(Some(1), message.as_bytes(), false, LONG).await.unwrap();
    // The script says back what it got, which reads as the answer.
    let expected = message.replace(['\n', '\r'], " ");
    let (lines, _) = all(incoming).await;
    assert_eq!(lines.iter().map(|line| line.replace("\\\\", "\\")).collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn progress_comes_before_the_answer_and_only_to_its_call() {
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    let script =
        format!("read -r a; read -r b; echo '{progress}'; echo '{}'; echo '{}'", result(1, "a"), result(2, "b"));
    let link = start(&script, MODERN);
    let (one, two) = (call(&link, 1).await, call(&link, 2).await);
    assert_eq!(all(one).await.0, [progress.to_owned(), result(1, "a")]);
    assert_eq!(all(two).await.0, [result(2, "b")]);
}

#[tokio::test]
async fn calls_in_flight_fail_at_once_when_the_process_dies() {
    let link = start("read -r a; read -r b; exit 3", MODERN);
    let (one, two) = (call(&link, 1).await, call(&link, 2).await);
    assert!(matches!(all(one).await, (lines, Some(UpstreamError::Closed)) if lines.is_empty()));
    assert!(matches!(all(two).await, (lines, Some(UpstreamError::Closed)) if lines.is_empty()));
    assert!(!Link::is_alive(&link));
    assert!(matches!(link.exchange(Some(3), b"{}", false, LONG).await, Err(UpstreamError::Closed)));
}

#[tokio::test]
async fn the_last_words_of_a_process_are_heard() {
    let link = start(&format!("read -r a; echo '{}'; exit 0", result(1, "last")), MODERN);
    assert_eq!(all(call(&link, 1).await).await.0, [result(1, "last")]);
}

#[tokio::test]
async fn c19_a_cancelled_call_is_told_to_the_process_once_and_its_late_answer_is_nobodys() {
    let directory = tempfile::tempdir().unwrap();
    let seen = directory.path().join("seen");
    let script = format!(
        "read -r call; read -r cancel; printf '%s' \"$cancel\" > '{}'; echo '{}'; cat >> '{}'",
        seen.display(),
        result(1, "late"),
        seen.display()
    );
    let spawned = sh(&script).spawn().unwrap();
    let tally: Arc<Tally> = Arc::default();
    let link = ProcessLink::start(spawned, "crm".parse().unwrap(), MODERN, Arc::clone(&tally), |_, _| {});
    let one = call(&link, 1).await;
    link.cancel(1).await;
    link.cancel(1).await;
    link.cancel(7).await;
    until(|| tally.stray.load(Ordering::Relaxed) == 1).await;
    link.close().await;
    assert!(matches!(all(one).await, (lines, Some(UpstreamError::Closed)) if lines.is_empty()));
    let cancel = std::fs::read_to_string(seen).unwrap();
    assert_eq!(cancel.matches("notifications/cancelled").count(), 1, "{cancel}");
    assert!(cancel.contains(r#""requestId":1"#), "{cancel}");
}

#[tokio::test]
async fn b17_a_ping_of_the_server_is_answered_even_when_nobody_listens() {
    let directory = tempfile::tempdir().unwrap();
    let pong = directory.path().join("pong");
    let script = format!(
        r#"echo '{{"jsonrpc":"2.0","id":"p","method":"ping"}}'; read -r pong; echo "$pong" > '{}'; cat >/dev/null"#,
        pong.display()
    );
    let link = start(&script, LEGACY);
    until(|| std::fs::read_to_string(&pong).is_ok_and(|said| said.ends_with('\n'))).await;
    assert_eq!(std::fs::read_to_string(&pong).unwrap(), "{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"result\":{}}\n");
    link.close().await;
}

#[tokio::test]
async fn b09_what_belongs_to_no_call_goes_to_the_standalone_stream() {
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let link = start(&format!("read -r go; echo '{changed}'; cat >/dev/null"), LEGACY);
    let mut stream = link.listen(None).await.unwrap();
    assert!(link.listen(Some("1")).await.is_err());
    link.exchange(None, br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, false, LONG).await.unwrap();
    let frame = tokio::time::timeout(LONG, stream.frames.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(frame.data.unwrap(), Bytes::from_static(changed.as_bytes()));
    assert!(link.is_in_use());
    drop(stream);
    assert!(!link.is_in_use());
    assert!(matches!(start("cat", MODERN).listen(None).await, Err(UpstreamError::NoStream)));
}

#[tokio::test]
async fn js_11_an_endless_line_is_dropped_and_the_next_is_read() {
    let script = format!(
        "read -r a; head -c 40000000 /dev/zero | tr '\\0' 'x'; echo; echo '{}'; cat >/dev/null",
        result(1, "after")
    );
    let link = start(&script, MODERN);
    assert_eq!(all(call(&link, 1).await).await.0, [result(1, "after")]);
}

#[tokio::test]
async fn a_process_that_does_not_read_makes_the_caller_time_out() {
    let link = start("sleep 600", MODERN);
    let big = format!(r#"{{"jsonrpc":"2.0","method":"x","params":{{"a":"{}"}}}}"#, "y".repeat(256 * 1024));
    let mut error = None;
    for _ in 0..100 {
        if let Err(refused) = link.exchange(None, big.as_bytes(), false, Duration::from_millis(100)).await {
            error = Some(refused);
            break;
        }
    }
    assert!(matches!(error, Some(UpstreamError::TimedOut)));
    link.begin_end();
}

fn is_running(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

async fn pid_in(file: &Path) -> i32 {
    let read = || std::fs::read_to_string(file).ok()?.trim().parse().ok();
    until(|| read().is_some()).await;
    read().unwrap()
}

#[tokio::test]
async fn c21_closing_asks_by_closed_input_then_by_force_and_takes_the_children_along() {
    let directory = tempfile::tempdir().unwrap();
    let (head, child) = (directory.path().join("head"), directory.path().join("child"));
    let stubborn = format!(
        "trap '' TERM; sleep 600 & echo $! > '{}'; echo $$ > '{}'; while :; do sleep 600; done",
        child.display(),
        head.display()
    );
    let link = start(&stubborn, MODERN);
    let (head, child) = (pid_in(&head).await, pid_in(&child).await);
    assert!(is_running(head) && is_running(child));
    let began = Instant::now();
    link.close().await;
    assert!((Duration::from_secs(4)..Duration::from_secs(20)).contains(&began.elapsed()));
    until(|| !is_running(head) && !is_running(child)).await;
}

#[tokio::test]
async fn c21_a_child_that_left_the_group_and_kept_the_pipes_holds_nothing_up() {
    let directory = tempfile::tempdir().unwrap();
    let child = directory.path().join("child");
    let script = format!("setsid sh -c 'echo $$ > \"{}\"; exec sleep 20' & cat >/dev/null", child.display());
    let link = start(&script, MODERN);
    let child = pid_in(&child).await;
    let shared = link.downgrade();
    let closed = tokio::time::timeout(Duration::from_secs(15), link.close()).await;
    drop(link);
    // Nothing that reads its pipes is left.
    until(|| shared.strong_count() == 0).await;
    let outlived = is_running(child);
    let pid = rustix::process::Pid::from_raw(child).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    assert!(closed.is_ok() && outlived);
}

#[tokio::test]
async fn c21_a_polite_process_ends_when_its_input_closes() {
    let directory = tempfile::tempdir().unwrap();
    let done = directory.path().join("done");
    let link = start(&format!("cat >/dev/null; echo bye > '{}'", done.display()), MODERN);
    let began = Instant::now();
    link.close().await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(std::fs::read_to_string(done).unwrap(), "bye\n");
}

#[tokio::test]
async fn a_dropped_link_ends_its_process() {
    let directory = tempfile::tempdir().unwrap();
    let head = directory.path().join("head");
    let link = start(&format!("echo $$ > '{}'; cat", head.display()), MODERN);
    let head = pid_in(&head).await;
    drop(link);
    until(|| !is_running(head)).await;
}

#[tokio::test]
async fn pt_05_the_environment_is_the_list_and_nothing_else() {
    let script = r#"read -r a; printf '{"jsonrpc":"2.0","id":1,"result":{"env":"'; env | cut -d= -f1 | sort | tr '\n' ' '; printf '"}}\n'"#;
    let launch = sh(script).environment(vec![Variable::new("CRM_TOKEN", "x").unwrap()]);
    let link = ProcessLink::start(launch.spawn().unwrap(), "crm".parse().unwrap(), MODERN, Arc::default(), |_, _| {});
    let (lines, _) = all(call(&link, 1).await).await;
    let names = lines[0].split('"').nth(11).unwrap().split_whitespace();
    let allowed =
        ["CRM_TOKEN", "PATH", "HOME", "USER", "LANG", "TERM", "TMPDIR", "SHELL", "PWD", "OLDPWD", "SHLVL", "_"];
    let mut found = false;
    for name in names {
        found |= name == "CRM_TOKEN";
        assert!(allowed.contains(&name) || name.starts_with("LC_"), "{name}");
    }
    assert!(found, "{lines:?}");
}

#[tokio::test]
async fn c18_a_modern_process_is_found_out_once_and_shared_by_its_key() {
    let upstream = upstream(sh(&format!("{MODERN_START} cat >/dev/null")), ProcessLimits::default());
    assert_eq!(upstream.state(), UpstreamState::Unknown);
    let first = upstream.link(&key(MODERN, 0)).await.unwrap();
    let second = upstream.link(&key(MODERN, 0)).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    let mut other = key(MODERN, 0);
    other.capabilities = [1; 32];
    assert!(!Arc::ptr_eq(&first, &upstream.link(&other).await.unwrap()));
    assert_eq!(upstream.tally().started.load(Ordering::Relaxed), 2);
    assert_eq!(upstream.state(), UpstreamState::Ready);
    upstream.close().await;
}

#[tokio::test]
async fn c18_a_legacy_process_is_not_given_modern_calls_and_is_not_asked_again() {
    let script = r#"read -r line
echo '{"jsonrpc":"2.0","id":9007199254740991,"error":{"code":-32602,"message":"Invalid request parameters"}}'
cat >/dev/null"#;
    let upstream = upstream(sh(script), ProcessLimits::default());
    for _ in 0..3 {
        match upstream.link(&key(MODERN, 0)).await {
            Err(UpstreamError::WrongEra { supported }) => assert_eq!(supported, Version::LEGACY),
            _ => panic!("a legacy process was taken for a modern one"),
        }
    }
    assert_eq!(upstream.tally().started.load(Ordering::Relaxed), 1);
    assert!(upstream.link(&key(LEGACY, 1)).await.is_ok());
    upstream.close().await;
}

#[tokio::test]
async fn a_legacy_session_has_its_own_process_and_ends_with_it() {
    let upstream = upstream(sh("read -r line; exit 1"), ProcessLimits::default());
    let one = upstream.link(&key(LEGACY, 1)).await.unwrap();
    let two = upstream.link(&key(LEGACY, 2)).await.unwrap();
    assert!(!Arc::ptr_eq(&one, &two));
    one.close().await;
    assert!(matches!(upstream.link(&key(LEGACY, 1)).await, Err(UpstreamError::SessionEnded)));
    assert!(two.is_alive());
}

#[tokio::test]
async fn a_modern_process_that_died_is_started_again() {
    let script = format!("{MODERN_START} read -r line; exit 1");
    let upstream = upstream(sh(&script), ProcessLimits::default());
    let first = upstream.link(&key(MODERN, 0)).await.unwrap();
    // Any line of ours ends it: an answer to nobody's question does.
    first.close().await;
    let second = upstream.link(&key(MODERN, 0)).await.unwrap();
    assert!(second.is_alive() && !Arc::ptr_eq(&first, &second));
    upstream.close().await;
}

#[tokio::test]
async fn a_process_that_keeps_dying_is_started_ever_more_seldom() {
    let surroundings = Arc::new(Still { random: 0xff });
    let upstream = ProcessUpstream::new("crm".parse().unwrap(), sh("exit 7"), ProcessLimits::default(), surroundings);
    let mut last = String::new();
    for _ in 0..8 {
        match upstream.link(&key(MODERN, 0)).await {
            Err(UpstreamError::Unreachable(why)) => {
                last = why;
                break;
            }
            Err(UpstreamError::Closed) => tokio::time::sleep(Duration::from_millis(50)).await,
            other => panic!("{:?}", other.err()),
        }
    }
    assert!(last.starts_with("the process failed "), "{last}");
    assert!(upstream.tally().started.load(Ordering::Relaxed) <= 4);
    assert!(matches!(upstream.state(), UpstreamState::Failing { why, .. } if why.contains("ended by itself")));
}

#[tokio::test]
async fn a_missing_command_is_one_clear_line() {
    let launch = Launch::new("/no/such/program", Vec::new()).unwrap();
    let upstream = upstream(launch, ProcessLimits::default());
    let Err(error) = upstream.link(&key(LEGACY, 1)).await else { panic!("it was started") };
    let text = "the command `/no/such/program` was not found; is it installed, and in `PATH`?";
    assert_eq!(error.to_string(), format!("the server can't be reached: {text}"));
    assert!(matches!(upstream.state(), UpstreamState::Failing { why, .. } if why == text));
}

#[tokio::test]
async fn processes_are_capped_and_the_idle_one_makes_room() {
    let limits = ProcessLimits { processes: 2, per_owner: 2, ..ProcessLimits::default() };
    let upstream = upstream(sh("cat >/dev/null"), limits);
    let one = upstream.link(&key(LEGACY, 1)).await.unwrap();
    let _busy = one.listen(None).await.unwrap();
    let two = upstream.link(&key(LEGACY, 2)).await.unwrap();
    let three = upstream.link(&key(LEGACY, 3)).await.unwrap();
    assert!(one.is_alive() && !two.is_alive() && three.is_alive());
    let _busy_too = three.listen(None).await.unwrap();
    assert!(matches!(upstream.link(&key(LEGACY, 4)).await, Err(UpstreamError::Exhausted(2))));
    upstream.close().await;
}

#[tokio::test]
async fn what_died_at_its_start_keeps_nobody_out() {
    let limits = ProcessLimits { processes: 3, per_owner: 2, ..ProcessLimits::default() };
    let upstream = upstream(sh("exit 1"), limits);
    for session in 0..8 {
        let anonymous = LinkKey { owner: Owner::Anonymous, ..key(LEGACY, session) };
        let link = upstream.link(&anonymous).await.unwrap();
        until(|| !link.is_alive()).await;
    }
    upstream.close().await;
}

#[tokio::test]
async fn an_owner_whose_processes_are_slow_to_end_keeps_nobody_else_out() {
    // None of these ends before it is killed.
    let stubborn = sh("trap '' TERM; while :; do sleep 600; done");
    let limits = ProcessLimits { processes: 3, per_owner: 2, ..ProcessLimits::default() };
    let upstream = Arc::new(upstream(stubborn, limits));
    for session in 0..2 {
        upstream.link(&key(LEGACY, session)).await.unwrap();
    }
    let third = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.link(&key(LEGACY, 2)).await.map(drop) }
    });
    let bob = Owner::Caller(CallerKey::new("https://issuer.test", "bob", None));
    assert!(upstream.link(&LinkKey { owner: bob, ..key(LEGACY, 3) }).await.is_ok());
    assert!(third.await.unwrap().is_ok());
    upstream.close().await;
}

#[tokio::test]
async fn an_unused_process_ends() {
    let limits = ProcessLimits { session_idle: Duration::from_millis(200), ..ProcessLimits::default() };
    let upstream = upstream(sh("cat >/dev/null"), limits);
    let idle = upstream.link(&key(LEGACY, 1)).await.unwrap();
    let used = upstream.link(&key(LEGACY, 2)).await.unwrap();
    let _stream = used.listen(None).await.unwrap();
    until(|| !idle.is_alive()).await;
    assert!(used.is_alive());
    upstream.close().await;
}

#[tokio::test]
async fn cve_2026_25536_a_thousand_interleaved_calls_get_their_own_answers() {
    // Says every id back as a result, in its own time and order.
    let script = r#"while read -r line; do id=${line#*\"id\":}; id=${id%%,*}; echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"for\":$id}}"; done"#;
    let link = Arc::new(start(script, MODERN));
    let calls = (1..=1000_u64).map(|number| {
        let link = Arc::clone(&link);
        async move { (number, all(call(&link, number).await).await.0) }
    });
    let answers = futures::stream::iter(calls).buffer_unordered(50).collect::<Vec<_>>().await;
    for (number, lines) in &answers {
        assert_eq!(lines, &[format!(r#"{{"jsonrpc":"2.0","id":{number},"result":{{"for":{number}}}}}"#)]);
    }
    assert_eq!(answers.len(), 1000);
}

#[tokio::test]
async fn a_reader_that_never_comes_costs_only_its_own_call() {
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    let script = format!(
        "read -r a; read -r b; i=0; while [ $i -lt 100 ]; do echo '{progress}'; i=$((i+1)); done; echo '{}'; cat >/dev/null",
        result(2, "b")
    );
    let link = start(&script, MODERN);
    let unread = call(&link, 1).await;
    let two = call(&link, 2).await;
    assert_eq!(all(two).await.0, [result(2, "b")]);
    assert!(matches!(all(unread).await, (lines, Some(UpstreamError::Closed)) if lines.len() < 100));
}
