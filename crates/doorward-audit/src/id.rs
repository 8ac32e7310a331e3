//! The id that ties an answer, a log line and the ledger's records together.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{Builder, Uuid, Version};

/// The id of one decision: a UUID version 7 (RFC 9562 section 5.7) in its canonical lower-case text.
///
/// A decision and its outcome share one id; every refusal names it to the caller, so it holds
/// nothing but a time and randomness. Ids sort by the millisecond in which they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId(Uuid);

impl DecisionId {
    /// Makes an id of the present moment and ten random bytes.
    ///
    /// Times before 1970 count as 1970. The bytes should come from the system's random source: an
    /// id is no secret, but two calls must not share one.
    #[must_use]
    pub fn new(now: SystemTime, random: [u8; 10]) -> Self {
        let millis =
            now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        Self(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

impl FromStr for DecisionId {
    type Err = NotADecisionId;

    /// Reads the canonical text alone, so that one id has one spelling.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Uuid::try_parse(text).map_err(|_| NotADecisionId)?;
        let canonical = id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text;
        if canonical && id.get_version() == Some(Version::SortRand) { Ok(Self(id)) } else { Err(NotADecisionId) }
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for DecisionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DecisionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is no decision id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a decision id is a version 7 UUID in lower case, as in `0198c0de-0000-7000-8000-000000000000`")]
pub struct NotADecisionId;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_id_is_a_version_7_uuid_of_its_moment() {
        let id = DecisionId::new(UNIX_EPOCH + Duration::from_millis(0x0198_c0de_0000), [0xff; 10]);
        assert_eq!(id.to_string(), "0198c0de-0000-7fff-bfff-ffffffffffff");
    }

    #[test]
    fn ids_sort_by_time() {
        let early = DecisionId::new(UNIX_EPOCH + Duration::from_millis(1), [0xff; 10]);
        let late = DecisionId::new(UNIX_EPOCH + Duration::from_millis(2), [0; 10]);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }

    #[test]
    fn a_clock_before_1970_makes_an_id_all_the_same() {
        let id = DecisionId::new(UNIX_EPOCH - Duration::from_secs(1), [0; 10]);
        assert_eq!(id.to_string(), "00000000-0000-7000-8000-000000000000");
    }

    #[test]
    fn only_the_canonical_text_is_an_id() {
        let text = "0198c0de-0000-7000-8000-000000000000";
        assert_eq!(text.parse::<DecisionId>().unwrap().to_string(), text);
        for wrong in [
            "",
            "0198C0DE-0000-7000-8000-000000000000",
            "0198c0de000070008000000000000000",
            "{0198c0de-0000-7000-8000-000000000000}",
            "urn:uuid:0198c0de-0000-7000-8000-000000000000",
            "0198c0de-0000-4000-8000-000000000000",
        ] {
            assert_eq!(wrong.parse::<DecisionId>(), Err(NotADecisionId), "{wrong}");
        }
    }

    #[test]
    fn an_id_reads_back_from_json() {
        let id = DecisionId::new(UNIX_EPOCH, [7; 10]);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<DecisionId>(&json).unwrap(), id);
    }
}
