//! What the tests of several modules need.

use proptest::test_runner::Config;

/// How often a property is tried: 1,000 times, or 100,000 where `DOORWARD_TESTS=all`.
pub(crate) fn cases() -> Config {
    let all = std::env::var("DOORWARD_TESTS").is_ok_and(|tests| tests == "all");
    Config { failure_persistence: None, ..Config::with_cases(if all { 100_000 } else { 1_000 }) }
}
