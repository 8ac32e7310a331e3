//! The proof that a call may be made.

use doorward_audit::DecisionId;
use doorward_wire::{Call, Carries, Message, ServerName};

use super::Question;
use super::limited::Limited;
use super::subjects::SubjectOf;
use crate::book::RuleRef;
use crate::limits::Slot;
use crate::principal::Principal;
use crate::rule::{Kind, LogShape};
use crate::table::Row;

/// This caller may make this call now. Only [`Policy::decide`](crate::Policy::decide) makes one, at the end of all its
/// stages.
#[derive(Debug)]
#[must_use = "a permit that is dropped gives its place back, and nothing was sent"]
pub struct Permit {
    call: Call,
    server: ServerName,
    id: DecisionId,
    principal: Principal,
    row: Row,
    subjects: Vec<SubjectOf>,
    rule: Option<RuleRef>,
    log: LogShape,
    slot: Slot,
}

impl Permit {
    pub(super) fn new(limited: Limited, question: Question<'_>) -> Self {
        Self {
            call: question.call,
            server: question.server.clone(),
            id: question.id,
            principal: limited.principal,
            row: limited.row,
            subjects: limited.subjects,
            rule: limited.rule,
            log: limited.log,
            slot: limited.slot,
        }
    }

    /// The call, byte for byte as it was judged.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// For whom.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// At which server.
    #[must_use]
    pub fn server(&self) -> &ServerName {
        &self.server
    }

    /// The decision's id.
    #[must_use]
    pub fn decision(&self) -> &DecisionId {
        &self.id
    }

    /// By which row of the table.
    #[must_use]
    pub fn row(&self) -> Row {
        self.row
    }

    /// The label of the rule that admitted the call, or of the first where the call is about several things. `None` where the call is
    /// about the server as a whole.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_ref().map(RuleRef::label)
    }

    /// What the ledger notes of the arguments.
    #[must_use]
    pub fn log(&self) -> LogShape {
        self.log
    }

    /// The place that the call takes. It must be kept until the exchange ends, and what is sent and received is
    /// counted on it.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The call, and the place that it takes.
    pub fn into_call(self) -> (Call, Slot) {
        (self.call, self.slot)
    }

    pub(super) fn subjects(&self) -> &[SubjectOf] {
        &self.subjects
    }

    /// The tool that is called, where the call is of one.
    pub(crate) fn tool(&self) -> Option<&str> {
        match (self.row, self.subjects.as_slice()) {
            (Row::Target, [subject]) if subject.kind == Kind::Tool => Some(&subject.name),
            _ => None,
        }
    }
}

impl Carries for Permit {
    fn message(&self) -> &Message {
        self.call.message()
    }
}
