//! Two steps to the end: first drain, then stop.

use std::{io, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Tells every part of the node when to take no more work, and when to drop what still runs.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Shutdown {
    /// A node that runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Take no new connection and no new request on an old one; what runs may end.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// End everything at once.
    pub fn stop(&self) {
        self.drain.cancel();
        self.stop.cancel();
    }

    /// Ready once draining has begun.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Ready once everything must end.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Whether draining has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Whether everything must end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Stops once draining has lasted for `limit`. Runs until then.
    pub async fn stop_after_drain(&self, limit: Duration) {
        self.draining().await;
        tokio::select! {
            () = self.stopped() => {}
            () = tokio::time::sleep(limit) => self.stop(),
        }
    }

    /// Does as signals say: the first drains, the second stops. Runs until the second.
    pub async fn obey(&self, mut signals: Signals) {
        loop {
            let name = tokio::select! {
                _ = signals.terminate.recv() => "SIGTERM",
                _ = signals.interrupt.recv() => "SIGINT",
                () = self.stopped() => return,
            };
            if self.is_draining() {
                tracing::warn!(signal = name, "stopping at once");
                self.stop();
                return;
            }
            tracing::info!(signal = name, "draining; a second signal stops at once");
            self.drain();
        }
    }
}

/// SIGTERM and SIGINT, which from now on end the process no more by themselves.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// When the system gives no signals to listen for.
    pub fn listen() -> io::Result<Self> {
        // SIGHUP means "read your certificate again", and where there is none to read it means nothing: a terminal that
        // closes must not cut every call. Once somebody listened for it, it ends the process no more.
        drop(signal(SignalKind::hangup())?);
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn draining_ends_by_itself_after_its_limit() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.is_draining());
        shutdown.drain();
        assert!(!shutdown.is_stopped());
        shutdown.stop_after_drain(Duration::from_secs(20)).await;
        assert!(shutdown.is_stopped());
    }

    #[tokio::test]
    async fn stopping_drains_too() {
        let shutdown = Shutdown::new();
        shutdown.stop();
        shutdown.draining().await;
        shutdown.stopped().await;
        shutdown.stop_after_drain(Duration::from_secs(3600)).await;
        assert!(shutdown.is_draining());
    }
}
