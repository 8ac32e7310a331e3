//! The proof for a stream that carries no message of the client.

use doorward_audit::DecisionId;
use doorward_identity::Identified;
use doorward_wire::ServerName;

use super::denial::{Denial, Refusal};
use super::reached::PathPermit;
use super::visible::anything;
use crate::book::Weighing;
use crate::limits::{Pace, Slot};
use crate::policy::Policy;
use crate::principal::Principal;

/// This caller may attend this server: open the standalone stream of the legacy era (`GET`), or end its own session.
/// Only [`Policy::attend`] makes one.
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
