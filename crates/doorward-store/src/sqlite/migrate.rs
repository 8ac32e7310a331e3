//! Brings the tables to the newest form.
//!
//! A runner of our own, because a node and a command may open a new database at the same moment:
//! here the one waits for the other, where sqlx's own runner takes no lock on SQLite.

use std::path::Path;

use sqlx::{Row, SqlitePool};

use super::DatabaseError;

/// One step, numbered by its place from 1 on. A step that was released is never changed.
const STEPS: [&str; 1] = [include_str!("../../migrations/0001_first.sql")];

pub(super) async fn run(pool: &SqlitePool) -> Result<(), MigrateError> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS migrations (version BIGINT NOT NULL PRIMARY KEY)")
        .execute(&mut *transaction)
        .await?;
    let found: i64 = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM migrations")
        .fetch_one(&mut *transaction)
        .await?
        .try_get(0)?;
    let mut version = 0;
    for step in STEPS {
        version += 1;
        if version > found {
            sqlx::raw_sql(step).execute(&mut *transaction).await?;
            sqlx::query("INSERT INTO migrations (version) VALUES ($1)")
                .bind(version)
                .execute(&mut *transaction)
                .await?;
        }
    }
    if found > version {
        return Err(MigrateError::Newer { found, known: version });
    }
    transaction.commit().await?;
    Ok(())
}

pub(super) enum MigrateError {
    Newer { found: i64, known: i64 },
    Sql(sqlx::Error),
}

impl MigrateError {
    pub(super) fn at(self, path: &Path) -> DatabaseError {
        let path = path.to_owned();
        match self {
            Self::Newer { found, known } => DatabaseError::Newer { path, found, known },
            Self::Sql(error) => DatabaseError::Unusable { path, error },
        }
    }
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}
