//! Answers that consist of several messages, and work that can be given up.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::journal::Journal;

/// The messages of one answer, in their order; dropping it gives the work up.
pub(super) type Messages = mpsc::Receiver<Vec<u8>>;

/// Runs `work`, which sends messages, until it ends or nobody listens.
pub(super) fn spawn<F, W>(work: F) -> Messages
where
    F: FnOnce(mpsc::Sender<Vec<u8>>) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(4);
    let left = sender.clone();
    let work = work(sender);
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = left.closed() => {}
        }
    });
    receiver
}

/// Writes to the journal that a call was given up, unless it was finished.
pub(super) struct Work {
    journal: Arc<Journal>,
    id: Option<String>,
}

impl Work {
    pub(super) fn start(journal: &Arc<Journal>, id: &str) -> Self {
        Self { journal: Arc::clone(journal), id: Some(id.to_owned()) }
    }

    pub(super) fn finish(mut self) {
        self.id = None;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.journal.cancelled(&id);
        }
    }
}
