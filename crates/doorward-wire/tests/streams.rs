//! Framing on streams: server-sent events and lines (HD-12, A09, B07, C17).

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(test)]
mod support;

use bytes::Bytes;
use doorward_wire::lines::{self, TooLong};
use doorward_wire::sse::{self, Event, SseError};
use proptest::prelude::*;
use support::cases;

fn events(bytes: &[u8]) -> Vec<Event> {
    let mut decoder = sse::Decoder::new(1 << 16);
    decoder.push(bytes).unwrap();
    decoder.collect()
}

fn data(text: &str) -> Event {
    Event::message(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn events_are_read_as_the_standard_says() {
    assert_eq!(events(b"data: a\n\n"), [data("a")]);
    assert_eq!(events(b"data:a\r\n\r\n"), [data("a")]);
    assert_eq!(events(b"data:  a\r\r"), [data(" a")]);
    assert_eq!(events(b"data: a\rdata: b\ndata: c\r\n\n"), [data("a\nb\nc")]);
    assert_eq!(events(b"data\n\n"), [data("")]);
    assert_eq!(events(b"data: a\n\ndata: b\n\n"), [data("a"), data("b")]);
    assert_eq!(events(b"\xEF\xBB\xBFdata: a\n\n"), [data("a")]);
    assert_eq!(events(b": comment\n:\n\nother: x\nda ta: x\n data: y\n\n\n"), []);
    let whole =
        Event { id: Some("7".into()), event: Some("message".into()), retry: Some(500), data: Some("{}".into()) };
    assert_eq!(events(b"id: 7\nevent: message\nretry: 500\ndata: {}\n\n"), [whole]);
}

#[test]
fn b07_an_event_may_hold_an_id_or_a_delay_alone() {
    assert_eq!(events(b"id: 7\ndata:\n\n"), [Event { id: Some("7".into()), ..data("") }]);
    assert_eq!(events(b"id: 7\n\n"), [Event { id: Some("7".into()), ..Event::default() }]);
    assert_eq!(events(b"retry: 500\n\n"), [Event { retry: Some(500), ..Event::default() }]);
}

#[test]
fn values_that_the_standard_ignores_are_ignored() {
    assert_eq!(
        events(b"id: a\0b\nretry: 5x\nretry: -5\nretry:\nretry: 99999999999999999999\ndata: a\n\n"),
        [data("a")]
    );
}

#[test]
fn an_event_that_the_stream_breaks_off_in_is_dropped() {
    assert_eq!(events(b"data: a\n\ndata: {\"half\":"), [data("a")]);
    assert_eq!(events(b"data: a\n"), []);
}

#[test]
fn js_11_an_endless_event_or_line_ends_the_stream() {
    for endless in [
        &b"data: xxxxxxxxxxxxxxxxxxxxxxxxxxx\n"[..],
        b"id: yyyyyyyyyyyyyyy\n",
        b"xxxxxxxxxxxxx",
        b": xxxxxxxxxxxxxxxxx",
        b"event: zzzzzzz\r",
    ] {
        let mut decoder = sse::Decoder::new(1000);
        decoder.push(b"data: before\n\n").unwrap();
        let pushed = (0..100_000).map(|_| decoder.push(endless)).find(Result::is_err);
        assert_eq!(pushed, Some(Err(SseError::TooLarge)));
        assert_eq!(decoder.push(b"\n\ndata: after\n\n"), Err(SseError::TooLarge));
        assert_eq!(decoder.collect::<Vec<_>>(), [data("before")]);
    }
    // So does one that comes in a single piece, whatever it is.
    for field in ["data: ", "id: ", ": ", "x"] {
        let whole = format!("{field}{}\n", "x".repeat(1000));
        assert_eq!(sse::Decoder::new(1000).push(whole.as_bytes()), Err(SseError::TooLarge));
    }
    // Many small events and comments are no large one.
    let mut decoder = sse::Decoder::new(1000);
    for _ in 0..10_000 {
        decoder.push(b": keep alive\n\ndata: a\n\n").unwrap();
        assert_eq!(decoder.next(), Some(data("a")));
    }
}

#[test]
fn an_id_or_a_type_that_is_not_utf_8_ends_the_stream() {
    for bad in [&b"id: \xFF\n"[..], b"event: \xC0\xAF\n"] {
        assert_eq!(sse::Decoder::new(100).push(bad), Err(SseError::NotUtf8));
    }
}

#[test]
fn hd_12_no_value_can_end_its_line_or_forge_an_event() {
    for text in [
        "a\n\ndata: forged",
        "a\r\rid: 9",
        "a\r\n\r\ndata: forged\r\n\r\n",
        "\n",
        "\r",
        ": comment\n",
        "\nevent: x\n\n",
    ] {
        let encoded = sse::encode(&data(text));
        let read = events(&encoded);
        assert_eq!(read, [data(&text.replace("\r\n", "\n").replace('\r', "\n"))], "{text:?}");
    }
    let forged =
        Event { id: Some("1\n\ndata: forged".into()), event: Some("x\rdata: forged".into()), retry: None, ..data("a") };
    assert_eq!(events(&sse::encode(&forged)), [data("a")]);
    let nul = Event { id: Some("a\0b".into()), ..data("a") };
    assert_eq!(events(&sse::encode(&nul)), [data("a")]);
}

#[test]
fn a_message_is_framed_on_one_line_as_it_is() {
    assert_eq!(&sse::encode(&data(r#"{"a":"\n"}"#))[..], b"data: {\"a\":\"\\n\"}\n\n");
    let event = Event { id: Some("7".into()), event: Some("message".into()), retry: Some(5), ..data("x") };
    assert_eq!(&sse::encode(&event)[..], b"id: 7\nevent: message\nretry: 5\ndata: x\n\n");
}

#[test]
fn a09_a_keep_alive_is_no_event() {
    let stream = [sse::KEEP_ALIVE, b"data: a\n\n", sse::KEEP_ALIVE].concat();
    assert_eq!(events(&stream), [data("a")]);
}

#[test]
fn what_is_shown_for_debugging_holds_no_data() {
    let event = Event { id: Some("canary".into()), event: Some("canary".into()), ..data("canary") };
    assert!(!format!("{event:?}").contains("canary"));
}

// === lines ===

fn decode(max: usize, chunks: &[&[u8]]) -> Vec<Result<Bytes, TooLong>> {
    let mut decoder = lines::Decoder::new(max);
    let mut read = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        read.extend(decoder.by_ref());
    }
    read.extend(decoder.finish());
    read
}

fn line(text: &str) -> Result<Bytes, TooLong> {
    Ok(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn lines_end_with_a_line_feed_and_empty_ones_are_passed_over() {
    assert_eq!(decode(10, &[b"a\nb\r\n\n\r\nc"]), [line("a"), line("b"), line("c")]);
    assert_eq!(decode(10, &[b"a", b"b\n", b"", b"\nc\n"]), [line("ab"), line("c")]);
    assert_eq!(decode(10, &[b"a\rb\n"]), [line("a\rb")]);
    assert_eq!(decode(10, &[]), []);
}

#[test]
fn js_11_a_line_that_is_too_long_is_thrown_away_and_the_next_one_read() {
    let long = [b'x'; 1000];
    assert_eq!(decode(10, &[&long, &long, b"x\nok\n"]), [Err(TooLong), line("ok")]);
    assert_eq!(decode(10, &[&long, b"\n", &long, b"\nok"]), [Err(TooLong), Err(TooLong), line("ok")]);
    assert_eq!(decode(3, &[b"abc\nabcd\nabc\r\nabc\r"]), [line("abc"), Err(TooLong), line("abc"), line("abc")]);
    assert_eq!(decode(3, &[b"abcd"]), [Err(TooLong)]);
    assert_eq!(decode(3, &[b"abcde", b"fg\nx\n"]), [Err(TooLong), line("x")]);
}

#[test]
fn c17_a_message_goes_out_on_one_line_and_says_the_same() {
    assert_eq!(&lines::encode(b"{\r\n \"a\":\n1}")[..], b"{   \"a\": 1}\n");
}

proptest! {
    #![proptest_config(cases(5))]

    #[test]
    fn hd_12_any_bytes_give_the_same_events_however_they_are_cut(
        bytes in "(data|id|event|retry|x)?(: ?|:)?[a-z0-9\u{e9}]{0,4}(\r\n|\n|\r|\n\n|){1,2}((data|id|event|retry)(: ?|:)[a-z0-9]{0,3}(\r\n|\n|\r|\n\n|)){0,6}",
    ) {
        doorward_wire::fuzz::sse(bytes.as_bytes());
    }

    #[test]
    fn hd_12_arbitrary_bytes_are_framed_too(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        doorward_wire::fuzz::sse(&bytes);
    }

    #[test]
    fn c17_any_message_survives_a_line(text in support::message()) {
        let encoded = lines::encode(text.as_bytes());
        let read = decode(text.len(), &[&encoded]);
        prop_assert_eq!(read.len(), 1);
        let read = read[0].clone().unwrap();
        let (left, right): (serde_json::Value, serde_json::Value) =
            (serde_json::from_slice(&read).unwrap(), serde_json::from_str(&text).unwrap());
        prop_assert_eq!(left, right);
        prop_assert_eq!(read.len(), text.len());
    }
}
