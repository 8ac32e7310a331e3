//! What a right configuration becomes.

use std::path::Path;
use std::time::Duration;

use doorward_gateway::config::{LogFormat, Mount, PublicUrl, SecretFrom, Tls, Upstream};
use doorward_identity::{ClaimType, ClaimValue, Keys};
use doorward_policy::{Admits, Catalogues, LogShape, Match, PathAdmits, Require, RuleBook};
use doorward_wire::ServerName;

use crate::support::{CANARY, files_in, folder, right, told};

const SMALLEST: &str = include_str!("valid/smallest.yaml");
const COMPLETE: &str = include_str!("valid/complete.yaml");

#[test]
fn the_smallest_configuration_listens_on_this_machine_alone_with_every_limit_on() {
    let (config, warnings) = right(SMALLEST);
    assert_eq!(told(&warnings), "");
    assert_eq!(config.listen.iter().map(ToString::to_string).collect::<Vec<_>>(), ["localhost:8700"]);
    assert_eq!(config.admin.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:8701"]);
    assert!(config.listen.iter().chain(&config.admin).all(|address| address.is_loopback()));
    assert_eq!(config.public_url, PublicUrl::Localhost { tls: false });
    assert_eq!(config.public_url.at(8700), "http://localhost:8700");
    assert!(config.tls.is_none() && config.state.is_none());
    assert!(config.limits.per_address.is_some() && config.limits.per_caller.is_some());
    assert_eq!(config.limits.body_bytes, 4 * 1024 * 1024);
    assert_eq!(config.log.format, LogFormat::Auto);
    assert!(!config.ledger.durable);
    assert!(config.fetch.allow.is_empty() && config.origins.is_empty() && config.trusted_proxies.is_empty());
    assert_eq!(config.mount, Mount::Named);
    let name: ServerName = "notes".parse().unwrap();
    assert_eq!(config.endpoint(&name), "/mcp/notes");
}

#[test]
fn every_key_of_the_complete_configuration_arrives() {
    let (config, _) = right(COMPLETE);
    assert_eq!(config.public_url.at(1), "https://mcp.example.com");
    assert_eq!(config.listen.len(), 2);
    let Some(Tls::Files { cert, key }) = &config.tls else { panic!("{:?}", config.tls) };
    assert_eq!(
        (cert.as_path(), key.as_path()),
        (Path::new("/etc/doorward/tls.crt"), Path::new("/etc/doorward/tls.key"))
    );
    assert_eq!(config.state.as_deref(), Some(Path::new("/var/lib/doorward")));

    assert_eq!(config.limits.concurrent_calls, 16);
    assert_eq!(config.limits.per_address.unwrap().to_string(), "100/s");
    assert_eq!(config.limits.body_bytes, 1024 * 1024);
    assert_eq!(config.timeouts.drain, Duration::ZERO);
    assert_eq!(config.sessions.absolute, Duration::from_secs(8 * 3600));
    assert!(config.ledger.durable);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.fetch.allow, ["login.internal", "localhost:9000"]);
    assert_eq!(config.fetch.ca.as_deref(), Some(Path::new("/etc/doorward/ca.crt")));
    assert_eq!(config.origins, ["https://app.example.com"]);
    assert_eq!(config.hosts, ["mcp.internal", "mcp.internal:8443"]);
    let proxies: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]);
}

#[test]
fn issuers_carry_their_keys_claims_and_strict_defaults() {
    let (config, _) = right(COMPLETE);
    let [acme, keys, file, shared, variable] = config.identity.issuers.as_slice() else { panic!() };
    assert!(matches!(acme.keys, Keys::Discover));
    assert_eq!(acme.roles.to_string(), "realm_access.roles");
    assert_eq!((acme.audience.as_deref(), acme.typ.to_string().as_str()), (Some("mcp"), "JWT"));
    assert_eq!(acme.tenant.as_ref().unwrap().to_string(), "org");
    assert_eq!(acme.claims["region"].0.to_string(), "region", "a claim lies under its own name");

    assert!(matches!(&keys.keys, Keys::JwksUrl(url) if url == "https://keys.example.com/jwks"));
    assert_eq!(keys.claims["region"].0.to_string(), "address.region");
    assert_eq!(keys.claims["level"].1, ClaimType::Integer);
    assert_eq!((keys.leeway, keys.max_age), (Duration::from_secs(5), Some(Duration::from_secs(3600))));
    assert_eq!(keys.typ.to_string(), "at+jwt");
    assert_eq!(keys.audience, None);

    assert!(matches!(file.keys, Keys::Jwks(_)));
    assert!(matches!(shared.keys, Keys::Secret(_)) && matches!(variable.keys, Keys::Secret(_)));
}

#[test]
fn policies_rules_and_paths_are_ready_to_be_compiled() {
    let (config, _) = right(COMPLETE);
    let policies = &config.policy.policies;
    assert_eq!(policies["CanUseBasicTools"], Require::Authenticated);
    assert_eq!(policies["CanUseAdminTools"], Require::Role("Admin".into()));
    assert_eq!(policies["Senior"], Require::Claim { name: "level".into(), equals: ClaimValue::Integer(7) });
    assert_eq!(
        policies["TeamA"],
        Require::Claim { name: "teams".into(), equals: ClaimValue::Strings(["a".to_owned()].into()) }
    );
    let Require::All(parts) = &policies["Mixed"] else { panic!() };
    assert_eq!(parts[2], Require::Not(Box::new(Require::Role("Guest".into()))));

    assert_eq!(config.policy.paths[0].admits, PathAdmits::Any);
    assert_eq!(config.policy.paths[1].path.to_string(), "/mcp/ops/**");

    let rules = &config.policy.servers["crm"];
    assert_eq!((&rules[0].matches, &rules[0].admits), (&Match::Discovery, &Admits::Anonymous));
    assert_eq!(rules[1].log, LogShape::Omit);
    assert_eq!(rules[2].limit.unwrap().to_string(), "30/min");
    assert_eq!(rules[2].admits, Admits::Policies(vec!["CanUseBasicTools".into(), "Emea".into()]));
    assert_eq!(rules[3].log, LogShape::Shape, "the shape is noted unless said otherwise");
}

#[test]
fn upstreams_are_argv_and_an_explicit_environment_or_a_url_with_its_own_credential() {
    let (config, _) = right(COMPLETE);
    let server = |name: &str| &config.servers[name];

    let Upstream::Process(process) = &server("crm").upstream else { panic!() };
    assert_eq!(process.program, Path::new("npx"));
    assert_eq!(process.args, ["-y", "@modelcontextprotocol/server-everything", "--port", "8080"]);
    assert_eq!(process.cwd.as_deref(), Some(Path::new("/srv")));
    let env: Vec<_> = process.env.iter().map(|(name, value)| (name.as_str(), value.expose_str().unwrap())).collect();
    assert_eq!(env, [("GREETING", "hello"), ("API_TOKEN", CANARY), ("OTHER_TOKEN", CANARY)]);
    assert_eq!(process.env[2].1.from(), &SecretFrom::Variable("UPSTREAM_TOKEN".into()));
    assert_eq!(server("crm").timeouts.call, Duration::from_secs(90));
    assert_eq!(server("crm").max_processes, 8);

    let Upstream::Http(remote) = &server("ops").upstream else { panic!() };
    assert_eq!(remote.url.as_str(), "https://ops.internal/mcp");
    let credential = remote.credential.as_ref().unwrap();
    assert_eq!(credential.header().as_str(), "x-api-key");
    assert_eq!(credential.value().unwrap().as_bytes(), CANARY.as_bytes());
    assert!(credential.value().unwrap().is_sensitive());

    let Upstream::Process(mail) = &server("mail").upstream else { panic!() };
    let env: Vec<_> = mail.env.iter().map(|(name, value)| (name.as_str(), value.expose_str().unwrap())).collect();
    assert_eq!(env, [("HOME_REGION", "emea"), ("MODE", "fast")]);
}

#[test]
fn a_credential_without_a_header_is_a_bearer_token() {
    let (config, _) = right(
        "servers: { a: { upstream: { url: https://a.internal/mcp, credential: { file: upstream.secret } }, \
         rules: [{ discovery: true, allow: anonymous }] } }",
    );
    let Upstream::Http(remote) = &config.servers["a"].upstream else { panic!() };
    let credential = remote.credential.as_ref().unwrap();
    assert_eq!(credential.header().as_str(), "authorization");
    assert_eq!(credential.value().unwrap().as_bytes(), format!("Bearer {CANARY}").as_bytes());
}

#[test]
fn what_works_but_deserves_a_word_is_a_warning() {
    let (_, warnings) = right(
        r#"
public_url: https://mcp.example.com
listen: 0.0.0.0:8443
tls: { self_signed: true }
admin: { listen: 0.0.0.0:8701 }
identity:
  builtin: { registration: closed }
  issuers:
    - { issuer: inline, secret: 0123456789abcdef0123456789abcdef }
    - { issuer: https://login.example.com, typ: JWT }
paths: [{ path: /mcp/a, allow: any }]
servers:
  a:
    upstream: { command: [missing-server], env: { API_TOKEN: hunter2-in-the-open, MODE: fast } }
    rules: [{ tool: "*", allow: anonymous }]
  b:
    upstream: { url: http://b.internal/mcp }
    rules: [{ discovery: true, allow: anonymous }]
"#,
    );
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder("told"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("warnings", told(&warnings)));
}

#[test]
fn every_example_reads() {
    let mut examples = files_in(&folder("valid"));
    examples.extend(files_in(&folder("../../../../docs/examples")));
    assert!(examples.len() >= 5, "{examples:?}");
    for path in examples {
        let text = std::fs::read_to_string(&path).unwrap();
        let (config, _) = right(&text);
        assert!(!config.servers.is_empty(), "{}", path.display());
    }
}

#[test]
fn what_the_policy_finds_later_is_told_with_its_line() {
    let (mut config, _) = right(COMPLETE);
    let rules = config.policy.servers.get_mut("crm").unwrap();
    rules[1].admits = Admits::Policies(vec!["Gone".into()]);
    let errors = RuleBook::compile(config.policy.clone(), &Catalogues::new()).unwrap_err();
    let line = COMPLETE.lines().position(|line| line.contains("\"admin*\"")).unwrap() + 1;
    let mistake = config.tell(&errors[0]);
    assert_eq!(mistake.place().map(|place| place.line as usize), Some(line));
    assert_eq!(mistake.origin(), "doorward.yaml");
    assert!(mistake.text().contains("Gone") && !mistake.fix().is_empty(), "{mistake}");
}
