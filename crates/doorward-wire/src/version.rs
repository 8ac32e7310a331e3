//! Protocol revisions and their eras.

use std::fmt;

/// The two ways in which MCP revisions carry version, identity and capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Era {
    /// `2026-07-28`: every request stands alone and says everything in its `_meta` and headers.
    Modern,
    /// `2025-11-25` and before: a handshake opens a session.
    Legacy,
}

/// A protocol revision that Doorward speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// `2025-03-26`, the first with Streamable HTTP. Its batches are refused (A05).
    V2025_03_26,
    /// `2025-06-18`.
    V2025_06_18,
    /// `2025-11-25`, the last with a handshake.
    V2025_11_25,
    /// `2026-07-28`, stateless.
    V2026_07_28,
}

impl Version {
    /// Every revision, newest first: the order in which a peer should choose.
    pub const ALL: [Self; 4] = [Self::V2026_07_28, Self::V2025_11_25, Self::V2025_06_18, Self::V2025_03_26];
    /// The legacy revisions, newest first.
    pub const LEGACY: [Self; 3] = [Self::V2025_11_25, Self::V2025_06_18, Self::V2025_03_26];
    /// The modern revisions, newest first.
    pub const MODERN: [Self; 1] = [Self::V2026_07_28];

    /// Reads a revision's name, exactly. `None` means that Doorward does not speak it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// The revision's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2026_07_28 => "2026-07-28",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_03_26 => "2025-03-26",
        }
    }

    /// The era that the revision belongs to.
    pub const fn era(self) -> Era {
        match self {
            Self::V2026_07_28 => Era::Modern,
            Self::V2025_11_25 | Self::V2025_06_18 | Self::V2025_03_26 => Era::Legacy,
        }
    }

    /// The legacy revision that answers an `initialize` which offered `offered`: the same where Doorward speaks it, else
    /// the newest legacy one (B03).
    pub fn negotiated(offered: Option<&str>) -> Self {
        offered.and_then(Self::parse).filter(|version| version.era() == Era::Legacy).unwrap_or(Self::V2025_11_25)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_reads_back_and_belongs_to_one_era() {
        for version in Version::ALL {
            assert_eq!(Version::parse(version.as_str()), Some(version));
            assert_eq!(Version::MODERN.contains(&version), version.era() == Era::Modern);
            assert_eq!(Version::LEGACY.contains(&version), version.era() == Era::Legacy);
        }
    }

    #[test]
    fn only_exact_names_are_versions() {
        for text in ["", "2024-11-05", "2026-07-28 ", "2026-7-28", "draft", "DRAFT-2026-07-28"] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn b03_initialize_gets_its_own_legacy_version_or_the_newest_one() {
        assert_eq!(Version::negotiated(Some("2025-06-18")), Version::V2025_06_18);
        for offered in [Some("2024-11-05"), Some("2026-07-28"), Some("x"), None] {
            assert_eq!(Version::negotiated(offered), Version::V2025_11_25);
        }
    }
}
