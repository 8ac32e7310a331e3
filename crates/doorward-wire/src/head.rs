//! The MCP headers of one HTTP request.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::Refused;
use crate::value;
use crate::version::{Era, Version};

pub(crate) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(crate) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(crate) const NAME: HeaderName = HeaderName::from_static("mcp-name");
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
pub(crate) const PARAM_PREFIX: &str = "mcp-param-";

/// The MCP headers of one HTTP request, each there at most once and each readable.
///
/// They are what the client *says* of its message; only a [`Call`](crate::Call) knows that the body says the same.
/// [`fmt::Debug`] shows which headers are there, never a value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Head {
    version: Option<String>,
    method: Option<String>,
    name: Option<String>,
    params: HeaderMap,
    session: Option<String>,
    last_event_id: Option<String>,
}

impl Head {
    /// How many `Mcp-Param-*` headers a request may have.
    pub const MAX_PARAMS: usize = 64;
    /// The longest value of any one of these headers, in bytes.
    pub const MAX_VALUE: usize = 8 * 1024;

    /// Reads the MCP headers of a request. Others are not looked at.
    ///
    /// A modern request has no session and no stream to resume, whatever its headers say (A04, SE-10).
    ///
    /// # Errors
    ///
    /// With 400 and `-32020` when a header is there twice, even with one value (E18, HD-02, HD-03), when it holds
    /// anything but visible ASCII, spaces and tabs, or when there is too much (A31). The refusal has no id, since the body
    /// is not read yet: [`Refused::naming`] adds it.
    pub fn read(headers: &HeaderMap) -> Result<Self, Refused> {
        let version = one(headers, &VERSION)?;
        let modern = version.as_deref().and_then(Version::parse).is_some_and(|version| version.era() == Era::Modern);
        let (session, last_event_id) = match modern {
            true => (None, None),
            false => (one(headers, &SESSION)?, one(headers, &LAST_EVENT_ID)?),
        };
        Ok(Self {
            version,
            method: one(headers, &METHOD)?,
            name: one(headers, &NAME)?,
            params: params(headers)?,
            session,
            last_event_id,
        })
    }

    /// `MCP-Protocol-Version`. It may name a version that nobody speaks.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// `Mcp-Method`.
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// `Mcp-Name` as it came, perhaps in its Base64 form.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// `Mcp-Session-Id`, never of a modern request. A session id authenticates nobody.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// `Last-Event-ID`, never of a modern request.
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// The `Mcp-Param-*` headers, by name.
    pub(crate) fn params(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.params.iter()
    }

    /// One `Mcp-Param-*` header, by its lower-case name.
    pub(crate) fn param(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.params.get(name)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("version", &self.version.as_deref().and_then(Version::parse))
            .field("method", &self.method.is_some())
            .field("name", &self.name.is_some())
            .field("params", &self.params.len())
            .field("session", &self.session.is_some())
            .field("last_event_id", &self.last_event_id.is_some())
            .finish()
    }
}

/// The value of a header that may be there once.
fn one(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Refused> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => Ok(Some(readable(name, value)?.to_owned())),
        (Some(_), Some(_)) => Err(refused(name, "is there more than once")),
    }
}

fn params(headers: &HeaderMap) -> Result<HeaderMap, Refused> {
    let mut params = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with(PARAM_PREFIX)) {
        readable(name, value)?;
        if params.len() == Head::MAX_PARAMS {
            return Err(Refused::header("there are too many `Mcp-Param-*` headers", None));
        }
        if params.insert(name.clone(), value.clone()).is_some() {
            return Err(refused(name, "is there more than once"));
        }
    }
    Ok(params)
}

fn readable<'v>(name: &HeaderName, value: &'v HeaderValue) -> Result<&'v str, Refused> {
    if value.len() > Head::MAX_VALUE {
        return Err(refused(name, "is too long"));
    }
    value::text(value).map_err(|_| refused(name, "may hold visible ASCII only; encode other text as `=?base64?...?=`"))
}

/// Names the header only where the name is ours: that of a parameter was chosen by a server or the client.
fn refused(name: &HeaderName, what: &str) -> Refused {
    let name = if name.as_str().starts_with(PARAM_PREFIX) { "mcp-param-*" } else { name.as_str() };
    Refused::header(format!("the header `{name}` {what}"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Result<Head, Refused> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Head::read(&map)
    }

    #[test]
    fn a26_names_ignore_case_and_values_lose_outer_whitespace_only() {
        let head =
            head(&[("MCP-PROTOCOL-VERSION", " 2026-07-28\t"), ("mcp-METHOD", "tools/Call"), ("Mcp-Name", " a  b ")])
                .unwrap();
        assert_eq!(head.version(), Some("2026-07-28"));
        assert_eq!(head.method(), Some("tools/Call"));
        assert_eq!(head.name(), Some("a  b"));
    }

    #[test]
    fn e18_hd_02_hd_03_a_doubled_header_is_refused_even_when_both_say_the_same() {
        for name in
            ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id", "Last-Event-ID", "Mcp-Param-Region"]
        {
            let refused = head(&[(name, "a"), (&name.to_lowercase(), "a")]).unwrap_err();
            assert_eq!((refused.status.as_u16(), refused.error.code), (400, -32020), "{name}");
        }
    }

    #[test]
    fn hd_03_other_characters_than_visible_ascii_are_refused() {
        for name in ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id", "Mcp-Param-Region"] {
            assert_eq!(head(&[(name, "z\u{fc}rich")]).unwrap_err().error.code, -32020, "{name}");
        }
    }

    #[test]
    fn a31_too_many_or_too_long_headers_are_refused_before_they_are_decoded() {
        let many: Vec<String> = (0..=Head::MAX_PARAMS).map(|i| format!("mcp-param-{i}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
        assert!(head(&many).is_err());
        assert!(head(&many[1..]).is_ok());
        assert!(head(&[("mcp-param-a", &"a".repeat(Head::MAX_VALUE + 1))]).is_err());
    }

    #[test]
    fn se_10_a04_a_modern_request_has_no_session_and_resumes_nothing() {
        let headers = [("mcp-session-id", "s"), ("last-event-id", "7")];
        let legacy = head(&headers).unwrap();
        assert_eq!((legacy.session(), legacy.last_event_id()), (Some("s"), Some("7")));
        let modern = head(&[headers[0], headers[1], ("mcp-protocol-version", "2026-07-28")]).unwrap();
        assert_eq!((modern.session(), modern.last_event_id()), (None, None));
    }

    #[test]
    fn debug_shows_no_value() {
        let head = head(&[("mcp-session-id", "canary"), ("mcp-param-a", "canary"), ("mcp-protocol-version", "canary")])
            .unwrap();
        assert!(!format!("{head:?}").contains("canary"));
    }
}
