//! Whatever the bytes, the answer is a configuration or a list of mistakes.

use std::path::Path;

use doorward_gateway::config::{Config, Mistake};
use proptest::prelude::*;

use crate::support::{BASE, Machine, read};

const COMPLETE: &str = include_str!("valid/complete.yaml");

/// So many cases: many when everything is asked for, a tenth of it when a case is expensive.
fn cases(cost: u32) -> ProptestConfig {
    let all = std::env::var("DOORWARD_TESTS").is_ok_and(|value| value == "all");
    let cases = if all { 20_000 } else { 1_000 } / cost;
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

/// A refused text has mistakes, in order, each told in full; a right one is usable.
fn holds(text: &str) -> Result<(), TestCaseError> {
    if let Err(mistakes) = read(text) {
        prop_assert!(!mistakes.is_empty());
        prop_assert!(mistakes.iter().map(Mistake::place).is_sorted());
        let lines = text.split(['\n', '\r']).count();
        for mistake in &mistakes {
            prop_assert!(mistake.to_string().len() < 8_000, "{}", mistake);
            prop_assert!(mistake.place().is_none_or(|place| place.line as usize <= lines && place.column >= 1));
        }
    }
    Ok(())
}

/// Pieces that take a random text deep into the decoder.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "servers",
            "identity",
            "policies",
            "rules",
            "upstream",
            "command",
            "tool",
            "policy",
            "allow",
            "anonymous",
            "require",
            "all",
            "any",
            "not",
            "role",
            "claim",
            "equals",
            "listen",
            "tls",
            "secret",
            "issuer",
            "issuers",
            "paths",
            "path",
            "limits",
            "per_caller",
            "30/min",
            "5s",
            "4MiB",
            "localhost:8700",
            "true",
            "7",
            "~",
            "null",
            "*",
            "&a",
            "*a",
            "!t",
            "<<",
            "${X}",
            "\"",
            "'",
            "|",
            ">",
            "#",
            "%",
            "@",
            "`",
            "---",
            "...",
            "\t",
            "\u{feff}",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            ": ", ":\n", "\n", "\n  ", "\n    ", "\n  - ", "- ", "{ ", " }", "[", "]", ", ", " "
        ])
        .prop_map(str::to_owned),
        "\\PC{0,4}",
    ]
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        holds(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn a_refused_key_is_told_at_its_own_place(key in "[a-z]{12,20}", indent in 1_usize..6) {
        let indent = " ".repeat(indent);
        let text = format!("servers:\n{indent}notes:\n{indent} {indent}{key}: 1\n");
        let mistakes = Config::read_in(&text, "f", Path::new(BASE), &Machine::default()).unwrap_err();
        let place = mistakes.iter().find(|mistake| mistake.text().contains(&key)).and_then(Mistake::place);
        prop_assert_eq!(place.map(|place| (place.line, place.column as usize)), Some((3, indent.len() * 2 + 2)));
    }
}

proptest! {
    // These go deep into the decoder, and a right configuration is compiled whole with its policies.
    #![proptest_config(cases(5))]

    #[test]
    fn arbitrary_pieces_of_configurations_are_answered(pieces in prop::collection::vec(piece(), 0..80)) {
        holds(&pieces.concat())?;
    }

    #[test]
    fn a_right_configuration_with_a_stretch_replaced_is_answered(
        from in 0..COMPLETE.len(), length in 0_usize..60, instead in prop::collection::vec(piece(), 0..4),
    ) {
        let bytes = COMPLETE.as_bytes();
        let to = (from + length).min(bytes.len());
        let text = [&bytes[..from], instead.concat().as_bytes(), &bytes[to..]].concat();
        holds(&String::from_utf8_lossy(&text))?;
    }
}

#[test]
fn long_lines_and_many_mistakes_stay_small() {
    let text = format!("servers: {{ {} }}", "a b: 1, ".repeat(4_000));
    let mistakes = read(&text).unwrap_err();
    assert!(!mistakes.is_empty());
    assert!(mistakes.iter().all(|mistake| mistake.to_string().len() < 1_000));
}
