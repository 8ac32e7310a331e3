//! May they?
//!
//! A person writes named [policies](Require) and [rules](Rule); [`RuleBook::compile`] makes Cedar policies of them and
//! reports every mistake at once. [`Policy::decide`] then answers for each call with a [`Permit`] or a [`Denial`], and
//! the very same decision function screens lists ([`Policy::screen`]):
//!
//! - permitted implies listed, and what is not listed is answered as unknown;
//! - a rule is chosen by method and name alone, the first match wins, and no match is a refusal;
//! - for visibility, each condition on scope takes the value that favours the caller;
//! - any error in a policy, an interceptor or a look-up is a refusal.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use doorward_policy::{Admits, Catalogues, Kind, LogShape, Match, Pattern, Require, Rule, RuleBook, Source};
//!
//! let source = Source {
//!     policies: BTreeMap::from([("Admins".to_owned(), Require::Role("Admin".to_owned()))]),
//!     servers: BTreeMap::from([(
//!         "crm".parse()?,
//!         vec![
//!             Rule {
//!                 matches: Match::Tool("admin*".parse()?),
//!                 admits: Admits::Policies(vec!["Admins".to_owned()]),
//!                 limit: Some("30/min".parse()?),
//!                 log: LogShape::Shape,
//!             },
//!             Rule {
//!                 matches: Match::Tool(Pattern::any()),
//!                 admits: Admits::Authenticated,
//!                 limit: None,
//!                 log: LogShape::Shape,
//!             },
//!         ],
//!     )]),
//!     ..Source::default()
//! };
//! let book = RuleBook::compile(source, &Catalogues::new()).expect("a sound source");
//! let rule = book.governing(&"crm".parse()?, Kind::Tool, "adminReset").expect("a rule");
//! assert_eq!(rule.label(), "rules[0] tool admin*");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate does no I/O, starts nothing and reads no clock: time, timers and what is remembered come from outside.

mod book;
mod catalogue;
mod cedar;
mod decide;
mod error;
mod interceptor;
mod limits;
mod path;
mod pattern;
mod policy;
mod principal;
mod rate;
mod require;
mod resource;
mod rule;
mod table;
mod tasks;

pub use book::{Catalogues, RuleBook, RuleRef};
pub use catalogue::{BadCatalogue, Catalogue, CatalogueLog, CatalogueLogError, Merged};
pub use decide::{Attendance, Denial, Denied, ExchangeTicket, PathPermit, Permit, Question};
pub use error::PolicyError;
pub use interceptor::{InterceptError, Intercepted, Interceptor, Timer, Verdict};
pub use limits::{Clock, LimitSettings, Pace, Slot, TooFast};
pub use path::{PathPattern, PathPatternError};
pub use pattern::{Pattern, PatternError};
pub use policy::{Policy, PolicySettings};
pub use principal::{Anonymous, Principal};
pub use rate::{Rate, RateError};
pub use require::Require;
pub use rule::{Admits, Kind, LogShape, Match, PathAdmits, PathRule, Rule, Source};
pub use table::{Row, governs};
pub use tasks::{TaskRefused, TaskRegistry};
