//! The demonstration: what each of its users can and can't do.

use http::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Place, ask, bare, call, get, legacy, modern, session};

fn names(answer: &serde_json::Value) -> Vec<&str> {
    answer["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_user_sees_and_uses_what_the_rules_say() {
    let place = Place::demo().await;
    let alice = place.token("alice", &["Admin"], &["customers"]).await;
    let bob = place.token("bob", &[], &[]).await;

    let listed = async |token: &str| ask(place.address(), modern(&place, Some(token), "tools/list", json!({}))).await;
    assert_eq!(names(&listed(&alice).await.json()), ["addNumbers", "adminRestart", "customerData"]);
    assert_eq!(names(&listed(&bob).await.json()), ["addNumbers"]);

    let sum = call(&place, &bob, "addNumbers", json!({ "a": 2, "b": 40 })).await;
    assert_eq!(sum.status, StatusCode::OK);
    assert_eq!(sum.json()["result"]["content"][0]["text"], "42");

    // What is invisible is as what is not there.
    let hidden = call(&place, &bob, "adminRestart", json!({ "service": "db" })).await;
    let unknown = call(&place, &bob, "noSuchTool", json!({})).await;
    assert_eq!((hidden.status, &hidden.json()["error"]["code"]), (unknown.status, &unknown.json()["error"]["code"]));
    assert_eq!(call(&place, &alice, "adminRestart", json!({ "service": "db" })).await.status, StatusCode::OK);
    place.node.stop().await;
}

#[tokio::test]
async fn sc_01_a_missing_scope_is_named() {
    let place = Place::demo().await;
    let support = place.token("eve", &["Support"], &[]).await;
    let refused = call(&place, &support, "customerData", json!({ "region": "north" })).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    let challenge = refused.header("www-authenticate");
    assert!(
        challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"customers\""),
        "{challenge}"
    );
    let may = place.token("eve", &["Support"], &["customers"]).await;
    assert_eq!(call(&place, &may, "customerData", json!({ "region": "north" })).await.status, StatusCode::OK);
}

#[tokio::test]
async fn tk_01_without_a_token_a_client_learns_where_to_get_one() {
    let place = Place::demo().await;
    let refused = ask(place.address(), modern(&place, None, "tools/list", json!({}))).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", place.node.public_url());
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains(&format!("resource_metadata=\"{metadata}\"")), "{challenge}");
    assert!(!challenge.contains("error="), "{challenge}");
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let document = get(&place, path, &[]).await;
        assert_eq!((document.status, document.header("content-type")), (StatusCode::OK, "application/json"));
        assert_eq!(document.json()["resource"], format!("{}/mcp", place.node.public_url()));
        assert_eq!(document.json()["authorization_servers"], json!([place.node.public_url()]));
        assert_eq!(document.json()["scopes_supported"], json!(["customers"]));
    }
}

#[tokio::test]
async fn a_legacy_client_has_a_session_of_the_nodes_own() {
    let place = Place::demo().await;
    let bob = place.token("bob", &[], &[]).await;
    let id = session(&place, &bob).await;
    let list = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/list" });
    let listed = ask(place.address(), legacy(&place, &bob, Some(&id), &list)).await;
    assert_eq!(listed.status, StatusCode::OK, "{}", listed.text());
    assert_eq!(listed.json()["id"], 5);
    assert_eq!(names(&listed.json()), ["addNumbers"]);

    let bearer = format!("Bearer {bob}");
    let end = [("authorization", bearer.as_str()), ("mcp-session-id", &id), ("mcp-protocol-version", "2025-11-25")];
    assert!(ask(place.address(), bare(&place, Method::DELETE, "/mcp", &end)).await.status.is_success());
    let gone = ask(place.address(), legacy(&place, &bob, Some(&id), &list)).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a16_an_unknown_method_is_404_in_the_modern_era() {
    let place = Place::demo().await;
    let bob = place.token("bob", &[], &[]).await;
    let said = ask(place.address(), modern(&place, Some(&bob), "ping", json!({}))).await;
    assert_eq!((said.status, &said.json()["error"]["code"]), (StatusCode::NOT_FOUND, &json!(-32601)));
}
