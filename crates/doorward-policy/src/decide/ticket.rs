//! What a later message must show to belong to an exchange.

use doorward_identity::Identified;
use doorward_wire::ServerName;

use super::attend::Attendance;
use super::permit::Permit;
use super::subjects::SubjectOf;
use crate::principal::Owner;

/// The memory of an open exchange: whose it is, at which server and about what. It is made from the proof that opened
/// the exchange and from nothing else, so a request can't claim one that is not there.
///
/// ```compile_fail,E0451
/// # fn forged(other: doorward_policy::ExchangeTicket) -> doorward_policy::ExchangeTicket {
/// doorward_policy::ExchangeTicket { server: "ops".parse().unwrap(), ..other }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ExchangeTicket {
    owner: Owner,
    server: ServerName,
    subjects: Vec<SubjectOf>,
}

impl ExchangeTicket {
    /// The ticket of the exchange that a permitted call opens.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        Self {
            owner: permit.principal().owner(),
            server: permit.server().clone(),
            subjects: permit.subjects().to_vec(),
        }
    }

    /// The ticket of a standalone stream, for answers to the questions that came on it.
    #[must_use]
    pub fn attending(attendance: &Attendance) -> Self {
        Self { owner: attendance.principal().owner(), server: attendance.server().clone(), subjects: Vec::new() }
    }

    /// Whether the exchange is this caller's, at this server.
    #[must_use]
    pub fn belongs_to(&self, who: &Identified, server: &ServerName) -> bool {
        self.owner == Owner::of(who) && self.server == *server
    }

    pub(super) fn subjects(&self) -> &[SubjectOf] {
        &self.subjects
    }
}
