//! What commands write down: in the store, and in the ledger beside a running node.

use std::sync::Arc;

use doorward::audit::{Clock, DecisionId, Ledger, Notice, What};
use doorward::{Surroundings as _, System};
use doorward_store::{DatabaseError, FileLedger, LedgerOptions, SqliteStore, StateDir};

use crate::exit::Failure;

/// Opens the store; it is made where it is missing.
pub(crate) async fn store(state: &StateDir) -> Result<SqliteStore, Failure> {
    SqliteStore::open(&state.database()).await.map_err(|error| match error {
        DatabaseError::Failed { .. } => Failure::unreachable(error),
        _ => Failure::configuration(error),
    })
}

/// Puts a notice into the ledger, and waits until it has reached the disk.
pub(crate) async fn note(state: &StateDir, what: What) -> Result<(), Failure> {
    let clock: Clock = Arc::new(|| System.now());
    let file =
        FileLedger::open_beside(state, LedgerOptions::new(Arc::clone(&clock))).map_err(Failure::configuration)?;
    let mut random = [0; 10];
    System.fill(&mut random).map_err(Failure::unreachable)?;
    let at = System.now();
    let notice = Notice { id: DecisionId::new(at, random), at, what };
    Ledger::new(Arc::new(file.clone()), clock).notice(notice).await.map_err(Failure::unreachable)?;
    file.sync().await.map_err(Failure::unreachable)
}
