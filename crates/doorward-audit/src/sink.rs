//! The port behind which lines are kept.

use async_trait::async_trait;

use crate::Line;

/// Where lines go, in order: implemented by the store.
///
/// Lines of one task are kept in the order in which it wrote them, and a slot's line comes after
/// every line that was handed over before it.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Keeps a line. Returns once it was handed to the operating system (or has reached the disk,
    /// where the sink is durable), so a killed process does not lose it.
    ///
    /// When the future is dropped before it returns, the line may or may not be kept.
    ///
    /// # Errors
    ///
    /// When the line may not have been kept. The caller refuses what the line was about.
    async fn write(&self, line: Line) -> Result<(), SinkError>;

    /// Makes room for one later line.
    ///
    /// # Errors
    ///
    /// When there is no room, now and without waiting.
    async fn reserve(&self) -> Result<Box<dyn Slot>, SinkError>;
}

/// Room for one line.
///
/// Dropping it unused gives the room back.
pub trait Slot: Send {
    /// Hands the line over. Never waits, never fails for lack of room; a sink that can't write at
    /// the moment keeps it and tries again.
    fn write(self: Box<Self>, line: Line);
}

/// Why a sink could not keep a line. The texts are for operators; no caller sees them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The most lines that may be reserved are reserved.
    #[error("all {slots} outcome slots are taken: too many calls are open at once")]
    NoRoom {
        /// How many there are.
        slots: usize,
    },
    /// The write failed.
    #[error("{0}")]
    Failed(String),
    /// The sink has been closed.
    #[error("the ledger is closed")]
    Closed,
}
