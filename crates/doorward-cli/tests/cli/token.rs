//! `doorward token`, without a node.

use serde_json::Value;

use crate::process::{Ended, Place};

fn claims(token: &str) -> Value {
    let payload = token.trim().split('.').nth(1).unwrap();
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for character in payload.bytes() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = alphabet.iter().position(|known| *known == character).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    serde_json::from_slice(&bytes).unwrap()
}

fn listed(place: &Place) -> Vec<Value> {
    let ended = place.doorward(&["token", "list", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_token_stands_alone_on_standard_output() {
    let place = Place::new();
    let ended = place.doorward(&[
        "token",
        "issue",
        "--user",
        "alice",
        "--role",
        "Admin",
        "Auditor",
        "--scope",
        "crm",
        "--claim",
        "region=emea",
        "--claim",
        "level:=3",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out.lines().count(), 1);
    assert_eq!(ended.out.trim().split('.').count(), 3, "{}", ended.out);
    let claims = claims(&ended.out);
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["roles"], serde_json::json!(["Admin", "Auditor"]));
    assert_eq!(claims["scope"], "crm");
    assert_eq!(claims["region"], "emea");
    assert_eq!(claims["level"], 3);
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);
    let stored = std::fs::read(place.state().join("doorward.db")).unwrap();
    assert!(!stored.windows(20).any(|window| ended.out.as_bytes().starts_with(window)), "the token is kept nowhere");
}

#[test]
fn a_guessed_resource_is_said_aloud() {
    let Ended { code, out, err } = Place::new().doorward(&["token", "issue", "--user", "alice"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(claims(&out)["aud"], "http://localhost:8700/mcp");
    assert_eq!(claims(&out)["iss"], "http://localhost:8700");
    insta::assert_snapshot!(err, @"warning: no node has run with this state yet, so the token is for `http://localhost:8700/mcp`; name another with `--public-url` or `--config`");
}

#[test]
fn the_node_that_ran_last_says_what_a_token_is_for() {
    let place = Place::new();
    assert_eq!(place.doorward(&["token", "list"]).code, Some(0));
    let node = r#"{"public_url":"https://mcp.example.com","mode":"serve","servers":[
        {"name":"crm","resource":"https://mcp.example.com/mcp/crm"},
        {"name":"ops","resource":"https://mcp.example.com/mcp/ops"}]}"#;
    std::fs::write(place.state().join("node.json"), node).unwrap();
    let Ended { code, out, err } = place.doorward(&["token", "issue", "--user", "alice", "--server", "ops"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(claims(&out)["aud"], "https://mcp.example.com/mcp/ops");
    place.doorward(&["token", "issue", "--user", "alice"]).failed_in_one_line(2, &["--server", "`crm`, `ops`"]);
    place.doorward(&["token", "issue", "--user", "alice", "--server", "hr"]).failed_in_one_line(2, &["`hr`"]);
}

#[test]
fn a_configuration_says_what_a_token_is_for_and_where_the_state_lies() {
    let place = Place::new();
    let config = place.write(
        "doorward.yaml",
        "public_url: https://mcp.example.com\nlisten: localhost:9000\npolicies: { All: { require: authenticated } }\n\
         servers:\n  crm: { upstream: { url: \"https://crm.example.com/mcp\" }, \n      rules: [ { discovery: true, allow: anonymous }, { tool: \"*\", policy: All } ] }\n",
    );
    let arguments = ["token", "issue", "--user", "alice", "--config", config.to_str().unwrap()];
    let Ended { code, out, err } = place.doorward(&arguments);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(claims(&out)["aud"], "https://mcp.example.com/mcp/crm");
}

#[test]
fn a_long_life_is_warned_of() {
    let ended =
        Place::new().doorward(&["token", "issue", "--user", "ci", "--ttl", "7d", "--public-url", "http://localhost:9"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    insta::with_settings!({ filters => vec![(r"\d{4}-\d\d-\d\dT[\d:]+Z", "[TIME]"), (r"revoke [\w-]{22}", "revoke [ID]")] }, {
        insta::assert_snapshot!(ended.err, @"warning: this token is valid until [TIME]: whoever gets hold of it may use it until then; `doorward token revoke [ID]` ends it");
    });
}

#[test]
fn tokens_are_listed_with_their_state_and_never_themselves() {
    let place = Place::new();
    let issued = place.doorward(&["token", "issue", "--user", "alice", "--json"]);
    let issued: Value = serde_json::from_str(&issued.out).unwrap();
    let (id, token) = (issued["id"].as_str().unwrap(), issued["token"].as_str().unwrap());
    let [row] = &listed(&place)[..] else { panic!("one token was issued") };
    assert_eq!((&row["id"], &row["user"], &row["state"]), (&issued["id"], &"alice".into(), &"active".into()));
    assert_eq!(row.get("token"), None);

    let ended = place.doorward(&["token", "revoke", id]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{ended:?}");
    assert_eq!(listed(&place)[0]["state"], "revoked");
    assert_eq!(place.doorward(&["token", "revoke", id]).code, Some(0), "again is no mistake");
    let table = place.doorward(&["token", "list"]).out;
    assert!(table.starts_with("ID ") && table.contains(id) && !table.contains(token), "{table}");
}

#[test]
fn every_token_is_on_record() {
    let place = Place::new();
    let issued = place.doorward(&["token", "issue", "--user", "alice", "--json"]);
    let issued: Value = serde_json::from_str(&issued.out).unwrap();
    let id = issued["id"].as_str().unwrap();
    place.doorward(&["token", "revoke", id]);
    let mut records = String::new();
    for segment in std::fs::read_dir(place.state().join("ledger")).unwrap() {
        records.push_str(&crate::process::read(&segment.unwrap().path()));
    }
    let whats: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut whats: Vec<_> =
        whats.iter().map(|record| (record["what"].as_str().unwrap(), record["token_id"].as_str().unwrap())).collect();
    whats.sort_unstable();
    assert_eq!(whats, [("token.issued", id), ("token.revoked", id)]);
    assert!(!records.contains(issued["token"].as_str().unwrap()));
}

#[test]
fn an_unknown_id_is_refused() {
    let place = Place::new();
    place.doorward(&["token", "revoke", "-nothing"]).failed_in_one_line(1, &["`-nothing`", "doorward token list"]);
}

#[test]
fn a_state_directory_that_others_may_enter_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    std::fs::create_dir(place.state()).unwrap();
    std::fs::set_permissions(place.state(), std::fs::Permissions::from_mode(0o755)).unwrap();
    place.doorward(&["token", "list"]).failed_in_one_line(3, &["chmod 700"]);
}

#[test]
fn a_key_that_is_none_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    assert_eq!(place.doorward(&["token", "list"]).code, Some(0));
    let key = place.state().join("signing.key");
    std::fs::write(&key, "not a key").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    place.doorward(&["token", "issue", "--user", "alice"]).failed_in_one_line(3, &["signing key", "Ed25519"]);
}

#[test]
fn nothing_is_kept_outside_the_state_directory() {
    let place = Place::new();
    assert_eq!(place.doorward(&["token", "issue", "--user", "alice"]).code, Some(0));
    let names: Vec<_> = std::fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["state"]);
}
