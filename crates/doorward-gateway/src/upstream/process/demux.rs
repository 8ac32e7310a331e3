//! To whom does a line of a process belong?
//!
//! Every call travels under a number of our own, which stands as its JSON-RPC id, progress token and subscription id at
//! once. So a line names its call by one of them, whatever ids the clients chose (CVE-2026-25536, JS-07, C20).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use doorward_wire::{Era, Id, Kind, Message, Method};

/// Most open questions of a server whose call is remembered, so that their withdrawal finds it.
const MOST_QUESTIONS: usize = 256;

/// Most calls remembered that nobody waits for any more.
const MOST_ABANDONED: usize = 1024;

/// The calls in flight on one process. `T` is where a call's lines go.
#[derive(Debug)]
pub(super) struct Demux<T> {
    era: Era,
    /// By our number; numbers grow, so the last is the most recent.
    calls: BTreeMap<u64, Entry<T>>,
    /// Calls that nobody waits for any more, and that the process may still be working on.
    abandoned: BTreeSet<u64>,
    standalone: Option<(u64, T)>,
    next_standalone: u64,
    questions: HashMap<Id, u64>,
}

/// Whose lines they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// The call with this number.
    Call(u64),
    /// The standalone stream, by its ticket.
    Standalone(u64),
}

#[derive(Debug)]
struct Entry<T> {
    to: T,
    subscription: bool,
}

/// Where a line goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Delivery<T> {
    pub(super) to: T,
    pub(super) holder: Holder,
    /// Whether this line ends the call.
    pub(super) last: bool,
}

/// Why a line belongs to nobody. Such lines are dropped and counted (JS-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    /// It names a call that is not in flight: never was, or was given up.
    NoSuchCall,
    /// It names none, and nobody is there to hear it.
    NobodyListens,
    /// A server of the modern era asks in its results alone (A08).
    AskedInModernEra,
    /// An error that answers nothing.
    Unaddressed,
}

impl<T: Clone> Demux<T> {
    pub(super) fn new(era: Era) -> Self {
        Self {
            era,
            calls: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            standalone: None,
            next_standalone: 0,
            questions: HashMap::new(),
        }
    }

    /// A call is about to be sent.
    pub(super) fn open(&mut self, number: u64, to: T, subscription: bool) {
        self.calls.insert(number, Entry { to, subscription });
    }

    /// The standalone stream; a newer one takes the place of an older.
    pub(super) fn listen(&mut self, to: T) -> Holder {
        self.next_standalone += 1;
        self.standalone = Some((self.next_standalone, to));
        Holder::Standalone(self.next_standalone)
    }

    /// Nobody waits for a call or listens any more; what still comes for it is nobody's.
    pub(super) fn abandon(&mut self, holder: Holder) {
        match holder {
            Holder::Call(number) => {
                if self.calls.remove(&number).is_some() {
                    self.abandoned.insert(number);
                    if self.abandoned.len() > MOST_ABANDONED {
                        self.abandoned.pop_first();
                    }
                }
            }
            Holder::Standalone(ticket) => drop(self.standalone.take_if(|(current, _)| *current == ticket)),
        }
    }

    /// A call is to be cancelled. Whether the process is still believed to be working on it (C19); asked again, no.
    pub(super) fn cancel(&mut self, number: u64) -> bool {
        self.calls.remove(&number).is_some() | self.abandoned.remove(&number)
    }

    /// Whether something is in flight or listens.
    pub(super) fn is_in_use(&self) -> bool {
        !self.calls.is_empty() || self.standalone.is_some()
    }

    /// Forgets everything: the process is gone.
    pub(super) fn clear(&mut self) {
        self.calls.clear();
        self.abandoned.clear();
        self.standalone = None;
        self.questions.clear();
    }

    /// Finds the owner of a line.
    pub(super) fn route(&mut self, message: &Message) -> Result<Delivery<T>, Stray> {
        match message.kind() {
            Kind::Result { id } | Kind::Error { id: Some(id), .. } => {
                let number = id.as_number().ok_or(Stray::NoSuchCall)?;
                self.abandoned.remove(&number);
                let entry = self.calls.remove(&number).ok_or(Stray::NoSuchCall)?;
                self.questions.retain(|_, call| *call != number);
                Ok(Delivery { to: entry.to, holder: Holder::Call(number), last: true })
            }
            Kind::Error { id: None, .. } => Err(Stray::Unaddressed),
            Kind::Request { .. } if self.era == Era::Modern => Err(Stray::AskedInModernEra),
            Kind::Request { id, .. } => {
                let delivery = self.unclaimed(Prefer::Call)?;
                if let Holder::Call(number) = delivery.holder
                    && self.questions.len() < MOST_QUESTIONS
                {
                    self.questions.insert(id.clone(), number);
                }
                Ok(delivery)
            }
            Kind::Notification { method } => self.notification(message, method),
        }
    }

    fn notification(&mut self, message: &Message, method: &Method) -> Result<Delivery<T>, Stray> {
        let named = match method {
            Method::Progress => Some(message.progress_token().and_then(Id::as_number).ok_or(Stray::NoSuchCall)?),
            Method::Cancelled => match message.cancelled_id().and_then(|id| self.questions.remove(id)) {
                Some(call) => Some(call),
                // A withdrawn question that went to the standalone stream.
                None => return self.unclaimed(Prefer::Standalone),
            },
            _ => message.subscription_id().map(|id| id.as_number().ok_or(Stray::NoSuchCall)).transpose()?,
        };
        match named {
            Some(number) => {
                let entry = self.calls.get(&number).ok_or(Stray::NoSuchCall)?;
                Ok(Delivery { to: entry.to.clone(), holder: Holder::Call(number), last: false })
            }
            None if concerns_no_call(method) => self.unclaimed(Prefer::Standalone),
            None => self.unclaimed(Prefer::Call),
        }
    }

    /// For a line that names no call: the most recent call (never a subscription) or the standalone stream. All of
    /// them are one caller's, so nothing crosses to another person.
    fn unclaimed(&self, prefer: Prefer) -> Result<Delivery<T>, Stray> {
        let recent = self.calls.iter().rev().find(|(_, entry)| !entry.subscription);
        let call = recent.map(|(number, entry)| (Holder::Call(*number), entry.to.clone()));
        let standalone = self.standalone.as_ref().map(|(ticket, to)| (Holder::Standalone(*ticket), to.clone()));
        match prefer {
            Prefer::Call => call.or(standalone),
            Prefer::Standalone => standalone.or(call),
        }
        .map(|(holder, to)| Delivery { to, holder, last: false })
        .ok_or(Stray::NobodyListens)
    }
}

#[derive(Clone, Copy)]
enum Prefer {
    Call,
    Standalone,
}

/// Notifications about the server, not about a call: the legacy era has the standalone stream for them (B09).
fn concerns_no_call(method: &Method) -> bool {
    matches!(
        method,
        Method::ToolsListChanged
            | Method::PromptsListChanged
            | Method::ResourcesListChanged
            | Method::ResourceUpdated
            | Method::ElicitationComplete
            | Method::TaskStatus
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use doorward_wire::{Limits, Sender};

    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes()), Sender::Server, &Limits::default()).unwrap()
    }

    fn calls(era: Era, numbers: &[u64]) -> Demux<&'static str> {
        let mut demux = Demux::new(era);
        for number in numbers {
            demux.open(*number, ["zero", "one", "two", "three"][usize::try_from(*number).unwrap()], false);
        }
        demux
    }

    #[track_caller]
    fn route(demux: &mut Demux<&'static str>, text: &str) -> Result<(&'static str, bool), Stray> {
        demux.route(&message(text)).map(|delivery| (delivery.to, delivery.last))
    }

    #[test]
    fn cve_2026_25536_an_answer_goes_to_the_call_with_its_number_once() {
        let mut demux = calls(Era::Modern, &[1, 2]);
        let two = r#"{"jsonrpc":"2.0","id":2,"result":{}}"#;
        assert_eq!(route(&mut demux, two), Ok(("two", true)));
        assert_eq!(route(&mut demux, two), Err(Stray::NoSuchCall));
        let one = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;
        assert_eq!(route(&mut demux, one), Ok(("one", true)));
        assert!(!demux.is_in_use());
    }

    #[test]
    fn js_11_an_answer_with_a_wrong_id_is_nobodys() {
        let mut demux = calls(Era::Modern, &[1]);
        for id in ["3", "\"1\"", "-1", "9007199254740991"] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
            assert_eq!(route(&mut demux, &text), Err(Stray::NoSuchCall), "{id}");
        }
        let text = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}"#;
        assert_eq!(route(&mut demux, text), Err(Stray::Unaddressed));
        assert!(demux.is_in_use());
    }

    #[test]
    fn e13_progress_and_subscriptions_find_their_call_by_number() {
        let mut demux = calls(Era::Modern, &[1, 2]);
        demux.open(3, "three", true);
        let progress =
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
        assert_eq!(route(&mut demux, progress), Ok(("one", false)));
        let changed = concat!(
            r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":"#,
            r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":3}}}"#
        );
        assert_eq!(route(&mut demux, changed), Ok(("three", false)));
        demux.abandon(Holder::Call(3));
        assert_eq!(route(&mut demux, changed), Err(Stray::NoSuchCall));
    }

    #[test]
    fn e31_progress_for_a_foreign_token_is_nobodys() {
        let mut demux = calls(Era::Legacy, &[1]);
        demux.listen("stream");
        for token in ["2", "\"1\""] {
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
            );
            assert_eq!(route(&mut demux, &text), Err(Stray::NoSuchCall), "{token}");
        }
    }

    #[test]
    fn b09_a_legacy_question_goes_to_the_most_recent_call_else_to_the_stream() {
        let ask = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"?"}}"#;
        let mut demux = calls(Era::Legacy, &[1, 2]);
        let stream = demux.listen("stream");
        assert_eq!(route(&mut demux, ask), Ok(("two", false)));
        demux.abandon(Holder::Call(2));
        demux.abandon(Holder::Call(1));
        assert_eq!(route(&mut demux, ask), Ok(("stream", false)));
        demux.abandon(stream);
        assert_eq!(route(&mut demux, ask), Err(Stray::NobodyListens));
    }

    #[test]
    fn an_older_stream_that_ends_leaves_the_newer_one_alone() {
        let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
        let mut demux = calls(Era::Legacy, &[]);
        let older = demux.listen("older");
        demux.listen("newer");
        demux.abandon(older);
        assert_eq!(route(&mut demux, changed), Ok(("newer", false)));
    }

    #[test]
    fn a08_a_modern_server_asks_nothing() {
        let ask = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"?"}}"#;
        assert_eq!(route(&mut calls(Era::Modern, &[1]), ask), Err(Stray::AskedInModernEra));
    }

    #[test]
    fn a_withdrawn_question_follows_the_question() {
        let mut demux = calls(Era::Legacy, &[1]);
        demux.listen("stream");
        let ask = r#"{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}}"#;
        assert_eq!(route(&mut demux, ask), Ok(("one", false)));
        demux.open(2, "two", false);
        let withdrawn = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
        assert_eq!(route(&mut demux, withdrawn), Ok(("one", false)));
        assert_eq!(route(&mut demux, withdrawn), Ok(("stream", false)));
    }

    #[test]
    fn b09_what_concerns_the_server_prefers_the_standalone_stream_and_logs_prefer_the_call() {
        let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
        let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
        let mut demux = calls(Era::Legacy, &[1]);
        assert_eq!(route(&mut demux, changed), Ok(("one", false)));
        demux.listen("stream");
        assert_eq!(route(&mut demux, changed), Ok(("stream", false)));
        assert_eq!(route(&mut demux, log), Ok(("one", false)));
    }

    #[test]
    fn a37_an_unclaimed_line_never_goes_to_a_subscription() {
        let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
        let mut demux = Demux::new(Era::Modern);
        demux.open(9, "subscription", true);
        assert_eq!(route(&mut demux, log), Err(Stray::NobodyListens));
        demux.open(3, "three", false);
        assert_eq!(route(&mut demux, log), Ok(("three", false)));
    }

    #[test]
    fn c19_a_call_is_cancelled_once_and_only_while_it_may_be_worked_on() {
        let answer = r#"{"jsonrpc":"2.0","id":2,"result":{}}"#;
        let mut demux = calls(Era::Modern, &[1, 2]);
        demux.abandon(Holder::Call(1));
        assert!(demux.cancel(1) && !demux.cancel(1));
        demux.abandon(Holder::Call(2));
        assert_eq!(route(&mut demux, answer), Err(Stray::NoSuchCall));
        assert!(!demux.cancel(2) && !demux.cancel(3));
    }

    #[test]
    fn abandoned_calls_are_bounded_and_use_nothing() {
        let mut demux = calls(Era::Modern, &[]);
        for number in 0..2 * MOST_ABANDONED as u64 {
            demux.open(number, "x", false);
            demux.abandon(Holder::Call(number));
        }
        assert_eq!(demux.abandoned.len(), MOST_ABANDONED);
        assert!(!demux.is_in_use());
    }

    #[test]
    fn open_questions_are_bounded() {
        let mut demux = calls(Era::Legacy, &[1]);
        for id in 0..MOST_QUESTIONS + 50 {
            let ask = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"roots/list"}}"#);
            assert_eq!(route(&mut demux, &ask), Ok(("one", false)));
        }
        assert_eq!(demux.questions.len(), MOST_QUESTIONS);
    }
}
