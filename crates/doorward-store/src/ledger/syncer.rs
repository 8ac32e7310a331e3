//! The thread that brings written lines to the disk, so that the writer need not wait for it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::Segment;

pub(super) struct Syncer {
    jobs: SyncSender<Arc<dyn Segment>>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    failed: AtomicBool,
    error: Mutex<Option<io::Error>>,
}

impl Syncer {
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel(1);
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::Builder::new().name("ledger-sync".to_owned()).spawn(move || run(&inbox, &shared))?;
        Ok(Self { jobs, state })
    }

    /// Asks for a sync. Returns whether one will happen that covers everything written until now;
    /// if not, ask again later: the thread is still busy with an older one.
    pub(super) fn ask(&self, segment: &Arc<dyn Segment>) -> bool {
        match self.jobs.try_send(Arc::clone(segment)) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Disconnected(_)) => {
                self.state.fail(io::Error::other("the syncing thread has ended"));
                false
            }
        }
    }

    /// The error of a sync since the last time this was asked.
    pub(super) fn failure(&self) -> Option<io::Error> {
        if !self.state.failed.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.state.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl State {
    fn fail(&self, error: io::Error) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.failed.store(true, Ordering::Release);
    }
}

fn run(inbox: &Receiver<Arc<dyn Segment>>, state: &State) {
    while let Ok(segment) = inbox.recv() {
        if let Err(error) = segment.sync() {
            state.fail(error);
        }
    }
}
