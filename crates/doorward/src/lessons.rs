//! What servers tell of themselves, learnt from the unfiltered lists that pass.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use doorward_policy::{CatalogueLog, Policy};
use doorward_wire::{ListKind, Message, ServerName};

/// How many pages are remembered by their digest. Beyond it a page is learnt again, which costs time and no more.
const MAX_PAGES: usize = 16_384;

/// Which pages were learnt already: most lists say what the one before said.
pub(crate) struct Lessons {
    seen: Mutex<HashSet<(ServerName, [u8; 32])>>,
    log: Option<Arc<dyn CatalogueLog>>,
}

impl Lessons {
    pub(crate) fn new(log: Option<Arc<dyn CatalogueLog>>) -> Self {
        Self { seen: Mutex::default(), log }
    }

    /// Takes one page in. A page that can't be read teaches nothing; it is not shown either.
    pub(crate) fn learn(&self, policy: &Policy, server: &ServerName, kind: ListKind, page: &Message) {
        if !self.is_new(server, page) || !policy.learn(server, kind, page) {
            return;
        }
        let (Some(log), Some(catalogue)) = (self.log.clone(), policy.catalogue(server)) else { return };
        let server = server.clone();
        tokio::spawn(async move {
            if let Err(error) = log.save(&server, &catalogue.to_json()).await {
                tracing::warn!(%server, %error, "a catalogue could not be kept");
            }
        });
    }

    fn is_new(&self, server: &ServerName, page: &Message) -> bool {
        let Some(result) = page.result() else { return false };
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, result.as_bytes()).as_ref());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_PAGES {
            seen.clear();
        }
        seen.insert((server.clone(), key))
    }
}
