//! Tokens of our own: made, accepted, revoked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use doorward_identity::{
    AuthReason, Authenticator, AuthenticatorBuilder, ClaimPath, ClaimType, ClaimValue, Grant, Identified, IssueError,
    IssuerConfig, Keys, PublicKeys, Revocations, SigningKey, TokenIssuer, public_jwks,
};
use serde_json::{Value, json};

use crate::support::*;

const OWN: &str = "https://mcp.example.com";

fn grant() -> Grant {
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    Grant {
        subject: "anna".to_owned(),
        client: "cli".to_owned(),
        roles: set(&["Admin", "Clerk"]),
        scopes: set(&["crm", "crm:write"]),
        resource: AUDIENCE.to_owned(),
        ttl: Duration::from_secs(3_600),
        claims: BTreeMap::from([("region".to_owned(), ClaimValue::String("north".to_owned()))]),
    }
}

fn own() -> (TokenIssuer, Authenticator, Arc<Revocations>) {
    let issuer = TokenIssuer::new(OWN, SigningKey::generate().expect("key"));
    let revocations = Arc::new(Revocations::new());
    let mut config = IssuerConfig::new(OWN, Keys::Own(issuer.public_keys().expect("keys")));
    config.claims = BTreeMap::from([("region".to_owned(), (ClaimPath::top("region"), ClaimType::String))]);
    let guard = AuthenticatorBuilder::new().issuer(config).build(Web::new(), Arc::clone(&revocations)).expect("guard");
    (issuer, guard, revocations)
}

fn parts(token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    let read = |part: &str| serde_json::from_slice(&unb64(part)).expect("JSON");
    (read(parts[0]), read(parts[1]))
}

#[tokio::test]
async fn an_issued_token_is_accepted_with_all_that_was_granted() {
    let (issuer, guard, _) = own();
    let issued = issuer.issue(&grant(), now(), [7; 16]).expect("token");
    let caller = accepted(&guard, issued.token.expose()).await;
    assert_eq!((caller.issuer(), caller.subject(), caller.client()), (OWN, "anna", Some("cli")));
    assert_eq!((caller.roles(), caller.scopes()), (&grant().roles, &grant().scopes));
    assert_eq!(caller.claims(), &grant().claims);
    assert_eq!(caller.token_id(), Some(issued.record.id.as_str()));
    assert_eq!(caller.expires_at(), at(NOW + 3_600 + 30));
}

#[test]
fn rfc_9068_the_token_has_the_claims_and_header_of_an_access_token() {
    let (issuer, _, _) = own();
    let issued = issuer.issue(&grant(), now(), [7; 16]).expect("token");
    let (header, claims) = parts(issued.token.expose());
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": issuer.key().kid() }));
    assert_eq!(
        claims,
        json!({
            "iss": OWN, "sub": "anna", "aud": AUDIENCE, "client_id": "cli", "exp": NOW + 3_600, "iat": NOW,
            "jti": b64([7; 16]), "roles": ["Admin", "Clerk"], "scope": "crm crm:write", "region": "north",
        })
    );
}

#[test]
fn the_record_says_what_was_granted_and_can_not_make_the_token() {
    let (issuer, _, _) = own();
    let issued = issuer.issue(&grant(), now(), [7; 16]).expect("token");
    let record = &issued.record;
    assert_eq!((record.subject.as_str(), record.client.as_str(), record.resource.as_str()), ("anna", "cli", AUDIENCE));
    assert_eq!((record.issued_at, record.expires_at, record.revoked_at), (at(NOW), at(NOW + 3_600), None));
    let signature = issued.token.expose().rsplit('.').next().expect("parts").to_owned();
    assert!(!format!("{issued:?}").contains(&signature));
}

#[tokio::test]
async fn tk_29_a_revoked_token_is_dead_on_the_next_request() {
    let (issuer, guard, revocations) = own();
    let first = issuer.issue(&grant(), now(), [1; 16]).expect("token");
    let second = issuer.issue(&grant(), now(), [2; 16]).expect("token");
    accepted(&guard, first.token.expose()).await;
    accepted(&guard, first.token.expose()).await;
    accepted(&guard, second.token.expose()).await;
    revocations.revoke(&first.record.id, first.record.expires_at);
    assert_eq!(refused(&guard, first.token.expose()).await, AuthReason::Revoked, "although it was remembered");
    assert_eq!(refused(&guard, first.token.expose()).await, AuthReason::Revoked);
    accepted(&guard, second.token.expose()).await;
}

#[tokio::test]
async fn tk_29_what_was_revoked_before_the_start_is_dead_from_the_start() {
    let (issuer, guard, revocations) = own();
    let issued = issuer.issue(&grant(), now(), [1; 16]).expect("token");
    revocations.revoke_all([(issued.record.id.clone(), issued.record.expires_at)]);
    assert_eq!(refused(&guard, issued.token.expose()).await, AuthReason::Revoked);
}

#[tokio::test]
async fn tk_29_revocations_of_ours_do_not_touch_tokens_of_others() {
    let key = TestKey::ed("k1");
    let revocations = Arc::new(Revocations::new());
    revocations.revoke("t-1", at(NOW + 600));
    let guard =
        AuthenticatorBuilder::new().issuer(config(&[&key])).build(Web::new(), Arc::clone(&revocations)).expect("guard");
    accepted(&guard, &key.token(&claims())).await;
    let mut recorded = config(&[&key]);
    recorded.require_token_record = true;
    let guard = AuthenticatorBuilder::new().issuer(recorded).build(Web::new(), revocations).expect("guard");
    assert_eq!(refused(&guard, &key.token(&claims())).await, AuthReason::Revoked);
    assert_eq!(refused(&guard, &key.token(&claims_with("jti", Value::Null))).await, AuthReason::NoTokenId);
}

#[tokio::test]
async fn an_own_issuer_always_asks_for_the_record() {
    let key = TestKey::ed("k1");
    let mut config = IssuerConfig::new(ISSUER, Keys::Own(PublicKeys::from_jwks(&jwks(&[&key])).expect("keys")));
    config.require_token_record = false;
    let revocations = Arc::new(Revocations::new());
    revocations.revoke("t-1", at(NOW + 600));
    let guard = AuthenticatorBuilder::new().issuer(config).build(Web::new(), revocations).expect("guard");
    assert_eq!(refused(&guard, &key.token(&claims())).await, AuthReason::Revoked);
}

#[tokio::test]
async fn rt_05_cd_09_a_token_is_for_one_resource_alone() {
    let (issuer, guard, _) = own();
    let other = Grant { resource: format!("{AUDIENCE}/other"), ..grant() };
    let issued = issuer.issue(&other, now(), [1; 16]).expect("token");
    assert_eq!(refused(&guard, issued.token.expose()).await, AuthReason::WrongAudience);
}

#[test]
fn grants_that_make_no_sound_token_are_refused() {
    let (issuer, _, _) = own();
    type Change = (IssueError, fn(&mut Grant));
    let changes: [Change; 14] = [
        (IssueError::BadName("subject"), |grant| {
            grant.subject = String::new();
        }),
        (IssueError::BadName("subject"), |grant| {
            grant.subject = "a\nb".to_owned();
        }),
        (IssueError::BadName("subject"), |grant| {
            grant.subject = "x".repeat(256);
        }),
        (IssueError::BadName("client"), |grant| {
            grant.client = String::new();
        }),
        (IssueError::BadName("role"), |grant| {
            grant.roles = BTreeSet::from([String::new()]);
        }),
        (IssueError::BadName("resource"), |grant| {
            grant.resource = String::new();
        }),
        (IssueError::BadScope, |grant| {
            grant.scopes = BTreeSet::from(["a b".to_owned()]);
        }),
        (IssueError::BadScope, |grant| {
            grant.scopes = BTreeSet::from(["a\"b".to_owned()]);
        }),
        (IssueError::BadScope, |grant| {
            grant.scopes = BTreeSet::from([String::new()]);
        }),
        (IssueError::BadTtl, |grant| grant.ttl = Duration::ZERO),
        (IssueError::BadTtl, |grant| {
            grant.ttl = Grant::MAX_TTL + Duration::from_secs(1);
        }),
        (IssueError::ReservedClaim("sub".to_owned()), |grant| {
            grant.claims = BTreeMap::from([("sub".to_owned(), ClaimValue::String("root".to_owned()))]);
        }),
        (IssueError::ReservedClaim("roles".to_owned()), |grant| {
            grant.claims = BTreeMap::from([("roles".to_owned(), ClaimValue::Strings(BTreeSet::new()))]);
        }),
        (IssueError::TooLong, |grant| {
            grant.claims = BTreeMap::from([("x".to_owned(), ClaimValue::String("x".repeat(16 * 1024)))]);
        }),
    ];
    for (expected, change) in changes {
        let mut grant = grant();
        change(&mut grant);
        assert_eq!(issuer.issue(&grant, now(), [1; 16]).expect_err("refused"), expected);
    }
}

#[tokio::test]
async fn keys_are_written_and_read_and_a_set_may_hold_the_old_one_too() {
    let old = SigningKey::generate().expect("key");
    let kept = old.to_pkcs8().expect("bytes");
    let again = SigningKey::from_pkcs8(&kept).expect("key");
    assert_eq!(old.kid(), again.kid());
    let new = SigningKey::generate().expect("key");
    assert_ne!(old.kid(), new.kid());
    let keys = PublicKeys::from_jwks(&public_jwks([&new, &old])).expect("keys");
    assert_eq!(keys.len(), 2);
    let guard = guard(IssuerConfig::new(OWN, Keys::Own(keys)));
    for key in [again, new] {
        let issued = TokenIssuer::new(OWN, key).issue(&grant(), now(), [1; 16]).expect("token");
        accepted(&guard, issued.token.expose()).await;
    }
    assert!(SigningKey::from_pkcs8(b"").is_err() && SigningKey::from_pkcs8(&kept[1..]).is_err());
}

#[tokio::test]
async fn a_public_set_holds_no_private_part_and_nothing_prints_it() {
    let key = SigningKey::generate().expect("key");
    let jwk = key.public_jwk();
    assert!(jwk.get("d").is_none());
    let private = key.to_pkcs8().expect("bytes");
    let seed = b64(&private[16..48]);
    assert!(!format!("{key:?}{jwk}").contains(&seed));
}

#[tokio::test]
async fn pt_the_callers_credential_can_be_looked_for_and_not_read() {
    let (issuer, guard, _) = own();
    let issued = issuer.issue(&grant(), now(), [1; 16]).expect("token");
    let token = issued.token.expose();
    let verdict = identify(&guard, token).await.expect("accepted");
    let Identified::Proven(caller) = verdict.who else { panic!("proven") };
    let body = json!({ "arguments": { "note": token } }).to_string();
    assert!(caller.credential().appears_in(body.as_bytes()));
    assert!(!caller.credential().appears_in(b"{\"arguments\":{}}"));
    assert!(!format!("{:?}{caller:?}", caller.credential()).contains(token));
}
