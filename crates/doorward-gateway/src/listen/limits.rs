//! What one client may take of the node before it has said anything worth hearing.

use std::time::Duration;

/// Bounds on connections, on how slowly a peer may speak, and on how slowly it may listen (HD-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections of all listeners together.
    pub connections: usize,
    /// Open connections of one address; an IPv6 address counts as its /64.
    pub connections_per_address: usize,
    /// Longest TLS handshake, and longest wait for the first bytes of a connection.
    pub handshake: Duration,
    /// Longest time from the first to the last byte of a request's head.
    pub head: Duration,
    /// Longest request head, in bytes.
    pub head_bytes: usize,
    /// Most header lines of one request.
    pub headers: usize,
    /// Longest silence inside a request body.
    pub body_silence: Duration,
    /// Longest time for a whole request body.
    pub body: Duration,
    /// Longest time that a peer may leave an answer unread.
    pub stall: Duration,
    /// Longest life of a connection without a request.
    pub idle: Duration,
    /// Most concurrent HTTP/2 streams of one connection.
    pub streams: u32,
    /// Longest wait for running exchanges at shutdown.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            connections_per_address: 256,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            head_bytes: 32 * 1024,
            headers: 100,
            body_silence: Duration::from_secs(15),
            body: Duration::from_secs(60),
            stall: Duration::from_secs(60),
            idle: Duration::from_secs(120),
            streams: 100,
            drain: Duration::from_secs(20),
        }
    }
}
