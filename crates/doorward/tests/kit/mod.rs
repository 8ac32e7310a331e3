//! The real corridor around a tiny inner server: a real validator with a real key, the real policy, a ledger in
//! memory, and a server that notes what it got.
#![allow(dead_code, reason = "each test file uses its own part of the kit")]

pub(crate) mod forge;
mod inner;
pub(crate) mod web;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use doorward::audit::Ledger;
use doorward::audit::testing::MemorySink;
use doorward::identity::{
    AuthenticatorBuilder, ClaimValue, Fetch, FetchFailure, Grant, IssuerConfig, Keys, Resource, Revocations,
    SigningKey, TokenIssuer,
};
use doorward::policy::{
    Admits, Catalogues, Clock, LogShape, Match, PathRule, Policy, PolicySettings, Require, Rule, RuleBook, Source,
    Timer,
};
use doorward::wire::ServerName;
use doorward::{Body, Doorman, Guard, GuardBuilder, Guarded, McpService, NoRandomness, SessionLimits, Surroundings};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use self::forge::Key;
pub(crate) use self::inner::Inner;

pub(crate) const ISSUER: &str = "http://localhost:8700";
pub(crate) const RESOURCE: &str = "http://localhost:8700/mcp";
pub(crate) const MODERN: &str = "2026-07-28";
pub(crate) const LEGACY: &str = "2025-11-25";

/// A clock that stands until it is moved, and true randomness.
pub(crate) struct World {
    millis: AtomicU64,
    dry: AtomicBool,
}

impl World {
    pub(crate) fn pass(&self, time: Duration) {
        self.millis.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Puts the clock to a moment, back too.
    pub(crate) fn jump(&self, millis: u64) {
        self.millis.store(millis, Ordering::SeqCst);
    }

    /// There is no randomness any more.
    pub(crate) fn run_dry(&self) {
        self.dry.store(true, Ordering::SeqCst);
    }

    /// Now, in whole seconds.
    pub(crate) fn seconds(&self) -> i64 {
        i64::try_from(self.millis.load(Ordering::SeqCst) / 1000).unwrap()
    }
}

impl Surroundings for World {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.millis.load(Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        if self.dry.load(Ordering::SeqCst) {
            return Err(NoRandomness);
        }
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoRandomness)
    }
}

/// Nothing is fetched in these tests: an attempt is a failure that says so.
struct NoFetch;

#[async_trait]
impl Fetch for NoFetch {
    async fn get(&self, url: &str) -> Result<Bytes, FetchFailure> {
        panic!("nothing may be fetched, least of all {url}");
    }
}

/// A guard, its server, and the means to look at both.
pub(crate) struct Kit {
    pub(crate) guard: Guard,
    pub(crate) service: McpService,
    pub(crate) inner: Inner,
    pub(crate) ledger: MemorySink,
    pub(crate) world: Arc<World>,
    /// The guard's own signing key, for tokens that say anything.
    pub(crate) key: Key,
    issuer: TokenIssuer,
}

/// What a kit is made of.
pub(crate) struct Plan {
    pub(crate) rules: Vec<Rule>,
    pub(crate) policies: BTreeMap<String, Require>,
    pub(crate) settings: PolicySettings,
    pub(crate) sessions: SessionLimits,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) call_timeout: Duration,
    pub(crate) interceptors: Vec<Arc<dyn doorward::policy::Interceptor>>,
    pub(crate) paths: Vec<PathRule>,
    /// Issuers beside our own.
    pub(crate) issuers: Vec<IssuerConfig>,
    pub(crate) fetch: Arc<dyn Fetch>,
    /// The claim that names the tenant.
    pub(crate) tenant: Option<&'static str>,
}

pub(crate) fn rule(matches: Match, policies: &[&str]) -> Rule {
    let admits = if policies.is_empty() {
        Admits::Anonymous
    } else {
        Admits::Policies(policies.iter().map(|name| (*name).to_owned()).collect())
    };
    Rule { matches, admits, limit: None, log: LogShape::Shape }
}

pub(crate) fn tool(pattern: &str) -> Match {
    Match::Tool(pattern.parse().unwrap())
}

impl Default for Plan {
    /// Discovery for everybody; `admin*` for admins, `scoped*` with a scope, all else for the proven.
    fn default() -> Self {
        let rules = vec![
            rule(Match::Discovery, &[]),
            rule(tool("admin*"), &["Admins"]),
            rule(tool("scoped*"), &["Scoped"]),
            rule(tool("*"), &["Everyone"]),
            rule(Match::Prompt("secret*".parse().unwrap()), &["Admins"]),
            rule(Match::Prompt("*".parse().unwrap()), &["Everyone"]),
            rule(Match::Resource("secret://*".parse().unwrap()), &["Admins"]),
            rule(Match::Resource("*".parse().unwrap()), &["Everyone"]),
        ];
        let policies = BTreeMap::from([
            ("Everyone".to_owned(), Require::Authenticated),
            ("Admins".to_owned(), Require::Role("Admin".to_owned())),
            ("Scoped".to_owned(), Require::Scope("crm.read".to_owned())),
        ]);
        let mut settings = PolicySettings::default();
        // The clock of the limits stands still, so the budget must last for a test.
        settings.limits.address = Some("100000/min".parse().unwrap());
        settings.limits.caller = Some("100000/min".parse().unwrap());
        settings.limits.client = Some("100000/min".parse().unwrap());
        settings.limits.concurrent = std::num::NonZeroU32::new(10_000);
        Self {
            rules,
            policies,
            settings,
            sessions: SessionLimits::default(),
            ledger: None,
            call_timeout: Duration::from_secs(20),
            interceptors: Vec::new(),
            paths: Vec::new(),
            issuers: Vec::new(),
            fetch: Arc::new(NoFetch),
            tenant: None,
        }
    }
}

impl Plan {
    /// The rules of this plan, compiled.
    pub(crate) fn book(&self) -> RuleBook {
        let source = Source {
            claims: BTreeMap::new(),
            policies: self.policies.clone(),
            paths: self.paths.clone(),
            servers: BTreeMap::from([("crm".parse().unwrap(), self.rules.clone())]),
        };
        RuleBook::compile(source, &Catalogues::new()).unwrap()
    }
}

impl Kit {
    pub(crate) fn new() -> Self {
        Self::with(Plan::default())
    }

    pub(crate) fn with(plan: Plan) -> Self {
        let book = plan.book();
        let world = Arc::new(World { millis: AtomicU64::new(1_790_000_000_000), dry: AtomicBool::new(false) });
        let signing = SigningKey::generate().unwrap();
        let key = Key::ed_from_pkcs8(signing.kid(), &signing.to_pkcs8().unwrap());
        let issuer = TokenIssuer::new(ISSUER, signing);
        let revocations = Arc::new(Revocations::new());
        let mut own = IssuerConfig::new(ISSUER, Keys::Own(issuer.public_keys().unwrap()));
        own.tenant = plan.tenant.map(|name| name.parse().unwrap());
        let authenticator = plan
            .issuers
            .into_iter()
            .fold(AuthenticatorBuilder::new().issuer(own), AuthenticatorBuilder::issuer)
            .build(plan.fetch, Arc::clone(&revocations))
            .unwrap();
        let name: ServerName = "crm".parse().unwrap();
        let timer = Timer::new(|time| Box::pin(tokio::time::sleep(time)));
        let mut policy = Policy::new(book, plan.settings, Clock::new(|| Duration::ZERO), timer);
        for interceptor in plan.interceptors {
            policy = policy.with_interceptor(interceptor);
        }
        let sink = MemorySink::new();
        let inner = Inner::default();
        let guard = GuardBuilder::new()
            .admit(Doorman::loopback(8700))
            .authenticate(authenticator, revocations)
            .permit(policy)
            .record(plan.ledger.unwrap_or_else(|| sink.ledger()))
            .session_limits(plan.sessions)
            .surroundings(world.clone())
            .build();
        let service = guard.service(Guarded {
            name,
            resource: Resource {
                id: RESOURCE.to_owned(),
                metadata_url: "http://localhost:8700/.well-known/oauth-protected-resource/mcp".to_owned(),
                scopes: Vec::new(),
            },
            upstream: Arc::new(inner.clone()),
            call_timeout: plan.call_timeout,
        });
        Self { guard, service, inner, ledger: sink, world, key, issuer }
    }

    /// The claims of a token that is accepted.
    pub(crate) fn claims(&self) -> Value {
        let now = self.world.seconds();
        json!({
            "iss": ISSUER, "sub": "alice", "aud": RESOURCE, "client_id": "test-client", "jti": "t-1",
            "iat": now, "exp": now + 600, "scope": "", "roles": [],
        })
    }

    /// The claims of another person's token.
    pub(crate) fn token_claims(&self, subject: &str) -> Value {
        forge::with(self.claims(), "sub", json!(subject))
    }

    /// A token of our own key with one claim set or, by null, removed.
    pub(crate) fn token_saying(&self, claim: &str, value: Value) -> String {
        self.key.token(&forge::with(self.claims(), claim, value))
    }

    /// Another server behind the same guard, for which there are no rules.
    pub(crate) fn other_server(&self, name: &str) -> McpService {
        self.guard.service(Guarded {
            name: name.parse().unwrap(),
            resource: Resource { id: RESOURCE.to_owned(), metadata_url: String::new(), scopes: Vec::new() },
            upstream: Arc::new(self.inner.clone()),
            call_timeout: Duration::from_secs(20),
        })
    }

    /// A token for this very server.
    pub(crate) fn token(&self, user: &str, roles: &[&str], scopes: &[&str]) -> String {
        self.token_of(user, "test-client", roles, scopes, Duration::from_secs(3600)).0
    }

    /// A token and its id.
    pub(crate) fn token_of(
        &self,
        user: &str,
        client: &str,
        roles: &[&str],
        scopes: &[&str],
        ttl: Duration,
    ) -> (String, String) {
        let own = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<BTreeSet<_>>();
        let grant = Grant {
            subject: user.to_owned(),
            client: client.to_owned(),
            roles: own(roles),
            scopes: own(scopes),
            resource: RESOURCE.to_owned(),
            ttl,
            claims: BTreeMap::<String, ClaimValue>::new(),
        };
        let mut id = [0; 16];
        self.world.fill(&mut id).unwrap();
        let issued = self.issuer.issue(&grant, self.world.now(), id).unwrap();
        (issued.token.expose().to_owned(), issued.record.id)
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.service.clone().oneshot(request).await.unwrap();
        Answer::read(response).await
    }

    /// Sends a request and leaves the body unread.
    pub(crate) async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.service.clone().oneshot(request).await.unwrap()
    }

    /// A modern request with right headers.
    pub(crate) async fn modern(&self, token: Option<&str>, method: &str, params: Value) -> Answer {
        self.send(modern_request(token, &modern_body(1, method, params))).await
    }

    pub(crate) async fn call_tool(&self, token: Option<&str>, tool: &str, arguments: Value) -> Answer {
        self.modern(token, "tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Opens a legacy session; gives its id.
    pub(crate) async fn initialize(&self, token: Option<&str>) -> String {
        let answer = self.send(legacy_request(token, None, &initialize_body())).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let session = answer.headers.get("mcp-session-id").unwrap().to_str().unwrap().to_owned();
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let answer = self.send(legacy_request(token, Some(&session), &note)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        session
    }

    /// A legacy request in a session.
    pub(crate) async fn legacy(&self, token: Option<&str>, session: &str, method: &str, params: Value) -> Answer {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.send(legacy_request(token, Some(session), &body)).await
    }
}

/// Waits until something has happened that happens beside the answer; fails when it does not within ten seconds.
pub(crate) async fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

/// An HTTP answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The JSON-RPC message: the body, or the last event of a stream.
    pub(crate) fn json(&self) -> Value {
        if self.header("content-type") == "text/event-stream" {
            return self.events().pop().expect("an event");
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Every message of an event stream.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.text().lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {self:?}"))
    }

    /// Asserts RS401: status, challenge, and an error code exactly when a token was sent.
    pub(crate) fn assert_401(&self, sent: bool) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED, "{self:?}");
        let challenge = self.header("www-authenticate");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains("resource_metadata=\"http://localhost:8700/.well-known/"), "{challenge}");
        assert_eq!(challenge.contains("error=\"invalid_token\""), sent, "{challenge}");
    }
}

pub(crate) fn modern_body(id: i64, method: &str, mut params: Value) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "kit", "version": "1" },
    });
    let object = params.as_object_mut().expect("params are an object");
    match object.get_mut("_meta").and_then(Value::as_object_mut) {
        Some(own) => own.extend(meta.as_object().unwrap().clone()),
        None => drop(object.insert("_meta".to_owned(), meta)),
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

pub(crate) fn modern_request(token: Option<&str>, body: &Value) -> Request<Body> {
    let mut request =
        base(token).header("mcp-protocol-version", MODERN).header("mcp-method", body["method"].as_str().unwrap());
    if let Some(name) = body["params"]["name"].as_str().or(body["params"]["uri"].as_str()) {
        request = request.header("mcp-name", name);
    }
    request.body(Body::full(body.to_string())).unwrap()
}

pub(crate) fn legacy_request(token: Option<&str>, session: Option<&str>, body: &Value) -> Request<Body> {
    let mut request = base(token);
    if let Some(session) = session {
        request = request.header("mcp-session-id", session).header("mcp-protocol-version", LEGACY);
    }
    request.body(Body::full(body.to_string())).unwrap()
}

pub(crate) fn base(token: Option<&str>) -> http::request::Builder {
    let request = Request::post("/mcp")
        .header("host", "localhost:8700")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    }
}

pub(crate) fn initialize_body() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {
            "protocolVersion": LEGACY,
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "kit", "version": "1" },
        },
    })
}
