//! The real corridor around a tiny inner server: a real validator with a real key, the real policy, a ledger in
//! memory, and a server that notes what it got.
#![allow(dead_code, reason = "each test file uses its own part of the kit")]

mod inner;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    Admits, Catalogues, Clock, LogShape, Match, Policy, PolicySettings, Require, Rule, RuleBook, Source, Timer,
};
use doorward::wire::ServerName;
use doorward::{Body, Doorman, Guard, GuardBuilder, Guarded, McpService, NoRandomness, SessionLimits, Surroundings};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub use self::inner::Inner;

pub const ISSUER: &str = "http://localhost:8700";
pub const RESOURCE: &str = "http://localhost:8700/mcp";
pub const MODERN: &str = "2026-07-28";
pub const LEGACY: &str = "2025-11-25";

/// A clock that stands until it is moved, and true randomness.
pub struct World {
    millis: AtomicU64,
}

impl World {
    pub fn pass(&self, time: Duration) {
        self.millis.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Surroundings for World {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.millis.load(Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
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
pub struct Kit {
    pub guard: Guard,
    pub service: McpService,
    pub inner: Inner,
    pub ledger: MemorySink,
    pub world: Arc<World>,
    issuer: TokenIssuer,
}

/// What a kit is made of.
pub struct Plan {
    pub rules: Vec<Rule>,
    pub policies: BTreeMap<String, Require>,
    pub settings: PolicySettings,
    pub sessions: SessionLimits,
    pub ledger: Option<Ledger>,
    pub call_timeout: Duration,
    pub interceptors: Vec<Arc<dyn doorward::policy::Interceptor>>,
}

pub fn rule(matches: Match, policies: &[&str]) -> Rule {
    let admits = if policies.is_empty() {
        Admits::Anonymous
    } else {
        Admits::Policies(policies.iter().map(|name| (*name).to_owned()).collect())
    };
    Rule { matches, admits, limit: None, log: LogShape::Shape }
}

pub fn tool(pattern: &str) -> Match {
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
        }
    }
}

impl Kit {
    pub fn new() -> Self {
        Self::with(Plan::default())
    }

    pub fn with(plan: Plan) -> Self {
        let world = Arc::new(World { millis: AtomicU64::new(1_790_000_000_000) });
        let issuer = TokenIssuer::new(ISSUER, SigningKey::generate().unwrap());
        let revocations = Arc::new(Revocations::new());
        let keys = Keys::Own(issuer.public_keys().unwrap());
        let authenticator = AuthenticatorBuilder::new()
            .issuer(IssuerConfig::new(ISSUER, keys))
            .build(Arc::new(NoFetch), Arc::clone(&revocations))
            .unwrap();
        let name: ServerName = "crm".parse().unwrap();
        let source = Source {
            claims: BTreeMap::new(),
            policies: plan.policies,
            paths: Vec::new(),
            servers: BTreeMap::from([(name.clone(), plan.rules)]),
        };
        let book = RuleBook::compile(source, &Catalogues::new()).unwrap();
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
        Self { guard, service, inner, ledger: sink, world, issuer }
    }

    /// A token for this very server.
    pub fn token(&self, user: &str, roles: &[&str], scopes: &[&str]) -> String {
        self.token_of(user, "test-client", roles, scopes, Duration::from_secs(3600)).0
    }

    /// A token and its id.
    pub fn token_of(
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
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.service.clone().oneshot(request).await.unwrap();
        Answer::read(response).await
    }

    /// Sends a request and leaves the body unread.
    pub async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.service.clone().oneshot(request).await.unwrap()
    }

    /// A modern request with right headers.
    pub async fn modern(&self, token: Option<&str>, method: &str, params: Value) -> Answer {
        self.send(modern_request(token, &modern_body(1, method, params))).await
    }

    pub async fn call_tool(&self, token: Option<&str>, tool: &str, arguments: Value) -> Answer {
        self.modern(token, "tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Opens a legacy session; gives its id.
    pub async fn initialize(&self, token: Option<&str>) -> String {
        let answer = self.send(legacy_request(token, None, &initialize_body())).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let session = answer.headers.get("mcp-session-id").unwrap().to_str().unwrap().to_owned();
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let answer = self.send(legacy_request(token, Some(&session), &note)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        session
    }

    /// A legacy request in a session.
    pub async fn legacy(&self, token: Option<&str>, session: &str, method: &str, params: Value) -> Answer {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.send(legacy_request(token, Some(session), &body)).await
    }
}

/// An HTTP answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The JSON-RPC message: the body, or the last event of a stream.
    pub fn json(&self) -> Value {
        if self.header("content-type") == "text/event-stream" {
            return self.events().pop().expect("an event");
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Every message of an event stream.
    pub fn events(&self) -> Vec<Value> {
        let data = self.text().lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {self:?}"))
    }

    /// Asserts RS401: status, challenge, and an error code exactly when a token was sent.
    pub fn assert_401(&self, sent: bool) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED, "{self:?}");
        let challenge = self.header("www-authenticate");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains("resource_metadata=\"http://localhost:8700/.well-known/"), "{challenge}");
        assert_eq!(challenge.contains("error=\"invalid_token\""), sent, "{challenge}");
    }
}

pub fn modern_body(id: i64, method: &str, mut params: Value) -> Value {
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

pub fn modern_request(token: Option<&str>, body: &Value) -> Request<Body> {
    let mut request =
        base(token).header("mcp-protocol-version", MODERN).header("mcp-method", body["method"].as_str().unwrap());
    if let Some(name) = body["params"]["name"].as_str().or(body["params"]["uri"].as_str()) {
        request = request.header("mcp-name", name);
    }
    request.body(Body::full(body.to_string())).unwrap()
}

pub fn legacy_request(token: Option<&str>, session: Option<&str>, body: &Value) -> Request<Body> {
    let mut request = base(token);
    if let Some(session) = session {
        request = request.header("mcp-session-id", session).header("mcp-protocol-version", LEGACY);
    }
    request.body(Body::full(body.to_string())).unwrap()
}

pub fn base(token: Option<&str>) -> http::request::Builder {
    let request = Request::post("/mcp")
        .header("host", "localhost:8700")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    }
}

pub fn initialize_body() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {
            "protocolVersion": LEGACY,
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "kit", "version": "1" },
        },
    })
}
