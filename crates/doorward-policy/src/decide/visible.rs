//! The second stage: the caller may know what the call is about.

use std::sync::Arc;

use doorward_audit::Reason;
use doorward_identity::Identified;
use doorward_wire::{Call, Kind as MessageKind, Method, Target};

use super::Question;
use super::denial::{Denial, Refusal};
use super::reached::PathPermit;
use super::subjects::SubjectOf;
use crate::book::{Matter, ServerRules, Weighed, Weighing};
use crate::cedar::View;
use crate::principal::{Owner, Principal};
use crate::rule::Kind;
use crate::table::{Row, governs};
use crate::tasks::TaskRegistry;

/// The proof that every target of a call is visible to its caller.
///
/// An identity that is absent becomes the anonymous principal here (and for a stream in [`Policy::attend`]) and nowhere
/// else: after rules that admit everybody were found for all that the call is about.
///
/// [`Policy::attend`]: crate::Policy::attend
pub(super) struct Visible {
    rules: Arc<ServerRules>,
    principal: Principal,
    row: Row,
    subjects: Vec<SubjectOf>,
}

impl Visible {
    pub(super) fn check(
        weighing: &Weighing<'_>,
        reached: &PathPermit,
        question: &Question<'_>,
        tasks: &TaskRegistry,
    ) -> Result<Self, Refusal> {
        if !reached.is_of(&question.who) {
            return Err(Refusal::new(Denial::Fault("the path was judged for somebody else")));
        }
        let unproven = matches!(question.who, Identified::Absent);
        // Without a credential every refusal is the same, so that nothing can be learnt from it.
        let hide = |denial| Refusal::new(if unproven { Denial::Unauthenticated } else { denial });
        let Some(row) = row(&question.call) else {
            return Err(hide(Denial::UnknownMethod));
        };
        let Some(rules) = weighing.book().server(question.server) else {
            return Err(hide(Denial::Invisible).because(Reason::UnknownServer));
        };
        let asked = Asked { weighing, rules, question };
        let subjects = match row {
            Row::Discovery => asked.discovery()?,
            Row::Target => asked.target().ok_or_else(|| hide(Denial::Invisible))?,
            Row::List(_) | Row::Session => asked.anything()?,
            Row::Listen => asked.listen(tasks).ok_or_else(|| hide(Denial::Invisible))??,
            Row::Task => asked.task(tasks).ok_or_else(|| hide(Denial::Invisible))?,
            Row::Exchange => asked.exchange().ok_or_else(|| hide(Denial::NoExchange))??,
        };
        for subject in &subjects {
            let (weighed, rule) = weighing.target(rules, subject.kind, &subject.name, View::Visible);
            let by = || rule.map(|rule| &rule.rule);
            match weighed {
                Weighed::Admitted => {}
                Weighed::NeedsCaller => return Err(Refusal::new(Denial::Unauthenticated).by(by())),
                Weighed::Refused => return Err(Refusal::new(Denial::Invisible).by(by())),
                Weighed::Fault => return Err(Refusal::policy_fault().by(by())),
            }
        }
        Ok(Self { rules: Arc::clone(rules), principal: Principal::admitted(&question.who), row, subjects })
    }

    pub(super) fn into_parts(self) -> (Arc<ServerRules>, Principal, Row, Vec<SubjectOf>) {
        (self.rules, self.principal, self.row, self.subjects)
    }
}

/// The row of a message of a client. An answer to a server's question has no method and is of its exchange.
fn row(call: &Call) -> Option<Row> {
    match call.message().kind() {
        MessageKind::Request { method, .. } | MessageKind::Notification { method } => governs(method, call.era()),
        MessageKind::Result { .. } | MessageKind::Error { .. } => Some(Row::Exchange),
    }
}

/// A question at one server: finds what the call is about.
struct Asked<'a> {
    weighing: &'a Weighing<'a>,
    rules: &'a ServerRules,
    question: &'a Question<'a>,
}

impl Asked<'_> {
    fn discovery(&self) -> Result<Vec<SubjectOf>, Refusal> {
        discovery(self.weighing, self.rules)?;
        Ok(Vec::new())
    }

    fn anything(&self) -> Result<Vec<SubjectOf>, Refusal> {
        anything(self.weighing, self.rules)?;
        Ok(Vec::new())
    }

    fn target(&self) -> Option<Vec<SubjectOf>> {
        let subject = match self.question.call.message().target() {
            Target::Tool(name) => SubjectOf::new(Kind::Tool, name),
            Target::Prompt(name) | Target::PromptRef(name) => SubjectOf::new(Kind::Prompt, name),
            Target::Resource(uri) | Target::ResourceRef(uri) => SubjectOf::new(Kind::Resource, uri),
            Target::None | Target::Resources(_) | Target::Task(_) => return None,
        };
        Some(vec![subject])
    }

    fn listen(&self, tasks: &TaskRegistry) -> Option<Result<Vec<SubjectOf>, Refusal>> {
        let mut subjects = match self.anything() {
            Ok(subjects) => subjects,
            Err(refusal) => return Some(Err(refusal)),
        };
        match self.question.call.message().target() {
            Target::Resources(uris) => subjects.extend(uris.iter().map(|uri| SubjectOf::new(Kind::Resource, uri))),
            Target::None => {}
            _ => return None,
        }
        for id in self.question.call.message().listened_tasks() {
            subjects.push(self.tool_of(tasks, id)?);
        }
        Some(Ok(subjects))
    }

    fn task(&self, tasks: &TaskRegistry) -> Option<Vec<SubjectOf>> {
        match self.question.call.message().target() {
            Target::Task(id) => Some(vec![self.tool_of(tasks, id)?]),
            _ => None,
        }
    }

    fn tool_of(&self, tasks: &TaskRegistry, id: &str) -> Option<SubjectOf> {
        let owner = Owner::of(&self.question.who);
        let name = tasks.tool(self.rules.name(), &owner, id, self.question.now)?;
        Some(SubjectOf { kind: Kind::Tool, name })
    }

    /// What the exchange is about, judged anew with the token at hand (SE-06). Taking a request back needs no more
    /// than that it is one's own.
    fn exchange(&self) -> Option<Result<Vec<SubjectOf>, Refusal>> {
        let ticket = self.question.exchange?;
        if !ticket.belongs_to(&self.question.who, self.rules.name()) {
            return None;
        }
        if matches!(self.question.call.message().method(), Some(Method::Cancelled)) {
            return Some(Ok(Vec::new()));
        }
        if ticket.subjects().is_empty() {
            return Some(self.anything());
        }
        Some(Ok(ticket.subjects().to_vec()))
    }
}

/// Whether the caller may discover the server: by the rule on discovery, else by whether anything of it is visible.
pub(crate) fn discovery(weighing: &Weighing<'_>, rules: &ServerRules) -> Result<(), Refusal> {
    let Some(rule) = rules.discovery() else {
        return anything(weighing, rules);
    };
    let matter = Matter::Discovery(rules.name());
    let refuse = |denial| Err(Refusal::new(denial).by(Some(&rule.rule)));
    match weighing.admits(&rule.admits, matter, View::Full) {
        Weighed::Admitted => Ok(()),
        Weighed::NeedsCaller => refuse(Denial::Unauthenticated),
        Weighed::Fault => Err(Refusal::policy_fault().by(Some(&rule.rule))),
        Weighed::Refused => {
            let visible = weighing.admits(&rule.admits, matter, View::Visible) == Weighed::Admitted;
            let missing = super::scoped::missing(weighing.who(), &rule.wanted).filter(|_| visible);
            refuse(missing.unwrap_or(Denial::Forbidden))
        }
    }
}

/// Whether anything at all of the server is visible to the caller.
pub(super) fn anything(weighing: &Weighing<'_>, rules: &ServerRules) -> Result<(), Refusal> {
    match weighing.anything(rules) {
        Weighed::Admitted => Ok(()),
        Weighed::NeedsCaller => Err(Refusal::new(Denial::Unauthenticated)),
        Weighed::Refused => Err(Refusal::new(Denial::Forbidden)),
        Weighed::Fault => Err(Refusal::policy_fault()),
    }
}
