//! What a node does by itself, from time to time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use doorward::{Guard, identity::Revocations, policy::CatalogueLog as _};
use doorward_store::SqliteStore;
use doorward_wire::ServerName;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use super::{Node, doors::Encryption};
use crate::tls::LocalAuthority;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How soon what a server told is on the disk.
const CATALOGUES: Duration = Duration::from_secs(5);

impl Node {
    /// Starts everything that happens by itself; it ends with the node.
    pub(super) fn keep_house(&self, revocations: Arc<Revocations>, tls: Option<Encryption>) {
        let surroundings = Arc::clone(&self.surroundings);
        self.now_and_then(MINUTE, move || {
            let (revocations, surroundings) = (Arc::clone(&revocations), Arc::clone(&surroundings));
            async move { revocations.sweep(surroundings.now()) }
        });
        let (store, surroundings) = (self.store.clone(), Arc::clone(&self.surroundings));
        self.now_and_then(HOUR, move || {
            let (store, surroundings) = (store.clone(), Arc::clone(&surroundings));
            async move {
                if let Err(error) = store.sweep(surroundings.now()).await {
                    tracing::warn!(%error, "old tokens and sessions could not be forgotten");
                }
            }
        });
        let names: Vec<String> = self.servers.iter().map(|server| server.name.clone()).collect();
        let keeper = Arc::new(tokio::sync::Mutex::new(Catalogues::new(&names)));
        let (guard, store) = (self.guard.clone(), self.store.clone());
        self.now_and_then(CATALOGUES, move || {
            let (guard, store, keeper) = (guard.clone(), store.clone(), Arc::clone(&keeper));
            async move { keeper.lock().await.save(&guard, &store).await }
        });
        if let Some(tls) = tls {
            self.keep_certificates(tls);
        }
    }

    fn keep_certificates(&self, tls: Encryption) {
        let Encryption { certificates, files, own, .. } = tls;
        let again = Arc::new(Notify::new());
        let (shutdown, asked) = (self.shutdown.clone(), Arc::clone(&again));
        tokio::spawn(async move {
            tokio::select! {
                () = certificates.follow(files, &asked) => {}
                () = shutdown.stopped() => {}
            }
        });
        let (shutdown, asked) = (self.shutdown.clone(), Arc::clone(&again));
        tokio::spawn(async move {
            let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
            loop {
                tokio::select! {
                    _ = hangup.recv() => asked.notify_one(),
                    () = shutdown.stopped() => return,
                }
            }
        });
        if let Some((directory, names)) = own {
            let surroundings = Arc::clone(&self.surroundings);
            self.now_and_then(HOUR, move || {
                // Writes files that `follow` then finds changed.
                if let Err(error) = LocalAuthority::ensure(&directory, &names, surroundings.now()) {
                    tracing::error!(%error, "the certificate could not be renewed");
                }
                std::future::ready(())
            });
        }
    }

    fn now_and_then<F>(&self, period: Duration, mut what: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = ticks.tick() => what().await,
                    () = shutdown.stopped() => return,
                }
            }
        });
    }
}

/// What is known of the servers, and what of it is on the disk.
pub(super) struct Catalogues {
    saved: BTreeMap<ServerName, String>,
}

impl Catalogues {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        let saved = names.into_iter().filter_map(|name| Some((name.parse().ok()?, String::new())));
        Self { saved: saved.collect() }
    }

    /// Saves what changed since the last time.
    pub(super) async fn save(&mut self, guard: &Guard, store: &SqliteStore) {
        for (name, saved) in &mut self.saved {
            let Some(catalogue) = guard.policy().catalogue(name) else { continue };
            let text = catalogue.to_json();
            if text == *saved || (saved.is_empty() && catalogue.is_empty()) {
                continue;
            }
            match store.save(name, &text).await {
                Ok(()) => *saved = text,
                Err(error) => tracing::warn!(server = %name, %error, "what the server told could not be kept"),
            }
        }
    }
}
