//! The end of a process: asked for or not, it takes its whole group with it.

use std::{future::Future, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{process::Child, time::timeout};

/// How long each step of an end is waited for (C21).
const STEP: Duration = Duration::from_secs(2);

/// Waits until the process ends, or until `asked` is ready and it was brought to an end. When `asked` is ready the
/// process's standard input must be closed already or close with it.
///
/// Standard input closed, two seconds; SIGTERM to the group, two seconds; SIGKILL to the group. Gives the status, where
/// the system told it.
pub(super) async fn outlive(mut child: Child, asked: impl Future<Output = ()>) -> Option<ExitStatus> {
    let group = Group::of(&child);
    tokio::select! {
        status = child.wait() => return status.ok(),
        () = asked => {}
    }
    if let Ok(status) = timeout(STEP, child.wait()).await {
        return status.ok();
    }
    group.signal(Signal::TERM);
    if let Ok(status) = timeout(STEP, child.wait()).await {
        return status.ok();
    }
    group.signal(Signal::KILL);
    // Nothing survives SIGKILL; this only collects it.
    child.wait().await.ok()
}

/// A process group of ours. Dropping it kills what is left: what the process started and left behind, or all of it when
/// the node itself is being torn down.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The group can't belong to anybody else: its number is given again only after the system has gone through all
    /// others, and it is used here only until shortly after its head was collected.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // That there is no such group any more is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
