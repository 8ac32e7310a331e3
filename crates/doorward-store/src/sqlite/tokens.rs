//! Issued tokens.

use std::collections::BTreeSet;
use std::time::SystemTime;

use async_trait::async_trait;
use doorward_identity::{IssuerConfig, StoreFailure, TokenLog, TokenRecord};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use crate::moment::{from_millis, to_millis};

#[async_trait]
impl TokenLog for SqliteStore {
    async fn insert(&self, record: &TokenRecord) -> Result<(), StoreFailure> {
        sqlx::query(
            "INSERT INTO tokens (id, subject, client, roles, scopes, resource, issued_at, expires_at, revoked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&record.id)
        .bind(&record.subject)
        .bind(&record.client)
        .bind(write_set(&record.roles)?)
        .bind(write_set(&record.scopes)?)
        .bind(&record.resource)
        .bind(to_millis(record.issued_at))
        .bind(to_millis(record.expires_at))
        .bind(record.revoked_at.map(to_millis))
        .execute(&self.durable)
        .await
        .map_err(|error| match error.as_database_error() {
            Some(error) if error.is_unique_violation() => StoreFailure("the token's id is taken".to_owned()),
            _ => failed(error),
        })?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<TokenRecord>, StoreFailure> {
        sqlx::query("SELECT * FROM tokens ORDER BY issued_at DESC, id DESC")
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?
            .iter()
            .map(read)
            .collect()
    }

    async fn revoke(&self, id: &str, at: SystemTime) -> Result<Option<TokenRecord>, StoreFailure> {
        sqlx::query("UPDATE tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1 RETURNING *")
            .bind(id)
            .bind(to_millis(at))
            .fetch_optional(&self.durable)
            .await
            .map_err(failed)?
            .as_ref()
            .map(read)
            .transpose()
    }

    async fn revoked(&self, now: SystemTime) -> Result<Vec<(String, SystemTime)>, StoreFailure> {
        // A token may be accepted for as long after its expiry as clocks may differ.
        let earliest = now.checked_sub(IssuerConfig::MAX_LEEWAY).unwrap_or(SystemTime::UNIX_EPOCH);
        sqlx::query("SELECT id, expires_at FROM tokens WHERE revoked_at IS NOT NULL AND expires_at >= $1")
            .bind(to_millis(earliest))
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?
            .iter()
            .map(|row| Ok((row.try_get("id").map_err(failed)?, time(row, "expires_at")?)))
            .collect()
    }
}

fn read(row: &SqliteRow) -> Result<TokenRecord, StoreFailure> {
    let revoked_at: Option<i64> = row.try_get("revoked_at").map_err(failed)?;
    Ok(TokenRecord {
        id: row.try_get("id").map_err(failed)?,
        subject: row.try_get("subject").map_err(failed)?,
        client: row.try_get("client").map_err(failed)?,
        roles: read_set(row, "roles")?,
        scopes: read_set(row, "scopes")?,
        resource: row.try_get("resource").map_err(failed)?,
        issued_at: time(row, "issued_at")?,
        expires_at: time(row, "expires_at")?,
        revoked_at: revoked_at.map(from_millis),
    })
}

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<SystemTime, StoreFailure> {
    row.try_get(column).map(from_millis).map_err(failed)
}

fn write_set(set: &BTreeSet<String>) -> Result<String, StoreFailure> {
    serde_json::to_string(set).map_err(|error| StoreFailure(error.to_string()))
}

fn read_set(row: &SqliteRow, column: &str) -> Result<BTreeSet<String>, StoreFailure> {
    let text: String = row.try_get(column).map_err(failed)?;
    serde_json::from_str(&text)
        .map_err(|_| StoreFailure(format!("the database holds a token whose {column} can't be read")))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(super) fn failed(error: sqlx::Error) -> StoreFailure {
    StoreFailure(format!("the database failed: {error}"))
}
