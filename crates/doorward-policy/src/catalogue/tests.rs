use super::*;

fn define(catalogue: &mut Catalogue, kind: ListKind, key: &str, raw: &str) -> Merged {
    let mut merged = Merged::default();
    catalogue.define(kind, key, raw, &mut merged);
    merged
}

fn sample() -> Catalogue {
    let mut catalogue = Catalogue::new();
    define(
        &mut catalogue,
        ListKind::Tools,
        "customerData",
        r#"{"name":"customerData","inputSchema":{"type":"object","properties":{"region":{"type":"string"}}}}"#,
    );
    define(&mut catalogue, ListKind::Tools, "bare", r#"{"name":"bare"}"#);
    define(
        &mut catalogue,
        ListKind::Prompts,
        "greet",
        r#"{"name":"greet","arguments":[{"name":"who","required":true}]}"#,
    );
    define(&mut catalogue, ListKind::Resources, "memo://a", r#"{"uri":"memo://a"}"#);
    define(&mut catalogue, ListKind::ResourceTemplates, "memo://{id}", r#"{"uriTemplate":"memo://{id}"}"#);
    catalogue
}

#[test]
fn it_knows_what_was_told() {
    let catalogue = sample();
    assert!(catalogue.knows(&Target::Tool("customerData".into())));
    assert!(!catalogue.knows(&Target::Tool("greet".into())));
    assert!(catalogue.knows(&Target::PromptRef("greet".into())));
    assert!(catalogue.knows(&Target::Resource("memo://a".into())));
    assert!(catalogue.knows(&Target::ResourceRef("memo://{id}".into())));
    assert!(!catalogue.knows(&Target::Resources(vec!["memo://a".into(), "memo://b".into()])));
    assert!(!catalogue.knows(&Target::Task("customerData".into())));
    assert!(catalogue.known_argument(&Target::Tool("customerData".into()), "region"));
    assert!(!catalogue.known_argument(&Target::Tool("customerData".into()), "who"));
    assert!(catalogue.known_argument(&Target::Prompt("greet".into()), "who"));
    assert!(catalogue.tool_headers("customerData").is_some());
    assert!(catalogue.tool_headers("nothing").is_none());
}

#[test]
fn it_survives_being_stored() {
    let catalogue = sample();
    let again = Catalogue::from_json(&catalogue.to_json()).expect("own format");
    assert_eq!(again.to_json(), catalogue.to_json());
    assert_eq!(again.targets().collect::<Vec<_>>(), catalogue.targets().collect::<Vec<_>>());
    assert_eq!(again.bytes, catalogue.bytes);
}

#[test]
fn a_store_of_another_kind_is_refused() {
    for text in ["", "{}", "[]", r#"{"version":2,"tools":[],"prompts":[],"resources":[],"resourceTemplates":[]}"#] {
        assert!(Catalogue::from_json(text).is_err(), "{text}");
    }
}

#[test]
fn the_same_definition_again_is_no_change() {
    let mut catalogue = sample();
    assert_eq!(define(&mut catalogue, ListKind::Tools, "bare", r#"{"name":"bare"}"#), Merged::default());
    let changed = define(&mut catalogue, ListKind::Tools, "bare", r#"{"inputSchema":{}}"#);
    assert_eq!(changed, Merged { changed: true, dropped: 0 });
}

#[test]
fn what_is_no_longer_offered_is_forgotten_with_its_bytes() {
    let mut catalogue = sample();
    assert!(catalogue.forget_others(ListKind::Tools, &BTreeSet::from(["bare".to_owned()])));
    assert!(!catalogue.knows(&Target::Tool("customerData".into())));
    assert!(catalogue.knows(&Target::Prompt("greet".into())));
    for kind in [ListKind::Tools, ListKind::Prompts, ListKind::Resources, ListKind::ResourceTemplates] {
        catalogue.forget_others(kind, &BTreeSet::new());
    }
    assert!(catalogue.is_empty());
    assert_eq!(catalogue.bytes, 0);
}

#[test]
fn the_number_of_definitions_is_bounded() {
    let mut catalogue = Catalogue::new();
    for index in 0..MAX_ENTRIES {
        define(&mut catalogue, ListKind::Resources, &format!("memo://{index}"), "{}");
    }
    let merged = define(&mut catalogue, ListKind::Tools, "one-more", "{}");
    assert_eq!(merged, Merged { changed: false, dropped: 1 });
    assert_eq!(catalogue.len(), MAX_ENTRIES);
}

#[test]
fn the_bytes_of_definitions_are_bounded() {
    let mut catalogue = Catalogue::new();
    let schema = format!(r#"{{"inputSchema":{{"description":"{}"}}}}"#, "x".repeat(MAX_BYTES / 3));
    for (index, dropped) in [0, 0, 1].into_iter().enumerate() {
        let merged = define(&mut catalogue, ListKind::Tools, &format!("t{index}"), &schema);
        assert_eq!(merged.dropped, dropped, "tool {index}");
    }
    // One that is replaced gives its bytes back.
    assert!(define(&mut catalogue, ListKind::Tools, "t0", r#"{"inputSchema":{}}"#).changed);
    assert!(define(&mut catalogue, ListKind::Tools, "t2", &schema).changed);
}
