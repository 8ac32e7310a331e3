//! What a verified token must say before it makes a caller (RFC 9068 §4, RFC 8725 §3, RFC 7519
//! §4.1).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use crate::caller::{Caller, CallerKey, ClaimType, ClaimValue, standing};
use crate::issuer::IssuerConfig;
use crate::json::{Json, Object};
use crate::token::Verified;
use crate::{AuthReason, ClaimPath, Credential, Revocations};

/// The longest subject, client, tenant or token id, in bytes (TK-27).
pub(crate) const MAX_NAME: usize = 255;
/// The tenant of callers without one.
const DEFAULT_TENANT: &str = "default";
/// 2^53 - 1: beyond it, parsers that read numbers as doubles disagree about a time (TK-18).
const MAX_INTEGER: i64 = (1 << 53) - 1;
/// Claims of ID tokens, logout tokens and event tokens (OpenID Connect Core §3.1.3.6, RFC 8417
/// §2.2). They tell these apart from access tokens where the issuer's `typ` does not (TK-13).
const NOT_OF_ACCESS_TOKENS: [&str; 3] = ["at_hash", "c_hash", "events"];

/// Judges a verified token by its issuer's rules and makes the caller.
///
/// Order matters for the answer only: any rule refuses. The signature was checked before, by the
/// type of `token`.
pub(crate) fn judge(
    token: &Verified,
    rules: &IssuerConfig,
    audience: &str,
    revocations: &Revocations,
    credential: Credential,
    now: SystemTime,
) -> Result<Caller, AuthReason> {
    let claims = &token.claims;
    // The issuer was selected by this very claim; comparing again keeps the rule where it is looked
    // for.
    if claims.get("iss").and_then(Json::as_str) != Some(rules.issuer.as_str()) {
        return Err(AuthReason::UnknownIssuer);
    }
    if !rules.typ.matches(token.header.typ.as_deref()) {
        return Err(AuthReason::WrongType);
    }
    if NOT_OF_ACCESS_TOKENS.iter().any(|name| claims.contains_key(*name)) {
        return Err(AuthReason::NotAnAccessToken);
    }
    if claims.contains_key("cnf") {
        return Err(AuthReason::SenderConstrained);
    }
    check_audience(claims, rules, audience)?;
    let expires_at = check_times(claims, rules, now)?;
    let subject = name(claims, "sub").ok_or(AuthReason::BadSubject)?;
    let client = match claims.get("client_id").or_else(|| claims.get("azp")) {
        None => None,
        Some(value) => Some(sound_name(value).ok_or(AuthReason::BadClaim)?),
    };
    let token_id = match claims.get("jti") {
        None => None,
        Some(value) => Some(sound_name(value).ok_or(AuthReason::BadClaim)?),
    };
    if rules.require_token_record {
        let id = token_id.ok_or(AuthReason::NoTokenId)?;
        if revocations.is_revoked(id) {
            return Err(AuthReason::Revoked);
        }
    }
    let tenant = match rules.tenant.as_ref().and_then(|path| path.find(claims)) {
        None => DEFAULT_TENANT,
        Some(value) => sound_name(value).ok_or(AuthReason::BadClaim)?,
    };
    let roles = strings(claims, &rules.roles, Split::Never)?;
    let scopes = strings(claims, &rules.scopes, Split::AtSpaces)?;
    let declared = declared_claims(claims, &rules.claims)?;
    Ok(Caller {
        key: CallerKey::new(&rules.issuer, subject, client),
        standing: standing(tenant, &roles, &declared),
        tenant: tenant.into(),
        roles,
        scopes,
        claims: declared,
        expires_at,
        token_id: token_id.map(Into::into),
        credential,
    })
}

/// `aud` is ours: as a string, or as the one member of a list. An issuer with an audience of its
/// own may name others beside it (RFC 9068 §4, A54; TK-11, TK-12, TK-21).
fn check_audience(claims: &Object, rules: &IssuerConfig, resource: &str) -> Result<(), AuthReason> {
    let wanted = rules.audience.as_deref().unwrap_or(resource);
    let is_ours = |value: &Json| value.as_str() == Some(wanted);
    let holds = match claims.get("aud") {
        Some(Json::Array(list)) if rules.audience.is_some() => {
            list.iter().all(|value| value.as_str().is_some()) && list.iter().any(is_ours)
        }
        Some(Json::Array(list)) => matches!(list.as_slice(), [only] if is_ours(only)),
        Some(single) => is_ours(single),
        None => false,
    };
    if holds && !wanted.is_empty() { Ok(()) } else { Err(AuthReason::WrongAudience) }
}

/// Checks `exp`, `nbf` and `iat`, and returns the moment from which the token is refused.
fn check_times(claims: &Object, rules: &IssuerConfig, now: SystemTime) -> Result<SystemTime, AuthReason> {
    let leeway = rules.leeway;
    let after = |time: SystemTime, duration: Duration| time.checked_add(duration).ok_or(AuthReason::BadClock);
    let latest_start = after(now, leeway)?;

    let expiry = claims.get("exp").and_then(time).ok_or(AuthReason::BadExpiry)?;
    let mut refused_from = after(expiry, leeway)?;
    if now >= refused_from {
        return Err(AuthReason::Expired);
    }
    if let Some(value) = claims.get("nbf")
        && time(value).is_none_or(|not_before| not_before > latest_start)
    {
        return Err(AuthReason::NotYetValid);
    }
    let issued = match claims.get("iat") {
        None => None,
        Some(value) => Some(time(value).filter(|issued| *issued <= latest_start).ok_or(AuthReason::BadIssueTime)?),
    };
    if let Some(max_age) = rules.max_age {
        let issued = issued.ok_or(AuthReason::BadIssueTime)?;
        let too_old_from = after(after(issued, max_age)?, leeway)?;
        if now >= too_old_from {
            return Err(AuthReason::TooOld);
        }
        refused_from = refused_from.min(too_old_from);
    }
    Ok(refused_from)
}

/// A time in whole seconds since 1970. RFC 7519 would allow fractions; a whole number has one
/// reading.
fn time(value: &Json) -> Option<SystemTime> {
    match value {
        Json::Integer(seconds) if (0..=MAX_INTEGER).contains(seconds) => {
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.unsigned_abs()))
        }
        _ => None,
    }
}

fn name<'a>(claims: &'a Object, claim: &str) -> Option<&'a str> {
    claims.get(claim).and_then(sound_name)
}

fn sound_name(value: &Json) -> Option<&str> {
    value.as_str().filter(|text| is_sound(text))
}

/// Not empty, not long, without control characters. A `:` is as good as any other character,
/// because keys are tuples.
pub(crate) fn is_sound(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control)
}

#[derive(Clone, Copy)]
enum Split {
    AtSpaces,
    Never,
}

fn strings(claims: &Object, path: &ClaimPath, split: Split) -> Result<BTreeSet<String>, AuthReason> {
    let texts: Vec<&str> = match (path.find(claims), split) {
        (None, _) => Vec::new(),
        (Some(Json::String(text)), Split::AtSpaces) => text.split(' ').filter(|scope| !scope.is_empty()).collect(),
        (Some(Json::String(text)), Split::Never) => vec![text],
        (Some(Json::Array(list)), _) => {
            list.iter().map(Json::as_str).collect::<Option<_>>().ok_or(AuthReason::BadClaim)?
        }
        (Some(_), _) => return Err(AuthReason::BadClaim),
    };
    if texts.iter().all(|text| is_sound(text)) {
        Ok(texts.into_iter().map(str::to_owned).collect())
    } else {
        Err(AuthReason::BadClaim)
    }
}

fn declared_claims(
    claims: &Object,
    declared: &BTreeMap<String, (ClaimPath, ClaimType)>,
) -> Result<BTreeMap<String, ClaimValue>, AuthReason> {
    let mut values = BTreeMap::new();
    for (name, (path, claim_type)) in declared {
        if let Some(value) = path.find(claims) {
            values.insert(name.clone(), claim_value(value, *claim_type).ok_or(AuthReason::BadClaim)?);
        }
    }
    Ok(values)
}

fn claim_value(value: &Json, claim_type: ClaimType) -> Option<ClaimValue> {
    match (claim_type, value) {
        (ClaimType::String, Json::String(text)) => Some(ClaimValue::String(text.clone())),
        (ClaimType::Integer, Json::Integer(number)) => Some(ClaimValue::Integer(*number)),
        (ClaimType::Bool, Json::Bool(flag)) => Some(ClaimValue::Bool(*flag)),
        (ClaimType::Strings, Json::String(text)) => Some(ClaimValue::Strings(BTreeSet::from([text.clone()]))),
        (ClaimType::Strings, Json::Array(list)) => {
            let texts = list.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(ClaimValue::Strings)
        }
        _ => None,
    }
}
