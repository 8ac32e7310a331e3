//! Conditions as Cedar text.

use doorward_identity::ClaimValue;

use crate::cedar::compiled::View;
use crate::cedar::schema::literal;
use crate::require::Require;

/// Words that Cedar does not take as a bare attribute name.
const KEYWORDS: [&str; 9] = ["true", "false", "if", "then", "else", "in", "is", "like", "has"];

/// One named policy as a Cedar policy.
pub(crate) fn policy(name: &str, require: &Require, view: View) -> String {
    format!(
        "@id({})\npermit(principal is Caller, action, resource is Target)\nwhen {{ {} }};\n",
        literal(name),
        condition(require, view, true)
    )
}

/// The condition as an expression. For [`View::Visible`] a condition on scope takes the value that favours the
/// caller: true, and false where an odd number of `not` stands before it.
fn condition(require: &Require, view: View, positive: bool) -> String {
    match require {
        Require::Authenticated => "true".to_owned(),
        Require::Role(role) => format!("principal.roles.contains({})", literal(role)),
        Require::AnyRole(roles) => format!("principal.roles.containsAny({})", set(roles)),
        Require::Scope(scope) => match view {
            View::Full => format!("principal.scopes.contains({})", literal(scope)),
            View::Visible if positive => "true".to_owned(),
            View::Visible => "false".to_owned(),
        },
        Require::Claim { name, equals } => claim(name, equals),
        Require::All(parts) => join(parts, " && ", view, positive),
        Require::Any(parts) => join(parts, " || ", view, positive),
        Require::Not(inner) => format!("!({})", condition(inner, view, !positive)),
    }
}

fn join(parts: &[Require], operator: &str, view: View, positive: bool) -> String {
    let parts: Vec<String> = parts.iter().map(|part| condition(part, view, positive)).collect();
    format!("({})", parts.join(operator))
}

fn claim(name: &str, equals: &ClaimValue) -> String {
    let (has, attribute) = if is_identifier(name) {
        (name.to_owned(), format!("principal.{name}"))
    } else {
        (literal(name), format!("principal[{}]", literal(name)))
    };
    let holds = match equals {
        ClaimValue::String(text) => format!("{attribute} == {}", literal(text)),
        // The parser takes the digits of a literal first and its sign after, so the smallest number has no literal.
        ClaimValue::Integer(i64::MIN) => format!("{attribute} < {}", i64::MIN + 1),
        ClaimValue::Integer(number) => format!("{attribute} == {number}"),
        ClaimValue::Bool(value) => format!("{attribute} == {value}"),
        // Strict validation takes no empty set, for it has no type.
        ClaimValue::Strings(values) if values.is_empty() => format!("{attribute}.isEmpty()"),
        ClaimValue::Strings(values) => format!("{attribute} == {}", set(values)),
    };
    format!("(principal has {has} && {holds})")
}

fn set<'a>(values: impl IntoIterator<Item = &'a String>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| literal(value)).collect();
    format!("[{}]", values.join(", "))
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with("__")
        && !KEYWORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_a_person_would_write() {
        let require = Require::All(vec![
            Require::Role("Admin".into()),
            Require::Not(Box::new(Require::Scope("readonly".into()))),
            Require::Claim { name: "region".into(), equals: ClaimValue::String("eu".into()) },
        ]);
        assert_eq!(
            policy("OnlyAdmins", &require, View::Full),
            "@id(\"OnlyAdmins\")\npermit(principal is Caller, action, resource is Target)\nwhen { \
             (principal.roles.contains(\"Admin\") && !(principal.scopes.contains(\"readonly\")) && \
             (principal has region && principal.region == \"eu\")) };\n"
        );
    }

    #[test]
    fn for_visibility_a_scope_favours_the_caller_on_both_sides_of_not() {
        let scope = || Require::Scope("s".into());
        let shown = |require: &Require| condition(require, View::Visible, true);
        assert_eq!(shown(&scope()), "true");
        assert_eq!(shown(&Require::Not(Box::new(scope()))), "!(false)");
        assert_eq!(shown(&Require::Not(Box::new(Require::Not(Box::new(scope()))))), "!(!(true))");
    }
}
