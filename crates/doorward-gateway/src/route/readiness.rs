//! What `/readyz` says.

use bytes::Bytes;
use doorward::upstream::UpstreamState;
use doorward_wire::ServerName;
use http::StatusCode;
use serde::Serialize;

/// How the node is doing at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the node is shutting down.
    pub draining: bool,
    /// Whether decisions can be recorded; nothing can be allowed while they can't.
    pub ledger: bool,
    /// Each server.
    pub servers: Vec<ServerState>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// Its name.
    pub name: ServerName,
    /// How it is doing.
    pub state: UpstreamState,
}

#[derive(Serialize)]
struct Report<'a> {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    servers: std::collections::BTreeMap<&'a str, &'static str>,
}

impl Readiness {
    /// The status and the document. A dead server alone does not make the node unready: the others are served. What
    /// exactly is wrong with a server is for the log, not for everyone.
    pub(super) fn report(&self) -> (StatusCode, Bytes) {
        let why = match (self.draining, self.ledger) {
            (true, _) => Some("draining"),
            (false, false) => Some("the ledger cannot be written"),
            (false, true) => None,
        };
        let word = |state: &UpstreamState| match state {
            UpstreamState::Unknown => "unknown",
            UpstreamState::Ready => "ready",
            UpstreamState::Failing { .. } => "failing",
        };
        let servers = self.servers.iter().map(|server| (server.name.as_str(), word(&server.state))).collect();
        let status = if why.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let report = Report { ready: why.is_none(), why, servers };
        (status, serde_json::to_vec(&report).unwrap_or_default().into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn said(draining: bool, ledger: bool) -> (u16, String) {
        let state = |name: &str, state| ServerState { name: name.parse().unwrap(), state };
        let failing = UpstreamState::Failing { since: SystemTime::UNIX_EPOCH, why: "canary".into() };
        let servers = vec![state("a", UpstreamState::Ready), state("b", failing), state("c", UpstreamState::Unknown)];
        let (status, document) = Readiness { draining, ledger, servers }.report();
        (status.as_u16(), String::from_utf8(document.to_vec()).unwrap())
    }

    #[test]
    fn a_dead_server_alone_does_not_make_the_node_unready() {
        let expected = r#"{"ready":true,"servers":{"a":"ready","b":"failing","c":"unknown"}}"#;
        assert_eq!(said(false, true), (200, expected.to_owned()));
    }

    #[test]
    fn a_draining_node_or_one_without_a_ledger_is_not_ready() {
        assert!(matches!(said(true, true), (503, document) if document.contains("\"why\":\"draining\"")));
        assert!(matches!(said(false, false), (503, document) if document.contains("ledger")));
    }
}
