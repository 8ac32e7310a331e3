//! What a browser is told about pages of other origins: those on the list may call, with a token, never with cookies
//! (HD-10, ER-09).

use doorward::{Body, door::OriginChecked};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::is_doubled;

/// Headers that a page may send to a server.
const SENDABLE: [&str; 8] = [
    "accept",
    "authorization",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
];
/// Arguments that a tool mirrors into headers (A28).
const SENDABLE_PREFIX: &str = "mcp-param-";
/// Most header names that one preflight may ask for.
const MOST_ASKED: usize = 64;

/// Headers of an answer that a page may read.
const READABLE: &str = "Mcp-Session-Id, WWW-Authenticate, Doorward-Decision, Retry-After";

/// Preflights.
pub(super) struct Cors;

impl Cors {
    /// Answers a preflight of a page on the list; an `OPTIONS` that is none is not allowed.
    pub(super) fn preflight(origin: &OriginChecked, headers: &HeaderMap, server: bool) -> Result<Response<Body>, ()> {
        let asked = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        if origin.origin().is_none() || asked.is_none() || is_doubled(headers, &header::ACCESS_CONTROL_REQUEST_METHOD) {
            return Err(());
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let methods = if server { "GET, POST, DELETE" } else { "GET, HEAD" };
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if let Ok(names) = HeaderValue::from_str(&sendable(headers)) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        Ok(response)
    }
}

/// The fixed names, and those of mirrored arguments that were asked for.
fn sendable(headers: &HeaderMap) -> String {
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    let mut names: Vec<String> = SENDABLE.map(str::to_owned).into();
    let asked = asked.unwrap_or_default().split(',').take(MOST_ASKED).map(|name| name.trim().to_ascii_lowercase());
    names.extend(
        asked.filter(|name| name.starts_with(SENDABLE_PREFIX) && HeaderName::from_bytes(name.as_bytes()).is_ok()),
    );
    names.join(", ")
}

/// Lets a page on the list read an answer.
pub(super) fn admit(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READABLE));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
