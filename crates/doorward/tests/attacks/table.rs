//! `docs/attacks.md` against the sources: it can't name a test that is gone, nor lose a row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every row of the families that this table is about.
const ROWS: [(&str, &[u8]); 7] = [
    ("TK", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25, 27, 28, 29, 30]),
    ("JK", &[1, 2, 3, 4, 6, 7, 8]),
    ("SE", &[1, 2, 3, 4, 6, 7, 8, 10]),
    ("HD", &[1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13]),
    ("JS", &[1, 2, 3, 4, 5, 7, 8, 9, 10, 11]),
    ("PT", &[1, 2, 3, 4, 5]),
    ("ER", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15]),
];

/// Every incident, by the word that its test must have in its name.
const INCIDENTS: [&str; 23] = [
    "CVE-2026-59822",
    "CVE-2026-54446",
    "CVE-2026-49257",
    "CVE-2026-46701",
    "CVE-2026-46519",
    "gh-aw-mcpg #3332",
    "CVE-2026-44998",
    "GHSA-g53w-w6mj-hrpp",
    "CVE-2026-15583",
    "CVE-2026-53840",
    "CVE-2026-59207",
    "CVE-2026-33946",
    "CVE-2026-25536",
    "CVE-2026-42282",
    "CVE-2026-41495",
    "CVE-2026-42449",
    "CVE-2026-31945",
    "CVE-2026-54052",
    "CVE-2026-0621",
    "CVE-2026-31944",
    "CVE-2026-54030",
    "GHSA-wx5f-576r-gpcx",
    "CVE-2026-44653",
];

/// What a row may wait for: what is not built yet, and nothing else.
const NOT_BUILT: [&str; 10] = [
    "users",
    "the authorization server",
    "pages",
    "argument schemas",
    "detection",
    "pins",
    "the ledger's chain",
    "introspection",
    "mTLS",
    "state handles",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One row: its id, its tests, and what it waits for.
struct Row {
    id: String,
    tests: Vec<String>,
    waits: String,
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("docs/attacks.md")).expect("docs/attacks.md");
    let cells = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---"));
    let rows = cells.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    rows.filter(|cells| !matches!(cells[0], "Row" | "Advisory"))
        .map(|cells| {
            assert_eq!(cells.len(), 4, "{cells:?}");
            let tests = cells[2].split("<br>").filter(|test| *test != "—");
            let tests = tests.map(|test| test.trim_matches('`').to_owned()).collect();
            Row { id: cells[0].to_owned(), tests, waits: cells[3].to_owned() }
        })
        .collect()
}

/// The word that stands for an id in the name of a test.
fn word(id: &str) -> String {
    let plain = id.replace(" #", "_").to_lowercase();
    plain.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect()
}

/// Whether `crate::path::name` is a test.
fn exists(test: &str) -> bool {
    let mut parts = test.split("::");
    let (Some(package), Some(path), Some(name), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let folder = match package {
        "doorward-test-peers" => "tests/peers-rs".to_owned(),
        package => format!("crates/{package}"),
    };
    let Ok(source) = std::fs::read_to_string(root().join(folder).join(format!("{path}.rs"))) else { return false };
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let begins = |line: &str| {
        let rest =
            line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with('('))
    };
    lines.iter().enumerate().any(|(number, line)| {
        let before =
            lines.iter().take(number).rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        begins(line) && before.into_iter().any(|line| line.starts_with("#[test") || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn every_test_that_the_table_names_exists() {
    let gone: Vec<String> = rows().into_iter().flat_map(|row| row.tests).filter(|test| !exists(test)).collect();
    assert!(gone.is_empty(), "these are no tests: {gone:#?}");
    assert!(!exists("doorward::tests/attacks/table::no_such_test"), "and this would be noticed");
    assert!(!exists("doorward::tests/attacks/table::exists"), "a function that is no test neither");
}

#[test]
fn every_row_has_a_test_with_its_id_or_says_what_it_waits_for() {
    let rows: BTreeMap<String, Row> = rows().into_iter().map(|row| (row.id.clone(), row)).collect();
    let families = ROWS.iter().flat_map(|(family, numbers)| numbers.iter().map(move |n| format!("{family}-{n:02}")));
    let incidents = INCIDENTS.iter().map(|id| (*id).to_owned());
    let mut known = 0;
    for id in families.chain(incidents) {
        // A row of incidents names the product too, and what else it stands for.
        let row = rows.values().find(|row| {
            row.id == id || row.id.starts_with(&format!("{id} (")) || row.id.starts_with(&format!("{id},"))
        });
        let row = row.unwrap_or_else(|| panic!("there is no row {id}"));
        known += 1;
        let waits = NOT_BUILT.iter().any(|what| row.waits == *what || row.waits.ends_with(&format!(": {what}")));
        assert!(row.waits.is_empty() || waits, "{id} waits for `{}`, which is not on the list", row.waits);
        // ER-09 is HD-10 by another name.
        let word = if id == "ER-09" { "hd_10".to_owned() } else { word(&id) };
        let own = row.tests.iter().any(|test| test.rsplit("::").next().unwrap_or_default().contains(&word));
        // A part that waits is told with what it is; a row that waits as a whole is told by the reason alone.
        assert!(own || NOT_BUILT.contains(&row.waits.as_str()), "{id} has no test with its id, and waits for nothing");
    }
    assert_eq!(known, rows.len(), "the table has rows that nobody asked for");
}
