//! Open sessions.

use std::time::SystemTime;

use async_trait::async_trait;
use doorward_identity::session::{SessionLog, SessionRecord};
use doorward_identity::{CallerKey, StoreFailure};
use doorward_wire::{ServerName, Version};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::tokens::{failed, time};
use crate::moment::to_millis;

#[async_trait]
impl SessionLog for SqliteStore {
    async fn open(&self, record: &SessionRecord) -> Result<(), StoreFailure> {
        let owner = record.owner.as_ref();
        sqlx::query(
            "INSERT INTO sessions (digest, server, issuer, subject, client, opened_at, last_used, expires_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(record.digest.as_slice())
        .bind(record.server.as_str())
        .bind(owner.map(CallerKey::issuer))
        .bind(owner.map(CallerKey::subject))
        .bind(owner.and_then(CallerKey::client))
        .bind(to_millis(record.opened_at))
        .bind(to_millis(record.last_used))
        .bind(to_millis(record.expires_at))
        .bind(record.version.as_str())
        .execute(&self.quick)
        .await
        .map_err(|error| match error.as_database_error() {
            Some(error) if error.is_unique_violation() => StoreFailure("the session's id is taken".to_owned()),
            _ => failed(error),
        })?;
        Ok(())
    }

    async fn adopt(&self, digest: &[u8; 32], owner: &CallerKey) -> Result<bool, StoreFailure> {
        let adopted = sqlx::query(
            "UPDATE sessions SET issuer = $2, subject = $3, client = $4 WHERE digest = $1 AND issuer IS NULL",
        )
        .bind(digest.as_slice())
        .bind(owner.issuer())
        .bind(owner.subject())
        .bind(owner.client())
        .execute(&self.quick)
        .await
        .map_err(failed)?;
        Ok(adopted.rows_affected() == 1)
    }

    async fn touch(&self, digest: &[u8; 32], at: SystemTime) -> Result<(), StoreFailure> {
        sqlx::query("UPDATE sessions SET last_used = $2 WHERE digest = $1 AND last_used < $2")
            .bind(digest.as_slice())
            .bind(to_millis(at))
            .execute(&self.quick)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn close(&self, digest: &[u8; 32], _at: SystemTime) -> Result<Option<SessionRecord>, StoreFailure> {
        sqlx::query("DELETE FROM sessions WHERE digest = $1 RETURNING *")
            .bind(digest.as_slice())
            .fetch_optional(&self.quick)
            .await
            .map_err(failed)?
            .as_ref()
            .map(read)
            .transpose()
    }

    async fn list(&self) -> Result<Vec<SessionRecord>, StoreFailure> {
        sqlx::query("SELECT * FROM sessions ORDER BY last_used DESC, digest")
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?
            .iter()
            .map(read)
            .collect()
    }
}

fn read(row: &SqliteRow) -> Result<SessionRecord, StoreFailure> {
    let text = |column| row.try_get::<String, _>(column).map_err(failed);
    let digest: Vec<u8> = row.try_get("digest").map_err(failed)?;
    let issuer: Option<String> = row.try_get("issuer").map_err(failed)?;
    let client: Option<String> = row.try_get("client").map_err(failed)?;
    let owner = match issuer {
        Some(issuer) => Some(CallerKey::new(&issuer, &text("subject")?, client.as_deref())),
        None => None,
    };
    Ok(SessionRecord {
        digest: digest.try_into().map_err(|_| unreadable("digest"))?,
        server: text("server")?.parse::<ServerName>().map_err(|_| unreadable("server"))?,
        owner,
        opened_at: time(row, "opened_at")?,
        last_used: time(row, "last_used")?,
        expires_at: time(row, "expires_at")?,
        version: Version::parse(&text("version")?).ok_or_else(|| unreadable("version"))?,
    })
}

fn unreadable(column: &str) -> StoreFailure {
    StoreFailure(format!("the database holds a session whose {column} can't be read"))
}
