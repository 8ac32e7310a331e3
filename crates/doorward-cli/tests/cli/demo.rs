//! `doorward demo`, from its first line to its last, and what commands do to a node that runs.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use crate::http::{Answer, call, curl, legacy, open_session};
use crate::process::{Node, Place};

/// The printed commands, by the line above each.
fn printed(node: &Node) -> BTreeMap<String, String> {
    let text = node.out();
    let titles = text.lines().zip(text.lines().skip(1));
    titles.filter_map(|(title, command)| Some((title.strip_prefix("# ")?.to_owned(), command.to_owned()))).collect()
}

fn text(answer: &Answer) -> String {
    answer.message()["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

fn tools(answer: &Answer) -> Vec<String> {
    let tools = answer.message()["result"]["tools"].as_array().unwrap().clone();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn challenge(answer: &Answer) -> &str {
    answer.headers["www-authenticate"].to_str().unwrap()
}

#[test]
fn every_printed_command_does_what_is_printed_above_it() {
    let place = Place::new();
    let node = place.demo("localhost:0");
    let printed = printed(&node);
    assert_eq!(printed.len(), 9, "{printed:#?}");
    for (title, command) in &printed {
        let answer = curl(command);
        assert!(answer.headers.contains_key("doorward-decision"), "{title}: {answer:?}");
        match title.as_str() {
            "alice lists the tools: all three" => {
                assert_eq!(tools(&answer), ["addNumbers", "adminRestart", "customerData"]);
            }
            "alice adds two numbers: allowed" | "bob adds two numbers: allowed" => assert_eq!(text(&answer), "5"),
            "alice restarts a service: allowed, an Admin may" => {
                assert_eq!(text(&answer), "mail would be restarted now");
            }
            "alice looks up customers: allowed, with role and scope" => {
                assert!(text(&answer).contains("ada@example.com"), "{answer:?}");
            }
            "bob lists the tools: adminRestart is not there" => {
                assert_eq!(tools(&answer), ["addNumbers", "customerData"]);
            }
            "bob restarts a service: refused, as if there were no such tool" => {
                let unknown = curl(&command.replace("adminRestart", "noSuchTool"));
                // Whatever the one answer tells, the other tells too.
                let told = |answer: &Answer, tool: &str| {
                    let error = &answer.message()["error"];
                    let text = error["message"].as_str().unwrap().replace(tool, "TOOL");
                    (answer.status, error["code"].clone(), text)
                };
                assert_eq!(told(&answer, "adminRestart"), told(&unknown, "noSuchTool"));
                assert_eq!(answer.message()["error"]["code"], -32602);
            }
            "bob looks up customers: refused with 403, and told which scope is missing" => {
                assert_eq!(answer.status, StatusCode::FORBIDDEN);
                let challenge = challenge(&answer);
                assert!(challenge.contains("insufficient_scope") && challenge.contains("customers"), "{challenge}");
            }
            "nobody adds two numbers without a token: refused with 401, and told where to get one" => {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
                assert!(challenge(&answer).contains("resource_metadata="), "{answer:?}");
            }
            other => panic!("nothing says what `{other}` should do"),
        }
    }
}

#[test]
fn what_is_printed_is_told_in_one_screen() {
    let place = Place::new();
    let node = place.demo("127.0.0.1:0");
    insta::with_settings!({ filters => vec![
        (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "[TOKEN]"),
        (r"localhost:\d+", "localhost:[PORT]"),
        (r"/\S+/state/", "[STATE]/"),
    ]}, {
        insta::assert_snapshot!(node.out());
    });
}

#[test]
fn a_demonstration_without_a_state_leaves_nothing_behind() {
    let place = Place::new();
    let node = place.node(&["demo", "--listen", "localhost:0"]);
    let ledger = node.out();
    let folder = ledger.lines().find_map(|line| line.split_once("its records lie in ")).unwrap().1;
    let folder = std::path::Path::new(folder.split_once("/ledger").unwrap().0).to_owned();
    assert!(folder.is_dir() && !place.state().exists(), "also where a variable names the state of a real node");
    assert!(node.stop().success());
    assert!(!folder.exists(), "{}", folder.display());
}

#[test]
fn a_demonstration_is_for_this_machine_alone() {
    Place::new().doorward(&["demo", "--listen", "0.0.0.0:8700"]).failed_in_one_line(2, &["localhost:PORT"]);
}

#[test]
fn a_revoked_token_is_dead_on_the_next_request() {
    let place = Place::new();
    let node = place.demo("localhost:0");
    let issued = place.doorward(&["token", "issue", "--user", "carol", "--json"]);
    assert_eq!((issued.code, issued.err.as_str()), (Some(0), ""));
    let issued: Value = serde_json::from_str(&issued.out).unwrap();
    let (id, token) = (issued["id"].as_str().unwrap(), issued["token"].as_str().unwrap());
    let add = || {
        call(&node.mcp(), Some(token), "tools/call", json!({ "name": "addNumbers", "arguments": { "a": 1, "b": 1 } }))
    };
    assert_eq!(text(&add()), "2");
    assert_eq!(text(&add()), "2", "also from the cache of verified tokens");

    let revoked = place.doorward(&["token", "revoke", id]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    let refused = add();
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(challenge(&refused).contains("error=\"invalid_token\""), "{refused:?}");
}

#[test]
fn a_revoked_token_stays_dead_when_the_node_starts_again() {
    let place = Place::new();
    let node = place.demo("localhost:0");
    let port = node.url.rsplit(':').next().unwrap().to_owned();
    let issue = |user| {
        let issued = place.doorward(&["token", "issue", "--user", user, "--json"]);
        serde_json::from_str::<Value>(&issued.out).unwrap()
    };
    let (dead, alive) = (issue("carol"), issue("dave"));
    assert!(node.stop().success());
    assert_eq!(place.doorward(&["token", "revoke", dead["id"].as_str().unwrap()]).code, Some(0));

    let node = place.demo(&format!("localhost:{port}"));
    let list = |issued: &Value| call(&node.mcp(), issued["token"].as_str(), "tools/list", json!({})).status;
    assert_eq!(list(&dead), StatusCode::UNAUTHORIZED);
    assert_eq!(list(&alive), StatusCode::OK);
}

#[test]
fn sessions_are_listed_and_ended() {
    let place = Place::new();
    let node = place.demo("localhost:0");
    let none = place.doorward(&["session", "list"]);
    assert_eq!((none.code, none.err.as_str()), (Some(0), "no session is open\n"));
    let token = |user| place.doorward(&["token", "issue", "--user", user]).out.trim().to_owned();
    let (carol, dave) = (token("carol"), token("dave"));
    let first = open_session(&node.mcp(), &carol);
    let second = open_session(&node.mcp(), &dave);
    let ping = |session: &str, token: &str| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        legacy(&node.mcp(), Some(token), Some(session), &message).status
    };
    assert_eq!((ping(&first, &carol), ping(&second, &dave)), (StatusCode::OK, StatusCode::OK));

    let listed = place.doorward(&["session", "list", "--json"]);
    let rows: Vec<Value> = listed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut users: Vec<_> = rows.iter().map(|row| row["user"].as_str().unwrap()).collect();
    users.sort_unstable();
    assert_eq!(users, ["carol", "dave"]);
    assert!(!listed.out.contains(&first) && !listed.out.contains(&second), "an id of a session is a secret");

    let of_carol = rows.iter().find(|row| row["user"] == "carol").unwrap();
    let ended = place.doorward(&["session", "revoke", of_carol["id"].as_str().unwrap()]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), "ended 1 session\n"));
    assert_eq!((ping(&first, &carol), ping(&second, &dave)), (StatusCode::NOT_FOUND, StatusCode::OK));
    place.doorward(&["session", "revoke", of_carol["id"].as_str().unwrap()]).failed_in_one_line(1, &["session list"]);

    assert_eq!(place.doorward(&["session", "revoke", "--user", "dave"]).err, "ended 1 session\n");
    assert_eq!(ping(&second, &dave), StatusCode::NOT_FOUND);
    assert_eq!(place.doorward(&["session", "revoke", "--all"]).err, "ended 0 sessions\n");
}

#[test]
fn without_a_node_there_are_no_sessions() {
    let place = Place::new();
    let listed = place.doorward(&["session", "list"]);
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), ""));
    place.doorward(&["session", "revoke", "--all"]).failed_in_one_line(1, &["no node is running"]);
}
