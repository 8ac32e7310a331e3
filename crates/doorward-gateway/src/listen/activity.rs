//! What happens on one connection: which requests run, and whether the peer still reads its answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The running requests of one connection. Bounded by the connection's stream limit.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    shared: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    idle_since: Instant,
    next: u64,
    /// For each running request, since when its last frame waits for the peer to take it; `None` while the node works.
    running: HashMap<u64, Option<Instant>>,
}

/// What to do with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Something runs, or ran a moment ago.
    Keep,
    /// Nothing has run for longer than the idle limit.
    Idle,
    /// A peer left an answer unread for longer than the stall limit.
    Stalled,
}

impl Activity {
    pub(super) fn new() -> Self {
        let state = State { idle_since: Instant::now(), next: 0, running: HashMap::new() };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    /// A request begins; it runs until the ticket is dropped.
    pub(super) fn begin(&self) -> Ticket {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let id = state.next;
        state.next = state.next.wrapping_add(1);
        state.running.insert(id, None);
        drop(state);
        Ticket { shared: Arc::clone(&self.shared), id }
    }

    pub(super) fn verdict(&self, idle: Duration, stall: Duration) -> Verdict {
        let state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if state.running.values().flatten().any(|since| since.elapsed() >= stall) {
            Verdict::Stalled
        } else if state.running.is_empty() && state.idle_since.elapsed() >= idle {
            Verdict::Idle
        } else {
            Verdict::Keep
        }
    }
}

/// One running request.
#[derive(Debug)]
pub(super) struct Ticket {
    shared: Arc<Mutex<State>>,
    id: u64,
}

impl Ticket {
    /// A frame was handed over; until the next [`Ticket::works`] it is the peer's turn to read.
    pub(super) fn waits_for_peer(&self) {
        self.set(Some(Instant::now()));
    }

    /// The connection asked for more: the peer reads.
    pub(super) fn works(&self) {
        self.set(None);
    }

    fn set(&self, waiting: Option<Instant>) {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        state.running.insert(self.id, waiting);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        state.running.remove(&self.id);
        state.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(100);
    const STALL: Duration = Duration::from_secs(50);

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn hd_11_a_connection_without_requests_is_idle() {
        let activity = Activity::new();
        pass(99).await;
        assert_eq!(activity.verdict(IDLE, STALL), Verdict::Keep);
        pass(1).await;
        assert_eq!(activity.verdict(IDLE, STALL), Verdict::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_request_keeps_the_connection_however_long_the_node_works() {
        let activity = Activity::new();
        let ticket = activity.begin();
        pass(1_000).await;
        assert_eq!(activity.verdict(IDLE, STALL), Verdict::Keep);
        drop(ticket);
        assert_eq!(activity.verdict(IDLE, STALL), Verdict::Keep);
        pass(100).await;
        assert_eq!(activity.verdict(IDLE, STALL), Verdict::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn hd_11_a_peer_that_does_not_read_stalls() {
        let activity = Activity::new();
        let slow = activity.begin();
        let _other = activity.begin();
        slow.waits_for_peer();
        pass(49).await;
        slow.works();
        slow.waits_for_peer();
        pass(49).await;
        assert_eq!(activity.verdict(IDLE, STALL), Verdict::Keep);
        pass(1).await;
        assert_eq!(activity.verdict(IDLE, STALL), Verdict::Stalled);
    }
}
