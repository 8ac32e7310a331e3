//! Why a document could not be had.

use std::time::Duration;

/// A fetch that gave no document.
///
/// The texts are for the operator's log. Whoever chose the URL gets one generic text, so that it
/// can't be used to look around in our network (CI).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL or one of its addresses is not allowed. Nothing was sent.
    #[error("{0}")]
    Refused(String),
    /// The one who asks has asked too often. Nothing was sent.
    #[error("too many documents were asked for; the next may be in {} seconds", .retry_after.as_secs().saturating_add(1))]
    TooOften {
        /// When to come back.
        retry_after: Duration,
    },
    /// The name has no address, nobody answered, TLS failed, or the other side broke off.
    #[error("the other side could not be reached: {0}")]
    Unreachable(String),
    /// The whole exchange took too long.
    #[error("the other side took longer than {} seconds", .0.as_secs_f32())]
    TimedOut(Duration),
    /// Another status than 200, a redirect among them.
    #[error("the other side answered with status {0}")]
    Status(u16),
    /// The body is longer than asked for.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// An encoding or content type that was not asked for.
    #[error("the answer can't be used: {0}")]
    Unusable(String),
}

/// A policy that no fetcher can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The extra certificate authority can't be read.
    #[error("the certificate authority can't be used: {0}")]
    BadAuthority(String),
    /// TLS can't be set up at all.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
    /// A limit of nothing.
    #[error("the {0} must be more than nothing")]
    NoLimit(&'static str),
}
