//! `doorward run`: safe defaults from a few options.

use std::path::{Path, PathBuf};

use doorward_gateway::config::{Config, Mistake, Mount, PublicUrl, RunOptions, RunTarget, RunTls, Tls, Upstream};
use doorward_policy::{Admits, Match, Require};
use doorward_wire::ServerName;

use crate::support::told;

fn command() -> RunOptions {
    RunOptions {
        listen: None,
        public_url: None,
        state: None,
        tls: None,
        env: Vec::new(),
        upstream_credential: None,
        target: RunTarget::Command(vec!["/bin/sh".into(), "-c".into(), "echo ${HOME}".into()]),
    }
}

fn right(options: &RunOptions) -> Config {
    Config::for_run(options).unwrap_or_else(|mistakes| panic!("{}", told(&mistakes))).0
}

#[test]
fn one_server_at_mcp_for_every_authenticated_caller_on_this_machine_alone() {
    let config = right(&command());
    assert_eq!(config.listen.iter().map(ToString::to_string).collect::<Vec<_>>(), ["localhost:8700"]);
    assert_eq!(config.public_url, PublicUrl::Localhost { tls: false });
    assert_eq!(config.mount, Mount::Single);
    let main: ServerName = "main".parse().unwrap();
    assert_eq!(config.endpoint(&main), "/mcp");
    assert_eq!(config.servers.len(), 1);
    assert_eq!(config.policy.policies["Everyone"], Require::Authenticated);
    let rules = &config.policy.servers["main"];
    let admitted: Vec<(String, &Admits)> = rules.iter().map(|rule| (rule.matches.to_string(), &rule.admits)).collect();
    let everyone = Admits::Policies(vec!["Everyone".into()]);
    assert_eq!(
        admitted,
        [
            ("discovery".to_owned(), &Admits::Anonymous),
            ("tool *".to_owned(), &everyone),
            ("prompt *".to_owned(), &everyone),
            ("resource *".to_owned(), &everyone),
        ]
    );
    assert!(config.limits.per_caller.is_some());
}

#[test]
fn the_command_stays_word_for_word_what_it_was() {
    let config = right(&command());
    let Upstream::Process(process) = &config.servers["main"].upstream else { panic!() };
    assert_eq!(process.program, Path::new("/bin/sh"));
    assert_eq!(process.args, ["-c", "echo ${HOME}"]);
    assert!(process.env.is_empty());
}

#[test]
fn options_become_the_keys_that_they_stand_for() {
    let config = right(&RunOptions {
        listen: Some("0.0.0.0:8443".into()),
        public_url: Some("https://mcp.example.com".into()),
        state: Some("state".into()),
        tls: Some(RunTls::SelfSigned),
        env: vec!["PATH".into(), "MODE=fast".into()],
        ..command()
    });
    assert!(matches!(config.tls, Some(Tls::SelfSigned)));
    assert_eq!(config.public_url.at(1), "https://mcp.example.com");
    assert!(config.state.as_ref().unwrap().is_absolute());
    let Upstream::Process(process) = &config.servers["main"].upstream else { panic!() };
    let names: Vec<&str> = process.env.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["PATH", "MODE"]);
}

#[test]
fn each_mistake_names_its_option() {
    let mistakes = Config::for_run(&RunOptions {
        listen: Some("0.0.0.0:8443".into()),
        public_url: Some("http://mcp.example.com".into()),
        tls: None,
        env: vec!["9X=1".into(), "DOORWARD_TEST_SURELY_NOT_SET".into()],
        upstream_credential: Some("/nowhere/upstream.secret".into()),
        target: RunTarget::Url("ftp://example.com".into()),
        ..command()
    })
    .unwrap_err();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(crate::support::folder("told"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("run-options", told(&mistakes)));
}

#[test]
fn unreadable_tls_files_are_mistakes_of_their_options() {
    let mistakes = Config::for_run(&RunOptions {
        tls: Some(RunTls::Files { cert: "/nowhere/a.crt".into(), key: "/nowhere/a.key".into() }),
        ..command()
    })
    .unwrap_err();
    let origins: Vec<&str> = mistakes.iter().map(Mistake::origin).collect();
    assert_eq!(origins, ["--tls-cert", "--tls-key"]);
}

fn with_file(text: &str, options: &RunOptions) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("doorward.yaml");
    std::fs::write(&file, text).unwrap();
    Config::for_run_with(options, &file)
        .map(|(config, _)| config)
        .map_err(|mistakes| told(&mistakes).replace(&file.to_string_lossy().into_owned(), "doorward.yaml"))
}

#[test]
fn a_file_underneath_counts_and_an_option_wins() {
    let text = "listen: 127.0.0.1:9000\nlimits: { concurrent_calls: 3 }\npolicies: { Admins: { require: { role: Admin } } }\n\
                servers: { main: { rules: [{ tool: \"*\", policy: Admins }], max_processes: 7 } }\n";
    let config = with_file(text, &command()).unwrap();
    assert_eq!(config.limits.concurrent_calls, 3);
    assert_eq!(config.listen[0].to_string(), "127.0.0.1:9000");
    assert_eq!(config.servers["main"].max_processes, 7);
    assert_eq!(config.policy.servers["main"].len(), 1);
    assert!(matches!(config.policy.servers["main"][0].matches, Match::Tool(_)));

    let options = RunOptions { listen: Some("localhost:9100".into()), ..command() };
    assert_eq!(with_file(text, &options).unwrap().listen[0].to_string(), "localhost:9100");
}

#[test]
fn a_file_without_rules_gets_the_safe_ones() {
    for text in ["", "# a note\n", "log: { format: json }\n", "policies: { Others: { require: authenticated } }\n"] {
        let config = with_file(text, &command()).unwrap();
        assert_eq!(config.policy.servers["main"].len(), 4, "{text}");
    }
}

#[test]
fn a_file_for_several_servers_is_refused_with_the_way_out() {
    let told = with_file(
        "servers:\n  crm: { upstream: { command: [a] } }\n  main: { upstream: { command: [b] } }\n",
        &command(),
    );
    let told = told.unwrap_err();
    assert!(told.contains("doorward.yaml:2:3: `doorward run` guards one server"), "{told}");
    assert!(told.contains("doorward.yaml:3:11: the upstream is given here and on the command line"), "{told}");
}
