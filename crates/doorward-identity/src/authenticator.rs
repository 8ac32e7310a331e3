//! The validator of bearer tokens: the one place where a request's credential becomes a caller.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use crate::bearer;
use crate::cache::{Entry, VerifiedTokens};
use crate::claims;
use crate::issuer::{IssuerConfig, KeySource, KeyTiming, Keys};
use crate::token::Unverified;
use crate::{AuthFailure, AuthReason, Caller, Credential, Fetch, Resource, Revocations};

/// Turns the `Authorization` header of a request into a [`Caller`].
///
/// Cheap to share behind an `Arc`; it spawns nothing and reads no clock.
///
/// ```
/// # use std::{collections::BTreeMap, sync::Arc, time::{Duration, SystemTime}};
/// # use doorward_identity::*;
/// # struct Offline;
/// # #[async_trait::async_trait]
/// # impl Fetch for Offline {
/// #     async fn get(&self, _: &str) -> Result<bytes::Bytes, FetchFailure> {
/// #         Err(FetchFailure::Status(404))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// let issuer = TokenIssuer::new("https://mcp.example.com", SigningKey::generate()?);
/// let guard = AuthenticatorBuilder::new()
///     .issuer(IssuerConfig::new(issuer.issuer(), Keys::Own(issuer.public_keys()?)))
///     .build(Arc::new(Offline), Arc::new(Revocations::new()))?;
///
/// let resource = Resource {
///     id: "https://mcp.example.com/mcp".to_owned(),
///     metadata_url: "https://mcp.example.com/.well-known/oauth-protected-resource/mcp".to_owned(),
///     scopes: vec![],
/// };
/// let grant = Grant {
///     subject: "anna".to_owned(),
///     client: "cli".to_owned(),
///     roles: ["Admin".to_owned()].into(),
///     scopes: ["crm".to_owned()].into(),
///     resource: resource.id.clone(),
///     ttl: Duration::from_secs(3_600),
///     claims: BTreeMap::new(),
/// };
/// let issued = issuer.issue(&grant, now, [7; 16])?;
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("authorization", format!("Bearer {}", issued.token.expose()).parse()?);
/// let verdict = guard.identify(&headers, &resource, now).await?;
/// let Identified::Proven(caller) = verdict.who else { return Err("absent".into()) };
/// assert_eq!(caller.subject(), "anna");
/// # Ok(())
/// # }
/// ```
pub struct Authenticator {
    issuers: Vec<Issuer>,
    by_name: HashMap<String, usize>,
    verified: VerifiedTokens,
    revocations: Arc<Revocations>,
}

struct Issuer {
    rules: IssuerConfig,
    keys: KeySource,
}

/// Who a request comes from, and how that was found.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The proven caller, or that there was no credential.
    pub who: Identified,
    /// The token was verified in full just now, not remembered: this gets an authentication record.
    pub fresh: bool,
}

/// Proven, or without any credential. A credential that fails is neither: it is an [`AuthFailure`].
#[derive(Debug, Clone)]
pub enum Identified {
    /// A verified token.
    Proven(Arc<Caller>),
    /// No `Authorization` header at all. Whether that may pass is for the policy to say.
    Absent,
}

/// What an issuer's keys are like, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerState {
    /// The issuer.
    pub issuer: String,
    /// How many keys may be used now; with none, its tokens are refused.
    pub keys: usize,
    /// When keys that come from elsewhere were last fetched.
    pub fetched_at: Option<SystemTime>,
    /// Why the last fetch failed, if it did.
    pub failure: Option<String>,
}

/// A configuration that no authenticator can be built from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// No issuer at all.
    #[error("no issuer is configured, so that no token could ever be accepted")]
    NoIssuer,
    /// The same issuer twice.
    #[error("the issuer `{0}` is configured twice")]
    Twice(String),
    /// An issuer's settings do not work.
    #[error("the issuer `{issuer}` can't be used: {reason}")]
    Unusable {
        /// Which issuer.
        issuer: String,
        /// What is wrong, for people.
        reason: String,
    },
}

/// Collects the issuers of an [`Authenticator`].
#[derive(Debug, Default)]
pub struct AuthenticatorBuilder {
    issuers: Vec<IssuerConfig>,
    timing: KeyTiming,
}

impl AuthenticatorBuilder {
    /// Without an issuer yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts tokens of this issuer too.
    #[must_use]
    pub fn issuer(mut self, issuer: IssuerConfig) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// How published keys age; the defaults are those of [`KeyTiming`].
    #[must_use]
    pub fn timing(mut self, timing: KeyTiming) -> Self {
        self.timing = timing;
        self
    }

    /// Builds the authenticator. Nothing is fetched yet.
    ///
    /// # Errors
    /// The first setting that does not work.
    #[expect(clippy::needless_pass_by_value, reason = "the port is handed over, whether or not an issuer needs it")]
    pub fn build(self, fetch: Arc<dyn Fetch>, revocations: Arc<Revocations>) -> Result<Authenticator, BuildError> {
        if self.issuers.is_empty() {
            return Err(BuildError::NoIssuer);
        }
        let mut issuers: Vec<Issuer> = Vec::new();
        let mut by_name = HashMap::new();
        for mut rules in self.issuers {
            let keys = sound(&mut rules)
                .and_then(|()| KeySource::new(&rules.issuer, &rules.keys, &fetch, self.timing))
                .map_err(|reason| BuildError::Unusable { issuer: rules.issuer.clone(), reason })?;
            if by_name.insert(rules.issuer.clone(), issuers.len()).is_some() {
                return Err(BuildError::Twice(rules.issuer));
            }
            issuers.push(Issuer { rules, keys });
        }
        Ok(Authenticator { issuers, by_name, verified: VerifiedTokens::new(), revocations })
    }
}

fn sound(rules: &mut IssuerConfig) -> Result<(), String> {
    if rules.issuer.is_empty() || rules.issuer.chars().any(|character| character.is_control() || character == ' ') {
        return Err("an issuer is a URL or another text without spaces".to_owned());
    }
    if rules.leeway > IssuerConfig::MAX_LEEWAY {
        return Err("a leeway of more than 300 seconds is not accepted".to_owned());
    }
    if rules.audience.as_deref() == Some("") {
        return Err("an empty audience would fit nothing".to_owned());
    }
    if matches!(rules.keys, Keys::Own(_)) {
        rules.require_token_record = true;
    }
    Ok(())
}

impl Authenticator {
    /// Says who a request to this resource comes from.
    ///
    /// The token is taken from the `Authorization` header alone; queries and bodies are never
    /// looked at (TK-02).
    ///
    /// # Errors
    /// A credential that is not valid here and now, for any reason: the request must be refused,
    /// and never be treated as one without a credential (CVE-2026-59822).
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        resource: &Resource,
        now: SystemTime,
    ) -> Result<Verdict, AuthFailure> {
        let Some(token) = bearer::token(headers)? else {
            return Ok(Verdict { who: Identified::Absent, fresh: false });
        };
        if token.len() > crate::jws::MAX_TOKEN {
            return Err(AuthReason::TooLong.into());
        }
        let key = VerifiedTokens::key(token, &resource.id);
        let epoch = self.revocations.epoch();
        if let Some(entry) = self.verified.get(&key) {
            let generation = self.issuers.get(entry.issuer).and_then(|issuer| issuer.keys.generation(now));
            if entry.is_current(now, epoch, generation) {
                return Ok(Verdict { who: Identified::Proven(entry.caller), fresh: false });
            }
        }
        let (caller, issuer, generation) = self.verify(token, &resource.id, now).await?;
        let caller = Arc::new(caller);
        let entry = Entry {
            caller: Arc::clone(&caller),
            issuer,
            generation,
            epoch,
            verified_at: now,
            weight: Entry::weight(token),
        };
        self.verified.put(key, entry);
        Ok(Verdict { who: Identified::Proven(caller), fresh: true })
    }

    /// Fetches keys that are due, so that no request has to wait for it. Call it from a timer, once
    /// a minute or so; failures show in [`Authenticator::states`].
    pub async fn refresh(&self, now: SystemTime) {
        futures::future::join_all(self.issuers.iter().map(|issuer| issuer.keys.refresh(now))).await;
    }

    /// What the issuers' keys are like.
    #[must_use]
    pub fn states(&self, now: SystemTime) -> Vec<IssuerState> {
        let state = |issuer: &Issuer| {
            let (keys, fetched_at, failure) = issuer.keys.state(now);
            IssuerState { issuer: issuer.rules.issuer.clone(), keys, fetched_at, failure }
        };
        self.issuers.iter().map(state).collect()
    }

    /// Forgets every verified token.
    pub fn forget(&self) {
        self.verified.clear();
    }

    async fn verify(&self, token: &str, audience: &str, now: SystemTime) -> Result<(Caller, usize, u64), AuthReason> {
        let unverified = Unverified::read(token)?;
        let index = *self.by_name.get(unverified.claimed_issuer()?).ok_or(AuthReason::UnknownIssuer)?;
        let issuer = self.issuers.get(index).ok_or(AuthReason::UnknownIssuer)?;
        let keys = issuer.keys.select(unverified.header(), now).await?;
        let generation = keys.generation();
        let key = keys.key(unverified.header())?;
        let verified = unverified.verify(key)?;
        let credential = Credential::new(token);
        let caller = claims::judge(&verified, &issuer.rules, audience, &self.revocations, credential, now)?;
        Ok((caller, index, generation))
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<_> = self.issuers.iter().map(|issuer| &issuer.rules.issuer).collect();
        f.debug_struct("Authenticator").field("issuers", &issuers).finish_non_exhaustive()
    }
}
