//! The format of the ledger, byte for byte: other tools read it.

#![expect(clippy::expect_used, reason = "tests may panic")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use doorward_audit::testing::moment;
use doorward_audit::{
    Authentication, AuthenticationResult, Counters, Decision, DecisionId, DropReason, Ending, Fingerprint, Notice,
    Outcome, Reason, Record, Session, SessionEnd, Shape, TargetLabel, Text, Token, Verdict, What, Who, method_label,
};
use doorward_wire::{Method, ServerName, Target, Version};

fn id() -> DecisionId {
    DecisionId::new(moment(), [0x11; 10])
}

fn alice() -> Who {
    Who::caller("https://idp.example.com", "alice", Some("inspector"), "acme")
}

fn crm() -> ServerName {
    "crm".parse().expect("a server name")
}

fn line(record: &Record) -> String {
    let line = record.encode().expect("a line");
    let text = std::str::from_utf8(line.as_bytes()).expect("text").to_owned();
    text.strip_suffix('\n').expect("a line end").to_owned()
}

const HEAD: &str = r#""id":"019fa605-6800-7111-9111-111111111111","at":"2026-07-28T00:00:00.000Z""#;

#[test]
fn an_allowed_call() {
    let decision = Decision {
        who: alice(),
        server: Some(crm()),
        version: Some(Version::V2026_07_28),
        method: method_label(&Method::ToolsCall),
        target: TargetLabel::of(&Target::Tool("customerData".into()), &|_| true),
        shape: Some(Shape::of(r#"{"region":"north","note":"call Ann"}"#, &|key| key == "region")),
        rule: Some(Text::clip("OwnRegionOnly")),
        session: true,
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        token_id: Some(Text::clip("00ff")),
        ..Decision::new(id(), moment())
    };
    let record = Record::Decision { decision, verdict: Verdict::Allow };
    assert_eq!(
        line(&record),
        [
            r#"{"kind":"decision","#,
            HEAD,
            r#","who":{"issuer":"https://idp.example.com","subject":"alice","client":"inspector","tenant":"acme"}"#,
            r#","server":"crm","era":"modern","version":"2026-07-28","method":"tools/call""#,
            r#","target":{"kind":"tool","name":"customerData"}"#,
            r#","shape":{"bytes":36,"type":"object","keys":{"region":{"type":"string","bytes":7}},"unknown":1}"#,
            r#","rule":"OwnRegionOnly","session":true,"address":"127.0.0.1","token_id":"00ff","verdict":"allow"}"#,
        ]
        .concat()
    );
}

#[test]
fn a_refused_call_of_nobody_knows_little() {
    let decision = Decision {
        version: Some(Version::V2025_11_25),
        method: method_label(&Method::parse("tools/steal")),
        target: TargetLabel::of(&Target::Tool("made up".into()), &|_| false),
        ..Decision::new(id(), moment())
    };
    let record = Record::Decision { decision, verdict: Verdict::Refuse(Reason::NoToken) };
    assert_eq!(
        line(&record),
        [
            r#"{"kind":"decision","#,
            HEAD,
            r#","who":"absent","era":"legacy","version":"2025-11-25","method":"unknown""#,
            r#","target":{"kind":"tool","length":7},"verdict":"refuse","reason":"no_token"}"#,
        ]
        .concat()
    );
}

#[test]
fn an_unreadable_request_has_only_a_reason() {
    let record =
        Record::Decision { decision: Decision::new(id(), moment()), verdict: Verdict::Refuse(Reason::BadMessage) };
    assert_eq!(
        line(&record),
        [
            r#"{"kind":"decision","#,
            HEAD,
            r#","who":"absent","method":"none","verdict":"refuse","reason":"bad_message"}"#,
        ]
        .concat()
    );
}

#[test]
fn outcomes() {
    let outcome = |ending| {
        line(&Record::Outcome(Outcome {
            id: id(),
            at: moment(),
            ending,
            latency: Duration::from_micros(1_234),
            counters: Counters { status: Some(200), events: 3, events_dropped: 1, bytes_out: 512 },
        }))
    };
    let expect = |ending: &str| {
        [
            r#"{"kind":"outcome","#,
            HEAD,
            ",",
            ending,
            r#","latency_us":1234,"status":200,"events":3,"dropped":1,"bytes":512}"#,
        ]
        .concat()
    };
    for (ending, text) in [
        (Ending::Answered, r#""ending":"answered""#),
        (Ending::AnsweredWithError { code: -32_603 }, r#""ending":"answered_with_error","code":-32603"#),
        (Ending::Cancelled, r#""ending":"cancelled""#),
        (Ending::TimedOut, r#""ending":"timed_out""#),
        (Ending::UpstreamFailed, r#""ending":"upstream_failed""#),
        (Ending::Ended { reason: Reason::Revoked }, r#""ending":"ended","reason":"revoked""#),
        (Ending::Dropped, r#""ending":"dropped""#),
    ] {
        assert_eq!(outcome(ending), expect(text));
    }
}

#[test]
fn authentications() {
    let authentication = Authentication {
        id: id(),
        at: moment(),
        result: AuthenticationResult::Ok,
        who: Some(alice()),
        server: Some(crm()),
        address: None,
        token_id: None,
    };
    assert_eq!(
        line(&Record::Authentication(authentication.clone())),
        [
            r#"{"kind":"authentication","#,
            HEAD,
            r#","result":"ok","who":{"issuer":"https://idp.example.com","subject":"alice","client":"inspector","tenant":"acme"},"server":"crm"}"#,
        ]
        .concat()
    );
    let failed = Authentication {
        result: AuthenticationResult::Failed(Reason::BadSignature),
        who: None,
        server: None,
        ..authentication
    };
    assert_eq!(
        line(&Record::Authentication(failed)),
        [r#"{"kind":"authentication","#, HEAD, r#","result":"failed","reason":"bad_signature"}"#].concat()
    );
}

#[test]
fn notices() {
    let session = Session { session: Fingerprint::of_digest(&[0xab; 32]), who: Who::Anonymous, server: crm() };
    let token = Token { token_id: Text::clip("00ff"), subject: Text::clip("ci"), client: None };
    for (what, text) in [
        (
            What::Started { version: Text::clip("0.1.0"), servers: 2 },
            r#""what":"started","version":"0.1.0","servers":2"#,
        ),
        (What::Stopped, r#""what":"stopped""#),
        (
            What::TornTail { segment: Text::clip("a.ndjson"), bytes: 7 },
            r#""what":"torn_tail","segment":"a.ndjson","bytes":7"#,
        ),
        (
            What::SessionOpened(session.clone()),
            r#""what":"session.opened","session":"abababababababab","who":"anonymous","server":"crm""#,
        ),
        (
            What::SessionClosed { session: session.clone(), why: SessionEnd::Standing },
            r#""what":"session.closed","session":"abababababababab","who":"anonymous","server":"crm","why":"standing""#,
        ),
        (
            What::SessionMismatch { session, address: None },
            r#""what":"session.mismatch","session":"abababababababab","who":"anonymous","server":"crm""#,
        ),
        (What::TokenIssued(token.clone()), r#""what":"token.issued","token_id":"00ff","subject":"ci""#),
        (What::TokenRevoked(token), r#""what":"token.revoked","token_id":"00ff","subject":"ci""#),
        (
            What::EventDropped { server: crm(), why: DropReason::NoExchange },
            r#""what":"event.dropped","server":"crm","why":"no_exchange""#,
        ),
        (
            What::CatalogueChanged { server: crm(), added: 1, removed: 0, changed: 2 },
            r#""what":"catalogue.changed","server":"crm","added":1,"removed":0,"changed":2"#,
        ),
    ] {
        let record = Record::Notice(Notice { id: id(), at: moment(), what });
        assert_eq!(line(&record), [r#"{"kind":"notice","#, HEAD, ",", text, "}"].concat());
    }
}

#[test]
fn targets() {
    let label =
        |target: &Target, known: bool| serde_json::to_string(&TargetLabel::of(target, &|_| known)).expect("JSON");
    assert_eq!(label(&Target::Prompt("p".into()), true), r#"{"kind":"prompt","name":"p"}"#);
    assert_eq!(label(&Target::Resource("f:///x".into()), true), r#"{"kind":"resource","name":"f:///x"}"#);
    assert_eq!(label(&Target::Resource("f:///x".into()), false), r#"{"kind":"resource","length":6}"#);
    assert_eq!(label(&Target::Resources(vec!["a".into(), "b".into()]), true), r#"{"kind":"resource","count":2}"#);
}

#[test]
fn a_task_handle_is_never_written() {
    let label = TargetLabel::of(&Target::Task("786512e2-bearer".into()), &|_| true);
    assert_eq!(label, TargetLabel::Unknown { kind: "task", length: 15 });
}
