//! The parts of the guard, from the configuration and from what is remembered.

use std::{
    collections::BTreeSet,
    num::NonZeroU32,
    sync::Arc,
    time::{Instant, SystemTime},
};

use doorward::{
    Doorman, Guard, GuardBuilder, SessionLimits,
    audit::Ledger,
    door::{AllowedHosts, AllowedOrigins},
    identity::{
        Authenticator, AuthenticatorBuilder, ClaimPath, IssuerConfig, Keys, Revocations, SigningKey, TokenIssuer,
        TokenLog as _, session::SessionLog,
    },
    policy::{
        Admits, Catalogue, CatalogueLog as _, Catalogues, Clock, LimitSettings, Policy, PolicySettings, Require,
        RuleBook, Timer,
    },
    wire,
};
use doorward_store::{KeyFile, SqliteStore, StateDir};
use doorward_wire::ServerName;

use super::{StartError, fetch::Issuers};
use crate::config::Config;

/// Who is believed, and who signs.
pub(super) struct Identity {
    pub(super) issuer: TokenIssuer,
    pub(super) authenticator: Option<Authenticator>,
    pub(super) revocations: Arc<Revocations>,
    /// Every issuer, for the metadata of resources.
    pub(super) issuers: Vec<String>,
}

/// The node's own issuer, those of the configuration, and what was revoked.
pub(super) async fn identity(
    config: &Config,
    public_url: &str,
    state: &StateDir,
    store: &SqliteStore,
    now: SystemTime,
) -> Result<Identity, StartError> {
    let key = KeyFile::load_or_create(&state.signing_key()).map_err(StartError::configuration)?;
    let key = SigningKey::from_pkcs8(key.pkcs8()).map_err(StartError::configuration)?;
    let issuer = TokenIssuer::new(public_url, key);
    let mut own = IssuerConfig::new(public_url, Keys::Own(issuer.public_keys().map_err(StartError::configuration)?));
    own.claims =
        config.identity.claims.iter().map(|(name, kind)| (name.clone(), (ClaimPath::top(name), *kind))).collect();
    own.tenant.clone_from(&config.identity.tenant);

    let revocations = Arc::new(Revocations::new());
    // Without knowing what was revoked nothing may be accepted.
    revocations.revoke_all(store.revoked(now).await.map_err(StartError::unreachable)?);
    let fetch = Arc::new(Issuers::new(&config.fetch)?);
    let mut builder = AuthenticatorBuilder::new().issuer(own);
    let mut issuers = vec![public_url.to_owned()];
    for other in &config.identity.issuers {
        if other.audience.is_some() || other.typ != doorward::identity::Typ::AccessToken {
            tracing::warn!(
                issuer = other.issuer,
                audience = other.audience,
                typ = ?other.typ,
                "tokens of this issuer are accepted with an audience or type of its own"
            );
        }
        issuers.push(other.issuer.clone());
        builder = builder.issuer(other.clone());
    }
    let authenticator = builder.build(fetch, Arc::clone(&revocations)).map_err(StartError::configuration)?;
    Ok(Identity { issuer, authenticator: Some(authenticator), revocations, issuers })
}

/// The policy, compiled against what the servers told when they were last asked.
pub(super) async fn policy(config: &Config, store: &SqliteStore) -> Result<Policy, StartError> {
    let mut catalogues = Catalogues::new();
    for name in config.servers.keys() {
        match store.load(name).await {
            Ok(Some(text)) => match Catalogue::from_json(&text) {
                Ok(catalogue) => drop(catalogues.insert(name.clone(), catalogue)),
                Err(_) => {
                    tracing::warn!(server = %name, "what was remembered of the server can't be read; it is learnt anew");
                }
            },
            Ok(None) => {}
            Err(error) => tracing::warn!(server = %name, %error, "what is remembered of the server can't be read"),
        }
    }
    let book = RuleBook::compile(config.policy.clone(), &catalogues).map_err(|errors| {
        let mistakes: Vec<_> = errors.iter().map(|error| config.tell(error).to_string()).collect();
        StartError::configuration(mistakes.join("\n"))
    })?;
    let number = |count: usize| NonZeroU32::new(u32::try_from(count).unwrap_or(u32::MAX));
    let limits = LimitSettings {
        address: config.limits.per_address,
        caller: config.limits.per_caller,
        client: config.limits.per_client,
        concurrent: number(config.limits.concurrent_calls),
        streams: number(config.limits.open_streams),
        ..LimitSettings::default()
    };
    let settings = PolicySettings { limits, ..PolicySettings::default() };
    let start = Instant::now();
    let clock = Clock::new(move || start.elapsed());
    let timer = Timer::new(|time| Box::pin(tokio::time::sleep(time)));
    Ok(Policy::new(book, settings, clock, timer))
}

/// The guard over all of it.
pub(super) async fn guard(
    config: &Config,
    identity: &mut Identity,
    policy: Policy,
    ledger: Ledger,
    store: &SqliteStore,
    (hosts, origins): (AllowedHosts, AllowedOrigins),
) -> Result<Guard, StartError> {
    let limits = wire::Limits { max_bytes: config.limits.body_bytes, ..wire::Limits::default() };
    let doorman = Doorman::new(hosts, origins).with_limits(limits).with_body_time(config.timeouts.body);
    let sessions =
        SessionLimits { idle: config.sessions.idle, absolute: config.sessions.absolute, ..SessionLimits::default() };
    forget_old_sessions(store).await?;
    let Some(authenticator) = identity.authenticator.take() else {
        return Err(StartError::configuration("the authenticator is taken already"));
    };
    Ok(GuardBuilder::new()
        .admit(doorman)
        .authenticate(authenticator, Arc::clone(&identity.revocations))
        .permit(policy)
        .record(ledger)
        .session_limits(sessions)
        .session_log(Arc::new(store.clone()))
        .catalogue_log(Arc::new(store.clone()))
        .build())
}

/// Sessions live in the node that opened them; what an earlier one left on record is over.
async fn forget_old_sessions(store: &SqliteStore) -> Result<(), StartError> {
    let left = SessionLog::list(store).await.map_err(StartError::unreachable)?;
    for session in left {
        SessionLog::close(store, &session.digest, session.last_used).await.map_err(StartError::unreachable)?;
    }
    Ok(())
}

/// The scopes that the rules of a server can ask for, for its metadata.
pub(super) fn scopes(config: &Config, server: &ServerName) -> Vec<String> {
    let mut scopes = BTreeSet::new();
    for rule in config.policy.servers.get(server).into_iter().flatten() {
        if let Admits::Policies(names) = &rule.admits {
            for require in names.iter().filter_map(|name| config.policy.policies.get(name)) {
                collect_scopes(require, &mut scopes);
            }
        }
    }
    scopes.into_iter().collect()
}

fn collect_scopes(require: &Require, into: &mut BTreeSet<String>) {
    match require {
        Require::Scope(scope) => drop(into.insert(scope.clone())),
        Require::All(parts) | Require::Any(parts) => parts.iter().for_each(|part| collect_scopes(part, into)),
        // A scope that must be missing is none to ask for.
        Require::Not(_) | Require::Authenticated | Require::Role(_) | Require::AnyRole(_) | Require::Claim { .. } => {}
    }
}
