//! How long an exchange may go on: its deadline, the caller's token, a revocation, the end of its session.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Pass;
use crate::guard::Core;
use crate::session::Session;

/// Why an exchange is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The answer took too long (A39).
    Deadline,
    /// The token expired or was revoked, the policy changed, or the session ended.
    Withdrawn,
}

/// Watches over one exchange.
pub(crate) struct Life {
    deadline: Option<Instant>,
    expiry: Option<Instant>,
    pass: Arc<Pass>,
    core: Arc<Core>,
    changes: watch::Receiver<u64>,
    session: Option<watch::Receiver<bool>>,
}

impl Life {
    pub(crate) fn new(
        core: &Arc<Core>,
        pass: &Arc<Pass>,
        session: Option<&Session>,
        deadline: Option<Duration>,
        now: SystemTime,
    ) -> Self {
        let start = Instant::now();
        let expiry = pass.caller().map(|caller| {
            start + caller.expires_at().duration_since(now).unwrap_or_default().min(Duration::from_secs(86_400 * 365))
        });
        Self {
            deadline: deadline.map(|after| start + after),
            expiry,
            pass: Arc::clone(pass),
            core: Arc::clone(core),
            changes: core.changes(),
            session: session.map(Session::over),
        }
    }

    /// Waits until the exchange must end; never returns while it may go on.
    pub(crate) async fn over(&mut self) -> Over {
        loop {
            if self.withdrawn() {
                return Over::Withdrawn;
            }
            let session = async {
                match &mut self.session {
                    Some(over) => drop(over.changed().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = until(self.deadline) => return Over::Deadline,
                () = until(self.expiry) => return Over::Withdrawn,
                () = session => return Over::Withdrawn,
                changed = self.changes.changed() => {
                    if changed.is_err() || !self.core.still_allowed(&self.pass) {
                        return Over::Withdrawn;
                    }
                }
            }
        }
    }

    fn withdrawn(&self) -> bool {
        let ended = self.session.as_ref().is_some_and(|over| *over.borrow());
        let revoked = self.pass.caller().is_some_and(|caller| self.core.is_revoked(caller));
        ended || revoked
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
