//! `WWW-Authenticate` for refused requests (RFC 6750 §3, RFC 9728 §5.1; A52, A56).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use http::HeaderValue;

use crate::Resource;

/// Why a request is challenged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge<'a> {
    /// It carried no credential: no error is named (TK-01).
    Missing,
    /// It carried one that is not valid here and now.
    InvalidToken,
    /// Its token lacks scopes; named are all that it would need, with those that it has (design,
    /// refusals).
    InsufficientScope {
        /// The union of what was granted and what is needed.
        scopes: &'a BTreeSet<String>,
    },
}

/// The challenge for a `401` ([`Challenge::Missing`], [`Challenge::InvalidToken`]) or a `403`
/// ([`Challenge::InsufficientScope`]).
///
/// Scopes stand sorted and each once; what is no scope token (RFC 6749 §3.3) and `offline_access`
/// are left out, and every quoted value is escaped, so that nothing configured or claimed can end a
/// quote or a line (RU-26).
#[must_use]
pub fn www_authenticate(resource: &Resource, challenge: Challenge<'_>) -> HeaderValue {
    let (error, scopes) = match challenge {
        Challenge::Missing => (None, advertised(resource.scopes.iter().map(String::as_str))),
        Challenge::InvalidToken => (Some("invalid_token"), advertised(resource.scopes.iter().map(String::as_str))),
        Challenge::InsufficientScope { scopes } => {
            (Some("insufficient_scope"), advertised(scopes.iter().map(String::as_str)))
        }
    };
    let mut text = String::from("Bearer ");
    if let Some(error) = error {
        let _ = write!(text, "error=\"{error}\", ");
    }
    let _ = write!(text, "resource_metadata=\"{}\"", quoted(&resource.metadata_url));
    if !scopes.is_empty() {
        let scopes: Vec<&str> = scopes.into_iter().collect();
        let _ = write!(text, ", scope=\"{}\"", scopes.join(" "));
    }
    // What is left is visible ASCII, so this does not fail; if it did, a bare challenge would still
    // refuse.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
}

/// What may be shown as scopes.
pub(crate) fn advertised<'a>(scopes: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    scopes.filter(|scope| is_scope_token(scope) && *scope != "offline_access").collect()
}

/// RFC 6749 §3.3: visible ASCII without `"` and `\`.
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// The inside of a quoted string (RFC 9110 §5.6.4); what is not visible ASCII has no place in a URL
/// and is left out.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().filter(char::is_ascii_graphic) {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(metadata_url: &str, scopes: &[&str]) -> Resource {
        Resource {
            id: "https://mcp.example.com/mcp".into(),
            metadata_url: metadata_url.into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        }
    }

    fn shown(resource: &Resource, challenge: Challenge<'_>) -> String {
        www_authenticate(resource, challenge).to_str().expect("visible").to_owned()
    }

    const URL: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

    #[test]
    fn tk_01_without_a_token_no_error_is_named() {
        assert_eq!(
            shown(&resource(URL, &["b", "a", "offline_access"]), Challenge::Missing),
            format!("Bearer resource_metadata=\"{URL}\", scope=\"a b\"")
        );
        assert_eq!(shown(&resource(URL, &[]), Challenge::Missing), format!("Bearer resource_metadata=\"{URL}\""));
    }

    #[test]
    fn a52_with_a_token_the_error_is_invalid_token() {
        assert_eq!(
            shown(&resource(URL, &[]), Challenge::InvalidToken),
            format!("Bearer error=\"invalid_token\", resource_metadata=\"{URL}\"")
        );
    }

    #[test]
    fn a56_missing_scopes_are_named_all_at_once_sorted() {
        let scopes = BTreeSet::from(["crm:write".to_owned(), "crm".to_owned(), "offline_access".to_owned()]);
        assert_eq!(
            shown(&resource(URL, &["other"]), Challenge::InsufficientScope { scopes: &scopes }),
            format!("Bearer error=\"insufficient_scope\", resource_metadata=\"{URL}\", scope=\"crm crm:write\"")
        );
    }

    #[test]
    fn nothing_ends_a_quote_or_a_line() {
        let scopes = ["a\"b", "a\\b", "a b", "a\r\nx: y", "", "ä", "fine"].map(str::to_owned).into();
        let resource = resource("https://x.example/\"\\\r\nSet-Cookie: a=b", &[]);
        assert_eq!(
            shown(&resource, Challenge::InsufficientScope { scopes: &scopes }),
            r#"Bearer error="insufficient_scope", resource_metadata="https://x.example/\"\\Set-Cookie:a=b", scope="fine""#
        );
    }
}
