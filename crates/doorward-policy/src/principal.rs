//! For whom a permit was given.

use std::sync::Arc;

use doorward_audit::Who;
use doorward_identity::{Caller, CallerKey, Identified};

/// Whom a rule let pass.
#[derive(Clone, Debug)]
pub enum Principal {
    /// A proven caller.
    Caller(Arc<Caller>),
    /// Nobody in particular, by a rule that admits everybody.
    Anonymous(Anonymous),
}

/// The mark of a rule that admits everybody. Only this crate makes one, and only after it found such a rule: an
/// identity that is absent never turns into it by itself (CVE-2026-54446).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anonymous(());

impl Principal {
    /// The principal of an identity that was let pass. Called by the proof of that alone.
    pub(crate) fn admitted(who: &Identified) -> Self {
        match who {
            Identified::Proven(caller) => Self::Caller(Arc::clone(caller)),
            Identified::Absent => Self::Anonymous(Anonymous(())),
        }
    }

    /// The proven caller, if it is one.
    #[must_use]
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        match self {
            Self::Caller(caller) => Some(caller),
            Self::Anonymous(_) => None,
        }
    }

    /// Whether nobody was proven.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.caller().is_none()
    }

    /// How the ledger names it.
    #[must_use]
    pub fn who(&self) -> Who {
        match self {
            Self::Caller(caller) => Who::caller(caller.issuer(), caller.subject(), caller.client(), caller.tenant()),
            Self::Anonymous(_) => Who::Anonymous,
        }
    }

    pub(crate) fn owner(&self) -> Owner {
        match self {
            Self::Caller(caller) => Owner::Caller(caller.key().clone()),
            Self::Anonymous(_) => Owner::Anonymous,
        }
    }

    /// The identity that the principal was, to be weighed again.
    pub(crate) fn identified(&self) -> Identified {
        match self {
            Self::Caller(caller) => Identified::Proven(Arc::clone(caller)),
            Self::Anonymous(_) => Identified::Absent,
        }
    }
}

/// To whom an exchange or a task belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Caller(CallerKey),
    Anonymous,
}

impl Owner {
    pub(crate) fn of(who: &Identified) -> Self {
        match who {
            Identified::Proven(caller) => Self::Caller(caller.key().clone()),
            Identified::Absent => Self::Anonymous,
        }
    }
}
