//! Two steps to the end: first drain, then stop.

use std::time::Duration;

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

    /// Listens for SIGTERM and SIGINT: the first drains, the second stops. Runs until the second.
    ///
    /// # Errors
    ///
    /// When the signals cannot be listened for.
    pub async fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                () = self.stopped() => return Ok(()),
            };
            if self.is_draining() {
                tracing::warn!(signal = name, "stopping at once");
                self.stop();
                return Ok(());
            }
            tracing::info!(signal = name, "draining; a second signal stops at once");
            self.drain();
        }
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
