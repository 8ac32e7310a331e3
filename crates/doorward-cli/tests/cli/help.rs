//! What the binary says of itself.

use crate::process::Place;

const COMMANDS: [&[&str]; 11] = [
    &[],
    &["run"],
    &["serve"],
    &["check"],
    &["token"],
    &["token", "issue"],
    &["token", "list"],
    &["token", "revoke"],
    &["session", "list"],
    &["session", "revoke"],
    &["demo"],
];

#[test]
fn every_help_shows_an_example_and_the_state_directory() {
    let place = Place::new();
    for command in COMMANDS {
        let ended = place.doorward(&[command, &["--help"]].concat());
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{command:?}");
        assert!(ended.out.contains("Example"), "{command:?}: {}", ended.out);
        assert!(ended.out.contains("--state <DIR>"), "{command:?}: {}", ended.out);
        assert!(!ended.out.contains('\u{1b}'), "colour is for terminals alone: {command:?}");
    }
}

#[test]
fn the_help_of_the_whole_names_what_is_there_and_nothing_else() {
    let ended = Place::new().doorward(&["--help"]);
    insta::assert_snapshot!(ended.out);
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_two() {
    let place = Place::new();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["run"],
        &["run", "--upstream", "http://localhost:1/mcp", "--", "server"],
        &["run", "--tls-cert", "a.pem", "--", "server"],
        &["run", "--upstream-credential", "file", "--", "server"],
        &["serve"],
        &["check"],
        &["token", "issue"],
        &["token", "issue", "--user", "alice", "--ttl", "100d"],
        &["token", "issue", "--user", "alice", "--ttl", "soon"],
        &["token", "issue", "--user", "alice", "--claim", "nothing"],
        &["token", "issue", "--user", "alice", "--public-url", "localhost"],
        &["token", "issue", "--user", "alice", "--scope", "two words"],
        &["token", "issue", "--user", ""],
        &["token", "revoke"],
        &["token", "revoke", "a.whole.token"],
        &["session", "revoke"],
        &["token", "list", "--log", "hyper=trace"],
    ] {
        let ended = place.doorward(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.out, "", "{arguments:?}");
        assert!(!ended.err.contains("panicked"), "{arguments:?}: {}", ended.err);
    }
}

#[test]
fn the_version_is_one_line() {
    let ended = Place::new().doorward(&["--version"]);
    assert_eq!(ended.out, format!("doorward {}\n", env!("CARGO_PKG_VERSION")));
}
