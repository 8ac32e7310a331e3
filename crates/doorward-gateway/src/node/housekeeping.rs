//! What a node does by itself, from time to time.

use std::{sync::Arc, time::Duration};

use doorward::{Guard, identity::Revocations, policy::CatalogueLog as _};
use doorward_store::SqliteStore;
use doorward_wire::ServerName;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use super::{Node, doors::Encryption};
use crate::{node_file::Guarded, tls::LocalAuthority};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

impl Node {
    /// Starts everything that happens by itself; it ends with the node.
    pub(super) fn keep_house(&self, revocations: Arc<Revocations>, tls: Option<Encryption>) {
        let surroundings = Arc::clone(&self.surroundings);
        self.now_and_then(MINUTE, move || {
            let (revocations, surroundings) = (Arc::clone(&revocations), Arc::clone(&surroundings));
            async move { revocations.sweep(surroundings.now()) }
        });
        let guard = self.guard.clone();
        self.now_and_then(MINUTE, move || {
            let guard = guard.clone();
            async move { guard.refresh_keys().await }
        });
        let guard = self.guard.clone();
        self.now_and_then(MINUTE, move || {
            let guard = guard.clone();
            async move { guard.refresh_keys().await }
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

/// Keeps what is known of the servers. The guard keeps each change as it comes; this is for the last one, which may
/// not be on the disk when the node ends.
pub(super) async fn keep_catalogues(guard: &Guard, store: &SqliteStore, servers: &[Guarded]) {
    for name in servers.iter().filter_map(|server| server.name.parse::<ServerName>().ok()) {
        let Some(catalogue) = guard.policy().catalogue(&name).filter(|catalogue| !catalogue.is_empty()) else {
            continue;
        };
        if let Err(error) = store.save(&name, &catalogue.to_json()).await {
            tracing::warn!(server = %name, %error, "what the server told could not be kept");
        }
    }
}
