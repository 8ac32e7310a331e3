//! From an issuer's identifier to the address of its keys (RFC 8414 §3, OpenID Connect Discovery
//! 1.0 §4; C25, C26).

use url::{Host, Url};

use super::remote::Unavailable;
use crate::Fetch;
use crate::json::{self, Json};
use crate::jws::MAX_JWKS;

/// The addresses where the metadata may lie, in the order of C25.
///
/// # Errors
/// The identifier is no URL that metadata can be fetched for.
pub(crate) fn candidates(issuer: &str) -> Result<Vec<String>, String> {
    let url = document_url(issuer)?;
    if url.query().is_some() {
        return Err(format!("the issuer `{issuer}` has a query, so its metadata can't be found"));
    }
    let origin = url.origin().ascii_serialization();
    let path = url.path().trim_end_matches('/');
    let mut found = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        found.push(format!("{origin}{path}/.well-known/openid-configuration"));
    }
    Ok(found)
}

/// An address that a document may be fetched from: `https`, or `http` on loopback, which the
/// fetcher must allow too (F25, JK-08); no user name in it, no fragment.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn document_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{}` is no URL: {error}", clipped(text)))?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let text = clipped(text);
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            return Err(format!("`{text}` is not https, and plain http is for loopback only"));
        }
        _ => return Err(format!("`{text}` is not an https URL")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address with a user name or password in it is not fetched".to_owned());
    }
    if url.fragment().is_some() {
        return Err(format!("`{text}` has a fragment"));
    }
    Ok(url)
}

/// Finds the address of the issuer's keys. Metadata that names another issuer is never used, and a
/// place that answers with something else is passed over for the next one.
pub(super) async fn find_keys(fetch: &dyn Fetch, issuer: &str) -> Result<String, Unavailable> {
    let mut reasons = Vec::new();
    for address in candidates(issuer).map_err(Unavailable)? {
        match metadata(fetch, issuer, &address).await {
            Ok(keys) => return Ok(keys),
            Err(Unavailable(reason)) => reasons.push(format!("{address}: {reason}")),
        }
    }
    Err(Unavailable(format!("no metadata of the issuer was found ({})", reasons.join("; "))))
}

async fn metadata(fetch: &dyn Fetch, issuer: &str, address: &str) -> Result<String, Unavailable> {
    let body = fetch.get(address).await.map_err(|failure| Unavailable(failure.to_string()))?;
    if body.len() > MAX_JWKS {
        return Err(Unavailable("the metadata is longer than 64 KiB".to_owned()));
    }
    let object = json::object(&body).ok_or_else(|| Unavailable("the metadata is not a JSON object".to_owned()))?;
    // RFC 8414 §3.3, MX-01: string equality, no normalisation.
    if object.get("issuer").and_then(Json::as_str) != Some(issuer) {
        return Err(Unavailable("the metadata names another issuer".to_owned()));
    }
    let keys = object
        .get("jwks_uri")
        .and_then(Json::as_str)
        .ok_or_else(|| Unavailable("the metadata has no `jwks_uri`".to_owned()))?;
    document_url(keys).map_err(Unavailable)?;
    Ok(keys.to_owned())
}

fn clipped(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c25_an_issuer_with_a_path_has_three_places_in_this_order() {
        assert_eq!(
            candidates("https://login.example.com/realms/acme"),
            Ok(vec![
                "https://login.example.com/.well-known/oauth-authorization-server/realms/acme".to_owned(),
                "https://login.example.com/.well-known/openid-configuration/realms/acme".to_owned(),
                "https://login.example.com/realms/acme/.well-known/openid-configuration".to_owned(),
            ])
        );
    }

    #[test]
    fn c25_an_issuer_without_a_path_has_the_two_root_places() {
        let expected = |origin: &str| {
            Ok(vec![
                format!("{origin}/.well-known/oauth-authorization-server"),
                format!("{origin}/.well-known/openid-configuration"),
            ])
        };
        assert_eq!(candidates("https://login.example.com"), expected("https://login.example.com"));
        assert_eq!(candidates("https://login.example.com/"), expected("https://login.example.com"));
        assert_eq!(candidates("http://localhost:9000"), expected("http://localhost:9000"));
    }

    #[test]
    fn jk_08_only_https_or_loopback_addresses_are_fetched() {
        for good in [
            "https://a.example/jwks",
            "https://a.example:8443/x?y=1",
            "http://localhost/k",
            "http://127.0.0.1:1/k",
            "http://[::1]:2/k",
        ] {
            assert!(document_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/jwks",
            "http://10.0.0.1/jwks",
            "http://localhost.evil.example/",
            "http://0.0.0.0/",
            "ftp://a.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:application/json,{}",
            "https://user@a.example/",
            "https://:pw@a.example/",
            "https://a.example/#x",
            "a.example",
            "",
        ] {
            assert!(document_url(bad).is_err(), "{bad}");
        }
    }
}
