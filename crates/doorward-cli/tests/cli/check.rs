//! `doorward check`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::{Ended, Place};

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doorward-gateway/tests/config").join(kind);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn check(file: &Path, more: &[&str]) -> Ended {
    Place::new().doorward(&[&["check", "--config", file.to_str().unwrap()], more].concat())
}

fn objects(ended: &Ended) -> Vec<Value> {
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_broken_configuration_ends_with_three_and_each_mistake_has_its_place_and_fix() {
    let files = fixtures("broken");
    assert!(files.len() >= 20, "{files:?}");
    for file in files {
        let ended = check(&file, &["--json"]);
        assert_eq!(ended.code, Some(3), "{file:?}: {ended:?}");
        assert_eq!(ended.err, "", "{file:?}");
        let objects = objects(&ended);
        let (whole, findings) = objects.split_last().unwrap();
        let mistakes: Vec<_> = findings.iter().filter(|finding| finding["kind"] == "mistake").collect();
        assert_eq!((&whole["ok"], &whole["mistakes"]), (&false.into(), &mistakes.len().into()), "{file:?}");
        assert!(!mistakes.is_empty(), "{file:?}");
        for mistake in mistakes {
            let says = |key: &str| mistake[key].as_str().is_some_and(|text| !text.is_empty());
            let counts = |key: &str| mistake[key].as_u64().is_some_and(|number| number > 0);
            assert!(says("text") && says("fix"), "{file:?}: {mistake}");
            // A file that says nothing has no line to point at.
            assert!(counts("line") && counts("column") || file.ends_with("empty.yaml"), "{file:?}: {mistake}");
        }
        let told = check(&file, &[]);
        assert_eq!(told.out.matches("\n  fix: ").count(), findings.len(), "{file:?}: {}", told.out);
    }
}

#[test]
fn a_valid_configuration_is_summed_up() {
    for file in fixtures("valid") {
        let ended = check(&file, &["--json"]);
        // A valid file may name others that are on no other machine; that is told, and is no crash.
        assert!(matches!(ended.code, Some(0 | 3)), "{file:?}: {ended:?}");
        assert!(objects(&ended).last().unwrap()["ok"].is_boolean());
    }
}

#[test]
fn mistakes_are_told_with_line_column_and_fix() {
    let place = Place::new();
    let file = place.write(
        "doorward.yaml",
        "policies:\n  All: { require: authenticated }\nservers:\n  crm:\n    upstream: { command: [sh] }\n    rules:\n      \
         - { tool: \"*\", polcy: All }\n      - { tool: \"*\", policy: Al }\n",
    );
    let ended = place.doorward(&["check", "--config", file.file_name().unwrap().to_str().unwrap()]);
    assert_eq!(ended.code, Some(3));
    insta::assert_snapshot!(format!("{}{}", ended.out, ended.err));
}

#[test]
fn nothing_is_bound_started_or_written() {
    let place = Place::new();
    let file = place.write(
        "doorward.yaml",
        "servers:\n  crm:\n    upstream: { command: [touch, started] }\n    rules:\n      - { discovery: true, allow: anonymous }\n",
    );
    let ended = place.doorward(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.out.ends_with(
            "1 server, 1 rule, 0 policies, 0 path rules, 0 other issuers; not asked yet what it offers: crm\n"
        ),
        "{}",
        ended.out
    );
    assert!(!place.state().exists() && !place.path("started").exists());
}

#[test]
fn a_file_that_is_not_there_is_a_mistake_like_others() {
    let ended = Place::new().doorward(&["check", "--config", "nowhere.yaml"]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.out.starts_with("nowhere.yaml: the file can't be read: there is no such file\n"), "{}", ended.out);
}

#[test]
fn rules_are_held_against_what_the_servers_offered() {
    let place = Place::new();
    let behind = place.demo("localhost:0");
    let token = place.doorward(&["token", "issue", "--user", "gateway", "--role", "Admin"]).out;
    let credential = place.write("credential", &token);
    std::fs::set_permissions(&credential, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let front = Place::new();
    let config = front.write(
        "doorward.yaml",
        &format!(
            "listen: localhost:0\nadmin: {{ listen: \"127.0.0.1:0\" }}\npolicies: {{ All: {{ require: authenticated }} }}\nservers:\n  \
             demo:\n    upstream: {{ url: \"{}\", credential: {{ file: \"{}\" }} }}\n    rules:\n      \
             - {{ discovery: true, allow: anonymous }}\n      - {{ tool: addNumbers, policy: All }}\n      \
             - {{ tool: addNumber, policy: All }}\n      - {{ tool: \"*\", policy: All }}\n",
            behind.mcp(),
            credential.display()
        ),
    );
    let config = config.to_str().unwrap();
    let before = front.doorward(&["check", "--config", config]);
    assert!(before.out.contains("not asked yet what it offers: demo"), "{before:?}");

    let node = front.node(&["serve", "--config", config]);
    let token = front.doorward(&["token", "issue", "--user", "alice"]).out;
    let url = format!("{}/demo", node.mcp());
    let listed = crate::http::call(&url, Some(token.trim()), "tools/list", serde_json::json!({}));
    assert_eq!(listed.status, 200, "{listed:?}");
    assert!(node.stop().success());

    let after = front.doorward(&["check", "--config", config]);
    assert_eq!(after.code, Some(0), "{after:?}");
    assert!(after.out.contains("`demo` did not offer the tool `addNumber` when it was last asked"), "{}", after.out);
    assert!(after.out.ends_with("0 other issuers; 1 warning\n"), "{}", after.out);
}

#[test]
fn the_configuration_in_the_readme_is_valid() {
    let readme = include_str!("../../../../README.md");
    let yaml = readme.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0;
    let place = Place::new();
    place.write("doorward.yaml", yaml);
    let ended = place.doorward(&["check", "--config", "doorward.yaml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
