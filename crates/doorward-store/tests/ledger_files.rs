//! The ledger in real files.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward_audit::testing::{fixed_clock, moment};
use doorward_audit::{Decision, DecisionId, Ending, Ledger, Reason, Sink, Text};
use doorward_store::{FileLedger, LedgerOptions, StateDir};
use serde_json::Value;

fn state() -> (tempfile::TempDir, StateDir) {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(temp.path().join("state")).unwrap();
    (temp, state)
}

fn options() -> LedgerOptions {
    LedgerOptions::new(fixed_clock(moment()))
}

fn open(state: &StateDir) -> FileLedger {
    FileLedger::open(state, &state.lock().unwrap(), options()).unwrap()
}

fn ledger(sink: &FileLedger) -> Ledger {
    Ledger::new(Arc::new(sink.clone()), fixed_clock(moment()))
}

/// A decision of one task, numbered in its rule.
fn decision(task: u16, number: u32) -> Decision {
    let mut random = [0; 10];
    random[2..4].copy_from_slice(&task.to_be_bytes());
    random[4..8].copy_from_slice(&number.to_be_bytes());
    Decision {
        rule: Some(Text::clip(&format!("{task}/{number}"))),
        ..Decision::new(DecisionId::new(moment(), random), moment())
    }
}

fn segments(state: &StateDir) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(state.path().join("ledger")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn records(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_tasks_write_at_once_and_every_acknowledged_line_is_there_in_order() {
    const TASKS: u16 = 200;
    const EACH: u32 = 20;
    let (_temp, state) = state();
    let sink = open(&state);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let ledger = ledger(&sink);
            tokio::spawn(async move {
                for number in 0..EACH {
                    let recorded = ledger.record((), decision(task, number)).await.unwrap();
                    recorded.open().1.close(Ending::Answered);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // Acknowledged is handed to the operating system: decisions are there without a sync.
    let decided = |state: &StateDir| -> BTreeMap<String, Vec<u32>> {
        let mut by_task = BTreeMap::<_, Vec<u32>>::new();
        for record in segments(state).iter().flat_map(|path| records(path)) {
            if let Some((task, number)) = record["rule"].as_str().and_then(|rule| rule.split_once('/')) {
                by_task.entry(task.to_owned()).or_default().push(number.parse().unwrap());
            }
        }
        by_task
    };
    let by_task = decided(&state);
    assert_eq!(by_task.len(), usize::from(TASKS));
    assert!(by_task.values().all(|numbers| numbers.iter().copied().eq(0..EACH)));

    sink.sync().await.unwrap();
    let all: Vec<_> = segments(&state).iter().flat_map(|path| records(path)).collect();
    assert_eq!(all.len(), usize::from(TASKS) * EACH as usize * 2);
    let mut decided = BTreeSet::new();
    for record in &all {
        let id = record["id"].as_str().unwrap();
        match record["kind"].as_str() {
            Some("decision") => assert!(decided.insert(id), "a decision is written once"),
            _ => assert!(decided.remove(id), "an outcome follows its decision, once"),
        }
    }
    assert!(decided.is_empty(), "every decision has an outcome");
}

#[tokio::test]
async fn segments_are_private_named_by_time_and_never_written_over() {
    let (_temp, state) = state();
    for _ in 0..3 {
        let sink = open(&state);
        ledger(&sink).refuse(decision(0, 0), Reason::Forbidden).await.unwrap();
    }
    let names: Vec<_> =
        segments(&state).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        ["20260728T000000.000Z-0000.ndjson", "20260728T000000.000Z-0001.ndjson", "20260728T000000.000Z-0002.ndjson",]
    );
    for path in segments(&state) {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(records(&path).len(), 1);
    }
}

#[tokio::test]
async fn er_12_a_torn_tail_is_closed_and_told() {
    let (_temp, state) = state();
    let sink = open(&state);
    for number in 0..3 {
        ledger(&sink).refuse(decision(0, number), Reason::Forbidden).await.unwrap();
    }
    drop(sink);
    // As kill -9 in the middle of a write leaves it.
    let first = segments(&state)[0].clone();
    let length = fs::metadata(&first).unwrap().len();
    OpenOptions::new().write(true).open(&first).unwrap().set_len(length - 10).unwrap();
    let broken = fs::read_to_string(&first).unwrap().lines().last().unwrap().len();

    let sink = open(&state);
    ledger(&sink).refuse(decision(0, 3), Reason::Forbidden).await.unwrap();
    let old = records(&first);
    assert_eq!(old.iter().map(Value::is_null).collect::<Vec<_>>(), [false, false, true]);
    assert!(fs::read_to_string(&first).unwrap().ends_with('\n'));
    let new = records(&segments(&state)[1]);
    assert_eq!((&new[0]["kind"], &new[0]["what"]), (&"notice".into(), &"torn_tail".into()));
    assert_eq!(new[0]["segment"], first.file_name().unwrap().to_str().unwrap());
    assert_eq!(new[0]["bytes"], broken);
    assert_eq!(new[1]["kind"], "decision");

    drop(sink);
    drop(open(&state));
    assert!(records(&segments(&state)[2]).is_empty(), "a torn tail is told once");
}

#[tokio::test]
async fn a_command_beside_a_node_writes_a_segment_of_its_own() {
    let (_temp, state) = state();
    let lock = state.lock().unwrap();
    let node = FileLedger::open(&state, &lock, options()).unwrap();
    let command = FileLedger::open_beside(&state, options()).unwrap();
    ledger(&node).refuse(decision(1, 0), Reason::Forbidden).await.unwrap();
    ledger(&command).refuse(decision(2, 0), Reason::Forbidden).await.unwrap();
    let rules: Vec<_> = segments(&state).iter().map(|path| records(path)[0]["rule"].clone()).collect();
    assert_eq!(rules, ["1/0", "2/0"]);
}

#[tokio::test]
async fn er_12_a_ledger_that_is_gone_refuses_once_a_new_segment_is_due() {
    let (_temp, state) = state();
    let sink =
        FileLedger::open(&state, &state.lock().unwrap(), LedgerOptions { segment_bytes: 1, ..options() }).unwrap();
    let ledger = ledger(&sink);
    ledger.refuse(decision(0, 0), Reason::Forbidden).await.unwrap();
    fs::remove_dir_all(state.path().join("ledger")).unwrap();
    assert!(ledger.record((), decision(0, 1)).await.is_err());
    assert!(sink.failure().is_some());
    state.subdirectory("ledger").unwrap();
    assert!(ledger.record((), decision(0, 2)).await.is_ok());
    assert_eq!(sink.failure(), None);
}

#[tokio::test]
async fn er_12_an_unwritable_ledger_directory_does_not_open() {
    let (_temp, state) = state();
    fs::write(state.path().join("ledger"), "in the way").unwrap();
    let refused = FileLedger::open(&state, &state.lock().unwrap(), options()).unwrap_err().to_string();
    assert!(refused.starts_with("the ledger can't be opened: "), "{refused}");
    assert!(refused.ends_with("is not a directory"), "{refused}");
}

#[tokio::test]
async fn a_sink_reserves_room_that_a_busy_queue_can_not_take() {
    let (_temp, state) = state();
    let sink = FileLedger::open(&state, &state.lock().unwrap(), LedgerOptions { queue: 1, ..options() }).unwrap();
    let slots: Vec<_> = futures::future::join_all((0..100).map(|_| sink.reserve())).await;
    let ledger = ledger(&sink);
    let writes = (0..100).map(|number| ledger.refuse(decision(0, number), Reason::Forbidden));
    assert!(futures::future::join_all(writes).await.iter().all(Result::is_ok));
    assert!(slots.iter().all(Result::is_ok));
}
