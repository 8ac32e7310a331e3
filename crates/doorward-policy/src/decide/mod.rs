//! The way from a call to a permit.
//!
//! Each stage is a proof with private fields in a module of its own, and each is made from the one before:
//!
//! ```text
//! PathPermit ─▶ Visible ─▶ Scoped ─▶ Consulted ─────▶ Limited ─▶ Permit
//!    path        rule       scope     interceptors  ╱  limits
//!                                          Pace ───╯
//! ```
//!
//! So a check that is left out does not compile. Any error on the way is a refusal.

mod attend;
mod consulted;
mod denial;
mod limited;
mod permit;
mod reached;
mod scoped;
mod subjects;
mod ticket;
mod visible;

use std::net::IpAddr;
use std::time::SystemTime;

use doorward_audit::DecisionId;
use doorward_identity::Identified;
use doorward_wire::{Call, ServerName};

pub use self::attend::Attendance;
use self::consulted::Consulted;
pub(crate) use self::denial::Refusal;
pub use self::denial::{Denial, Denied};
use self::limited::Limited;
pub use self::permit::Permit;
pub use self::reached::PathPermit;
use self::scoped::Scoped;
pub use self::ticket::ExchangeTicket;
use self::visible::Visible;
pub(crate) use self::visible::discovery;
use crate::book::{RuleBook, Weighing};
use crate::limits::Pace;
use crate::policy::Policy;

/// May this caller make this call now?
#[derive(Debug)]
pub struct Question<'a> {
    /// The server that is called.
    pub server: &'a ServerName,
    /// The call. It comes back with the answer, either in the permit or in the refusal.
    pub call: Call,
    /// Who calls, as identity found it.
    pub who: Identified,
    /// Where the call comes from, as the door saw it: for interceptors. Limits go by the pace.
    pub address: Option<IpAddr>,
    /// The exchange that a notification or an answer belongs to.
    pub exchange: Option<&'a ExchangeTicket>,
    /// The id under which the decision will be on record.
    pub id: DecisionId,
    /// The time.
    pub now: SystemTime,
    /// The proof that the path may be used ([`Policy::path`]).
    pub path: PathPermit,
    /// The proof that the caller was counted ([`Policy::throttle`]).
    pub pace: Pace,
}

impl Policy {
    /// Decides about a call: visibility, scope, interceptors, limits, in this order. The path and the pace were judged
    /// before, and their proofs must be the caller's own.
    ///
    /// # Errors
    ///
    /// The refusal with the call, so that it can be answered in its own words.
    pub async fn decide(&self, question: Question<'_>) -> Result<Permit, Box<Denied>> {
        let book = self.book();
        match self.walk(&book, &question).await {
            Ok(limited) => Ok(Permit::new(limited, question)),
            Err(refusal) => Err(Box::new(Denied::new(refusal, question.call))),
        }
    }

    async fn walk(&self, book: &RuleBook, question: &Question<'_>) -> Result<Limited, Refusal> {
        let scoped = self.judge(book, question)?;
        let consulted = Consulted::ask(scoped, question, self.interceptors()).await?;
        Limited::count(consulted, &question.pace, question, self.limits())
    }

    /// The stages that need no waiting. What is looked up of the caller is kept for both views.
    fn judge(&self, book: &RuleBook, question: &Question<'_>) -> Result<Scoped, Refusal> {
        let weighing = Weighing::new(book, &question.who);
        let visible = Visible::check(&weighing, &question.path, question, self.tasks())?;
        Scoped::check(&weighing, visible)
    }
}
