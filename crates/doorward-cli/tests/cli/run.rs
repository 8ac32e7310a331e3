//! `doorward run` and `doorward serve`: how they start, and how they fail to.

use http::StatusCode;
use serde_json::json;

use crate::http::{call, send};
use crate::process::Place;

#[test]
fn a_command_that_is_not_there_is_said_in_one_line() {
    let place = Place::new();
    place
        .doorward(&["run", "--listen", "localhost:0", "--", "no-such-program-here", "--flag"])
        .failed_in_one_line(4, &["there is no program `no-such-program-here`", "install it"]);
}

#[test]
fn a_taken_port_is_said_in_one_line() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let place = Place::new();
    let listen = format!("127.0.0.1:{port}");
    place
        .doorward(&["run", "--listen", &listen, "--", "cat"])
        .failed_in_one_line(4, &[&listen, "another program uses this port"]);
}

#[test]
fn an_unreadable_key_is_said_in_one_line() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    assert_eq!(place.doorward(&["token", "issue", "--user", "alice"]).code, Some(0));
    let key = place.state().join("signing.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    place
        .doorward(&["run", "--listen", "localhost:0", "--", "cat"])
        .failed_in_one_line(3, &["signing.key", "chmod 600"]);
}

#[test]
fn an_unreadable_tls_key_is_a_mistake_of_the_command_line() {
    let place = Place::new();
    let ended =
        place.doorward(&["run", "--listen", "localhost:0", "--tls-cert", "no.crt", "--tls-key", "no.key", "--", "cat"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    for word in ["--tls-cert", "no.crt", "--tls-key", "no.key", "there is no such file"] {
        assert!(ended.err.contains(word), "{}", ended.err);
    }
}

#[test]
fn an_address_beyond_this_machine_needs_tls() {
    let ended = Place::new().doorward(&["run", "--listen", "0.0.0.0:0", "--", "cat"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("--listen") && ended.err.contains("tls"), "{}", ended.err);
}

#[test]
fn one_state_directory_has_one_node() {
    let place = Place::new();
    let _node = place.demo("localhost:0");
    place
        .doorward(&["run", "--listen", "localhost:0", "--", "cat"])
        .failed_in_one_line(4, &["another node is using the state directory", "--state"]);
}

#[test]
fn the_first_start_says_how_it_is_used_and_later_ones_do_not() {
    let place = Place::new();
    let command = ["run", "--listen", "localhost:0", "--", "cat"];
    let node = place.node(&command);
    insta::with_settings!({ filters => filters() }, {
        insta::assert_snapshot!(node.said());
    });
    let listen = node.url.replace("http://", "");
    assert!(node.stop().success());
    let node = place.node(&["run", "--listen", &listen, "--", "cat"]);
    assert!(!node.said().contains("Add it to a client"), "{}", node.said());
}

/// The log is about this run alone; what is told to people is what is looked at.
fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r#"(?m)^\{"timestamp".*\n"#, ""),
        (r"localhost:\d+", "localhost:[PORT]"),
        (r"\S+/doorward token", "doorward token"),
        (r"--state \S+", "--state [STATE]"),
    ]
}

#[test]
fn the_printed_command_makes_a_token_that_is_accepted() {
    let place = Place::new();
    let behind = place.demo("localhost:0");
    let token = place.doorward(&["token", "issue", "--user", "gateway", "--role", "Admin"]).out;
    let credential = place.write("credential", &token);
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&credential, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let front = Place::new();
    let node = front.node(&[
        "run",
        "--listen",
        "localhost:0",
        "--upstream",
        &behind.mcp(),
        "--upstream-credential",
        credential.to_str().unwrap(),
    ]);
    let said = node.said();
    let command = said.lines().find(|line| line.contains(" token issue ")).unwrap().trim();
    let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
    let issued = front.doorward(&arguments);
    assert_eq!((issued.code, issued.err.as_str()), (Some(0), ""), "{command}");

    let answer = call(&node.mcp(), Some(issued.out.trim()), "tools/list", json!({}));
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.body.contains("adminRestart"), "{answer:?}");
    // The token of the node behind is good there alone, and the one in front knows none but its own.
    assert_eq!(call(&node.mcp(), Some(token.trim()), "tools/list", json!({})).status, StatusCode::UNAUTHORIZED);
    assert_eq!(call(&behind.mcp(), Some(issued.out.trim()), "tools/list", json!({})).status, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_node_is_ready_when_it_says_so() {
    let place = Place::new();
    let config = place.write(
        "doorward.yaml",
        "listen: localhost:0\nadmin: { listen: \"127.0.0.1:0\" }\npolicies: { All: { require: authenticated } }\nservers:\n  \
         one: { upstream: { command: [cat] }, rules: [ { tool: \"*\", policy: All } ] }\n  \
         two: { upstream: { command: [cat] }, rules: [ { tool: \"*\", policy: All } ] }\n",
    );
    let node = place.node(&["serve", "--config", config.to_str().unwrap()]);
    let ready = send("GET", &format!("{}/readyz", node.url), &[], "");
    assert_eq!(ready.status, StatusCode::OK);
    assert!(ready.body.contains("one") && ready.body.contains("two"), "{}", ready.body);
    place.doorward(&["token", "issue", "--user", "alice"]).failed_in_one_line(2, &["--server", "`one`, `two`"]);
    let token = place.doorward(&["token", "issue", "--user", "alice", "--server", "one"]).out;
    let status = |server: &str| {
        call(&format!("{}/{server}", node.mcp()), Some(token.trim()), "server/discover", json!({})).status
    };
    assert_eq!(status("two"), StatusCode::UNAUTHORIZED, "a token is for one server");
    assert!(node.stop().success());
}

#[test]
fn a_self_made_authority_is_explained() {
    let place = Place::new();
    let node = place.node(&["run", "--listen", "localhost:0", "--tls", "self-signed", "--", "cat"]);
    assert!(node.url.starts_with("https://localhost:"), "{}", node.url);
    let authority = place.state().join("tls/ca.pem");
    assert!(authority.is_file() && node.said().contains(authority.to_str().unwrap()), "{}", node.said());
    assert!(!node.said().contains("plain HTTP"), "{}", node.said());
}

#[test]
fn the_log_is_json_where_nobody_watches() {
    let place = Place::new();
    let node = place.node(&["demo", "--listen", "localhost:0", "--log", "debug"]);
    let said = node.said();
    for line in said.lines().filter(|line| !line.starts_with("ready ")) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(event["level"].is_string() && event["timestamp"].is_string(), "{line}");
    }
}
