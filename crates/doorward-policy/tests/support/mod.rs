//! What the tests of this crate share: real callers from identity's own validator, real messages from the wire.

#![expect(dead_code, reason = "each test file uses its part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use doorward_audit::DecisionId;
use doorward_identity::{
    Authenticator, AuthenticatorBuilder, ClaimPath, ClaimType, ClaimValue, Fetch, FetchFailure, Grant, Identified,
    IssuerConfig, Keys, Resource, Revocations, SigningKey, TokenIssuer,
};
use doorward_policy::{
    Admits, Catalogues, Clock, Denied, ExchangeTicket, LimitSettings, LogShape, Match, Permit, Policy, PolicyError,
    PolicySettings, Question, Require, Rule, RuleBook, Source, Timer,
};
use doorward_wire::{Call, Era, Limits, Message, Sender, ServerName, Version};
use futures::FutureExt as _;
use governor::clock::{Clock as _, FakeRelativeClock};
use proptest::test_runner::Config as ProptestConfig;
use serde_json::{Value, json};

/// How often a property is tried: 1,000 times, or 100,000 where `DOORWARD_TESTS=all`, divided by `cost`.
pub(crate) fn cases(cost: u32) -> ProptestConfig {
    let all = std::env::var("DOORWARD_TESTS").is_ok_and(|tests| tests == "all");
    let cases = if all { 100_000 } else { 1_000 } / cost;
    ProptestConfig { cases, failure_persistence: None, max_global_rejects: 1_000_000, ..ProptestConfig::default() }
}

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

// === callers ===

/// What a caller of a test is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub(crate) subject: String,
    pub(crate) client: String,
    pub(crate) roles: BTreeSet<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) claims: BTreeMap<String, ClaimValue>,
}

pub(crate) fn person(subject: &str) -> Person {
    Person { subject: subject.to_owned(), client: "app".to_owned(), ..Person::default() }
}

impl Person {
    pub(crate) fn role(mut self, role: &str) -> Self {
        self.roles.insert(role.to_owned());
        self
    }

    pub(crate) fn scope(mut self, scope: &str) -> Self {
        self.scopes.insert(scope.to_owned());
        self
    }

    pub(crate) fn claim(mut self, name: &str, value: ClaimValue) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn client(mut self, client: &str) -> Self {
        self.client = client.to_owned();
        self
    }

    /// Issues a token and lets the validator prove it.
    pub(crate) fn proven(&self) -> Identified {
        Office::get().prove(self)
    }
}

/// The claims that test policies may read.
pub(crate) fn claim_types() -> BTreeMap<String, ClaimType> {
    BTreeMap::from([
        ("region".to_owned(), ClaimType::String),
        ("level".to_owned(), ClaimType::Integer),
        ("staff".to_owned(), ClaimType::Bool),
        ("groups".to_owned(), ClaimType::Strings),
        ("https://acme.example/unit".to_owned(), ClaimType::String),
    ])
}

/// Issues and validates tokens.
struct Office {
    issuer: TokenIssuer,
    authenticator: Authenticator,
    resource: Resource,
}

struct Nowhere;

#[async_trait]
impl Fetch for Nowhere {
    async fn get(&self, _url: &str) -> Result<Bytes, FetchFailure> {
        Err(FetchFailure::TimedOut)
    }
}

impl Office {
    fn get() -> &'static Self {
        static OFFICE: OnceLock<Office> = OnceLock::new();
        OFFICE.get_or_init(|| {
            let issuer = TokenIssuer::new("https://door.example", SigningKey::generate().expect("a key"));
            let mut config = IssuerConfig::new("https://door.example", Keys::Own(issuer.public_keys().expect("keys")));
            for (name, ty) in claim_types() {
                config.claims.insert(name.clone(), (ClaimPath::top(&name), ty));
            }
            let authenticator = AuthenticatorBuilder::new()
                .issuer(config)
                .build(Arc::new(Nowhere), Arc::new(Revocations::new()))
                .expect("an authenticator");
            let resource = Resource {
                id: "https://door.example/mcp/crm".to_owned(),
                metadata_url: "https://door.example/.well-known/oauth-protected-resource/mcp/crm".to_owned(),
                scopes: Vec::new(),
            };
            Self { issuer, authenticator, resource }
        })
    }

    fn prove(&self, person: &Person) -> Identified {
        let grant = Grant {
            subject: person.subject.clone(),
            client: person.client.clone(),
            roles: person.roles.clone(),
            scopes: person.scopes.clone(),
            resource: self.resource.id.clone(),
            ttl: Duration::from_secs(3600),
            claims: person.claims.clone(),
        };
        let issued = self.issuer.issue(&grant, now(), [7; 16]).expect("a token");
        let mut headers = http::HeaderMap::new();
        let bearer = format!("Bearer {}", issued.token.expose());
        headers.insert(http::header::AUTHORIZATION, bearer.parse().expect("a header"));
        let verdict = self
            .authenticator
            .identify(&headers, &self.resource, now())
            .now_or_never()
            .expect("own keys need no waiting")
            .expect("a good token");
        verdict.who
    }
}

// === messages ===

/// A message of a modern or legacy client, with these parameters.
pub(crate) fn message(era: Era, method: &str, params: Value) -> Call {
    try_message(era, method, params).unwrap_or_else(|refused| panic!("{method}: {refused:?}"))
}

pub(crate) fn try_message(era: Era, method: &str, mut params: Value) -> Result<Call, doorward_wire::Refused> {
    if era == Era::Modern {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": { "extensions": { "io.modelcontextprotocol/tasks": {} } },
        });
    }
    let mut body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if !method.starts_with("notifications/") {
        body["id"] = json!(1);
    }
    let session = (era == Era::Legacy).then_some(Version::V2025_11_25);
    Call::from_stdio(body.to_string().into(), session, &Limits::default())
}

/// An answer of a legacy client to a question of the server.
pub(crate) fn answer() -> Call {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "result": { "action": "accept" } });
    Call::from_stdio(body.to_string().into(), Some(Version::V2025_11_25), &Limits::default()).expect("an answer")
}

pub(crate) fn tool(name: &str) -> Call {
    message(Era::Modern, "tools/call", json!({ "name": name, "arguments": {} }))
}

pub(crate) fn legacy(method: &str) -> Call {
    message(Era::Legacy, method, json!({}))
}

pub(crate) fn modern(method: &str) -> Call {
    message(Era::Modern, method, json!({}))
}

/// A page of a server's answer to `tools/list`.
pub(crate) fn tools_page<'a>(names: impl IntoIterator<Item = &'a str>) -> Message {
    let schema = json!({ "type": "object", "properties": { "region": { "type": "string" } } });
    let tools: Vec<Value> =
        names.into_iter().map(|name| json!({ "name": name, "inputSchema": schema.clone() })).collect();
    page(&json!({ "tools": tools }))
}

pub(crate) fn page(result: &Value) -> Message {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "result": result });
    Message::parse(body.to_string().into(), Sender::Server, &Limits::default()).expect("a message")
}

// === policies ===

pub(crate) fn server() -> ServerName {
    "crm".parse().expect("a name")
}

pub(crate) fn role(name: &str) -> Require {
    Require::Role(name.to_owned())
}

pub(crate) fn scope(name: &str) -> Require {
    Require::Scope(name.to_owned())
}

pub(crate) fn not(inner: Require) -> Require {
    Require::Not(Box::new(inner))
}

pub(crate) fn matching(kind: &str, pattern: &str) -> Match {
    let parse = || pattern.parse().expect("a pattern");
    match kind {
        "tool" => Match::Tool(parse()),
        "prompt" => Match::Prompt(parse()),
        "resource" => Match::Resource(parse()),
        _ => Match::Discovery,
    }
}

pub(crate) fn rule(kind: &str, pattern: &str, admits: Admits) -> Rule {
    Rule { matches: matching(kind, pattern), admits, limit: None, log: LogShape::Shape }
}

pub(crate) fn policies(names: &[&str]) -> Admits {
    Admits::Policies(names.iter().map(|name| (*name).to_owned()).collect())
}

/// A source of one server `crm` with these rules, and a few policies.
pub(crate) fn source(rules: Vec<Rule>) -> Source {
    let named = |name: &str, require| (name.to_owned(), require);
    Source {
        claims: claim_types(),
        policies: BTreeMap::from([
            named("Authenticated", Require::Authenticated),
            named("Admin", role("Admin")),
            named("Write", scope("write")),
            named("AdminAndWrite", Require::All(vec![role("Admin"), scope("write")])),
            named("NotReadonly", not(scope("readonly"))),
            named(
                "InEurope",
                Require::Claim { name: "region".to_owned(), equals: ClaimValue::String("eu".to_owned()) },
            ),
        ]),
        paths: Vec::new(),
        servers: BTreeMap::from([(server(), rules)]),
    }
}

pub(crate) fn compile(source: Source) -> RuleBook {
    RuleBook::compile(source, &Catalogues::new()).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

pub(crate) fn mistakes(source: Source) -> Vec<String> {
    match RuleBook::compile(source, &Catalogues::new()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(PolicyError::to_string).collect(),
    }
}

/// A policy without limits, unless a rule states one, and its clock.
pub(crate) fn unlimited(book: RuleBook) -> (Policy, FakeRelativeClock) {
    let limits = LimitSettings {
        address: None,
        caller: None,
        client: None,
        servers: BTreeMap::new(),
        bytes_per_minute: None,
        concurrent: None,
        streams: None,
        max_keys: 1_000,
    };
    limited(book, limits)
}

pub(crate) fn limited(book: RuleBook, limits: LimitSettings) -> (Policy, FakeRelativeClock) {
    let fake = FakeRelativeClock::default();
    let reading = fake.clone();
    let clock = Clock::new(move || Duration::from_nanos(reading.now().as_u64()));
    let settings = PolicySettings { limits, patience: Duration::from_secs(5) };
    (Policy::new(book, settings, clock, never()), fake)
}

/// A timer that never rings.
pub(crate) fn never() -> Timer {
    Timer::new(|_| Box::pin(futures::future::pending()))
}

pub(crate) fn policy(rules: Vec<Rule>) -> Policy {
    unlimited(compile(source(rules))).0
}

/// Decides about a call, with nothing to wait for.
pub(crate) fn decide(policy: &Policy, who: &Identified, call: Call) -> Result<Permit, Box<Denied>> {
    decide_in(policy, who, call, None)
}

pub(crate) fn decide_in(
    policy: &Policy,
    who: &Identified,
    call: Call,
    exchange: Option<&ExchangeTicket>,
) -> Result<Permit, Box<Denied>> {
    let server = server();
    let question = Question {
        server: &server,
        call,
        who: who.clone(),
        address: None,
        exchange,
        id: decision(),
        now: now(),
        path: policy.without_path(who),
        pace: policy.throttle(None, who).expect("no limit"),
    };
    policy.decide(question).now_or_never().expect("nothing to wait for")
}

pub(crate) fn decision() -> DecisionId {
    DecisionId::new(now(), [0; 10])
}
