//! What happened? Doorward's ledger: record types that can't hold a value of a request.
//!
//! Every decision is on record before anything is sent, and every recorded call gets an outcome.
//! The types of this crate take configured, validated and confirmed names ([`Text`]), numbers,
//! lengths and closed enums; what a request merely says passes through [`TargetLabel::of`],
//! [`Shape::of`] and [`method_label`], which keep lengths and types and let the words go.
//!
//! The crate does no I/O: a [`Sink`] keeps the lines, and [`Ledger::record`] mints the
//! [`Recorded`] that sending demands. If a record can't be kept, the call is refused.
//!
//! # The format
//!
//! The ledger is NDJSON: one JSON object per line, UTF-8, no control character in a line. Field
//! names and words are stable; readers must ignore fields that they don't know. A field whose value
//! is not known is left out.
//!
//! Every record has
//!
//! | field | |
//! |---|---|
//! | `kind` | `decision`, `outcome`, `authentication` or `notice` |
//! | `id` | the [`DecisionId`]: a UUID version 7. A decision and its outcome share it |
//! | `at` | RFC 3339, UTC, milliseconds: `2026-07-28T09:30:00.125Z` |
//!
//! **decision**, before anything is sent:
//!
//! | field | |
//! |---|---|
//! | `who` | `{"issuer","subject","client"?,"tenant"}`, `"anonymous"` or `"absent"` |
//! | `server` | the guarded server |
//! | `era`, `version` | `modern` or `legacy`, and the protocol version |
//! | `method` | the MCP method, `unknown`, or `listen`, `end_session`, `none` for what is no message |
//! | `target` | `{"kind","name"}` when a catalogue or a rule names it, else `{"kind","length"}`; `{"kind","count"}` for several |
//! | `shape` | of the arguments: `{"bytes","type","keys":{NAME:{"type","bytes"?}},"unknown"?}` |
//! | `rule` | the rule that decided |
//! | `session` | `true` when a session was named |
//! | `address` | where the request came from |
//! | `token_id` | the id of the validated token |
//! | `verdict`, `reason` | `allow`, or `refuse` with a [`Reason`] |
//!
//! **outcome**, of every allowed call: `ending` ([`Ending`]: `answered`, `answered_with_error` with
//! `code`, `cancelled`, `timed_out`, `upstream_failed`, `ended` with `reason`, `dropped`),
//! `latency_us`, `status`, `events`, `dropped`, `bytes`.
//!
//! **authentication**: `result` (`ok`, or `failed` with a `reason`), `who`, `server`, `address`,
//! `token_id`.
//!
//! **notice**: `what` ([`What`]) and its own fields.
//!
//! ```
//! # use doorward_audit::{testing, Decision, DecisionId, Ending};
//! # let _ = async {
//! let sink = testing::MemorySink::new();
//! let ledger = sink.ledger();
//! let decision = Decision::new(DecisionId::new(testing::moment(), [0; 10]), testing::moment());
//! let recorded = ledger.record("what may be sent", decision).await?;
//! let (_send, outcome) = recorded.open();
//! outcome.close(Ending::Answered);
//! assert_eq!(sink.lines().len(), 2);
//! # Ok::<(), doorward_audit::LedgerError>(()) };
//! ```

mod decision;
mod id;
mod label;
mod ledger;
mod notice;
mod reason;
mod record;
mod shape;
mod sink;
pub mod testing;
mod text;
mod time;
mod who;

pub use decision::{Counters, Decision, Ending, Outcome, Verdict};
pub use id::{DecisionId, NotADecisionId};
pub use label::{TargetLabel, method_label};
pub use ledger::{Clock, Ledger, LedgerError, OutcomeSlot, Recorded};
pub use notice::{
    Authentication, AuthenticationResult, DropReason, Fingerprint, Notice, Session, SessionEnd, Token, What,
};
pub use reason::Reason;
pub use record::{EncodeError, Line, Record};
pub use shape::{Field, JsonType, Shape};
pub use sink::{Sink, SinkError, Slot};
pub use text::Text;
pub use time::Moment;
pub use who::{CallerLabel, Who};
