//! The first stage: the rules on HTTP paths.

use doorward_audit::Reason;
use doorward_identity::Identified;
use doorward_wire::CanonicalPath;

use super::denial::{Denial, Refusal};
use crate::book::{CompiledPath, Matter, PathGovernor, Weighed, Weighing};
use crate::cedar::View;
use crate::principal::Owner;

/// The proof that the caller may use the path of the request. It remembers whose it is.
///
/// ```compile_fail,E0451
/// # fn forged(other: doorward_policy::PathPermit) -> doorward_policy::PathPermit {
/// doorward_policy::PathPermit { ..other }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PathPermit {
    owner: Owner,
}

impl PathPermit {
    /// Asks the rules on paths.
    pub(crate) fn check(weighing: &Weighing<'_>, path: &CanonicalPath) -> Result<Self, Refusal> {
        match weighing.book().path(path) {
            PathGovernor::Open => Ok(Self::without_path(weighing.who())),
            PathGovernor::Rule(rule) => Self::by_rule(weighing, rule),
            PathGovernor::Unruled if matches!(weighing.who(), Identified::Absent) => {
                Err(Refusal::new(Denial::Unauthenticated))
            }
            PathGovernor::Unruled => Err(Refusal::new(Denial::Forbidden).because(Reason::PathForbidden)),
        }
    }

    /// At a door that has no paths there is nothing to ask.
    pub(crate) fn without_path(who: &Identified) -> Self {
        Self { owner: Owner::of(who) }
    }

    /// Whether the proof is one of this identity.
    pub(super) fn is_of(&self, who: &Identified) -> bool {
        self.owner == Owner::of(who)
    }

    fn by_rule(weighing: &Weighing<'_>, path: &CompiledPath) -> Result<Self, Refusal> {
        let refuse = |denial| Refusal::new(denial).by(Some(&path.rule));
        let matter = Matter::Path(path.rule.label());
        match weighing.admits(&path.admits, matter, View::Full) {
            Weighed::Admitted => return Ok(Self::without_path(weighing.who())),
            Weighed::NeedsCaller => return Err(refuse(Denial::Unauthenticated)),
            Weighed::Fault => return Err(Refusal::policy_fault().by(Some(&path.rule))),
            Weighed::Refused => {}
        }
        // A role would not come with another scope; only where all else is right is a scope asked for.
        if weighing.admits(&path.admits, matter, View::Visible) == Weighed::Admitted
            && let Some(denial) = super::scoped::missing(weighing.who(), &path.wanted)
        {
            return Err(refuse(denial));
        }
        Err(refuse(Denial::Forbidden).because(Reason::PathForbidden))
    }
}
