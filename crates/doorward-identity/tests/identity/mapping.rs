//! Roles, scopes, claims and the tenant, from wherever an issuer keeps them.

use std::collections::{BTreeMap, BTreeSet};

use doorward_identity::{AuthReason, ClaimPath, ClaimType, ClaimValue, IssuerConfig};
use serde_json::{Value, json};

use crate::support::*;

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn path(text: &str) -> ClaimPath {
    text.parse().expect("path")
}

fn with_config(change: impl FnOnce(&mut IssuerConfig)) -> (TestKey, doorward_identity::Authenticator) {
    let key = TestKey::ed("k1");
    let mut config = config(&[&key]);
    change(&mut config);
    (key, guard(config))
}

#[tokio::test]
async fn roles_and_scopes_are_read_by_default_as_rfc_9068_has_them() {
    let (key, guard) = with_config(|_| {});
    let caller = accepted(&guard, &key.token(&claims())).await;
    assert_eq!(caller.roles(), &set(&["Clerk"]));
    assert_eq!(caller.scopes(), &set(&["crm", "crm:write"]));
    assert!(caller.claims().is_empty());
}

#[tokio::test]
async fn roles_and_scopes_lie_where_the_configuration_says() {
    let (key, guard) = with_config(|config| {
        config.roles = path("realm_access.roles");
        config.scopes = path("https://acme.example/scp");
    });
    let claims = with(
        claims_with("realm_access", json!({ "roles": ["A", "B", "A"] })),
        "https://acme.example/scp",
        json!(["x", "y"]),
    );
    let caller = accepted(&guard, &key.token(&claims)).await;
    assert_eq!(caller.roles(), &set(&["A", "B"]), "and not those at the default place");
    assert_eq!(caller.scopes(), &set(&["x", "y"]));
}

#[tokio::test]
async fn one_role_as_text_is_one_role_and_absent_ones_are_none() {
    let (key, guard) = with_config(|_| {});
    let caller = accepted(&guard, &key.token(&claims_with("roles", json!("Store Admin")))).await;
    assert_eq!(caller.roles(), &set(&["Store Admin"]), "roles are not parted at spaces");
    let caller = accepted(&guard, &key.token(&with(claims_with("roles", Value::Null), "scope", Value::Null))).await;
    assert!(caller.roles().is_empty() && caller.scopes().is_empty());
    let caller = accepted(&guard, &key.token(&claims_with("scope", json!("  a   b ")))).await;
    assert_eq!(caller.scopes(), &set(&["a", "b"]));
}

#[tokio::test]
async fn roles_and_scopes_of_another_type_refuse() {
    let (key, guard) = with_config(|_| {});
    for name in ["roles", "scope"] {
        for value in [
            json!(1),
            json!(true),
            json!({ "Admin": true }),
            json!([1]),
            json!([["Admin"]]),
            json!(["a", null]),
            json!([""]),
            json!(["a\nb"]),
            json!(["x".repeat(256)]),
        ] {
            let reason = refused(&guard, &key.token(&claims_with(name, value.clone()))).await;
            assert_eq!(reason, AuthReason::BadClaim, "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn declared_claims_are_read_with_their_types() {
    let (key, guard) = with_config(|config| {
        config.claims = BTreeMap::from([
            ("region".to_owned(), (path("address.region"), ClaimType::String)),
            ("level".to_owned(), (path("level"), ClaimType::Integer)),
            ("staff".to_owned(), (path("staff"), ClaimType::Bool)),
            ("groups".to_owned(), (path("groups"), ClaimType::Strings)),
            ("absent".to_owned(), (path("absent"), ClaimType::String)),
        ]);
    });
    let claims = json!({ "address": { "region": "north" }, "level": 7, "staff": true, "groups": ["b", "a", "b"], "undeclared": 1 });
    let all = claims
        .as_object()
        .expect("object")
        .iter()
        .fold(crate::support::claims(), |all, (name, value)| with(all, name, value.clone()));
    let caller = accepted(&guard, &key.token(&all)).await;
    let expected = BTreeMap::from([
        ("region".to_owned(), ClaimValue::String("north".to_owned())),
        ("level".to_owned(), ClaimValue::Integer(7)),
        ("staff".to_owned(), ClaimValue::Bool(true)),
        ("groups".to_owned(), ClaimValue::Strings(set(&["a", "b"]))),
    ]);
    assert_eq!(caller.claims(), &expected, "an absent claim is absent, an undeclared one is not read");
    let single = accepted(&guard, &key.token(&with(all, "groups", json!("only")))).await;
    assert_eq!(single.claims().get("groups"), Some(&ClaimValue::Strings(set(&["only"]))));
}

#[tokio::test]
async fn a_declared_claim_of_another_type_refuses_the_token() {
    let types = [
        (ClaimType::String, [json!(1), json!(true), json!(["a"]), json!(null)]),
        (ClaimType::Integer, [json!("1"), json!(1.5), json!(u64::MAX), json!(null)]),
        (ClaimType::Bool, [json!("true"), json!(1), json!([true]), json!(null)]),
        (ClaimType::Strings, [json!(1), json!([1]), json!({}), json!(null)]),
    ];
    for (claim_type, values) in types {
        let (key, guard) = with_config(|config| {
            config.claims = BTreeMap::from([("x".to_owned(), (path("x"), claim_type))]);
        });
        for value in values {
            let text = claims().to_string().replacen('{', &format!("{{\"x\":{value},"), 1);
            let token = key.sign(&key.header().to_string(), text.as_bytes());
            assert_eq!(refused(&guard, &token).await, AuthReason::BadClaim, "{claim_type:?}: {value}");
        }
    }
}

#[tokio::test]
async fn the_tenant_is_the_configured_claim_or_default() {
    let (key, guard) = with_config(|config| config.tenant = Some(path("org.id")));
    assert_eq!(accepted(&guard, &key.token(&claims())).await.tenant(), "default");
    let caller = accepted(&guard, &key.token(&claims_with("org", json!({ "id": "acme" })))).await;
    assert_eq!(caller.tenant(), "acme");
    for odd in [json!(""), json!(1), json!(["acme"]), json!("a\0"), json!("x".repeat(256))] {
        let reason = refused(&guard, &key.token(&claims_with("org", json!({ "id": odd })))).await;
        assert_eq!(reason, AuthReason::BadClaim);
    }
}

#[tokio::test]
async fn the_client_is_client_id_or_azp() {
    let (key, guard) = with_config(|_| {});
    let azp = with(claims_with("client_id", Value::Null), "azp", json!("app"));
    assert_eq!(accepted(&guard, &key.token(&azp)).await.client(), Some("app"));
    assert_eq!(accepted(&guard, &key.token(&claims_with("azp", json!("other")))).await.client(), Some("robot"));
    let none = with(claims_with("client_id", Value::Null), "azp", Value::Null);
    assert_eq!(accepted(&guard, &key.token(&none)).await.client(), None);
    for odd in [json!(""), json!(1), json!(["robot"]), json!("a\r\n")] {
        assert_eq!(refused(&guard, &key.token(&claims_with("client_id", odd))).await, AuthReason::BadClaim);
    }
}

#[tokio::test]
async fn se_04_the_standing_follows_roles_and_claims_and_not_scopes() {
    let (key, guard) = with_config(|config| {
        config.claims = BTreeMap::from([("region".to_owned(), (path("region"), ClaimType::String))]);
    });
    let base = *accepted(&guard, &key.token(&claims())).await.standing();
    let scopes = *accepted(&guard, &key.token(&claims_with("scope", json!("other")))).await.standing();
    assert_eq!(base, scopes);
    let later = *accepted(&guard, &key.token(&claims_with("exp", json!(NOW + 900)))).await.standing();
    assert_eq!(base, later);
    for (name, value) in [("roles", json!(["Admin"])), ("roles", json!([])), ("region", json!("north"))] {
        assert_ne!(base, *accepted(&guard, &key.token(&claims_with(name, value))).await.standing(), "{name}");
    }
}
