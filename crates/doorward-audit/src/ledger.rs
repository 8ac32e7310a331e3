//! The stage of the corridor that puts a decision on record before anything is sent.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::{
    Authentication, Counters, Decision, DecisionId, EncodeError, Ending, Notice, Outcome, Reason, Record, Sink,
    SinkError, Slot, Verdict,
};

/// The clock of a ledger.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The ledger: takes records, and mints [`Recorded`] for what is on record.
///
/// A ledger that can't write refuses: an error of any method here means that the call must not go
/// on (ER-12).
#[derive(Clone)]
pub struct Ledger {
    sink: Arc<dyn Sink>,
    clock: Clock,
}

impl Ledger {
    /// A ledger over a sink; the clock gives outcomes their time.
    #[must_use]
    pub fn new(sink: Arc<dyn Sink>, clock: Clock) -> Self {
        Self { sink, clock }
    }

    /// Records that a call is allowed, and reserves room for its outcome.
    ///
    /// `subject` is what the decision allows (a cleared permit): it can be sent only once it comes
    /// back as [`Recorded`]. The caller guarantees that `decision` is about `subject`.
    ///
    /// When the future is dropped while the record is being written, the outcome
    /// [`Ending::Dropped`] follows it, so no decision on record stays without an end.
    ///
    /// # Errors
    ///
    /// When the record or the room can't be had. Nothing may be sent then.
    pub async fn record<T>(&self, subject: T, decision: Decision) -> Result<Recorded<T>, LedgerError> {
        let id = decision.id;
        let line = Record::Decision { decision, verdict: Verdict::Allow }.encode()?;
        let room = self.sink.reserve().await?;
        let mut slot = OutcomeSlot {
            id,
            since: (self.clock)(),
            clock: self.clock.clone(),
            room: Some(room),
            counters: Counters::default(),
        };
        if let Err(error) = self.sink.write(line).await {
            slot.room = None;
            return Err(error.into());
        }
        Ok(Recorded { subject, slot })
    }

    /// Records that a call is refused.
    ///
    /// # Errors
    ///
    /// When the record can't be written. The call stays refused, as our own fault.
    pub async fn refuse(&self, decision: Decision, reason: Reason) -> Result<(), LedgerError> {
        self.keep(&Record::Decision { decision, verdict: Verdict::Refuse(reason) }).await
    }

    /// Records an authentication event.
    ///
    /// # Errors
    ///
    /// When the record can't be written. The credential must then count as unproven.
    pub async fn authentication(&self, authentication: Authentication) -> Result<(), LedgerError> {
        self.keep(&Record::Authentication(authentication)).await
    }

    /// Records something beside the calls.
    ///
    /// # Errors
    ///
    /// When the record can't be written.
    pub async fn notice(&self, notice: Notice) -> Result<(), LedgerError> {
        self.keep(&Record::Notice(notice)).await
    }

    async fn keep(&self, record: &Record) -> Result<(), LedgerError> {
        Ok(self.sink.write(record.encode()?).await?)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

/// The proof that the decision about `T` is on record.
///
/// Made by [`Ledger::record`] alone. The subject can be read but not replaced; opening gives it out
/// together with the duty to say how it ended.
///
/// ```compile_fail,E0451
/// # fn forged(slot: doorward_audit::OutcomeSlot) -> doorward_audit::Recorded<&'static str> {
/// doorward_audit::Recorded { subject: "never recorded", slot }
/// # }
/// ```
#[must_use = "a recorded call that is not opened ends as dropped"]
pub struct Recorded<T> {
    subject: T,
    slot: OutcomeSlot,
}

impl<T> Recorded<T> {
    /// What is on record.
    pub const fn get(&self) -> &T {
        &self.subject
    }

    /// The id of the decision.
    pub const fn id(&self) -> &DecisionId {
        self.slot.id()
    }

    /// Gives out the subject and the slot for its outcome.
    pub fn open(self) -> (T, OutcomeSlot) {
        (self.subject, self.slot)
    }
}

impl<T> fmt::Debug for Recorded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("id", self.id()).finish_non_exhaustive()
    }
}

/// Room in the ledger for how one call ended.
///
/// Dropping it records [`Ending::Dropped`] with what was counted until then.
#[must_use = "an outcome slot that is not closed records the call as dropped"]
pub struct OutcomeSlot {
    id: DecisionId,
    since: SystemTime,
    clock: Clock,
    room: Option<Box<dyn Slot>>,
    counters: Counters,
}

impl OutcomeSlot {
    /// The id of the decision.
    pub const fn id(&self) -> &DecisionId {
        &self.id
    }

    /// What was counted until now, to be counted on.
    pub const fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// Records how the call ended.
    pub fn close(mut self, ending: Ending) {
        self.write(ending);
    }

    fn write(&mut self, ending: Ending) {
        let Some(room) = self.room.take() else { return };
        let at = (self.clock)();
        let outcome = Outcome {
            id: self.id,
            at,
            ending,
            latency: at.duration_since(self.since).unwrap_or_default(),
            counters: self.counters,
        };
        if let Ok(line) = Record::Outcome(outcome).encode() {
            room.write(line);
        }
    }
}

impl Drop for OutcomeSlot {
    fn drop(&mut self) {
        self.write(Ending::Dropped);
    }
}

impl fmt::Debug for OutcomeSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutcomeSlot").field("id", &self.id).field("counters", &self.counters).finish_non_exhaustive()
    }
}

/// The ledger could not take a record: refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The sink could not keep the line.
    #[error("the ledger could not take the record: {0}")]
    Sink(#[from] SinkError),
    /// The record could not be encoded.
    #[error("the ledger could not take the record: {0}")]
    Encode(#[from] EncodeError),
}
