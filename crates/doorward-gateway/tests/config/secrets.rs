//! Secrets are kept out of sight, long enough, and out of the file.

use std::path::Path;

use doorward_gateway::config::{Config, Upstream};

use crate::support::{BASE, CANARY, Machine, right, told, wrong};

const COMPLETE: &str = include_str!("valid/complete.yaml");

fn server(upstream: &str) -> String {
    format!("servers: {{ a: {{ upstream: {upstream}, rules: [{{ discovery: true, allow: anonymous }}] }} }}")
}

#[test]
fn nothing_that_a_configuration_shows_holds_a_secret() {
    let (config, warnings) = right(COMPLETE);
    assert!(!format!("{config:?}").contains(CANARY));
    assert!(!format!("{config:#?}{warnings:?}").contains("0123456789abcdef"));

    let (config, warnings) = right(&server("{ command: [a], env: { API_TOKEN: hunter2-in-the-open } }"));
    assert!(!format!("{config:?}{warnings:?}{}", told(&warnings)).contains(CANARY));
    assert!(told(&warnings).contains("sounds like a secret"));
}

#[test]
fn cve_2026_46701_a_short_or_empty_shared_secret_is_refused() {
    for secret in
        ["\"\"", "short", "0123456789abcdef0123456789abcde", "{ file: short.secret }", "{ file: empty.secret }"]
    {
        let text =
            format!("identity: {{ issuers: [{{ issuer: x, secret: {secret} }}] }}\n{}", server("{ command: [a] }"));
        assert!(!wrong(&text).is_empty(), "{secret}");
    }
    let text = format!(
        "identity: {{ issuers: [{{ issuer: x, secret: \"{}\" }}] }}\n{}",
        "k".repeat(32),
        server("{ command: [a] }")
    );
    assert_eq!(right(&text).0.identity.issuers.len(), 1);
}

#[test]
fn cve_2026_59207_no_value_is_made_from_the_environment() {
    for upstream in [
        "{ url: \"https://a.internal/${HOME_REGION}\" }",
        "{ command: [a, \"--x=${HOME_REGION}\"] }",
        "{ command: [a], env: { X: \"${HOME_REGION}\" } }",
        "{ command: [a], env: [\"X=${HOME_REGION}\"] }",
        "{ url: https://a.internal, credential: \"${HOME_REGION}\" }",
    ] {
        let told = told(&wrong(&server(upstream)));
        assert!(told.contains("`${HOME_REGION}` is not filled in"), "{upstream}: {told}");
    }
    // A dollar alone is a dollar.
    assert!(matches!(
        &right(&server("{ command: [a, \"$HOME\", \"$\", \"${\", \"$(x)\"] }")).0.servers["a"].upstream,
        Upstream::Process(process) if process.args == ["$HOME", "$", "${", "$(x)"]
    ));
}

#[test]
fn a_secret_file_that_others_may_read_is_a_warning_with_the_command_that_helps() {
    let machine = Machine { open_to_others: true, ..Machine::default() };
    let text = server("{ url: https://a.internal, credential: { file: upstream.secret } }");
    let (_, warnings) = Config::read_in(&text, "doorward.yaml", Path::new(BASE), &machine).unwrap();
    let told = told(&warnings);
    assert!(told.contains("other users of this machine may read or write `/etc/doorward/upstream.secret`"), "{told}");
    assert!(told.contains("chmod 600 /etc/doorward/upstream.secret"), "{told}");
}
