//! The last stage: the limits of tools, servers and callers have room.

use std::sync::Arc;

use doorward_wire::Kind as MessageKind;

use super::Question;
use super::consulted::Consulted;
use super::denial::{Denial, Refusal};
use super::subjects::SubjectOf;
use crate::book::{CompiledRule, RuleRef, ServerRules};
use crate::limits::{Account, Limits, Pace, Slot, TargetKey};
use crate::principal::Principal;
use crate::rule::{Kind, LogShape};
use crate::table::Row;

/// The proof that a call was counted, with the place that it takes.
pub(super) struct Limited {
    pub(super) principal: Principal,
    pub(super) subjects: Vec<SubjectOf>,
    pub(super) row: Row,
    pub(super) rule: Option<RuleRef>,
    pub(super) log: LogShape,
    pub(super) slot: Slot,
    /// Nobody else makes one.
    _proof: Proof,
}

struct Proof;

impl Limited {
    pub(super) fn count(
        consulted: Consulted,
        pace: &Pace,
        question: &Question<'_>,
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        if !pace.is_of(&question.who) {
            return Err(Refusal::new(Denial::Fault("the pace was taken for somebody else")));
        }
        let (rules, principal, row, subjects) = consulted.into_scoped().into_parts();
        let account = pace.account();
        // The place first: it is given back if a rate refuses, while a counted use is not.
        let slot = place(row, question, account, limits)?;
        let mut first = None;
        for subject in &subjects {
            let Some(rule) = rules.find(subject.kind, &subject.name) else {
                return Err(Refusal::policy_fault());
            };
            let known = rules.is_known(subject.kind, &subject.name);
            let name = if known { Arc::clone(&subject.name) } else { rule.rule.shared_label() };
            count(rule, Some(subject.kind), name, &rules, account, limits)?;
            first = first.or(Some(rule));
        }
        if row == Row::Discovery
            && let Some(rule) = rules.discovery()
        {
            count(rule, None, rule.rule.shared_label(), &rules, account, limits)?;
            first = Some(rule);
        }
        if row != Row::Exchange {
            limits.server(rules.name())?;
        }
        Ok(Self {
            rule: first.map(|rule| rule.rule.clone()),
            log: first.map_or_else(LogShape::default, |rule| rule.log),
            principal,
            subjects,
            row,
            slot,
            _proof: Proof,
        })
    }
}

/// Requests take a place until they are answered, streams until they end; notifications and answers take none.
fn place(row: Row, question: &Question<'_>, account: &Account, limits: &Limits) -> Result<Slot, Refusal> {
    let message = question.call.message();
    let bytes = message.bytes().len();
    let slot = match (row, message.kind()) {
        (Row::Listen, _) => limits.stream(account, bytes),
        (_, MessageKind::Request { .. }) => limits.request(account, bytes),
        _ => limits.passing(account, bytes),
    };
    Ok(slot?)
}

/// Counts one use of a target on its rule's limit. Names that the server has not told of share one count, the one of
/// the rule's label, so that made-up names are no way around it.
fn count(
    rule: &CompiledRule,
    kind: Option<Kind>,
    name: Arc<str>,
    rules: &ServerRules,
    account: &Account,
    limits: &Limits,
) -> Result<(), Refusal> {
    let Some(rate) = rule.limit else {
        return Ok(());
    };
    let key = TargetKey { server: rules.name().clone(), account: account.clone(), kind, name };
    limits.target(rate, &key).map_err(|limit| Refusal::from(limit).by(Some(&rule.rule)))
}
