//! Why a call is refused.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use doorward_audit::Reason;
use doorward_wire::Call;

use crate::book::RuleRef;
use crate::limits::TooFast;

/// What a refused caller is told, before it is put into the words of its era.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Nobody was proven, and no rule admits everybody: 401, whatever was asked for.
    Unauthenticated,
    /// The caller may not know the target: answered as an unknown one is.
    Invisible,
    /// The caller may know the target, and a scope would help.
    MissingScope {
        /// All scopes that the operation may need.
        needed: BTreeSet<String>,
        /// Those that the presented token has.
        granted: BTreeSet<String>,
    },
    /// The caller is refused by name, and no scope would help.
    Forbidden,
    /// An interceptor refused.
    Interceptor {
        /// Why, for the caller: one short line.
        reason: String,
    },
    /// A limit is met.
    TooFast {
        /// After how long to come back. Never zero.
        retry_after: Duration,
    },
    /// The method has no row in the table for its era.
    UnknownMethod,
    /// A notification or an answer belongs to no exchange of this caller.
    NoExchange,
    /// Something of ours failed, so it is refused; the text is for the log.
    Fault(&'static str),
}

/// A refusal on its way out of the stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    denial: Denial,
    reason: Reason,
    rule: Option<Arc<str>>,
}

/// A refused call, given back for its answer.
#[derive(Debug)]
pub struct Denied {
    /// What the caller is told.
    pub denial: Denial,
    /// What goes on record: as [`Denial::reason`], and finer where the stage knows more.
    pub reason: Reason,
    /// The rule that refused, where one did: its label, text of the configuration alone.
    pub rule: Option<Arc<str>>,
    /// The call.
    pub call: Call,
}

impl Denial {
    /// What goes on record.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Unauthenticated => Reason::NoToken,
            Self::Invisible => Reason::Invisible,
            Self::MissingScope { .. } => Reason::InsufficientScope,
            Self::Forbidden => Reason::Forbidden,
            Self::Interceptor { .. } => Reason::Interceptor,
            Self::TooFast { .. } => Reason::TooFast,
            Self::UnknownMethod => Reason::UnknownMethod,
            Self::NoExchange => Reason::NoExchange,
            Self::Fault(_) => Reason::PolicyFault,
        }
    }
}

impl Denied {
    pub(super) fn new(refusal: Refusal, call: Call) -> Self {
        let Refusal { denial, reason, rule } = refusal;
        Self { denial, reason, rule, call }
    }
}

impl Refusal {
    pub(crate) fn new(denial: Denial) -> Self {
        Self { reason: denial.reason(), denial, rule: None }
    }

    pub(crate) fn because(self, reason: Reason) -> Self {
        Self { reason, ..self }
    }

    pub(crate) fn by(self, rule: Option<&RuleRef>) -> Self {
        Self { rule: rule.map(RuleRef::shared_label), ..self }
    }

    /// A policy could not be evaluated.
    pub(crate) fn policy_fault() -> Self {
        Self::new(Denial::Fault("a policy could not be evaluated"))
    }
}

impl From<TooFast> for Refusal {
    fn from(limit: TooFast) -> Self {
        Self::new(Denial::TooFast { retry_after: limit.retry_after }).because(limit.reason())
    }
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        refusal.denial
    }
}
