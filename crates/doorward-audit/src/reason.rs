//! Why something was refused.

use std::fmt;

use serde::Serialize;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Why a call or a credential was refused: a closed list, so that a reason can hold
        /// nothing of the request. In a record it stands in snake case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name,)+ }

        impl Reason {
            /// Every reason, in the order of the corridor.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The reason's name in records, metrics and logs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The reason of this name: identity's and audit's names of a refused token are the same.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

reasons! {
    /// The `Host` header names none of ours.
    ForeignHost = "foreign_host",
    /// The `Origin` header is not on the list.
    ForeignOrigin = "foreign_origin",
    /// The HTTP path has no canonical form, or no door behind it.
    BadPath = "bad_path",
    /// The message is no acceptable JSON-RPC, or breaks a rule of its era.
    BadMessage = "bad_message",
    /// The message or a header is larger than the limit.
    TooLarge = "too_large",
    /// A header and the body contradict each other.
    HeaderMismatch = "header_mismatch",
    /// The protocol version is not one of ours, or not the session's.
    UnsupportedVersion = "unsupported_version",

    /// There is no credential.
    NoToken = "no_token",
    /// More than one `Authorization` header, or not one token in it.
    MalformedHeader = "malformed_header",
    /// An `Authorization` scheme other than `Bearer`.
    UnsupportedScheme = "unsupported_scheme",
    /// The token is longer than the limit.
    TokenTooLong = "token_too_long",
    /// The credential can't be read as a token.
    MalformedToken = "malformed_token",
    /// The header has a parameter that is never trusted: a key, a key's address, an unknown `crit`.
    UnsafeHeader = "unsafe_header",
    /// An algorithm that is not offered, `none` among them.
    UnsupportedAlgorithm = "unsupported_algorithm",
    /// The claimed issuer is not configured, or there is none.
    UnknownIssuer = "unknown_issuer",
    /// No key of the issuer bears the token's key id.
    UnknownKey = "unknown_key",
    /// The token does not say which of several keys signed it.
    AmbiguousKey = "ambiguous_key",
    /// The algorithm is not the key's own.
    WrongAlgorithm = "wrong_algorithm",
    /// The signature does not hold.
    BadSignature = "bad_signature",
    /// The issuer's keys can't be had, and the last good ones are too old.
    KeysUnavailable = "keys_unavailable",
    /// The token's type is not that of an access token.
    WrongType = "wrong_type",
    /// The token has claims that only other kinds of tokens have.
    NotAnAccessToken = "not_an_access_token",
    /// The token is bound to a key, so that it is no bearer token.
    SenderConstrained = "sender_constrained",
    /// The token is meant for another resource.
    WrongAudience = "wrong_audience",
    /// The token's expiry is missing or can't be read.
    BadExpiry = "bad_expiry",
    /// The token's time is over.
    Expired = "expired",
    /// The token's time has not begun.
    NotYetValid = "not_yet_valid",
    /// The token's time of issue is missing or lies in the future.
    BadIssueTime = "bad_issue_time",
    /// The token is older than this issuer's tokens may be.
    TooOld = "too_old",
    /// The token's subject is missing or can't be used.
    BadSubject = "bad_subject",
    /// A claim is not of its declared type.
    BadClaim = "bad_claim",
    /// The token has no id, where its issuer's tokens must be on record.
    NoTokenId = "no_token_id",
    /// The token was revoked.
    Revoked = "revoked",
    /// A time can't be calculated with.
    BadClock = "bad_clock",

    /// There is no such session.
    UnknownSession = "unknown_session",
    /// The session is somebody else's.
    ForeignSession = "foreign_session",
    /// The session has ended: idle or too old.
    ExpiredSession = "expired_session",
    /// The session ended because the caller's roles or claims are no longer what they were.
    StandingChanged = "standing_changed",
    /// A session id came without a credential.
    SessionWithoutToken = "session_without_token",

    /// Too many calls, of this address, caller, client, tool or server.
    TooFast = "too_fast",
    /// Too many calls or streams are open at once.
    TooMany = "too_many",
    /// A rule on HTTP paths refuses the caller.
    PathForbidden = "path_forbidden",
    /// There is no server of this name, or not for this caller.
    UnknownServer = "unknown_server",
    /// No rule governs this method in this era.
    UnknownMethod = "unknown_method",
    /// The caller may not know the target.
    Invisible = "invisible",
    /// The target needs a scope that the token lacks.
    InsufficientScope = "insufficient_scope",
    /// The target is visible, and a policy refuses this call.
    Forbidden = "forbidden",
    /// A notification or an answer belongs to no open exchange of this caller.
    NoExchange = "no_exchange",
    /// An interceptor refused.
    Interceptor = "interceptor",
    /// An interceptor failed, panicked or took too long.
    InterceptorFailed = "interceptor_failed",
    /// A policy could not be evaluated.
    PolicyFault = "policy_fault",

    /// The message or its answer holds the credential of the request.
    CredentialInMessage = "credential_in_message",

    /// The ledger could not take the record.
    LedgerUnavailable = "ledger_unavailable",
    /// The store could not be read or written.
    StoreUnavailable = "store_unavailable",
    /// The upstream could not be reached.
    UpstreamUnreachable = "upstream_unreachable",
    /// The upstream did not answer in time.
    UpstreamTimeout = "upstream_timeout",
    /// The upstream broke the protocol or off.
    UpstreamFailed = "upstream_failed",
    /// The node is stopping.
    Stopping = "stopping",
    /// A fault of our own.
    Internal = "internal",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own_in_snake_case() {
        let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())));
    }
}
