//! What the fuzz targets and property tests call: functions that take any bytes and assert what
//! must hold.

use crate::bearer;
use crate::jws::{Compact, MAX_KID, MAX_TOKEN, PublicKeys};
use crate::token::Unverified;

/// Reads the bytes as a header value, a token and a key set. Whatever they are, nothing panics, and
/// what is accepted as the form of a token is bounded and canonical.
///
/// # Panics
/// When one of these invariants does not hold: that is a finding.
#[expect(clippy::panic, reason = "a fuzz target reports by panicking")]
pub fn jwt(data: &[u8]) {
    if let Ok(value) = http::HeaderValue::from_bytes(data) {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, value);
        if let Ok(None) = bearer::token(&headers) {
            panic!("a present header is never an absent one");
        }
    }
    let _ = PublicKeys::from_jwks(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(compact) = Compact::parse(text) {
        let header = compact.header();
        let canonical = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let three = text.bytes().filter(|byte| *byte == b'.').count() == 2;
        let bounded = text.len() <= MAX_TOKEN && header.kid.as_ref().is_none_or(|kid| kid.len() <= MAX_KID);
        if !(canonical && three && bounded) {
            panic!("a token of another form was read");
        }
    }
    let _ = Unverified::read(text);
}
