//! The door: what a request must be before anybody asks who sent it.

mod origin;

use std::time::Duration;

use bytes::Bytes;
use doorward_audit::Reason;
use doorward_wire::{CanonicalPath, Limits, code};
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

pub use self::origin::{
    AllowedHosts, AllowedOrigins, Authority, HostChecked, HostRefused, MalformedAuthority, OriginChecked,
    OriginRefused, Scheme,
};
use crate::body::BodyError;
use crate::refusal::{Refusal, own_code};

/// Decides what the door accepts.
#[derive(Clone, Debug)]
pub struct Doorman {
    hosts: AllowedHosts,
    origins: AllowedOrigins,
    limits: Limits,
    body_time: Duration,
}

/// A request that passed the door: its host and origin are ours, its path has one form.
///
/// Only [`Doorman::admit`] makes it, and every later stage of the corridor takes it.
pub(crate) struct Admitted {
    pub(crate) parts: Parts,
    pub(crate) path: CanonicalPath,
    _host: HostChecked,
    _origin: OriginChecked,
}

impl Doorman {
    /// A door with these lists of hosts and origins, and 4 MiB for a message that must arrive within thirty seconds.
    #[must_use]
    pub fn new(hosts: AllowedHosts, origins: AllowedOrigins) -> Self {
        Self { hosts, origins, limits: Limits::default(), body_time: Duration::from_secs(30) }
    }

    /// The door of a local listener: loopback hosts and loopback pages on this port, nothing else.
    #[must_use]
    pub fn loopback(port: u16) -> Self {
        Self::new(AllowedHosts::none().allow_loopback(port), AllowedOrigins::none().allow_loopback(port))
    }

    /// Replaces the limits on a message.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Replaces the time in which a body must have arrived.
    #[must_use]
    pub fn with_body_time(mut self, time: Duration) -> Self {
        self.body_time = time;
        self
    }

    /// The limits on a message.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Lets a request in, or not (A02, HD-06, ER-07, ER-08).
    pub(crate) fn admit(&self, parts: Parts) -> Result<Admitted, Refusal> {
        let host = self.hosts.check(&parts.headers, &parts.uri).map_err(|refused| {
            Refusal::new(refused.status(), Reason::ForeignHost, own_code::WRONG_ORIGIN, refused.to_string())
        })?;
        let origin = self.origins.check(&parts.headers).map_err(|refused| {
            Refusal::new(refused.status(), Reason::ForeignOrigin, own_code::WRONG_ORIGIN, refused.to_string())
        })?;
        let path = CanonicalPath::parse(parts.uri.path()).map_err(|error| {
            Refusal::new(StatusCode::BAD_REQUEST, Reason::BadPath, code::INVALID_REQUEST, error.to_string())
        })?;
        Ok(Admitted { parts, path, _host: host, _origin: origin })
    }

    /// Reads the body of a POST: JSON, not compressed, within the limits of size and time (HD-11, HD-13, JS-03).
    pub(crate) async fn read<B>(&self, headers: &HeaderMap, body: B) -> Result<Bytes, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<BodyError>,
    {
        check_content_type(headers)?;
        check_accept(headers)?;
        let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.limits.max_bytes as u64) {
            return Err(self.too_large());
        }
        let limited = Limited::new(body, self.limits.max_bytes);
        let collected = tokio::time::timeout(self.body_time, limited.collect()).await.map_err(|_| {
            Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                Reason::BadMessage,
                code::INVALID_REQUEST,
                "the body did not arrive in time",
            )
        })?;
        match collected {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(self.too_large()),
            Err(_) => Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                Reason::BadMessage,
                code::INVALID_REQUEST,
                "the body broke off",
            )),
        }
    }

    fn too_large(&self) -> Refusal {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Reason::TooLarge,
            code::INVALID_REQUEST,
            format!("the body is over the limit of {} bytes", self.limits.max_bytes),
        )
    }
}

/// JSON in UTF-8 and nothing else: a form or plain text could be sent by a page without a preflight (HD-13).
fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let unsupported = |text: &str| {
        Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::BadMessage, code::INVALID_REQUEST, text))
    };
    if headers.get(CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return unsupported("a compressed body is not accepted: send it without `Content-Encoding`");
    }
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return unsupported("the `Content-Type` header must stand once, as `application/json`");
    };
    let value = value.to_str().unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let utf8 = parts.all(|parameter| {
        let parameter = parameter.to_ascii_lowercase();
        !parameter.starts_with("charset=") || matches!(parameter.as_str(), "charset=utf-8" | "charset=\"utf-8\"")
    });
    if json && utf8 { Ok(()) } else { unsupported("the body must be `application/json` in UTF-8") }
}

/// The answer may be JSON or a stream, so the client must take both (A07, SH).
fn check_accept(headers: &HeaderMap) -> Result<(), Refusal> {
    let accepts = |wanted: &str, family: &str| {
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
            |part| {
                let kind = part.split(';').next().unwrap_or_default().trim();
                kind.eq_ignore_ascii_case(wanted) || kind.eq_ignore_ascii_case(family) || kind == "*/*"
            },
        )
    };
    if accepts("application/json", "application/*") && accepts("text/event-stream", "text/*") {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::NOT_ACCEPTABLE,
        Reason::BadMessage,
        code::INVALID_REQUEST,
        "the `Accept` header must list `application/json` and `text/event-stream`",
    ))
}
