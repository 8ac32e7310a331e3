//! The proof for a stream that carries no message of the client.

use doorward_audit::DecisionId;
use doorward_identity::Identified;
use doorward_wire::ServerName;

use super::denial::{Denial, Refusal};
use super::permit::Permit;
use super::reached::PathPermit;
use super::subjects::SubjectOf;
use super::visible::{anything, discovery};
use crate::book::{ServerRules, Weighed, Weighing};
use crate::cedar::View;
use crate::limits::{Pace, Slot};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::table::Row;

/// This caller may attend this server: open the standalone stream of the legacy era (`GET`), or end its own session.
/// Only [`Policy::attend`] makes one.
///
/// ```compile_fail,E0451
/// # use doorward_policy::{Attendance, Principal, Slot};
/// # fn forged(principal: Principal, id: doorward_audit::DecisionId, slot: Slot) -> Attendance {
/// Attendance { server: "crm".parse().unwrap(), principal, id, slot }
/// # }
/// ```
#[derive(Debug)]
#[must_use = "an attendance that is dropped gives its place back"]
pub struct Attendance {
    server: ServerName,
    principal: Principal,
    id: DecisionId,
    slot: Slot,
}

impl Policy {
    /// Decides about a stream that belongs to no call: some rule of the server must show the caller something.
    ///
    /// # Errors
    ///
    /// The refusal, as for a call of the row [`Session`](crate::Row::Session).
    #[expect(clippy::needless_pass_by_value, reason = "a pace is for one use, so it is used up here")]
    pub fn attend(
        &self,
        server: &ServerName,
        who: &Identified,
        id: DecisionId,
        pace: Pace,
        path: PathPermit,
    ) -> Result<Attendance, Denial> {
        if !path.is_of(who) || !pace.is_of(who) {
            return Err(Denial::Fault("the path or the pace was judged for somebody else"));
        }
        let book = self.book();
        let weighing = Weighing::new(&book, who);
        let Some(rules) = book.server(server) else {
            let denial = match who {
                Identified::Proven(_) => Denial::Invisible,
                Identified::Absent => Denial::Unauthenticated,
            };
            return Err(denial);
        };
        anything(&weighing, rules)?;
        let slot = self.limits().stream(pace.account(), 0).map_err(Refusal::from)?;
        Ok(Attendance { server: server.clone(), principal: Principal::admitted(who), id, slot })
    }
}

impl Policy {
    /// Whether the rules in use now would still let an open exchange of this permit go on, as far as they look at who
    /// calls and not at how often: to be asked of streams when a policy or a catalogue changed.
    #[must_use]
    pub fn still_permits(&self, permit: &Permit) -> bool {
        self.still(permit.principal(), permit.server(), |weighing, rules| {
            let admitted = |subject: &SubjectOf| {
                weighing.target(rules, subject.kind, &subject.name, View::Full).0 == Weighed::Admitted
            };
            match permit.row() {
                Row::Discovery => discovery(weighing, rules).is_ok(),
                // Taking a request back needs no rule, so none can end it.
                Row::Exchange if permit.subjects().is_empty() => true,
                Row::Target | Row::Task | Row::Exchange => permit.subjects().iter().all(admitted),
                Row::List(_) | Row::Session | Row::Listen => {
                    anything(weighing, rules).is_ok() && permit.subjects().iter().all(admitted)
                }
            }
        })
    }

    /// As [`Policy::still_permits`], for a stream that belongs to no call.
    #[must_use]
    pub fn still_admits(&self, attendance: &Attendance) -> bool {
        self.still(&attendance.principal, &attendance.server, |weighing, rules| anything(weighing, rules).is_ok())
    }

    fn still(
        &self,
        principal: &Principal,
        server: &ServerName,
        holds: impl FnOnce(&Weighing<'_>, &ServerRules) -> bool,
    ) -> bool {
        let book = self.book();
        let who = principal.identified();
        let weighing = Weighing::new(&book, &who);
        book.server(server).is_some_and(|rules| holds(&weighing, rules))
    }
}

impl Attendance {
    /// At which server.
    #[must_use]
    pub fn server(&self) -> &ServerName {
        &self.server
    }

    /// For whom.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The decision's id.
    #[must_use]
    pub fn decision(&self) -> &DecisionId {
        &self.id
    }

    /// The place that the stream takes, to be kept until it ends.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }
}
