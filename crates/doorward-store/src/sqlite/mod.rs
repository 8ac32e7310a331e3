//! The embedded database.

mod catalogues;
mod migrate;
mod sessions;
mod tokens;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::moment::to_millis;
use crate::private::{self, NotPrivate};

/// How long a statement waits for another process's write.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an expired token stays in the list.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a node remembers, in one SQLite file: issued and revoked tokens, sessions, catalogues.
///
/// Each method of its ports is one statement, so it happens whole or not at all, whoever else
/// writes: commands open the same file while the node runs. What must outlive a power failure (a
/// token on record, a revocation) is on the disk when the method returns; sessions and catalogues
/// follow within moments.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    /// One connection that brings each write to the disk (`synchronous=FULL`).
    durable: SqlitePool,
    /// One connection whose writes reach the disk with the next checkpoint or durable write.
    quick: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the database, makes it (mode 0600) where there is none, and brings its tables to the
    /// newest form.
    ///
    /// # Errors
    ///
    /// When the file is open to others, is no database, or was written by a newer Doorward.
    pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
        prepare(path)?;
        let writer = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(PATIENCE);
        let reader =
            SqliteConnectOptions::new().filename(path).create_if_missing(false).read_only(true).busy_timeout(PATIENCE);
        let unusable = |error| DatabaseError::Unusable { path: path.to_owned(), error };
        let durable = pool(1, writer.clone().synchronous(SqliteSynchronous::Full)).await.map_err(unusable)?;
        migrate::run(&durable).await.map_err(|error| error.at(path))?;
        Ok(Self {
            durable,
            quick: pool(1, writer.synchronous(SqliteSynchronous::Normal)).await.map_err(unusable)?,
            readers: pool(4, reader).await.map_err(unusable)?,
        })
    }

    /// Forgets tokens that expired more than 30 days ago, and sessions whose time is over. Call it
    /// from a timer.
    ///
    /// # Errors
    ///
    /// When the database fails; call it again later.
    pub async fn sweep(&self, now: SystemTime) -> Result<(), DatabaseError> {
        let failed = |error| DatabaseError::Failed { error };
        let long_ago = to_millis(now).saturating_sub(i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX));
        sqlx::query("DELETE FROM tokens WHERE expires_at < $1")
            .bind(long_ago)
            .execute(&self.quick)
            .await
            .map_err(failed)?;
        sqlx::query("DELETE FROM sessions WHERE expires_at < $1")
            .bind(to_millis(now))
            .execute(&self.quick)
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// Closes the connections, so that the write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.quick.close().await;
        self.durable.close().await;
    }
}

/// Makes the file private before the database opens it: what it makes beside it (`-wal`, `-shm`)
/// gets the same mode.
fn prepare(path: &Path) -> Result<(), NotPrivate> {
    match private::create_new(path) {
        Ok(_) => private::sync_parent(path).map_err(NotPrivate::io(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let file = File::open(path).map_err(NotPrivate::io(path))?;
            private::check_file(path, &file)
        }
        Err(error) => Err(NotPrivate::io(path)(error)),
    }
}

async fn pool(connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(PATIENCE * 2)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await
}

/// The database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file is not private, or can't be made.
    #[error("the database can't be used: {0}")]
    NotPrivate(#[from] NotPrivate),
    /// The file can't be opened as a database.
    #[error("the database `{path}` can't be used: {error}", path = .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the database says.
        error: sqlx::Error,
    },
    /// The file was written by a newer Doorward.
    #[error("the database `{path}` has form {found}, and this version knows forms up to {known}: use the newer version that wrote it", path = .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its form.
        found: i64,
        /// The newest form that is known here.
        known: i64,
    },
    /// A statement failed.
    #[error("the database failed: {error}")]
    Failed {
        /// What the database says.
        error: sqlx::Error,
    },
}
