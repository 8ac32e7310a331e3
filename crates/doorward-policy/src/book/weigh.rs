//! The one decision function: what a rule says to whoever calls. Lists and calls both ask it.

use std::cell::OnceCell;
use std::sync::Arc;

use doorward_identity::Identified;
use doorward_wire::ServerName;

use super::RuleBook;
use super::server::{CompiledAdmits, CompiledRule, ServerRules};
use super::verdicts::Known;
use crate::cedar::{Answer, Inquiry, Place, Subject, View, schema};
use crate::rule::{Kind, Match};

/// One caller before the rules of one book. Kept for one decision, so that what is needed of the caller is looked up
/// once.
pub(crate) struct Weighing<'a> {
    book: &'a RuleBook,
    who: &'a Identified,
    known: Option<Arc<Known>>,
    subject: OnceCell<Option<Subject>>,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weighed {
    /// Come in.
    Admitted,
    /// Say who you are.
    NeedsCaller,
    /// Not you.
    Refused,
    /// It could not be decided, which is never an admission.
    Fault,
}

/// What is decided about, as far as Cedar is told.
#[derive(Clone, Copy)]
pub(crate) enum Matter<'a> {
    /// A tool, prompt or resource of a server.
    Target(&'a ServerName, Kind, &'a str),
    /// Discovery of a server.
    Discovery(&'a ServerName),
    /// A path rule, by its label.
    Path(&'a str),
}

impl<'a> Weighing<'a> {
    pub(crate) fn new(book: &'a RuleBook, who: &'a Identified) -> Self {
        let known = match who {
            Identified::Proven(caller) => Some(book.shelf().verdicts().of(caller)),
            Identified::Absent => None,
        };
        Self { book, who, known, subject: OnceCell::new() }
    }

    pub(crate) fn book(&self) -> &'a RuleBook {
        self.book
    }

    pub(crate) fn who(&self) -> &'a Identified {
        self.who
    }

    /// What a rule says about a matter that it governs: the conjunction of its policies.
    pub(crate) fn admits(&self, admits: &CompiledAdmits, matter: Matter<'_>, view: View) -> Weighed {
        match (admits, self.who) {
            (CompiledAdmits::Anonymous, _) => Weighed::Admitted,
            (CompiledAdmits::Authenticated | CompiledAdmits::Policies(_), Identified::Absent) => Weighed::NeedsCaller,
            (CompiledAdmits::Authenticated, Identified::Proven(_)) => Weighed::Admitted,
            // The source's check refuses an empty list; a conjunction over nothing would admit everybody.
            (CompiledAdmits::Policies(policies), Identified::Proven(_)) if policies.is_empty() => Weighed::Fault,
            (CompiledAdmits::Policies(policies), Identified::Proven(_)) => {
                let inquiry = OnceCell::new();
                for policy in policies {
                    match self.policy(*policy, matter, view, &inquiry) {
                        Answer::Yes => {}
                        Answer::No => return Weighed::Refused,
                        Answer::Fault => return Weighed::Fault,
                    }
                }
                Weighed::Admitted
            }
        }
    }

    /// What the rule on a target says, and which rule that is. Without a rule everybody is refused.
    pub(crate) fn target(
        &self,
        rules: &'a ServerRules,
        kind: Kind,
        name: &str,
        view: View,
    ) -> (Weighed, Option<&'a CompiledRule>) {
        match rules.find(kind, name) {
            Some(rule) => (self.admits(&rule.admits, Matter::Target(rules.name(), kind, name), view), Some(rule)),
            None if matches!(self.who, Identified::Absent) => (Weighed::NeedsCaller, None),
            None => (Weighed::Refused, None),
        }
    }

    /// Whether any rule of the server, other than the one on discovery, shows this caller something.
    pub(crate) fn anything(&self, rules: &ServerRules) -> Weighed {
        let mut fault = false;
        for rule in rules.rules() {
            let (Some(kind), Some(pattern)) = (rule.matches.kind(), rule.matches.pattern()) else {
                continue;
            };
            match self.admits(&rule.admits, Matter::Target(rules.name(), kind, pattern.as_str()), View::Visible) {
                Weighed::Admitted => return Weighed::Admitted,
                Weighed::Fault => fault = true,
                Weighed::NeedsCaller | Weighed::Refused => {}
            }
        }
        match self.who {
            _ if fault => Weighed::Fault,
            Identified::Absent => Weighed::NeedsCaller,
            Identified::Proven(_) => Weighed::Refused,
        }
    }

    /// What a policy says of the caller. Cedar is asked only where nothing is remembered, and the inquiry is put
    /// together once for all policies of a rule.
    fn policy(&self, index: usize, matter: Matter<'_>, view: View, inquiry: &OnceCell<Option<Inquiry>>) -> Answer {
        let shelf = self.book.shelf();
        let Some(policy) = shelf.get(index) else {
            return Answer::Fault;
        };
        // Without scopes both views are one, and so is what is remembered of them.
        let view = if policy.reads_scopes() { view } else { View::Full };
        if let Some(answer) = self.known.as_ref().and_then(|known| known.get(index, view)) {
            return answer;
        }
        let Some(inquiry) = inquiry.get_or_init(|| self.inquiry(matter)) else {
            return Answer::Fault;
        };
        let answer = policy.ask(view, inquiry, shelf.authorizer());
        if let Some(known) = &self.known {
            known.set(index, view, answer);
        }
        answer
    }

    fn inquiry(&self, matter: Matter<'_>) -> Option<Inquiry> {
        let shelf = self.book.shelf();
        let build = || match self.who {
            Identified::Proven(caller) => Subject::new(caller, shelf.claims(), shelf.types()),
            Identified::Absent => None,
        };
        let subject = self.subject.get_or_init(build).as_ref()?;
        Inquiry::new(subject, matter.place(), shelf.types())
    }
}

impl Matter<'_> {
    /// The action and resource: `Action::"crm/tool/customerData"` on `Target::"crm/tool/customerData"`.
    fn place(&self) -> Place<'_> {
        match self {
            Self::Target(server, kind, name) => {
                Place { id: schema::action_id(server, *kind, name), server: server.as_str(), kind: kind.as_str(), name }
            }
            Self::Discovery(server) => Place {
                id: format!("{server}/{}", Match::Discovery),
                server: server.as_str(),
                kind: "discovery",
                name: "",
            },
            Self::Path(label) => Place { id: (*label).to_owned(), server: "", kind: "path", name: label },
        }
    }
}
