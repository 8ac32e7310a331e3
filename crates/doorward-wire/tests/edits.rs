//! What is not changed stays byte for byte (E13).

#[cfg(test)]
mod support;

use doorward_wire::{Id, Limits, Message, ParseFault, Sender, Target};
use proptest::prelude::*;
use support::{cases, client, server};

const CALL: &str = r#" {"vendor" : [1.50e+10, "\u0061"],"id":"\u0061b","method":"tools\/call",
  "params":{"_meta":{"progressToken" : 7 ,"x":-0.0},"name":"t","arguments":{"a":"\/"}},"jsonrpc":"2.0"} "#;

#[test]
fn no_edit_is_the_same_bytes() {
    let message = client(CALL);
    assert_eq!(&message.edit().finish().bytes()[..], CALL.as_bytes());
}

#[test]
fn e13_new_ids_stand_where_the_old_ones_stood() {
    let edited = client(CALL).edit().id(&Id::number(123_456)).progress_token(&Id::number(123_456)).finish();
    let expected = CALL.replace(r#""\u0061b""#, "123456").replace(": 7 ,", ": 123456 ,");
    assert_eq!(&edited.bytes()[..], expected.as_bytes());
    assert_eq!((edited.id(), edited.progress_token()), (Some(&Id::number(123_456)), Some(&Id::number(123_456))));
    assert_eq!(edited.arguments(), Some(r#"{"a":"\/"}"#));
    assert_eq!(edited.target(), &Target::Tool("t".into()));
}

#[test]
fn e13_an_id_that_is_absent_is_not_added() {
    let text = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
    let id = Id::number(9);
    let edited = server(text).edit().id(&id).progress_token(&id).subscription_id(&id).cancelled_id(&id).finish();
    assert_eq!(&edited.bytes()[..], text.as_bytes());
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":null}}}"#;
    assert_eq!(&client(text).edit().progress_token(&id).finish().bytes()[..], text.as_bytes());
}

#[test]
fn e13_subscriptions_cancellations_and_progress_are_mapped() {
    let id = Id::parse("\"mine\"").unwrap();
    let text = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5,"progress":0.5,"_meta":{"io.modelcontextprotocol/subscriptionId":5}}}"#;
    let edited = server(text).edit().progress_token(&id).finish();
    assert_eq!(edited.text(), text.replace(r#"Token":5"#, r#"Token":"mine""#));
    let edited = server(text).edit().subscription_id(&id).finish();
    assert_eq!(edited.text(), text.replace(r#"Id":5"#, r#"Id":"mine""#));
    let text = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5,"reason":"requestId"}}"#;
    assert_eq!(client(text).edit().cancelled_id(&id).finish().text(), text.replace(":5", ":\"mine\""));
    let text = r#"{"jsonrpc":"2.0","id":5,"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":5}}}"#;
    let edited = server(text).edit().id(&id).subscription_id(&id).finish();
    assert_eq!(edited.text(), text.replace(":5", ":\"mine\""));
}

#[test]
fn a_member_of_the_same_name_elsewhere_is_not_touched() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"id":1,"_meta":{"progressToken":1},"requestId":1,"progressToken":1}}}"#;
    let id = Id::number(77);
    let edited = client(text).edit().id(&id).progress_token(&id).cancelled_id(&id).finish();
    assert_eq!(edited.text(), text.replacen(":1,", ":77,", 1));
}

#[test]
fn a_rewrite_replaces_parts_and_is_read_again() {
    let message = client(CALL);
    let arguments = message.arguments().unwrap();
    let span = message.span_of(arguments).unwrap();
    let rewritten =
        message.edit().id(&Id::number(3)).replace(span, r#"{"a":"masked"}"#).finish(&Limits::default()).unwrap();
    assert_eq!(rewritten.arguments(), Some(r#"{"a":"masked"}"#));
    let expected = CALL.replace(r#""\u0061b""#, "3").replace(r#"{"a":"\/"}"#, r#"{"a":"masked"}"#);
    assert_eq!(rewritten.text(), expected);
}

#[test]
fn a_rewrite_that_breaks_the_message_is_refused() {
    let message = client(CALL);
    let span = |part: &str| message.span_of(part).unwrap();
    let arguments = span(message.arguments().unwrap());
    let refused = |text: &str| message.edit().replace(arguments, text).finish(&Limits::default()).unwrap_err().fault();
    assert_eq!(refused(r#"{"a":1,"a":2}"#), ParseFault::DuplicateKey);
    assert!(matches!(refused(r#"{},"name":"admin""#), ParseFault::DuplicateKey));
    assert!(matches!(refused("{"), ParseFault::Syntax(_)));
    assert!(matches!(refused("[]"), ParseFault::Params(_)));
    let limits = Limits { max_bytes: CALL.len(), ..Limits::default() };
    let grown = message.edit().replace(arguments, r#"{"a":"longer than before"}"#).finish(&limits);
    assert_eq!(grown.unwrap_err().fault(), ParseFault::TooLarge);
    // A part and the whole that holds it can't both be replaced.
    let params = span(message.params().unwrap());
    let overlapping = ParseFault::Envelope("two changes of a message overlap");
    let both = message.edit().replace(arguments, "{}").replace(params, "{}");
    assert_eq!(both.finish(&Limits::default()).unwrap_err().fault(), overlapping);
    let both = message.edit().progress_token(&Id::number(1)).replace(params, "{}");
    assert_eq!(both.finish(&Limits::default()).unwrap_err().fault(), overlapping);
}

#[test]
fn a_span_belongs_to_the_message_whose_text_it_covers() {
    let (message, other) = (client(CALL), client(CALL));
    assert!(message.span_of(message.params().unwrap()).is_some());
    assert!(message.span_of(other.params().unwrap()).is_none());
    assert!(message.span_of("tools").is_none());
}

#[test]
fn a_span_of_a_longer_message_is_refused() {
    let (long, short) = (client(CALL), client(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#));
    let span = long.span_of(long.arguments().unwrap()).unwrap();
    let refused = short.edit().replace(span, "{}").finish(&Limits::default()).unwrap_err();
    assert_eq!(refused.fault(), ParseFault::Envelope("a change lies outside of the message"));
}

#[test]
fn a_message_is_shared_not_copied() {
    let message = client(CALL);
    let copy = message.clone();
    assert_eq!(copy.bytes().as_ptr(), message.bytes().as_ptr());
    assert_eq!(message.text().as_ptr(), message.bytes().as_ptr());
}

proptest! {
    #![proptest_config(cases(20))]

    #[test]
    fn e13_any_message_survives_new_ids_and_old_ones_put_back(text in support::message()) {
        doorward_wire::fuzz::envelope(text.as_bytes());
        prop_assert!(support::parse(&text, Sender::Client).is_ok(), "{}", text);
    }

    #[test]
    fn any_part_can_be_replaced_by_itself(text in support::message()) {
        let message = client(&text);
        for part in [message.params(), message.result(), message.error(), message.arguments(), message.meta()].into_iter().flatten() {
            let span = message.span_of(part).unwrap();
            let rewritten = message.edit().replace(span, part).finish(&Limits::default()).unwrap();
            prop_assert_eq!(rewritten.bytes(), message.bytes());
        }
    }

    #[test]
    fn a_rewrite_changes_its_part_and_nothing_else(text in support::message(), new in support::params()) {
        let message = client(&text);
        let Some(params) = message.params() else { return Ok(()) };
        let span = message.span_of(params).unwrap();
        let rewritten: Message = message.edit().replace(span, new.as_str()).finish(&Limits::default()).unwrap();
        let (before, rest) = text.split_at(span.start());
        let (_, after) = rest.split_at(span.end() - span.start());
        prop_assert_eq!(rewritten.text(), format!("{before}{new}{after}"));
    }
}
