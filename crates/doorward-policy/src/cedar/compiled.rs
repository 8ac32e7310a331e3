//! One named policy, compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{Authorizer, Decision, PolicySet, Schema, ValidationMode, ValidationWarning, Validator};
use doorward_identity::ClaimType;

use crate::cedar::inquiry::Inquiry;
use crate::cedar::{schema, text};
use crate::require::Require;

/// Which of the two readings of a policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum View {
    /// May the caller do this now?
    Full,
    /// May the caller know that it is there? Conditions on scope favour the caller. Whatever [`View::Full`] permits,
    /// this permits too.
    Visible,
}

/// What a policy says of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Permitted.
    Yes,
    /// Not permitted.
    No,
    /// It could not be evaluated, which is never a permission.
    Fault,
}

/// A named policy, parsed and strictly validated in both views.
///
/// What stands here reads the caller alone, so its answer is the same for every action and may be remembered for a
/// caller. A policy that reads arguments would be compiled once for each action, against that action's own schema,
/// and never remembered.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) name: Arc<str>,
    /// The text of the full view, as `policy show` prints it.
    pub(crate) text: String,
    /// The scopes that may be asked for where this policy refuses.
    pub(crate) wanted: BTreeSet<String>,
    full: PolicySet,
    /// `None` where no condition reads a scope, so that both views are one.
    visible: Option<PolicySet>,
}

impl Compiled {
    /// Compiles a policy, or says what Cedar has against it.
    pub(crate) fn new(name: &str, require: &Require, validator: &Validator) -> Result<Self, Vec<String>> {
        let source = text::policy(name, require, View::Full);
        let shown = text::policy(name, require, View::Visible);
        let full = parse(&source, validator)?;
        let visible = if shown == source { None } else { Some(parse(&shown, validator)?) };
        Ok(Self { name: name.into(), text: source, wanted: require.wanted_scopes(), full, visible })
    }

    /// Whether the two views of the policy can differ.
    pub(crate) fn reads_scopes(&self) -> bool {
        self.visible.is_some()
    }

    /// Asks Cedar. Any error, also one that only the diagnostics hold, is a [`Answer::Fault`].
    pub(crate) fn ask(&self, view: View, inquiry: &Inquiry, authorizer: &Authorizer) -> Answer {
        let set = match (view, &self.visible) {
            (View::Visible, Some(visible)) => visible,
            (View::Visible, None) | (View::Full, _) => &self.full,
        };
        let response = authorizer.is_authorized(&inquiry.request, set, &inquiry.entities);
        if response.diagnostics().errors().next().is_some() {
            return Answer::Fault;
        }
        match response.decision() {
            Decision::Allow => Answer::Yes,
            Decision::Deny => Answer::No,
        }
    }
}

/// The validator for policies that read the caller alone: one action stands for all of them, since they can't tell
/// actions apart.
pub(crate) fn validator(claims: &BTreeMap<String, ClaimType>) -> Result<Validator, String> {
    let text = schema::entities(claims) + &schema::action("any", &BTreeMap::new());
    let (schema, _) = Schema::from_cedarschema_str(&text).map_err(|error| one_line(&error))?;
    Ok(Validator::new(schema))
}

fn parse(text: &str, validator: &Validator) -> Result<PolicySet, Vec<String>> {
    let set: PolicySet = text.parse().map_err(|error| vec![one_line(&error)])?;
    let result = validator.validate(&set, ValidationMode::Strict);
    let mut errors: Vec<String> = result.validation_errors().map(|error| one_line(error)).collect();
    errors.extend(
        result
            .validation_warnings()
            .filter(|warning| matches!(warning, ValidationWarning::ImpossiblePolicy(_)))
            .map(|warning| one_line(warning)),
    );
    if errors.is_empty() { Ok(set) } else { Err(errors) }
}

fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use cedar_policy::{Context, Entities, Entity, EntityUid, Request};

    use super::*;

    fn ask(set: &str) -> Answer {
        let policy = Compiled {
            name: "P".into(),
            text: String::new(),
            wanted: BTreeSet::new(),
            full: set.parse().expect("Cedar"),
            visible: None,
        };
        let uid = |text: &str| text.parse::<EntityUid>().expect("an id");
        let (caller, action, target) = (uid("Caller::\"c\""), uid("Action::\"a\""), uid("Target::\"t\""));
        let entity = Entity::new_no_attrs(caller.clone(), HashSet::new());
        let inquiry = Inquiry {
            request: Request::new(caller, action, target, Context::empty(), None).expect("a request"),
            entities: Entities::from_entities([entity], None).expect("entities"),
        };
        policy.ask(View::Full, &inquiry, &Authorizer::new())
    }

    #[test]
    fn a_forbid_forbids() {
        assert_eq!(ask("permit(principal, action, resource);"), Answer::Yes);
        assert_eq!(ask("permit(principal, action, resource); forbid(principal, action, resource);"), Answer::No);
        assert_eq!(ask("forbid(principal, action, resource);"), Answer::No);
    }

    /// Cedar skips what fails, and would allow here.
    #[test]
    fn ghsa_hm46_7j72_rpv9_a_policy_that_fails_is_a_fault_and_never_an_allow() {
        let permit = "permit(principal, action, resource);";
        let failing = "forbid(principal, action, resource) when { principal.missing == 1 };";
        assert_eq!(ask(&format!("{permit}{failing}")), Answer::Fault);
        assert_eq!(ask("permit(principal, action, resource) when { principal.missing == 1 };"), Answer::Fault);
    }

    #[test]
    fn strict_validation_demands_has_and_types() {
        let claims = BTreeMap::from([("region".to_owned(), ClaimType::String)]);
        let validator = validator(&claims).expect("a schema");
        let check = |when: &str| {
            parse(&format!("permit(principal is Caller, action, resource is Target) when {{ {when} }};"), &validator)
        };
        assert!(check("principal has region && principal.region == \"eu\"").is_ok());
        for bad in [
            "principal.region == \"eu\"",
            "principal has region && principal.region == 1",
            "principal.height == 1",
            "principal.roles == 1",
            "context.args.x == 1",
            "false",
        ] {
            let errors = check(bad).expect_err(bad);
            assert!(errors.iter().all(|error| !error.contains('\n')), "{errors:?}");
        }
    }
}
