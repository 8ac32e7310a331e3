//! What is remembered? The stores behind the ports of the logic crates.
//!
//! Everything that a node keeps lies in its [`StateDir`], mode 0700:
//!
//! | path | | |
//! |---|---|---|
//! | `lock` | held while a node runs | [`NodeLock`] |
//! | `doorward.db` | tokens, revocations, sessions, catalogues | [`SqliteStore`] |
//! | `signing.key` | signs our tokens | [`KeyFile`] |
//! | `ledger/*.ndjson` | what was decided, and what came of it | [`FileLedger`] |
//!
//! Files are 0600. A file or directory that another user owns or may read is refused, with the
//! command that mends it: a warning would be read after the fact.
//!
//! [`MemoryStore`] implements the same ports without a trace.

mod key_file;
mod ledger;
mod memory;
mod moment;
mod private;
mod sqlite;
mod state_dir;

pub use key_file::{KeyFile, KeyFileError};
pub use ledger::{FileLedger, LedgerOptions, OpenError};
pub use memory::MemoryStore;
pub use private::NotPrivate;
pub use sqlite::{DatabaseError, SqliteStore};
pub use state_dir::{LockError, NodeLock, StateDir};
