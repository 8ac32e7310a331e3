//! The ledger as a stage of the corridor: what is sent is on record, and what is on record ends.

#![expect(clippy::indexing_slicing, reason = "tests may panic")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use doorward_audit::testing::{FailingSink, MemorySink, fixed_clock, moment, ticking_clock};
use doorward_audit::{
    Authentication, AuthenticationResult, Decision, DecisionId, Ending, Ledger, LedgerError, Line, Notice, Reason,
    Sink, SinkError, Slot, What,
};
use futures::FutureExt;
use serde_json::{Value, json};

fn decision() -> Decision {
    Decision::new(DecisionId::new(moment(), [7; 10]), moment())
}

fn endings(sink: &MemorySink) -> Vec<Value> {
    sink.of_kind("outcome").into_iter().map(|record| record["ending"].clone()).collect()
}

#[tokio::test]
async fn an_allowed_call_is_on_record_before_it_can_be_opened() {
    let sink = MemorySink::new();
    let recorded = sink.ledger().record("call", decision()).await.unwrap();
    assert_eq!(sink.records().len(), 1);
    assert_eq!(sink.records()[0]["verdict"], "allow");
    assert_eq!(recorded.get(), &"call");
    assert_eq!(sink.records()[0]["id"], recorded.id().to_string());
    let (subject, outcome) = recorded.open();
    assert_eq!(subject, "call");
    outcome.close(Ending::Answered);
}

#[tokio::test]
async fn the_outcome_bears_the_decisions_id_and_what_was_counted() {
    let sink = MemorySink::new();
    let ledger = Ledger::new(Arc::new(sink.clone()), ticking_clock(moment(), Duration::from_millis(3)));
    let (_, mut outcome) = ledger.record((), decision()).await.unwrap().open();
    outcome.counters().events += 2;
    outcome.counters().bytes_out += 99;
    outcome.counters().status = Some(200);
    outcome.close(Ending::AnsweredWithError { code: -32_602 });
    let [decision, outcome]: [Value; 2] = sink.records().try_into().unwrap();
    assert_eq!(decision["id"], outcome["id"]);
    assert_eq!(outcome["latency_us"], 3_000);
    assert_eq!(outcome["code"], -32_602);
    assert_eq!((&outcome["events"], &outcome["bytes"]), (&json!(2), &json!(99)));
}

#[tokio::test]
async fn a_clock_set_back_gives_no_latency_and_no_error() {
    let sink = MemorySink::new();
    let reads = std::sync::atomic::AtomicU32::new(10);
    let backwards = move || moment() + Duration::from_secs(1) * reads.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    let ledger = Ledger::new(Arc::new(sink.clone()), Arc::new(backwards));
    ledger.record((), decision()).await.unwrap().open().1.close(Ending::Answered);
    assert_eq!(sink.of_kind("outcome")[0]["latency_us"], 0);
}

#[tokio::test]
async fn a_dropped_exchange_still_gets_its_outcome() {
    let sink = MemorySink::new();
    let ledger = sink.ledger();
    drop(ledger.record((), decision()).await.unwrap());
    let (_, mut slot) = ledger.record((), decision()).await.unwrap().open();
    slot.counters().events = 5;
    drop(slot);
    assert_eq!(endings(&sink), ["dropped", "dropped"]);
    assert_eq!(sink.of_kind("outcome")[1]["events"], 5);
}

#[tokio::test]
async fn an_outcome_is_written_once() {
    let sink = MemorySink::new();
    let (_, slot) = sink.ledger().record((), decision()).await.unwrap().open();
    slot.close(Ending::Cancelled);
    assert_eq!(endings(&sink), ["cancelled"]);
}

/// Takes lines and never says so.
#[derive(Clone, Default)]
struct Silent(MemorySink);

#[async_trait]
impl Sink for Silent {
    async fn write(&self, line: Line) -> Result<(), SinkError> {
        self.0.write(line).await?;
        std::future::pending().await
    }

    async fn reserve(&self) -> Result<Box<dyn Slot>, SinkError> {
        self.0.reserve().await
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_is_recorded_gets_its_outcome() {
    let sink = Silent::default();
    let ledger = Ledger::new(Arc::new(sink.clone()), fixed_clock(moment()));
    assert!(ledger.record((), decision()).now_or_never().is_none());
    assert_eq!(sink.0.of_kind("decision").len(), 1);
    assert_eq!(endings(&sink.0), ["dropped"]);
}

#[tokio::test]
async fn er_12_a_ledger_that_can_not_write_allows_nothing() {
    let sink = FailingSink::after(0, 1);
    let refused = sink.ledger().record("call", decision()).await;
    assert!(matches!(refused, Err(LedgerError::Sink(SinkError::Failed(_)))));
    assert!(sink.kept().lines().is_empty(), "no outcome without a decision");
}

#[tokio::test]
async fn er_12_a_ledger_without_room_for_the_outcome_allows_nothing() {
    let sink = FailingSink::after(usize::MAX, 0);
    assert!(sink.ledger().record("call", decision()).await.is_err());
    assert!(sink.kept().lines().is_empty(), "no decision that can have no outcome");
}

#[tokio::test]
async fn er_12_every_kind_of_record_reports_that_it_was_lost() {
    let ledger = FailingSink::new().ledger();
    let (id, at) = (decision().id, moment());
    assert!(ledger.refuse(decision(), Reason::Forbidden).await.is_err());
    let authentication = Authentication {
        id,
        at,
        result: AuthenticationResult::Ok,
        who: None,
        server: None,
        address: None,
        token_id: None,
    };
    assert!(ledger.authentication(authentication).await.is_err());
    let lost = ledger.notice(Notice { id, at, what: What::Stopped }).await.unwrap_err();
    assert_eq!(lost.to_string(), "the ledger could not take the record: no space left on device");
}

#[tokio::test]
async fn er_12_a_mended_ledger_allows_again() {
    let sink = FailingSink::new();
    assert!(sink.ledger().record((), decision()).await.is_err());
    sink.mend();
    assert!(sink.ledger().record((), decision()).await.is_ok());
}

#[tokio::test]
async fn a_refusal_is_one_record_without_an_outcome() {
    let sink = MemorySink::new();
    sink.ledger().refuse(decision(), Reason::Invisible).await.unwrap();
    let [record]: [Value; 1] = sink.records().try_into().unwrap();
    assert_eq!((&record["verdict"], &record["reason"]), (&json!("refuse"), &json!("invisible")));
}
