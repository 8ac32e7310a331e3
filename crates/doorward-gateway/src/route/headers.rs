//! What every answer carries.

use std::net::IpAddr;

use doorward::door::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// On every answer: nothing is guessed, kept, framed or told onwards.
const ALWAYS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Sets the headers that an answer must have. `strict` adds that this host is to be called over TLS for a year (HD-08).
pub(super) fn harden(headers: &mut HeaderMap, strict: bool) {
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if strict {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

/// Whether a host is this machine. A promise of TLS there would break every other program on `localhost`.
pub(super) fn is_local(host: &Authority) -> bool {
    let name = host.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_hardened_and_keeps_its_own_cache_rule() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        harden(&mut headers, false);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-cache");
        assert!(!headers.contains_key("strict-transport-security"));
        harden(&mut headers, true);
        assert_eq!(headers["strict-transport-security"], "max-age=31536000");
    }

    #[test]
    fn this_machine_has_several_names() {
        for (host, expected) in [
            ("localhost:1", true),
            ("a.localhost", true),
            ("127.0.0.9", true),
            ("[::1]:8", true),
            ("notlocalhost", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_local(&Authority::parse(host).unwrap()), expected, "{host}");
        }
    }
}
