//! What a session has under way: calls by the client's ids, questions of the server, calls whose stream broke.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use doorward_policy::ExchangeTicket;
use doorward_wire::Id;

use crate::exchange::Pass;
use crate::upstream::WireIds;

/// The most calls that one session may have under way.
const MAX_CALLS: usize = 256;
/// The most unanswered questions of a server in one session.
const MAX_QUESTIONS: usize = 64;
/// The most calls whose stream broke and that may still be resumed.
const MAX_PARKED: usize = 64;

/// How many event ids a session can resume after.
const MAX_EVENTS: usize = 1024;

/// A question that the server asked and the client has not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The id under which the server waits for the answer.
    pub(crate) theirs: Id,
    /// What the answer must show to belong to the exchange in which it was asked.
    pub(crate) ticket: ExchangeTicket,
    /// Our number of that exchange; none for a standalone stream.
    pub(crate) ours: Option<u64>,
}

/// A call whose stream ended before its answer; the answer may come on a resumed stream (B07, B10).
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    /// The ids to put back.
    pub(crate) ids: WireIds,
    /// Under which pass it runs.
    pub(crate) pass: Arc<Pass>,
    /// Until when the answer is waited for.
    pub(crate) until: SystemTime,
}

/// A call under way.
#[derive(Clone, Debug)]
pub(crate) struct OpenCall {
    /// Our number for it.
    pub(crate) ours: u64,
    /// What a message must show to belong to it.
    pub(crate) ticket: ExchangeTicket,
}

/// The books of one session. Every one of them is bounded.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    calls: HashMap<Id, OpenCall>,
    questions: BTreeMap<u64, Question>,
    parked: BTreeMap<u64, Parked>,
    events: VecDeque<String>,
    asked: u64,
}

/// Why a call can't be opened in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The client uses an id that is still under way (JS-07).
    IdInUse,
    /// Too many calls are under way.
    Full,
}

impl Desk {
    /// Notes a call under way.
    pub(crate) fn open_call(&mut self, theirs: &Id, open: OpenCall) -> Result<(), NoPlace> {
        if self.calls.contains_key(theirs) {
            return Err(NoPlace::IdInUse);
        }
        if self.calls.len() >= MAX_CALLS {
            return Err(NoPlace::Full);
        }
        self.calls.insert(theirs.clone(), open);
        Ok(())
    }

    /// Forgets a call that is over.
    pub(crate) fn close_call(&mut self, theirs: &Id) {
        self.calls.remove(theirs);
    }

    /// The call that the client knows as `theirs`.
    pub(crate) fn call(&self, theirs: &Id) -> Option<&OpenCall> {
        self.calls.get(theirs)
    }

    /// Notes a question and gives the id under which the client is asked; none when too many are open.
    pub(crate) fn ask(&mut self, question: Question) -> Option<Id> {
        if self.questions.len() >= MAX_QUESTIONS {
            return None;
        }
        self.asked += 1;
        self.questions.insert(self.asked, question);
        Some(Id::number(self.asked))
    }

    /// Takes the question that an answer with this id belongs to; a second answer finds none.
    pub(crate) fn take_question(&mut self, answered: &Id) -> Option<Question> {
        let number: u64 = answered.as_json().parse().ok()?;
        self.questions.remove(&number)
    }

    /// Looks at the open question with this id.
    pub(crate) fn question(&self, answered: &Id) -> Option<&Question> {
        let number: u64 = answered.as_json().parse().ok()?;
        self.questions.get(&number)
    }

    /// The id under which the client knows the server's question `theirs`, withdrawn now.
    pub(crate) fn withdraw(&mut self, theirs: &Id) -> Option<Id> {
        let number =
            self.questions.iter().find(|(_, question)| question.theirs == *theirs).map(|(number, _)| *number)?;
        self.questions.remove(&number);
        Some(Id::number(number))
    }

    /// Keeps what a broken stream still owes; the oldest goes when there are too many.
    pub(crate) fn park(&mut self, ours: u64, parked: Parked) {
        if self.parked.len() >= MAX_PARKED {
            self.parked.pop_first();
        }
        self.parked.insert(ours, parked);
    }

    /// What is owed under our number at this time.
    pub(crate) fn parked(&mut self, ours: u64, now: SystemTime) -> Option<&Parked> {
        self.parked.retain(|_, parked| parked.until > now);
        self.parked.get(&ours)
    }

    /// Forgets the questions of an exchange that is over: nobody waits for their answers.
    pub(crate) fn close_questions(&mut self, ours: u64) {
        self.questions.retain(|_, question| question.ours != Some(ours));
    }

    /// Notes the id of an event that this session was given, so that a stream can be resumed after it.
    pub(crate) fn given(&mut self, event: &str) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event.to_owned());
    }

    /// Whether this session was given an event with this id (B11).
    pub(crate) fn was_given(&self, event: &str) -> bool {
        self.events.iter().any(|given| given == event)
    }

    /// The answer came: nothing is owed any more.
    pub(crate) fn unpark(&mut self, ours: u64) -> Option<Parked> {
        self.parked.remove(&ours)
    }
}
