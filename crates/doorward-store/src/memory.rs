//! A store that forgets everything when the process ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use doorward_identity::session::{SessionLog, SessionRecord};
use doorward_identity::{CallerKey, IssuerConfig, StoreFailure, TokenLog, TokenRecord};
use doorward_policy::{CatalogueLog, CatalogueLogError};
use doorward_wire::ServerName;

/// What a node remembers, in memory: for tests, and for the library where a restart may forget.
///
/// A revoked token is alive again after a restart, so it serves only where tokens come from another
/// issuer or die with the process. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    tokens: BTreeMap<String, TokenRecord>,
    sessions: BTreeMap<[u8; 32], SessionRecord>,
    catalogues: BTreeMap<ServerName, String>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets sessions whose time is over, as [`SqliteStore::sweep`](crate::SqliteStore::sweep).
    pub fn sweep(&self, now: SystemTime) {
        self.locked().sessions.retain(|_, session| session.expires_at >= now);
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TokenLog for MemoryStore {
    async fn insert(&self, record: &TokenRecord) -> Result<(), StoreFailure> {
        let mut inner = self.locked();
        if inner.tokens.contains_key(&record.id) {
            return Err(StoreFailure("the token's id is taken".to_owned()));
        }
        inner.tokens.insert(record.id.clone(), record.clone());
        Ok(())
    }

    async fn list(&self) -> Result<Vec<TokenRecord>, StoreFailure> {
        let mut tokens: Vec<_> = self.locked().tokens.values().cloned().collect();
        tokens.sort_by(|a, b| (b.issued_at, &b.id).cmp(&(a.issued_at, &a.id)));
        Ok(tokens)
    }

    async fn revoke(&self, id: &str, at: SystemTime) -> Result<Option<TokenRecord>, StoreFailure> {
        let mut inner = self.locked();
        Ok(inner.tokens.get_mut(id).map(|token| {
            token.revoked_at.get_or_insert(at);
            token.clone()
        }))
    }

    async fn revoked(&self, now: SystemTime) -> Result<Vec<(String, SystemTime)>, StoreFailure> {
        let earliest = now.checked_sub(IssuerConfig::MAX_LEEWAY).unwrap_or(SystemTime::UNIX_EPOCH);
        let inner = self.locked();
        let revoked = inner.tokens.values().filter(|token| token.revoked_at.is_some() && token.expires_at >= earliest);
        Ok(revoked.map(|token| (token.id.clone(), token.expires_at)).collect())
    }
}

#[async_trait]
impl SessionLog for MemoryStore {
    async fn open(&self, record: &SessionRecord) -> Result<(), StoreFailure> {
        let mut inner = self.locked();
        if inner.sessions.contains_key(&record.digest) {
            return Err(StoreFailure("the session's id is taken".to_owned()));
        }
        inner.sessions.insert(record.digest, record.clone());
        Ok(())
    }

    async fn adopt(&self, digest: &[u8; 32], owner: &CallerKey) -> Result<bool, StoreFailure> {
        match self.locked().sessions.get_mut(digest) {
            Some(session) if session.owner.is_none() => {
                session.owner = Some(owner.clone());
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn touch(&self, digest: &[u8; 32], at: SystemTime) -> Result<(), StoreFailure> {
        if let Some(session) = self.locked().sessions.get_mut(digest) {
            session.last_used = session.last_used.max(at);
        }
        Ok(())
    }

    async fn close(&self, digest: &[u8; 32], _at: SystemTime) -> Result<Option<SessionRecord>, StoreFailure> {
        Ok(self.locked().sessions.remove(digest))
    }

    async fn list(&self) -> Result<Vec<SessionRecord>, StoreFailure> {
        let mut sessions: Vec<_> = self.locked().sessions.values().cloned().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.last_used));
        Ok(sessions)
    }
}

#[async_trait]
impl CatalogueLog for MemoryStore {
    async fn load(&self, server: &ServerName) -> Result<Option<String>, CatalogueLogError> {
        Ok(self.locked().catalogues.get(server).cloned())
    }

    async fn save(&self, server: &ServerName, json: &str) -> Result<(), CatalogueLogError> {
        self.locked().catalogues.insert(server.clone(), json.to_owned());
        Ok(())
    }
}
