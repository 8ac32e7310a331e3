//! The guarded fetcher as the port through which issuers' keys come.

use std::fs;

use async_trait::async_trait;
use bytes::Bytes;
use doorward::identity::{Fetch, FetchFailure};
use doorward_fetch::{Ask, Expect, FetchError, FetchPolicy, Fetcher};

use super::StartError;
use crate::config;

/// The longest metadata document or key set.
const LONGEST: usize = 256 * 1024;

/// Gets what issuers publish.
pub(super) struct Issuers(Fetcher);

impl Issuers {
    pub(super) fn new(config: &config::Fetch) -> Result<Self, StartError> {
        let allow = config.allow.iter().map(|host| host.parse()).collect::<Result<_, _>>();
        let ca = config.ca.as_deref().map(|path| {
            fs::read(path)
                .map_err(|error| StartError::configuration(format!("cannot read `{}`: {error}", path.display())))
        });
        let policy = FetchPolicy {
            allow: allow.map_err(StartError::configuration)?,
            ca: ca.transpose()?,
            max_bytes: LONGEST,
            ..FetchPolicy::default()
        };
        Fetcher::new(policy).map(Self).map_err(StartError::configuration)
    }
}

#[async_trait]
impl Fetch for Issuers {
    async fn get(&self, url: &str) -> Result<Bytes, FetchFailure> {
        let source = url::Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        let ask = Ask { url, source: &source, max_bytes: LONGEST, expect: Expect::Json };
        self.0.get(&ask).await.map_err(|error| match error {
            FetchError::Refused(why) => FetchFailure::Refused(why),
            FetchError::TooOften { .. } => FetchFailure::Refused(error.to_string()),
            FetchError::Unreachable(why) => FetchFailure::Unreachable(why),
            FetchError::TimedOut(_) => FetchFailure::TimedOut,
            FetchError::Status(status) => FetchFailure::Status(status),
            FetchError::TooLarge(limit) => FetchFailure::TooLarge(limit),
            FetchError::Unusable(why) => FetchFailure::Unusable(why),
        })
    }
}
