//! Every refusal, in one place: who erred, and what each side is told.
//!
//! A refusal is total: whatever stage says no, the client gets an HTTP status, a JSON-RPC error with the id of its
//! request where that was readable, and the decision id under which the ledger and the log tell more. What the
//! client must not learn is not in here: no detail of an upstream, no value, no confirmation that something exists.

use std::time::Duration;

use doorward_audit::{DecisionId, Reason};
use doorward_identity::{AuthFailure, AuthReason, Challenge, Resource, www_authenticate};
use doorward_policy::{Denial, Denied};
use doorward_wire::{Call, Era, Id, Refused, RpcError, Target, Version, code, error_response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::Body;
use crate::session::{Absence, NoPlace};
use crate::upstream::UpstreamError;

/// The header that carries the decision id.
pub const DECISION: HeaderName = HeaderName::from_static("doorward-decision");

/// The key under which a JSON-RPC answer carries the decision id, in `_meta`.
pub const DECISION_META: &str = "doorward/decision";

/// Doorward's own JSON-RPC codes: outside the range that JSON-RPC and MCP reserve (checklist A21).
///
/// The first three digits are the HTTP status that goes with them.
pub mod own_code {
    /// A credential is missing.
    pub const NO_CREDENTIAL: i64 = 40_100;
    /// The credential is not accepted.
    pub const BAD_CREDENTIAL: i64 = 40_101;
    /// The caller's roles or claims do not allow this.
    pub const FORBIDDEN: i64 = 40_300;
    /// The token lacks a scope; the challenge names it.
    pub const INSUFFICIENT_SCOPE: i64 = 40_301;
    /// An interceptor refused, with its reason.
    pub const INTERCEPTED: i64 = 40_302;
    /// The message holds something that may not leave.
    pub const NOT_CLEARED: i64 = 40_303;
    /// The host or origin is not on the list.
    pub const WRONG_ORIGIN: i64 = 40_304;
    /// There is no such session.
    pub const NO_SESSION: i64 = 40_400;
    /// Too fast, or too much at once.
    pub const TOO_FAST: i64 = 42_900;
    /// Something in the guard failed; nothing was sent.
    pub const FAULT: i64 = 50_000;
    /// The server can't be reached or answered nonsense.
    pub const BAD_UPSTREAM: i64 = 50_200;
    /// The decision could not be recorded, so nothing was sent.
    pub const NOT_RECORDED: i64 = 50_300;
    /// The server did not answer in time.
    pub const UPSTREAM_TIMEOUT: i64 = 50_400;
}

/// One refusal, ready to be answered and recorded.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) reason: Reason,
    error: RpcError,
    id: Option<Id>,
    challenge: Option<HeaderValue>,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: Reason, code: i64, message: impl Into<String>) -> Self {
        let error = RpcError { code, message: message.into(), data: None };
        Self { status, reason, error, id: None, challenge: None, retry_after: None, allow: None }
    }

    /// The same refusal for the request with this id.
    pub(crate) fn for_id(&self, id: Option<&Id>) -> Self {
        self.clone().answering(id)
    }

    /// No place for another call in this session.
    pub(crate) fn no_place(why: NoPlace) -> Self {
        match why {
            NoPlace::IdInUse => Self::new(
                StatusCode::BAD_REQUEST,
                Reason::BadMessage,
                code::INVALID_REQUEST,
                "the id of this request is still in use by another one",
            ),
            NoPlace::Full => {
                let mut refusal = Self::too_fast(Duration::from_secs(1));
                refusal.reason = Reason::TooMany;
                refusal
            }
        }
    }

    /// A limit is met by somebody who is refused anyway.
    pub(crate) fn over_limit(denial: &Denial) -> Self {
        match denial {
            Denial::TooFast { retry_after } => Self::too_fast(*retry_after),
            _ => Self::fault(),
        }
    }

    /// An event id that this session was never given.
    pub(crate) fn unknown_event() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Reason::BadMessage,
            code::INVALID_REQUEST,
            "this session was given no event with the id in `Last-Event-ID`",
        )
    }

    /// The message or the answer holds what may not leave.
    pub(crate) fn not_cleared() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            Reason::CredentialInMessage,
            own_code::NOT_CLEARED,
            "the message holds the credential of this request, which may not leave; remove it and try again",
        )
    }

    /// Repeats the id of the refused request.
    pub(crate) fn answering(mut self, id: Option<&Id>) -> Self {
        self.id = id.cloned();
        self
    }

    /// The method is not offered on this path.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let text = format!("this path answers {allow} only");
        let mut refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, Reason::BadMessage, code::INVALID_REQUEST, text);
        refusal.allow = Some(allow);
        refusal
    }

    /// What the message layer refused before anything was decided.
    pub(crate) fn from_wire(refused: Refused) -> Self {
        let Refused { status, error, id, .. } = refused;
        Self { status, reason: Reason::BadMessage, error, id, challenge: None, retry_after: None, allow: None }
    }

    /// No credential where one is needed: 401 without an error code (A52, TK-01).
    pub(crate) fn no_credential(resource: &Resource) -> Self {
        let mut refusal = Self::new(
            StatusCode::UNAUTHORIZED,
            Reason::NoToken,
            own_code::NO_CREDENTIAL,
            "a credential is needed: send `Authorization: Bearer TOKEN`",
        );
        refusal.challenge = Some(www_authenticate(resource, Challenge::Missing));
        refusal
    }

    /// A credential that is not accepted (A52). When the issuer's keys can't be had, that is not the caller's doing.
    pub(crate) fn bad_credential(failure: &AuthFailure, resource: &Resource) -> Self {
        let reason = Reason::parse(failure.reason.code()).unwrap_or(Reason::Internal);
        if failure.malformed {
            return Self::new(
                StatusCode::BAD_REQUEST,
                reason,
                own_code::BAD_CREDENTIAL,
                "the `Authorization` header is malformed: send it once, as `Bearer TOKEN`",
            );
        }
        if failure.reason == AuthReason::KeysUnavailable {
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                reason,
                own_code::FAULT,
                "the credential can't be checked at the moment; try again later",
            );
        }
        let mut refusal = Self::new(
            StatusCode::UNAUTHORIZED,
            reason,
            own_code::BAD_CREDENTIAL,
            "the credential is not accepted here: get a new one for this server",
        );
        refusal.challenge = Some(www_authenticate(resource, Challenge::InvalidToken));
        refusal
    }

    /// What the policy said, of a request that never became a call.
    pub(crate) fn from_denial(denial: &Denial, resource: &Resource) -> Self {
        let reason = denial.reason();
        let mut refusal = match denial {
            Denial::Unauthenticated => Self::no_credential(resource),
            Denial::MissingScope { needed, granted } => {
                let wanted = needed.union(granted).cloned().collect();
                let mut refusal = Self::new(
                    StatusCode::FORBIDDEN,
                    reason,
                    own_code::INSUFFICIENT_SCOPE,
                    "the credential lacks a scope that this needs",
                );
                refusal.challenge = Some(www_authenticate(resource, Challenge::InsufficientScope { scopes: &wanted }));
                refusal
            }
            Denial::Forbidden => {
                Self::new(StatusCode::FORBIDDEN, reason, own_code::FORBIDDEN, "this caller may not do that")
            }
            Denial::Interceptor { reason: why } => {
                Self::new(StatusCode::FORBIDDEN, reason, own_code::INTERCEPTED, why.clone())
            }
            Denial::TooFast { retry_after } => Self::too_fast(*retry_after),
            Denial::NoExchange => Self::new(
                StatusCode::BAD_REQUEST,
                reason,
                code::INVALID_REQUEST,
                "this message belongs to no open exchange",
            ),
            // Invisible and unknown take their words from the call; without one they are the plainest refusal.
            Denial::Invisible | Denial::UnknownMethod => {
                Self::new(StatusCode::NOT_FOUND, reason, code::METHOD_NOT_FOUND, "not found")
            }
            Denial::Fault(_) => Self::fault(),
        };
        refusal.reason = reason;
        refusal
    }

    /// What the policy said of a call, in the words of its era.
    pub(crate) fn from_denied(denied: &Denied, resource: &Resource) -> Self {
        let call = &denied.call;
        let mut refusal = match &denied.denial {
            Denial::Invisible => Self::unknown_target(call),
            Denial::UnknownMethod => {
                let status = match call.era() {
                    Era::Modern => StatusCode::NOT_FOUND,
                    Era::Legacy => StatusCode::OK,
                };
                Self::new(status, denied.reason, code::METHOD_NOT_FOUND, "Method not found")
            }
            other => Self::from_denial(other, resource),
        };
        refusal.reason = denied.reason;
        refusal.answering(call.message().id())
    }

    /// What is invisible answers as unknown: existence is not confirmed (A42, A45, E32).
    fn unknown_target(call: &Call) -> Self {
        let (code, text) = match (call.message().target(), call.era()) {
            (Target::Tool(name), _) => (code::INVALID_PARAMS, format!("Unknown tool: {name}")),
            (Target::Prompt(name) | Target::PromptRef(name), _) => {
                (code::INVALID_PARAMS, format!("Unknown prompt: {name}"))
            }
            (Target::Resource(_) | Target::ResourceRef(_) | Target::Resources(_), Era::Legacy) => {
                (-32_002, "Resource not found".to_owned())
            }
            (Target::Task(_), _) => (code::INVALID_PARAMS, "Unknown task".to_owned()),
            _ => (code::INVALID_PARAMS, "Resource not found".to_owned()),
        };
        Self::new(StatusCode::OK, Reason::Invisible, code, text)
    }

    /// Too fast: when to come back stands in the header and in the data (LG-08).
    pub(crate) fn too_fast(retry_after: Duration) -> Self {
        let seconds = retry_after.as_millis().div_ceil(1000).max(1);
        let mut refusal = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            Reason::TooFast,
            own_code::TOO_FAST,
            format!("too many requests: come back in {seconds} s"),
        );
        refusal.error.data = Some(json!({ "retryAfterSeconds": u64::try_from(seconds).unwrap_or(u64::MAX) }));
        refusal.retry_after = Some(retry_after);
        refusal
    }

    /// No such session: foreign, unknown and expired are alike (SE-01).
    pub(crate) fn no_session(absence: Absence) -> Self {
        let reason = match absence {
            Absence::Unknown => Reason::UnknownSession,
            Absence::Foreign => Reason::ForeignSession,
            Absence::Expired => Reason::ExpiredSession,
            Absence::StandingChanged => Reason::StandingChanged,
            Absence::Full => {
                let mut refusal = Self::too_fast(Duration::from_secs(30));
                refusal.reason = Reason::TooFast;
                return refusal;
            }
        };
        Self::new(
            StatusCode::NOT_FOUND,
            reason,
            own_code::NO_SESSION,
            "there is no such session: begin a new one with `initialize`",
        )
    }

    /// A legacy request that needs a session and names none (B13).
    pub(crate) fn session_missing() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Reason::UnknownSession,
            code::INVALID_REQUEST,
            "the `Mcp-Session-Id` header is missing: begin with `initialize`",
        )
    }

    /// The ledger did not take the decision, so nothing was sent (ER-12).
    pub(crate) fn not_recorded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Reason::LedgerUnavailable,
            own_code::NOT_RECORDED,
            "the request could not be recorded, so it was not carried out",
        )
    }

    /// What the guarded server did. Details go to the log alone.
    pub(crate) fn from_upstream(error: &UpstreamError) -> Self {
        let bad = |reason, text: &str| Self::new(StatusCode::BAD_GATEWAY, reason, own_code::BAD_UPSTREAM, text);
        match error {
            UpstreamError::TimedOut => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                Reason::UpstreamTimeout,
                own_code::UPSTREAM_TIMEOUT,
                "the server did not answer in time",
            ),
            UpstreamError::WrongEra { supported } => Self::unsupported(supported),
            UpstreamError::SessionEnded => Self::no_session(Absence::Expired),
            UpstreamError::NoStream => Self::method_not_allowed("POST, DELETE"),
            UpstreamError::Exhausted(_) => {
                let mut refusal = Self::too_fast(Duration::from_secs(5));
                refusal.status = StatusCode::SERVICE_UNAVAILABLE;
                refusal
            }
            UpstreamError::Unreachable(_) => bad(Reason::UpstreamUnreachable, "the server can't be reached"),
            UpstreamError::Closed => bad(Reason::UpstreamUnreachable, "the server ended before it answered"),
            UpstreamError::TooLarge(_) | UpstreamError::Protocol(_) | UpstreamError::Status(_) => {
                bad(Reason::UpstreamFailed, "the server's answer is not one that can be passed on")
            }
        }
    }

    /// The server agreed on a version that is too old to be guarded.
    pub(crate) fn unsupported_handshake() -> Self {
        Self::new(
            StatusCode::OK,
            Reason::UnsupportedVersion,
            code::INVALID_PARAMS,
            "Unsupported protocol version: client and server agree on none of 2025-11-25, 2025-06-18, 2025-03-26",
        )
    }

    fn unsupported(supported: &[Version]) -> Self {
        let mut refusal = Self::new(
            StatusCode::BAD_REQUEST,
            Reason::UnsupportedVersion,
            code::UNSUPPORTED_VERSION,
            "Unsupported protocol version",
        );
        let names: Vec<_> = supported.iter().map(|version| version.as_str()).collect();
        refusal.error.data = Some(json!({ "supported": names, "requested": Version::V2026_07_28.as_str() }));
        refusal
    }

    /// Our own fault: never a detail, never an allow (ER-11).
    pub(crate) fn fault() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Reason::Internal,
            own_code::FAULT,
            "something failed here; nothing was carried out",
        )
    }

    /// The JSON-RPC error alone, for a stream whose head is already sent.
    pub(crate) fn message(&self, decision: &DecisionId) -> bytes::Bytes {
        error_response(self.id.as_ref(), &self.error_with(decision))
    }

    fn error_with(&self, decision: &DecisionId) -> RpcError {
        let mut data = match self.error.data.clone() {
            Some(Value::Object(map)) => map,
            Some(other) => serde_json::Map::from_iter([("detail".to_owned(), other)]),
            None => serde_json::Map::new(),
        };
        data.insert("_meta".to_owned(), json!({ DECISION_META: decision.to_string() }));
        RpcError { code: self.error.code, message: self.error.message.clone(), data: Some(Value::Object(data)) }
    }

    /// The whole HTTP answer.
    pub(crate) fn response(&self, decision: &DecisionId) -> Response<Body> {
        let mut response = Response::new(Body::full(self.message(decision)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = &self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(wait) = self.retry_after {
            let seconds = u64::try_from(wait.as_millis().div_ceil(1000).max(1)).unwrap_or(u64::MAX);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        stamp(&mut response, decision);
        response
    }
}

/// Puts the decision id on an answer.
pub(crate) fn stamp(response: &mut Response<Body>, decision: &DecisionId) {
    if let Ok(value) = HeaderValue::from_str(&decision.to_string()) {
        response.headers_mut().insert(DECISION, value);
    }
}

/// The HTTP status that a message of a process gets: the era's rule for a server that has no HTTP of its own (A16).
#[must_use]
pub fn status_for(version: Version, message: &doorward_wire::Message) -> StatusCode {
    match (version.era(), message.kind()) {
        (Era::Modern, doorward_wire::Kind::Error { code, .. }) => match code {
            code::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
            code::HEADER_MISMATCH | code::MISSING_CAPABILITY | code::UNSUPPORTED_VERSION => StatusCode::BAD_REQUEST,
            _ => StatusCode::OK,
        },
        _ => StatusCode::OK,
    }
}
