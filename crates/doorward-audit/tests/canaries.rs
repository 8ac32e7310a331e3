//! Whatever a request says, the ledger does not repeat it.

use doorward_audit::testing::moment;
use doorward_audit::{Decision, DecisionId, Reason, Record, Shape, TargetLabel, Text, Verdict, Who, method_label};
use doorward_wire::{Method, Target};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const CANARY: &str = "canary";

fn cases() -> u32 {
    match std::env::var("DOORWARD_TESTS").as_deref() {
        Ok("all") => 10_000,
        _ => 1_000,
    }
}

/// A raw text of a request with the canary somewhere in it.
fn raw() -> impl Strategy<Value = String> {
    (any::<String>(), any::<String>()).prop_map(|(before, after)| format!("{before}{CANARY}{after}"))
}

/// Whether a character ends a line, moves a cursor, turns the writing or can't be seen.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        raw().prop_map(Target::Tool),
        raw().prop_map(Target::Prompt),
        raw().prop_map(Target::Resource),
        raw().prop_map(Target::PromptRef),
        raw().prop_map(Target::ResourceRef),
        raw().prop_map(Target::Task),
        prop::collection::vec(raw(), 0..4).prop_map(Target::Resources),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), raw().prop_map(Value::from)];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(raw(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn er_10_no_raw_input_reaches_a_record(
        method in raw(),
        target in target(),
        known in value(),
        unknown in prop::collection::btree_map(raw(), value(), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut arguments: Map<String, Value> = unknown.into_iter().collect();
        arguments.insert("declared".to_owned(), known);
        let arguments = Value::Object(arguments).to_string();
        let broken: String = arguments.chars().take(cut.index(arguments.len())).collect();
        for arguments in [arguments, broken] {
            let decision = Decision {
                method: method_label(&Method::parse(&method)),
                target: TargetLabel::of(&target, &|_| false),
                shape: Some(Shape::of(&arguments, &|key| key == "declared")),
                ..Decision::new(DecisionId::new(moment(), [0; 10]), moment())
            };
            let record = Record::Decision { decision, verdict: Verdict::Refuse(Reason::Forbidden) };
            let line = record.encode().unwrap();
            let text = std::str::from_utf8(line.as_bytes()).unwrap();
            prop_assert!(!text.contains(CANARY), "{text}");
        }
    }

    #[test]
    fn er_10_whatever_a_text_holds_a_record_is_one_plain_line(
        subject in any::<String>(),
        client in "[\r\n\u{1b}\u{9b}\u{2028}\u{202e}\u{200b}\0\"\\\\{}]{0,40}",
        name in any::<String>(),
    ) {
        let decision = Decision {
            who: Who::caller("https://idp.example.com", &subject, Some(&client), "default"),
            target: TargetLabel::of(&Target::Tool(name), &|_| true),
            rule: Some(Text::clip(&client)),
            ..Decision::new(DecisionId::new(moment(), [0; 10]), moment())
        };
        let line = Record::Decision { decision, verdict: Verdict::Allow }.encode().unwrap();
        let text = std::str::from_utf8(line.as_bytes()).unwrap();
        let body = text.strip_suffix('\n').unwrap();
        prop_assert_eq!(body.chars().find(|c| acts(*c)), None);
        let read: Value = serde_json::from_str(body).unwrap();
        prop_assert_eq!(&read["kind"], &json!("decision"));
        prop_assert_eq!(&read["who"]["subject"], &json!(Text::clip(&subject).as_str()));
    }
}
