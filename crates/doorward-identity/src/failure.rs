//! Why a credential was refused: closed, value-free, one word per rule.

use std::fmt;

/// A refused credential.
///
/// Its text never holds a part of the token, so that it may be logged and counted (ER-10, CO-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuthFailure {
    /// The rule that refused.
    pub reason: AuthReason,
    /// The request itself is malformed (doubled header, list of credentials): 400 instead of 401
    /// (RFC 6750 §3.1).
    pub malformed: bool,
}

impl AuthFailure {
    pub(crate) const fn malformed(reason: AuthReason) -> Self {
        Self { reason, malformed: true }
    }
}

impl From<AuthReason> for AuthFailure {
    fn from(reason: AuthReason) -> Self {
        Self { reason, malformed: false }
    }
}

impl fmt::Display for AuthFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.text())
    }
}

impl std::error::Error for AuthFailure {}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// The rule that refused a credential.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum AuthReason { $($(#[$doc])* $name,)* }

        impl AuthReason {
            /// Every reason there is, for tables and metrics.
            pub const ALL: &'static [AuthReason] = &[$(AuthReason::$name,)*];

            /// The stable word for records and metrics.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(AuthReason::$name => $code,)* }
            }

            /// One sentence for people, without any value of the token.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(AuthReason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// More than one `Authorization` header, a list, or not one token68 (TK-16).
    MalformedHeader = "malformed_header", "the request must carry exactly one `Authorization` header with one bearer token";
    /// An `Authorization` scheme other than `Bearer`.
    UnsupportedScheme = "unsupported_scheme", "the authorization scheme is not `Bearer`";
    /// The token is longer than 16 KiB (TK-15).
    TooLong = "token_too_long", "the token is longer than 16 KiB";
    /// Not a JWS in compact form with a JSON object inside (TK-14, TK-25).
    MalformedToken = "malformed_token", "the token is not a signed JSON web token in compact form";
    /// A header parameter that could steer verification: `crit`, `b64`, `zip`, `jku`, `x5u`, `x5c`,
    /// `jwk` (TK-07, TK-08, TK-22).
    UnsafeHeader = "unsafe_header", "the token's header has a parameter that is never trusted, such as `jku`, `jwk` or `crit`";
    /// An algorithm that is not offered, `none` among them (TK-03, TK-04).
    UnsupportedAlgorithm = "unsupported_algorithm", "the token's algorithm is not offered";
    /// The claimed issuer is not configured, or there is none (TK-20).
    UnknownIssuer = "unknown_issuer", "the token's issuer is not one of the configured issuers";
    /// The issuer has no key with the token's key id (TK-09, TK-28, JK-03).
    UnknownKey = "unknown_key", "the issuer has no key that fits the token";
    /// The token names no key and more than one fits, or two keys share a name (JK-06).
    AmbiguousKey = "ambiguous_key", "the token does not say which of the issuer's keys signed it";
    /// The algorithm is not one that the key was published for (TK-10, TK-23).
    WrongAlgorithm = "wrong_algorithm", "the token's algorithm does not belong to the issuer's key";
    /// The signature does not verify (TK-05, TK-06).
    BadSignature = "bad_signature", "the token's signature is not valid";
    /// The issuer's keys could not be fetched and the last good ones are too old (JK-04).
    KeysUnavailable = "keys_unavailable", "the issuer's keys could not be fetched";
    /// `typ` is not that of an access token (TK-13, TK-17).
    WrongType = "wrong_type", "the token's type is not that of an access token of its issuer";
    /// Claims that only other kinds of tokens carry (`at_hash`, `c_hash`, `events`).
    NotAnAccessToken = "not_an_access_token", "the token is not an access token";
    /// The token is bound to a key or certificate (`cnf`), so it can't be used as a bearer token
    /// (DP-01).
    SenderConstrained = "sender_constrained", "the token is bound to a key and can't be used as a bearer token";
    /// `aud` is missing, another's, or holds others beside ours (TK-11, TK-12, TK-21).
    WrongAudience = "wrong_audience", "the token was issued for another audience";
    /// `exp` is missing or not an integer in range (TK-18).
    BadExpiry = "bad_expiry", "the token's expiry is missing or not a whole number of seconds";
    /// `exp` has passed (TK-18).
    Expired = "expired", "the token has expired";
    /// `nbf` lies in the future, or is not an integer in range (TK-19).
    NotYetValid = "not_yet_valid", "the token is not valid yet";
    /// `iat` lies in the future, is missing where it is needed, or is not an integer in range
    /// (TK-19).
    BadIssueTime = "bad_issue_time", "the token's time of issue is missing or lies in the future";
    /// The token is older than the issuer's maximum age (TK-19).
    TooOld = "too_old", "the token is older than its issuer's maximum age";
    /// `sub` is missing, empty, too long or has control characters (TK-27).
    BadSubject = "bad_subject", "the token's subject is missing, empty, too long or has control characters";
    /// A claim that is read has another type than declared.
    BadClaim = "bad_claim", "a claim of the token has another type than the configuration declares";
    /// The token must be one on record and has no id.
    NoTokenId = "no_token_id", "the token has no id, so that it could not be revoked";
    /// The token was revoked (TK-29).
    Revoked = "revoked", "the token was revoked";
    /// The time that was handed in, or a time in the token, can't be calculated with.
    BadClock = "bad_clock", "the time can't be calculated with";
}

impl fmt::Display for AuthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_code_of_its_own_and_a_sentence_for_people() {
        let codes: std::collections::BTreeSet<_> = AuthReason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), AuthReason::ALL.len());
        for reason in AuthReason::ALL {
            assert!(reason.code().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{reason:?}");
            assert!(!reason.text().ends_with('.'), "{reason:?}");
            assert!(reason.text().starts_with(char::is_lowercase), "{reason:?}");
        }
    }
}
