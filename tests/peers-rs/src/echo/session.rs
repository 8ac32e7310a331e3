//! Sessions of the older era, and the questions that are open in them.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::oneshot;

/// One session; over stdio there is at most one.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Whether the client said that it can ask its user.
    pub(super) elicits: bool,
    questions: Mutex<HashMap<String, oneshot::Sender<String>>>,
    asked: AtomicU64,
}

impl Session {
    pub(super) fn new(elicits: bool) -> Arc<Self> {
        Arc::new(Self { elicits, ..Self::default() })
    }

    /// A new question: its id as JSON, and where its answer will arrive.
    pub(super) fn ask(&self) -> (String, oneshot::Receiver<String>) {
        let id = format!("\"ask-{}\"", self.asked.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(id.clone(), sender);
        (id, receiver)
    }

    /// Takes the client's answer to a question; any other goes nowhere.
    pub(super) fn answered(&self, id: &str, answer: &str) {
        if let Some(sender) = self.lock().remove(id) {
            let _ = sender.send(answer.to_owned());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<String>>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All sessions over HTTP, by id.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Arc<Session>>>);

impl Sessions {
    pub(super) fn open(&self, session: Arc<Session>) -> String {
        // No secret: a test server's sessions need only differ.
        let half = || RandomState::new().hash_one(0_u8);
        let id = format!("upstream-{:016x}{:016x}", half(), half());
        self.lock().insert(id.clone(), session);
        id
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().get(id).cloned()
    }

    pub(super) fn close(&self, id: &str) -> bool {
        self.lock().remove(id).is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
