//! Sessions of the legacy era, as far as identity goes: an unguessable name and whose it is. A
//! session never authenticates (SE-02); its id only finds it again for the caller that every
//! request must prove anew.

use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use doorward_wire::{ServerName, Version};

use crate::{CallerKey, StoreFailure, b64};

/// The id of a session: 256 bits as 43 characters of base64url (B14). Its debug form shows the
/// first 8 characters; it has no display form, so that none ends in a log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId {
    text: String,
    bytes: [u8; 32],
}

impl SessionId {
    /// Makes the id from random bytes of the caller's.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self { text: b64::encode(random), bytes: random }
    }

    /// Reads an id as a client sends it back; `None` for anything that is not exactly one of our
    /// ids (SE-03).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        Some(Self::new(b64::decode(text)?.try_into().ok()?))
    }

    /// The id, to be sent to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The SHA-256 of the id: what is remembered, so that what is stored opens nothing.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        crate::jws::sha256(&self.bytes)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = self.text.chars().take(8).collect();
        write!(f, "SessionId({start}..)")
    }
}

/// What is remembered of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// [`SessionId::digest`].
    pub digest: [u8; 32],
    /// The server that it is with.
    pub server: ServerName,
    /// Whose it is; `None` while it was opened anonymously and no proven caller has come.
    pub owner: Option<CallerKey>,
    /// When it was opened.
    pub opened_at: SystemTime,
    /// When it was last used.
    pub last_used: SystemTime,
    /// When it ends at the latest.
    pub expires_at: SystemTime,
    /// The protocol version that was agreed on.
    pub version: Version,
}

/// Remembers sessions. Each method is one atomic step.
#[async_trait]
pub trait SessionLog: Send + Sync {
    /// Puts a new session on record.
    ///
    /// # Errors
    /// The digest is taken, or the memory failed: the session must then not be opened.
    async fn open(&self, record: &SessionRecord) -> Result<(), StoreFailure>;

    /// Makes an anonymous session the owner's, once; false when it is somebody's already, closed or
    /// unknown.
    ///
    /// # Errors
    /// The memory failed: the session must not be treated as the owner's.
    async fn adopt(&self, digest: &[u8; 32], owner: &CallerKey) -> Result<bool, StoreFailure>;

    /// Notes that it was used.
    ///
    /// # Errors
    /// The memory failed; the session goes on.
    async fn touch(&self, digest: &[u8; 32], at: SystemTime) -> Result<(), StoreFailure>;

    /// Closes it and returns its record; `None` when it is closed already or unknown.
    ///
    /// # Errors
    /// The memory failed: whether it is closed is then unknown.
    async fn close(&self, digest: &[u8; 32], at: SystemTime) -> Result<Option<SessionRecord>, StoreFailure>;

    /// The sessions that are open, the last used first.
    ///
    /// # Errors
    /// The memory failed.
    async fn list(&self) -> Result<Vec<SessionRecord>, StoreFailure>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let id = SessionId::new([0xa5; 32]);
        assert_eq!(SessionId::parse(id.expose()), Some(id.clone()));
        assert_ne!(id.digest(), SessionId::new([0xa6; 32]).digest());
    }

    #[test]
    fn se_03_whatever_is_not_one_of_our_ids_is_none() {
        let good = SessionId::new([0xff; 32]).expose().to_owned();
        let bad = [
            String::new(),
            "1".into(),
            "../../etc/passwd".into(),
            "x".repeat(10 * 1024),
            format!("{good}="),
            format!("{good} "),
            format!("{}\r\n", good.get(..41).expect("long")),
            good.replace('_', "/"),
            format!("{}9", good.get(..42).expect("long")),
        ];
        for text in bad {
            assert_eq!(SessionId::parse(&text), None, "{text:?}");
        }
    }

    #[test]
    fn an_id_prints_redacted() {
        let id = SessionId::new([7; 32]);
        let shown = format!("{id:?}");
        assert!(shown.len() < 24 && !shown.contains(id.expose()), "{shown}");
    }
}
