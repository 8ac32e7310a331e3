//! Broken configurations of every kind: each mistake is told, all at once, with its line, column and fix.

use doorward_gateway::config::Mistake;

use crate::support::{CANARY, files_in, folder, told, wrong};

fn broken() -> impl Iterator<Item = (String, Vec<Mistake>)> {
    files_in(&folder("broken")).into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, wrong(&std::fs::read_to_string(path).unwrap()))
    })
}

#[test]
fn every_kind_of_mistake_is_told_with_its_place_and_its_fix() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder("told"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, mistakes) in broken() {
        settings.bind(|| insta::assert_snapshot!(name, told(&mistakes)));
    }
}

#[test]
fn at_least_twenty_kinds_are_covered_and_each_mistake_says_where_what_and_how() {
    let mut kinds = 0;
    for (name, mistakes) in broken() {
        kinds += 1;
        assert!(!mistakes.is_empty(), "{name}");
        for mistake in &mistakes {
            assert_eq!(mistake.origin(), "doorward.yaml", "{name}");
            assert!(mistake.place().is_some() || name == "empty", "{name}: {mistake}");
            for line in [mistake.text(), mistake.fix()] {
                assert!(!line.is_empty() && !line.contains('\n') && !line.ends_with('.'), "{name}: {line}");
                assert!(!line.starts_with(char::is_uppercase), "{name}: {line}");
            }
        }
    }
    assert!(kinds >= 20, "{kinds}");
}

#[test]
fn mistakes_come_in_the_order_of_the_text_and_each_once() {
    for (name, mistakes) in broken() {
        let places: Vec<_> = mistakes.iter().map(Mistake::place).collect();
        assert!(places.is_sorted(), "{name}");
        let mut all: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), mistakes.len(), "{name}");
    }
}

#[test]
fn no_secret_is_shown_in_a_mistake_wherever_it_stands() {
    let mut lines_with_a_secret = 0;
    for path in files_in(&folder("broken")) {
        let text = std::fs::read_to_string(&path).unwrap();
        lines_with_a_secret += text.matches(CANARY).count();
        let all = told(&wrong(&text));
        assert!(!all.contains(CANARY), "{}:\n{all}", path.display());
    }
    assert!(lines_with_a_secret > 10, "the fixtures hold secrets: {lines_with_a_secret}");
}

#[test]
fn mistakes_of_different_sections_are_told_together() {
    let told = told(&wrong(
        "listen: nowhere\nsessions: { idle: never }\nservers:\n  a:\n    upstream: {}\n    rules: [{ tol: x }]\n",
    ));
    for part in ["doorward.yaml:1:9", "doorward.yaml:2:19", "doorward.yaml:5:15", "doorward.yaml:6:15"] {
        assert!(told.contains(part), "{part} in:\n{told}");
    }
}
