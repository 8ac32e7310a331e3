//! The `Authorization` header: the one place that a token is read from (RFC 6750 §2.1, A53, TK-02).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::{AuthFailure, AuthReason};

/// The bearer token of a request; `None` when it carries no `Authorization` header at all.
///
/// # Errors
/// Two headers, a list of credentials, foreign characters: malformed (TK-16). Another scheme:
/// unsupported.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&str>, AuthFailure> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let malformed = AuthFailure::malformed(AuthReason::MalformedHeader);
    if values.next().is_some() {
        return Err(malformed);
    }
    let text = value.to_str().map_err(|_| malformed)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.is_empty() || !scheme.bytes().all(is_tchar) {
        return Err(malformed);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthReason::UnsupportedScheme.into());
    }
    let token = token.trim_start_matches(' ');
    if is_token68(token) { Ok(Some(token)) } else { Err(malformed) }
}

/// RFC 9110 §11.2.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// RFC 9110 §5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, AuthFailure> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).expect("header value"));
        }
        token(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn one_bearer_token_is_read_whatever_the_case_of_the_scheme() {
        for value in ["Bearer abc.def", "bearer abc.def", "BEARER abc.def", "Bearer   abc.def"] {
            assert_eq!(read(&[value.as_bytes()]), Ok(Some("abc.def".to_owned())), "{value}");
        }
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn tk_16_doubled_listed_and_odd_headers_are_malformed() {
        let malformed = Err(AuthFailure { reason: AuthReason::MalformedHeader, malformed: true });
        assert_eq!(read(&[b"Bearer a", b"Bearer b"]), malformed);
        assert_eq!(read(&[b"Bearer a", b"Bearer a"]), malformed);
        assert_eq!(read(&[b"Bearer a", b"Basic b"]), malformed);
        let odd: [&[u8]; 14] = [
            b"",
            b"Bearer",
            b"Bearer ",
            b"Bearer a, Bearer b",
            b"Bearer a,b",
            b"Bearer a b",
            b"Bearer\ta",
            b"Bearer a\tb",
            b"Bearer a\x80",
            b"Bearer \"a\"",
            b"Bearer =",
            b"Bearer a=b",
            b", Bearer a",
            b"Bearer, a",
        ];
        for value in odd {
            assert_eq!(read(&[value]), malformed, "{value:?}");
        }
    }

    #[test]
    fn other_schemes_are_refused_and_not_absent() {
        for value in ["Basic YTpi", "DPoP abc", "Negotiate abc", "Bearerx abc", "Token abc"] {
            let failure = read(&[value.as_bytes()]).expect_err("refused");
            assert_eq!((failure.reason, failure.malformed), (AuthReason::UnsupportedScheme, false), "{value}");
        }
    }
}
