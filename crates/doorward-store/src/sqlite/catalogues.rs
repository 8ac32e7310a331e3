//! The last catalogue of each server.

use async_trait::async_trait;
use doorward_policy::{CatalogueLog, CatalogueLogError};
use doorward_wire::ServerName;
use sqlx::Row;

use super::SqliteStore;

#[async_trait]
impl CatalogueLog for SqliteStore {
    async fn load(&self, server: &ServerName) -> Result<Option<String>, CatalogueLogError> {
        sqlx::query("SELECT json FROM catalogues WHERE server = $1")
            .bind(server.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?
            .map(|row| row.try_get("json").map_err(failed))
            .transpose()
    }

    async fn save(&self, server: &ServerName, json: &str) -> Result<(), CatalogueLogError> {
        sqlx::query(
            "INSERT INTO catalogues (server, json) VALUES ($1, $2)
             ON CONFLICT (server) DO UPDATE SET json = excluded.json",
        )
        .bind(server.as_str())
        .bind(json)
        .execute(&self.quick)
        .await
        .map_err(failed)?;
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failed(error: sqlx::Error) -> CatalogueLogError {
    CatalogueLogError(error.to_string())
}
