//! The records of one call: what was decided, and how it ended.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use doorward_wire::{Era, ServerName, Version};
use serde::{Serialize, Serializer};

use crate::{DecisionId, Reason, Shape, TargetLabel, Text, Who};

/// What one decision was about. Whether it was an allow or a refusal is said by the method of
/// [`Ledger`](crate::Ledger) that takes it, so that a refusal can't be recorded as sendable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// The decision's id, shared with its outcome and named in the answer.
    pub id: DecisionId,
    /// When it was decided.
    #[serde(serialize_with = "crate::time::serialize")]
    pub at: SystemTime,
    /// Who called.
    pub who: Who,
    /// The guarded server; none where the request reached none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerName>,
    /// The protocol version in force; its era is written beside it. None where the message was
    /// refused before one was known.
    #[serde(flatten, serialize_with = "version")]
    pub version: Option<Version>,
    /// The method's [label](crate::method_label), or a word of ours for what is no message
    /// (`listen`, `end_session`, `none`).
    pub method: &'static str,
    /// What the call was about.
    #[serde(skip_serializing_if = "TargetLabel::is_none")]
    pub target: TargetLabel,
    /// The shape of its arguments, where the rule asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// The rule or policy that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    /// Whether a session of ours was named; its id never is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub session: bool,
    /// The address that the request came from, as the door saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The id (`jti`) of the validated token, which finds it in the list of issued ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<Text>,
}

impl Decision {
    /// A decision with nothing known but its id and time: absent caller, method `none`.
    #[must_use]
    pub const fn new(id: DecisionId, at: SystemTime) -> Self {
        Self {
            id,
            at,
            who: Who::Absent,
            server: None,
            version: None,
            method: "none",
            target: TargetLabel::None,
            shape: None,
            rule: None,
            session: false,
            address: None,
            token_id: None,
        }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "snake_case")]
pub enum Verdict {
    /// The call may be sent.
    Allow,
    /// The call was refused.
    Refuse(Reason),
}

/// How a recorded call ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The id of the decision.
    pub id: DecisionId,
    /// When it ended.
    #[serde(serialize_with = "crate::time::serialize")]
    pub at: SystemTime,
    /// How.
    #[serde(flatten)]
    pub ending: Ending,
    /// From the decision to the end, in microseconds, by the wall clock: zero where the clock was
    /// set back in between.
    #[serde(rename = "latency_us", serialize_with = "micros")]
    pub latency: Duration,
    /// What was counted on the way.
    #[serde(flatten)]
    pub counters: Counters,
}

/// The ways in which a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "ending", rename_all = "snake_case")]
pub enum Ending {
    /// With a result.
    Answered,
    /// With a JSON-RPC error of the upstream or of ours.
    AnsweredWithError {
        /// The error's code.
        code: i64,
    },
    /// The caller cancelled it.
    Cancelled,
    /// The upstream did not answer in time.
    TimedOut,
    /// The upstream could not be reached, broke off or broke the protocol.
    UpstreamFailed,
    /// We ended it: expiry, revocation, a policy change or a stop.
    Ended {
        /// Why.
        reason: Reason,
    },
    /// Nobody waited for the end any more.
    Dropped,
}

/// What is counted between a decision and its outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// The HTTP status that the caller got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Messages that were released to the caller.
    pub events: u64,
    /// Messages that were dropped on the way.
    #[serde(rename = "dropped")]
    pub events_dropped: u64,
    /// Bytes that were released to the caller.
    #[serde(rename = "bytes")]
    pub bytes_out: u64,
}

/// The era and the version, side by side.
fn version<S: Serializer>(version: &Option<Version>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Spoken {
        era: &'static str,
        version: &'static str,
    }

    version
        .map(|version| Spoken {
            era: match version.era() {
                Era::Modern => "modern",
                Era::Legacy => "legacy",
            },
            version: version.as_str(),
        })
        .serialize(serializer)
}

fn micros<S: Serializer>(latency: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX))
}
