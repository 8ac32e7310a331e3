//! What this crate needs from outside: documents of other issuers, and a memory for issued tokens.

use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::TokenRecord;

/// Gets a document that another party publishes: issuer metadata, key sets.
///
/// An implementation guards against being sent elsewhere: it checks the address it connects to,
/// follows no redirect, and bounds size and time (F24 to F27, JK-04, JK-08). The size is checked
/// again here.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The body of a `GET` that was answered with 200.
    ///
    /// # Errors
    /// Whatever else happened, as a [`FetchFailure`].
    async fn get(&self, url: &str) -> Result<Bytes, FetchFailure>;
}

/// Why a document could not be had. Cheap to clone, since all who wait for one fetch get it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchFailure {
    /// The guard does not allow this address.
    #[error("the address is not allowed: {0}")]
    Refused(String),
    /// The other side could not be reached or broke off.
    #[error("the other side could not be reached: {0}")]
    Unreachable(String),
    /// The whole exchange took too long.
    #[error("the other side took too long")]
    TimedOut,
    /// Another status than 200.
    #[error("the other side answered with status {0}")]
    Status(u16),
    /// The body is longer than allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// The answer is not what it should be (encoding, content type).
    #[error("the answer can't be used: {0}")]
    Unusable(String),
}

/// A port's memory failed; the text is for the operator and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreFailure(pub String);

/// Remembers the tokens that were issued, never the tokens themselves. Each method is one atomic
/// step.
#[async_trait]
pub trait TokenLog: Send + Sync {
    /// Puts a new token on record.
    ///
    /// # Errors
    /// The id is taken, or the memory failed: the token must then not be handed out.
    async fn insert(&self, record: &TokenRecord) -> Result<(), StoreFailure>;

    /// Every token on record, newest first.
    ///
    /// # Errors
    /// The memory failed.
    async fn list(&self) -> Result<Vec<TokenRecord>, StoreFailure>;

    /// Marks the token as revoked and returns its record; `None` when there is no such token.
    /// Revoking again keeps the first time.
    ///
    /// # Errors
    /// The memory failed: whether the token is revoked is then unknown.
    async fn revoke(&self, id: &str, at: SystemTime) -> Result<Option<TokenRecord>, StoreFailure>;

    /// Id and expiry of every revoked token that has not expired at `now`: what a starting node
    /// loads into [`crate::Revocations`].
    ///
    /// # Errors
    /// The memory failed: the node must not start serving.
    async fn revoked(&self, now: SystemTime) -> Result<Vec<(String, SystemTime)>, StoreFailure>;
}
