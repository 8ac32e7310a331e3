//! The web as an issuer's keys come from it: one answer for every address, counted.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use doorward::identity::{Fetch, FetchFailure};

/// Answers every fetch with what was put last; empty, it knows nothing.
pub(crate) struct Web {
    answer: Mutex<Result<Bytes, FetchFailure>>,
    asked: Mutex<Vec<String>>,
}

impl Web {
    pub(crate) fn new(answer: impl Into<Bytes>) -> Arc<Self> {
        Arc::new(Self { answer: Mutex::new(Ok(answer.into())), asked: Mutex::default() })
    }

    pub(crate) fn put(&self, answer: Result<Vec<u8>, FetchFailure>) {
        *self.answer.lock().unwrap() = answer.map(Bytes::from);
    }

    /// Every address that was fetched.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Fetch for Web {
    async fn get(&self, url: &str) -> Result<Bytes, FetchFailure> {
        self.asked.lock().unwrap().push(url.to_owned());
        // Others run in between, as they do while a real answer is awaited.
        tokio::task::yield_now().await;
        self.answer.lock().unwrap().clone()
    }
}
