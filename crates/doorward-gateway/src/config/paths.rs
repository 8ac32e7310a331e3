//! Rules on HTTP paths: `paths`.

use doorward_policy::{PathAdmits, PathPattern, PathRule};

use super::decode::{Decoder, FromNode, OneOrMany};
use super::policies::PolicyRef;
use super::scalar::word;
use super::section::Section;
use super::shape::{Form, Shape, Word, all_of};
use super::source::quoted;
use super::table::{Key, Table, Term};
use super::yaml::{At, Node, Value};

const PATH: Form = Form { what: "a path", example: "/mcp/crm", pattern: "^/[^%\\\\;?#\\s]*$" };

const PATTERN: Key<Path> =
    Key::required("path", "The path; `*` is one segment, a final `**` is any rest, also none: `/mcp/ops/**`.");
const ALLOW: Key<Any> = Key::optional("allow", "`any`: the server's own rules decide.");
const POLICY: Key<OneOrMany<PolicyRef>> = Key::optional("policy", "The policies that a caller must all meet.");

static PATH_RULE: Table = Table {
    name: "path_rule",
    what: "a path rule",
    doc: "A rule on HTTP paths, before any server. The first match wins.",
    example: "{ path: /mcp/crm, allow: any }",
    keys: &[PATTERN.info, ALLOW.info, POLICY.info],
    terms: &[Term::ExactlyOne(&["allow", "policy"])],
};

struct Path(PathPattern);

impl FromNode for Path {
    const SHAPE: Shape = Shape::Text(&PATH);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &PATH)?;
        match text.parse::<PathPattern>() {
            Ok(pattern) => Some(Self(pattern)),
            Err(error) => {
                let error = error.to_string();
                let (why, fix) = error.split_once("; ").unwrap_or((&error, "write one such as `/mcp/crm`"));
                d.refuse(node.at, format!("{} is not a path: {why}", quoted(text)), fix)
            }
        }
    }
}

struct Any;

impl FromNode for Any {
    const SHAPE: Shape = Shape::Words(&[Word { name: "any", doc: "The server's own rules decide." }]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Scalar { text, .. } = &node.value
            && text == "anonymous"
        {
            return d.refuse(
                node.at,
                "a path rule has no `anonymous`: whether a call needs a login is a matter of its server's rules",
                "write `allow: any`",
            );
        }
        word(node, &Self::SHAPE, &[("any", ())], d).map(|()| Self)
    }
}

struct OneRule(PathRule);

impl FromNode for OneRule {
    const SHAPE: Shape = Shape::Table(|| &PATH_RULE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &PATH_RULE, d)?;
        let path = section.get(&PATTERN, d);
        let allow = section.get(&ALLOW, d);
        let policy = section.get(&POLICY, d);
        let admits = match (allow, policy) {
            (Some(Any), None) => PathAdmits::Any,
            (None, Some(OneOrMany(names))) => {
                PathAdmits::Policies(names.into_iter().map(|PolicyRef(name)| name).collect())
            }
            _ => return None,
        };
        path.map(|Path(path)| Self(PathRule { path, admits }))
    }
}

/// The path rules, in their order.
#[derive(Default)]
pub(super) struct Paths(pub(super) Vec<PathRule>);

impl FromNode for Paths {
    const SHAPE: Shape = Vec::<OneRule>::SHAPE;

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        refuse_dead(node, d);
        Vec::<OneRule>::read(node, d).map(|rules| Self(rules.into_iter().map(|OneRule(rule)| rule).collect()))
    }
}

/// Refuses rules that can match nothing, because no server is there or an earlier rule takes all of them, and warns
/// of servers that no rule leads to.
fn refuse_dead(node: &Node, d: &mut Decoder<'_>) {
    let Value::List(items) = &node.value else {
        return;
    };
    let served = d.served.take();
    let mut earlier: Vec<(PathPattern, At)> = Vec::new();
    for item in items {
        let Some(node) = item.get(PATTERN.info.name) else {
            continue;
        };
        let Value::Scalar { text, .. } = &node.value else {
            continue;
        };
        let Ok(pattern) = text.parse::<PathPattern>() else {
            continue;
        };
        let first = earlier.iter().find(|(first, _)| covers(first, &pattern));
        if let Some((_, At::Text(first))) = first {
            let line = first.start.line;
            d.refuse::<()>(
                node.at,
                format!("this rule can match nothing: line {line} takes every path of {}", quoted(text)),
                "move it before that rule, or remove it",
            );
        } else if let Some(served) = &served
            && !served.iter().any(|path| pattern.matches(segments(path)))
        {
            d.refuse::<()>(
                node.at,
                format!("this rule can match nothing: no server is at {}", quoted(text)),
                format!("servers are at {}", all_of(served.iter().map(String::as_str))),
            );
        }
        earlier.push((pattern, node.at));
    }
    for path in served.iter().flatten() {
        if !earlier.is_empty() && !earlier.iter().any(|(pattern, _)| pattern.matches(segments(path))) {
            d.warn(
                super::decode::head(node.at),
                format!("no path rule leads to `{path}`, so nobody reaches its server"),
                format!("add `- {{ path: {path}, allow: any }}`"),
            );
        }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// Does `wide` govern every path of `narrow`? A segment that no pattern can name stands for each free one.
fn covers(wide: &PathPattern, narrow: &PathPattern) -> bool {
    const ANY: &str = "\0";
    let narrow = narrow.to_string();
    let (fixed, rest) = match narrow.strip_suffix("/**") {
        Some(fixed) => (fixed, true),
        None => (narrow.as_str(), false),
    };
    let fixed: Vec<&str> = if fixed.is_empty() && rest {
        Vec::new()
    } else {
        segments(fixed).map(|segment| if segment == "*" { ANY } else { segment }).collect()
    };
    // Beyond the length of the wider pattern, more segments change nothing.
    let extra = if rest { wide.to_string().split('/').count() } else { 0 };
    (0..=extra).all(|extra| wide.matches(fixed.iter().copied().chain(std::iter::repeat_n(ANY, extra))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_path_covers_what_it_governs() {
        for (wide, narrow, expected) in [
            ("/**", "/mcp/crm", true),
            ("/**", "/**", true),
            ("/mcp/**", "/mcp/*", true),
            ("/mcp/**", "/mcp", true),
            ("/mcp/*", "/mcp/crm", true),
            ("/mcp/*", "/mcp/crm/**", false),
            ("/mcp/crm", "/mcp/*", false),
            ("/mcp/crm", "/mcp/crm", true),
            ("/mcp/ops/**", "/mcp/**", false),
        ] {
            let pattern = |text: &str| text.parse::<PathPattern>().unwrap();
            assert_eq!(covers(&pattern(wide), &pattern(narrow)), expected, "{wide} over {narrow}");
        }
    }
}
