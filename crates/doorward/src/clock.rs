//! Time and randomness, passed in so that every rule can be tested without waiting.

use std::time::SystemTime;

/// What the corridor needs of the world: the time, and bytes that nobody can guess.
pub trait Surroundings: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> SystemTime;

    /// Fills `bytes` from a cryptographically secure source.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] when the source fails; the request is then refused.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The source of randomness failed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoRandomness;

/// The operating system's clock and randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Surroundings for System {
    #[expect(clippy::disallowed_methods, reason = "the one place where the corridor reads the clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoRandomness)
    }
}
