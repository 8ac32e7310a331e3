//! Does this process speak the modern era? It is asked before anything else is said to it (C18).

use std::time::Duration;

use doorward::upstream::{Own, UpstreamError};
use doorward_wire::{Id, Kind, Message, Version, code};
use serde::Deserialize;
use tokio::time::Instant;

use super::link::ProcessLink;

/// How long a process has to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The probe's number: the last one there is, so that no call has it.
const NUMBER: u64 = Id::MAX_NUMBER;
/// How long an answer of the other era is believed of later processes of the same command.
const BELIEVED: Duration = Duration::from_secs(300);

/// What a probe found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The version asked for.
    Modern,
    /// Another era, or nothing that could be understood.
    Other {
        supported: Vec<Version>,
        /// Whether the process said so, or only said nothing in time: a slow start proves nothing about the next.
        said: bool,
    },
}

/// Asks. Fails only when the process ended.
pub(super) async fn probe(link: &ProcessLink, version: Version) -> Result<Found, UpstreamError> {
    match link.ask(&Own::Probe, NUMBER, PATIENCE).await {
        Ok(answer) => Ok(judge(&answer, version)),
        Err(UpstreamError::Closed) => Err(UpstreamError::Closed),
        Err(_) => Ok(Found::Other { supported: Version::LEGACY.to_vec(), said: false }),
    }
}

/// Anything but a result that offers the version, or an error that only the modern era knows, means the other era:
/// servers refuse what they do not know in many ways, so no single code is looked for.
fn judge(answer: &Message, version: Version) -> Found {
    #[derive(Deserialize)]
    struct Discovered {
        #[serde(rename = "supportedVersions")]
        supported: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Refused {
        data: Option<Supported>,
    }
    #[derive(Deserialize)]
    struct Supported {
        supported: Vec<String>,
    }
    let other = |supported: Vec<Version>| Found::Other { supported, said: true };
    let legacy = || other(Version::LEGACY.to_vec());
    let known = |names: &[String]| -> Vec<Version> { names.iter().filter_map(|name| Version::parse(name)).collect() };
    match answer.kind() {
        Kind::Result { .. } => {
            let read = answer.result().and_then(|result| serde_json::from_str::<Discovered>(result).ok());
            match read.map(|discovered| known(&discovered.supported)) {
                Some(supported) if supported.contains(&version) => Found::Modern,
                Some(supported) if !supported.is_empty() => other(supported),
                _ => legacy(),
            }
        }
        Kind::Error { code: code::UNSUPPORTED_VERSION, .. } => {
            let read = answer.error().and_then(|error| serde_json::from_str::<Refused>(error).ok());
            match read.and_then(|refused| refused.data).map(|data| known(&data.supported)) {
                Some(supported) if supported.contains(&version) => Found::Modern,
                Some(supported) if !supported.is_empty() => other(supported),
                _ => legacy(),
            }
        }
        Kind::Error { code: code::HEADER_MISMATCH | code::MISSING_CAPABILITY, .. } => Found::Modern,
        _ => legacy(),
    }
}

/// What earlier processes of the same command said, so that not every modern request of a client that tries both eras
/// starts a process in vain.
#[derive(Debug, Default)]
pub(super) struct Memory {
    other: Option<(Instant, Vec<Version>)>,
}

impl Memory {
    pub(super) fn recall(&self, now: Instant) -> Option<Vec<Version>> {
        let (since, supported) = self.other.as_ref()?;
        (now.saturating_duration_since(*since) < BELIEVED).then(|| supported.clone())
    }

    pub(super) fn note(&mut self, found: &Found, now: Instant) {
        match found {
            Found::Modern => self.other = None,
            Found::Other { supported, said: true } => self.other = Some((now, supported.clone())),
            Found::Other { said: false, .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use doorward_wire::{Limits, Sender};

    use super::*;

    fn judged(answer: &str) -> Found {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,{answer}}}"#);
        let message = Message::parse(Bytes::from(text), Sender::Server, &Limits::default()).unwrap();
        judge(&message, Version::V2026_07_28)
    }

    fn legacy() -> Found {
        Found::Other { supported: Version::LEGACY.to_vec(), said: true }
    }

    #[test]
    fn c18_a_server_that_offers_the_version_is_modern() {
        for answer in [
            r#""result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}"#,
            r#""result":{"supportedVersions":["2024-11-05","2025-11-25","2026-07-28"]}"#,
            r#""error":{"code":-32021,"message":"missing capability"}"#,
            r#""error":{"code":-32022,"message":"?","data":{"supported":["2026-07-28"],"requested":"x"}}"#,
        ] {
            assert_eq!(judged(answer), Found::Modern, "{answer}");
        }
    }

    #[test]
    fn c18_every_other_answer_means_legacy_whatever_its_code() {
        for answer in [
            r#""error":{"code":-32601,"message":"Method not found"}"#,
            r#""error":{"code":-32602,"message":"Invalid request parameters","data":""}"#,
            r#""error":{"code":-32000,"message":"Server not initialized"}"#,
            r#""error":{"code":-32022,"message":"?"}"#,
            r#""error":{"code":-32022,"message":"?","data":{"supported":["1999-01-01"]}}"#,
            r#""result":{}"#,
            r#""result":{"supportedVersions":[]}"#,
            r#""result":{"supportedVersions":"2026-07-28"}"#,
            r#""result":{"supportedVersions":["2099-01-01"]}"#,
        ] {
            assert_eq!(judged(answer), legacy(), "{answer}");
        }
        let named = r#""error":{"code":-32022,"message":"?","data":{"supported":["2025-06-18"]}}"#;
        assert_eq!(judged(named), Found::Other { supported: vec![Version::V2025_06_18], said: true });
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_is_believed_for_a_while_and_silence_proves_nothing() {
        let mut memory = Memory::default();
        let now = Instant::now();
        memory.note(&Found::Other { supported: Version::LEGACY.to_vec(), said: false }, now);
        assert_eq!(memory.recall(now), None);
        memory.note(&legacy(), now);
        assert_eq!(memory.recall(now + BELIEVED / 2), Some(Version::LEGACY.to_vec()));
        assert_eq!(memory.recall(now + BELIEVED), None);
        memory.note(&Found::Modern, now);
        assert_eq!(memory.recall(now), None);
    }
}
