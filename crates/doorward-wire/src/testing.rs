//! What the tests of this crate share.

/// How many cases a property is tried with: 1,000, or 100,000 where `DOORWARD_TESTS=all`.
pub(crate) fn cases() -> u32 {
    let all = std::env::var("DOORWARD_TESTS").is_ok_and(|tests| tests == "all");
    if all { 100_000 } else { 1_000 }
}
