//! The port through which catalogues are remembered.

use async_trait::async_trait;
use doorward_wire::ServerName;

/// Keeps one catalogue for each server, as [`Catalogue::to_json`](super::Catalogue::to_json) writes it.
///
/// Each method is one atomic step: a reader sees either the old text or the new one.
#[async_trait]
pub trait CatalogueLog: Send + Sync {
    /// The text that was stored last, if any.
    ///
    /// # Errors
    ///
    /// When the store can't be read. The server then counts as not listed yet.
    async fn load(&self, server: &ServerName) -> Result<Option<String>, CatalogueLogError>;

    /// Stores a text in the place of the last one.
    ///
    /// # Errors
    ///
    /// When the store can't be written. The catalogue in memory stays in use.
    async fn save(&self, server: &ServerName, json: &str) -> Result<(), CatalogueLogError>;
}

/// A store that failed, in one line for the log and without content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalogue store failed: {0}")]
pub struct CatalogueLogError(pub String);
