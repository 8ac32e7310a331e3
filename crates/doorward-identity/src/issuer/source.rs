//! One way to ask for a key, wherever an issuer's keys come from.

use std::sync::Arc;
use std::time::SystemTime;

use super::remote::{KeyTiming, Place, Remote, Snapshot};
use super::{Keys, discovery};
use crate::jws::{Header, VerifyingKey};
use crate::{AuthReason, Fetch, PublicKeys};

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) enum KeySource {
    Public(PublicKeys),
    Secret(Arc<VerifyingKey>),
    Remote(Remote),
}

/// The key set that a token is judged by, and its number.
pub(crate) enum Selected {
    Public(PublicKeys),
    Secret(Arc<VerifyingKey>),
    Fetched(Arc<Snapshot>),
}

impl KeySource {
    /// # Errors
    /// What is wrong with the keys, for people.
    pub(crate) fn new(issuer: &str, keys: &Keys, fetch: &Arc<dyn Fetch>, timing: KeyTiming) -> Result<Self, String> {
        let remote = |place| Self::Remote(Remote::new(place, Arc::clone(fetch), timing));
        Ok(match keys {
            Keys::Discover => {
                discovery::candidates(issuer)?;
                remote(Place::Issuer(issuer.to_owned()))
            }
            Keys::JwksUrl(url) => {
                discovery::document_url(url)?;
                remote(Place::Url(url.clone()))
            }
            Keys::Jwks(document) => Self::Public(PublicKeys::from_jwks(document).map_err(|error| error.to_string())?),
            Keys::Secret(secret) => Self::Secret(Arc::new(secret.verifying_key())),
            Keys::Own(keys) => Self::Public(keys.clone()),
        })
    }

    pub(crate) async fn select(&self, header: &Header, now: SystemTime) -> Result<Selected, AuthReason> {
        Ok(match self {
            Self::Public(keys) => Selected::Public(keys.clone()),
            Self::Secret(key) => Selected::Secret(Arc::clone(key)),
            Self::Remote(remote) => Selected::Fetched(remote.keys_for(header, now).await?),
        })
    }

    /// The number of the key set in use; `None` when there is none that may be used.
    pub(crate) fn generation(&self, now: SystemTime) -> Option<u64> {
        match self {
            Self::Public(_) | Self::Secret(_) => Some(0),
            Self::Remote(remote) => remote.usable(now).map(|snapshot| snapshot.generation),
        }
    }

    pub(crate) async fn refresh(&self, now: SystemTime) {
        if let Self::Remote(remote) = self {
            remote.refresh(now).await;
        }
    }

    /// How many keys are in use, when they were fetched, and why the last fetch failed.
    pub(crate) fn state(&self, now: SystemTime) -> (usize, Option<SystemTime>, Option<String>) {
        match self {
            Self::Public(keys) => (keys.len(), None, None),
            Self::Secret(_) => (1, None, None),
            Self::Remote(remote) => match remote.usable(now) {
                Some(snapshot) => (snapshot.keys.len(), Some(snapshot.fetched_at), remote.failure()),
                None => (0, None, remote.failure()),
            },
        }
    }
}

impl Selected {
    /// The one key that may verify a token with this header.
    pub(crate) fn key(&self, header: &Header) -> Result<&VerifyingKey, AuthReason> {
        match self {
            Self::Public(keys) => keys.select(header),
            Self::Fetched(snapshot) => snapshot.keys.select(header),
            Self::Secret(key) => match (&header.kid, key.kid()) {
                (Some(named), Some(own)) if named != own => Err(AuthReason::UnknownKey),
                _ => Ok(key),
            },
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        match self {
            Self::Public(_) | Self::Secret(_) => 0,
            Self::Fetched(snapshot) => snapshot.generation,
        }
    }
}
