//! The rules in use, with everything that outlives one decision.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use doorward_identity::Identified;
use doorward_wire::{CanonicalPath, ListKind, Message, ParseError, ServerName, Target, ToolHeaders};

use crate::book::{RuleBook, Weighed, Weighing};
use crate::catalogue::Catalogue;
use crate::cedar::View;
use crate::decide::{Denial, PathPermit, Refusal};
use crate::interceptor::{Interceptor, Interceptors, Timer};
use crate::limits::{Clock, LimitSettings, Limits, Pace};
use crate::principal::Principal;
use crate::rule::Kind;
use crate::tasks::TaskRegistry;

/// What a [`Policy`] needs beside its rules.
#[derive(Clone, Debug)]
pub struct PolicySettings {
    /// The limits that stand in no rule.
    pub limits: LimitSettings,
    /// How long one interceptor may take. 5 seconds by default.
    pub patience: Duration,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self { limits: LimitSettings::default(), patience: Duration::from_secs(5) }
    }
}

/// Decides who may do what, now: the [`RuleBook`] in use, the interceptors, and the memory of limits and tasks.
pub struct Policy {
    /// Read on each decision, written when something changes.
    book: RwLock<RuleBook>,
    /// Held while a book is made from the one in use, so that no change is lost.
    changing: Mutex<()>,
    interceptors: Interceptors,
    limits: Limits,
    tasks: TaskRegistry,
}

impl Policy {
    /// A policy with these rules and without interceptors.
    #[must_use]
    pub fn new(book: RuleBook, settings: PolicySettings, clock: Clock, timer: Timer) -> Self {
        Self {
            book: RwLock::new(book),
            changing: Mutex::new(()),
            interceptors: Interceptors::new(timer, settings.patience),
            limits: Limits::new(settings.limits, clock),
            tasks: TaskRegistry::default(),
        }
    }

    /// Adds an interceptor after those that are there.
    #[must_use]
    pub fn with_interceptor(mut self, interceptor: Arc<dyn Interceptor>) -> Self {
        self.interceptors.push(interceptor);
        self
    }

    /// The rules in use.
    #[must_use]
    pub fn book(&self) -> RuleBook {
        self.book.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other rules into use. Decisions that are under way end by the old ones; limits and tasks stay.
    pub fn replace(&self, book: RuleBook) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.put(book);
    }

    /// Takes in one page of what a server lists, unfiltered as it came. Returns whether anything was new, so that the
    /// [catalogue](Policy::catalogue) should be stored.
    ///
    /// Nothing has to be learnt to be governed: a rule holds for whatever name it matches, also one that was added a
    /// moment ago (CVE-2026-44998). A page that can't be read teaches nothing.
    pub fn learn(&self, server: &ServerName, kind: ListKind, page: &Message) -> bool {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let book = self.book();
        let Some(mut catalogue) = book.catalogue(server).cloned() else {
            return false;
        };
        let Ok(mut merged) = catalogue.merge(kind, page) else {
            return false;
        };
        if merged.dropped > 0 {
            // No room: what this server offers no longer makes some.
            let keys: BTreeSet<String> = page
                .entries(kind)
                .map(|entries| entries.into_iter().map(|entry| entry.key.into_owned()).collect())
                .unwrap_or_default();
            merged.changed |= catalogue.forget_others(kind, &keys);
            merged.changed |= catalogue.merge(kind, page).is_ok_and(|again| again.changed);
        }
        if merged.changed {
            self.put(book.with_catalogue(server, catalogue));
        }
        merged.changed
    }

    /// What is known of a server: to be stored, and to be compiled with after a restart.
    #[must_use]
    pub fn catalogue(&self, server: &ServerName) -> Option<Catalogue> {
        self.book().catalogue(server).cloned()
    }

    /// Whether the server has told of this target, so that its name may be written down.
    #[must_use]
    pub fn knows(&self, server: &ServerName, target: &Target) -> bool {
        self.book().catalogue(server).is_some_and(|catalogue| catalogue.knows(target))
    }

    /// Whether the target declares a top-level argument of this name, so that the name may be written down.
    #[must_use]
    pub fn knows_argument(&self, server: &ServerName, target: &Target, argument: &str) -> bool {
        self.book().catalogue(server).is_some_and(|catalogue| catalogue.known_argument(target, argument))
    }

    /// Which arguments of a called tool are mirrored in headers, as far as the server has told.
    #[must_use]
    pub fn tool_headers(&self, server: &ServerName, target: &Target) -> Option<Arc<ToolHeaders>> {
        match target {
            Target::Tool(name) => self.book().catalogue(server)?.tool_headers(name).cloned(),
            _ => None,
        }
    }

    /// Whether a tool may not be offered over HTTP in the modern era, for its header annotations break the rules
    /// (checklist C06).
    #[must_use]
    pub fn hides(&self, server: &ServerName, tool: &str) -> bool {
        self.book().catalogue(server).is_some_and(|catalogue| catalogue.has_bad_headers(tool))
    }

    /// Whether a caller may know of a target: the same decision as for a call of it, with conditions on scope in the
    /// caller's favour. Whatever is permitted is visible.
    #[must_use]
    pub fn visible(&self, who: &Identified, server: &ServerName, target: &Target) -> bool {
        let book = self.book();
        let weighing = Weighing::new(&book, who);
        let see = |kind, name: &str| sees(&weighing, server, kind, name);
        match target {
            Target::Tool(name) => see(Kind::Tool, name),
            Target::Prompt(name) | Target::PromptRef(name) => see(Kind::Prompt, name),
            Target::Resource(uri) | Target::ResourceRef(uri) => see(Kind::Resource, uri),
            Target::Resources(uris) => uris.iter().all(|uri| see(Kind::Resource, uri)),
            Target::Task(_) | Target::None => false,
        }
    }

    /// Whether an entry of a list may be shown: a tool or prompt by its name, a resource or template by its URI.
    #[must_use]
    pub fn keep(&self, principal: &Principal, server: &ServerName, kind: ListKind, key: &str) -> bool {
        let book = self.book();
        let who = principal.identified();
        sees(&Weighing::new(&book, &who), server, kind_of(kind), key)
    }

    /// The answer to a list request with only the entries that the principal may see. It is marked as private to the
    /// caller in any case, for another would get another (checklist A49).
    ///
    /// # Errors
    ///
    /// When the message is no such answer. It must not be sent then.
    pub fn screen(
        &self,
        principal: &Principal,
        server: &ServerName,
        kind: ListKind,
        answer: &Message,
    ) -> Result<Message, ParseError> {
        let book = self.book();
        let who = principal.identified();
        let weighing = Weighing::new(&book, &who);
        let mut keep = |key: &str| sees(&weighing, server, kind_of(kind), key);
        let kept = answer.retain(kind, &mut keep)?;
        let kept = kept.unwrap_or_else(|| answer.clone());
        Ok(kept.private_cache().unwrap_or(kept))
    }

    /// Asks the rules on HTTP paths, before any server.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn path(&self, path: &CanonicalPath, who: &Identified) -> Result<PathPermit, Denial> {
        let book = self.book();
        Ok(PathPermit::check(&Weighing::new(&book, who), path)?)
    }

    /// The proof about paths at a door that has none, such as stdio.
    #[must_use]
    pub fn without_path(&self, who: &Identified) -> PathPermit {
        PathPermit::without_path(who)
    }

    /// The first of the two places of limits: one use for the address, the caller and the client.
    ///
    /// # Errors
    ///
    /// When one of them has used up its rate: says when to come back.
    pub fn throttle(&self, address: Option<IpAddr>, who: &Identified) -> Result<Pace, Denial> {
        Ok(self.limits.throttle(address, who).map_err(Refusal::from)?)
    }

    /// Whether somebody without a credential may discover a server, and so open a legacy session.
    #[must_use]
    pub fn may_discover_anonymously(&self, server: &ServerName) -> bool {
        let book = self.book();
        let weighing = Weighing::new(&book, &Identified::Absent);
        book.server(server).is_some_and(|rules| crate::decide::discovery(&weighing, rules).is_ok())
    }

    /// The tasks that permitted calls began.
    #[must_use]
    pub fn tasks(&self) -> &TaskRegistry {
        &self.tasks
    }

    pub(crate) fn interceptors(&self) -> &Interceptors {
        &self.interceptors
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn put(&self, book: RuleBook) {
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = book;
    }
}

fn sees(weighing: &Weighing<'_>, server: &ServerName, kind: Kind, name: &str) -> bool {
    weighing
        .book()
        .server(server)
        .is_some_and(|rules| weighing.target(rules, kind, name, View::Visible).0 == Weighed::Admitted)
}

fn kind_of(kind: ListKind) -> Kind {
    match kind {
        ListKind::Tools => Kind::Tool,
        ListKind::Prompts => Kind::Prompt,
        ListKind::Resources | ListKind::ResourceTemplates => Kind::Resource,
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("book", &self.book()).finish_non_exhaustive()
    }
}
