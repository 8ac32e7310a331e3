//! From a request to the one thing that answers it.
//!
//! One canonical path decides, and the same path is what path rules see (HD-06). A server's endpoint goes to its guard,
//! which checks host, origin and everything after them; what is answered here (metadata, health, preflights) has its
//! host and origin checked here, by the same lists. Whatever is left is 404.

mod cors;
mod endless;
mod forwarded;
mod headers;
mod readiness;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use bytes::Bytes;
use doorward::{
    Body, DECISION, Guard, McpService, PeerAddress, Surroundings,
    audit::{Decision, Reason},
    door::{AllowedHosts, AllowedOrigins, Authority},
    identity::{Identified, Resource, resource_metadata},
    policy::Denial,
};
use doorward_wire::CanonicalPath;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use ipnet::IpNet;
use tower::ServiceExt as _;

use self::cors::Cors;
pub use self::readiness::{Readiness, ServerState};
use crate::listen::{Handler, Peer, RequestBody, Shutdown};

/// The path prefix of protected-resource metadata (RFC 9728 section 3).
const METADATA: &str = "/.well-known/oauth-protected-resource";

/// One guarded server at its path.
#[derive(Clone, Debug)]
pub struct Mounted {
    /// The canonical path, such as `/mcp/crm`.
    pub path: String,
    /// What answers there.
    pub service: McpService,
    /// What tokens must be issued for.
    pub resource: Resource,
}

/// What a router needs beside its servers.
pub struct RouterSettings {
    /// The hosts that requests may name.
    pub hosts: AllowedHosts,
    /// The pages that may call.
    pub origins: AllowedOrigins,
    /// Proxies whose word on a caller's address is taken.
    pub proxies: Vec<IpNet>,
    /// Issuers of tokens for the servers, for their metadata.
    pub authorization_servers: Vec<String>,
    /// How the node is doing.
    pub readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// When streams that have no end of their own must end.
    pub shutdown: Shutdown,
    /// The clock.
    pub surroundings: Arc<dyn Surroundings>,
}

/// Answers every request of the node's public listener.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

struct Shared {
    guard: Guard,
    mounts: BTreeMap<String, McpService>,
    /// Documents by their path.
    metadata: BTreeMap<String, Bytes>,
    settings: RouterSettings,
}

/// What is found at a path.
enum Found<'a> {
    Server(&'a McpService),
    Metadata(&'a Bytes),
    Health,
    Ready,
    Nothing,
}

/// A refusal before any server is reached.
struct Refused {
    status: StatusCode,
    reason: Reason,
    text: String,
    allow: Option<&'static str>,
}

impl Refused {
    fn new(status: StatusCode, reason: Reason, text: impl Into<String>) -> Self {
        Self { status, reason, text: text.into(), allow: None }
    }
}

impl Router {
    /// A router over the servers of one guard.
    #[must_use]
    pub fn new(guard: Guard, mounted: Vec<Mounted>, settings: RouterSettings) -> Self {
        let mut mounts = BTreeMap::new();
        let mut metadata = BTreeMap::new();
        let alone = mounted.len() == 1;
        for Mounted { path, service, resource } in mounted {
            let document = Bytes::from(resource_metadata(&resource, &settings.authorization_servers));
            if alone {
                // Clients that know no path form ask at the root (RFC 9728 section 3.1).
                metadata.insert(METADATA.to_owned(), document.clone());
            }
            metadata.insert(format!("{METADATA}{path}"), document);
            mounts.insert(path, service);
        }
        Self { shared: Arc::new(Shared { guard, mounts, metadata, settings }) }
    }
}

impl Handler for Router {
    type Body = Body;

    async fn handle(&self, request: Request<RequestBody>) -> Response<Body> {
        self.shared.answer(request).await
    }
}

impl Shared {
    async fn answer(&self, mut request: Request<RequestBody>) -> Response<Body> {
        let peer = request.extensions_mut().remove::<Peer>();
        let address =
            peer.as_ref().map(|peer| forwarded::address(peer.address.ip(), request.headers(), &self.settings.proxies));
        forwarded::strip(request.headers_mut());
        if let Some(address) = address {
            request.extensions_mut().insert(PeerAddress(address));
        }
        let page = self.settings.origins.check(request.headers()).ok();
        let page = page.and_then(|checked| HeaderValue::from_str(checked.origin()?).ok());
        let named = host(&request);
        let mut response = match self.dispatch(request, peer.as_ref(), named.as_ref()).await {
            Ok(response) => response,
            Err(refused) => self.refuse(refused, address).await,
        };
        let encrypted = peer.is_some_and(|peer| peer.tls.is_some());
        headers::harden(response.headers_mut(), encrypted && !named.is_some_and(|host| headers::is_local(&host)));
        if let Some(page) = page {
            cors::admit(response.headers_mut(), page);
        }
        response
    }

    async fn dispatch(
        &self,
        mut request: Request<RequestBody>,
        peer: Option<&Peer>,
        named: Option<&Authority>,
    ) -> Result<Response<Body>, Refused> {
        let path = CanonicalPath::parse(request.uri().path())
            .map_err(|error| Refused::new(StatusCode::BAD_REQUEST, Reason::BadPath, error.to_string()))?;
        same_name(peer, named)?;
        let found = self.find(path.as_str());
        if let (Found::Server(service), false) = (&found, request.method() == Method::OPTIONS) {
            // The guard checks host and origin itself, and records what it refuses.
            *request.uri_mut() = with_path(request.uri(), &path);
            let endless = endless::is_endless(&request);
            let Ok(response) = (*service).clone().oneshot(request).await;
            return Ok(if endless { endless::until_drained(response, &self.settings.shutdown) } else { response });
        }
        let headers = request.headers();
        self.settings
            .hosts
            .check(headers, request.uri())
            .map_err(|refused| Refused::new(refused.status(), Reason::ForeignHost, refused.to_string()))?;
        let origin = self
            .settings
            .origins
            .check(headers)
            .map_err(|refused| Refused::new(refused.status(), Reason::ForeignOrigin, refused.to_string()))?;
        if matches!(found, Found::Nothing) {
            return Err(Refused::new(StatusCode::NOT_FOUND, Reason::BadPath, "there is nothing at this path"));
        }
        if request.method() == Method::OPTIONS {
            let server = matches!(found, Found::Server(_));
            return Cors::preflight(&origin, headers, server).map_err(|()| not_allowed(server));
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return Err(not_allowed(false));
        }
        Ok(match found {
            Found::Metadata(document) => json(StatusCode::OK, document.clone()),
            Found::Health => json(StatusCode::OK, Bytes::from_static(b"{\"status\":\"alive\"}")),
            Found::Ready => {
                let (status, document) = (self.settings.readiness)().report();
                json(status, document)
            }
            // Answered above.
            Found::Server(_) | Found::Nothing => return Err(not_allowed(true)),
        })
    }

    fn find(&self, path: &str) -> Found<'_> {
        match path {
            "/healthz" => Found::Health,
            "/readyz" => Found::Ready,
            _ => {
                if let Some(service) = self.mounts.get(path) {
                    Found::Server(service)
                } else if let Some(document) = self.metadata.get(path) {
                    Found::Metadata(document)
                } else {
                    Found::Nothing
                }
            }
        }
    }

    /// A refusal is on record before it is answered, here as in the corridor.
    async fn refuse(&self, refused: Refused, address: Option<IpAddr>) -> Response<Body> {
        // Whoever is refused too often is not worth a record each time.
        if let Err(Denial::TooFast { retry_after, .. }) = self.guard.policy().throttle(address, &Identified::Absent) {
            let mut response = plain(StatusCode::TOO_MANY_REQUESTS, "too many requests");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
            return response;
        }
        let Ok(id) = self.guard.decision_id() else {
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "something failed here");
        };
        let mut decision = Decision::new(id, self.settings.surroundings.now());
        decision.address = address;
        let mut response = match self.guard.ledger().refuse(decision, refused.reason).await {
            Ok(()) => plain(refused.status, &refused.text),
            Err(error) => {
                tracing::error!(decision = %id, %error, "the ledger took no record");
                plain(StatusCode::SERVICE_UNAVAILABLE, "the decision could not be recorded")
            }
        };
        if let Some(allow) = refused.allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert(DECISION, value);
        }
        response
    }
}

/// The host that a request names, where it names one that can be read.
fn host(request: &Request<RequestBody>) -> Option<Authority> {
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    let header = || request.headers().get(header::HOST)?.to_str().ok();
    Authority::parse(target.or_else(header)?).ok()
}

/// A connection that was opened for one name answers for no other: what separates names may sit before TLS (HD-09).
fn same_name(peer: Option<&Peer>, named: Option<&Authority>) -> Result<(), Refused> {
    let asked = peer.and_then(|peer| peer.tls.as_ref()?.server_name.as_deref());
    match (asked, named) {
        (Some(asked), Some(named)) if asked != named.host() => Err(Refused::new(
            StatusCode::MISDIRECTED_REQUEST,
            Reason::ForeignHost,
            "this connection was opened for another host",
        )),
        _ => Ok(()),
    }
}

/// The same target with the path in its canonical form.
fn with_path(uri: &Uri, path: &CanonicalPath) -> Uri {
    let mut parts = uri.clone().into_parts();
    let target = match uri.query() {
        Some(query) => format!("{}?{query}", path.as_str()),
        None => path.as_str().to_owned(),
    };
    parts.path_and_query = target.parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

fn not_allowed(server: bool) -> Refused {
    let allow = if server { "POST, GET, DELETE" } else { "GET, HEAD" };
    let text = format!("this path answers {allow} only");
    let mut refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, Reason::BadMessage, text);
    refused.allow = Some(allow);
    refused
}

fn json(status: StatusCode, document: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(document));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let document = serde_json::json!({ "error": text }).to_string();
    json(status, document.into())
}

/// Whether the headers hold more than one value of a name.
fn is_doubled(headers: &HeaderMap, name: &header::HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}
