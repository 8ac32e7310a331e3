//! From nodes to typed values, collecting every mistake on the way.
//!
//! The rule of every reader here: `None` means that at least one mistake was recorded. So a value is complete or
//! absent, and nothing has to be guarded against twice.

use std::collections::BTreeSet;
use std::path::Path;

use super::shape::{Form, Shape};
use super::source::{Finding, quoted};
use super::surroundings::Surroundings;
use super::table::Table;
use super::yaml::{At, Node, Span, Value, is_number, is_truth};

/// A type that can be read from a node.
pub(super) trait FromNode: Sized {
    /// What may be written for it.
    const SHAPE: Shape;

    /// Reads it; `None` when a mistake was recorded.
    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self>;
}

/// What reading gathers, and what it needs of the machine.
pub(super) struct Decoder<'a> {
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<Finding>,
    pub(super) hidden: Vec<Span>,
    pub(super) around: &'a dyn Surroundings,
    /// Relative paths of the file start here.
    pub(super) base: &'a Path,
    /// The names of `policies`, known before rules are read.
    pub(super) policies: BTreeSet<String>,
    /// The claims of `identity.claims`, known before policies and issuers are read.
    pub(super) claims: super::identity::ClaimTypes,
    /// The paths of the servers, once their names are known.
    pub(super) served: Option<Vec<String>>,
    /// The gateway's own URL, when it is configured, without a final slash.
    pub(super) own_url: Option<String>,
    /// URLs that keys will be fetched from: what the outbound guard will refuse is better said now.
    pub(super) fetched: Vec<(At, url::Url)>,
    /// The root table, to say where a misplaced key belongs.
    pub(super) root: &'static Table,
    #[cfg(test)]
    pub(super) taken: BTreeSet<(&'static str, &'static str)>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(around: &'a dyn Surroundings, base: &'a Path, root: &'static Table) -> Self {
        Self {
            findings: Vec::new(),
            notes: Vec::new(),
            hidden: Vec::new(),
            around,
            base,
            policies: BTreeSet::new(),
            claims: super::identity::ClaimTypes::new(),
            served: None,
            own_url: None,
            fetched: Vec::new(),
            root,
            #[cfg(test)]
            taken: BTreeSet::new(),
        }
    }

    /// Records a mistake. Returns `None`, so that a reader can end with it.
    pub(super) fn refuse<T>(&mut self, at: At, text: impl Into<String>, fix: impl Into<String>) -> Option<T> {
        self.findings.push(Finding::new(at, text, fix));
        None
    }

    /// Records a warning.
    pub(super) fn warn(&mut self, at: At, text: impl Into<String>, fix: impl Into<String>) {
        self.notes.push(Finding::new(at, text, fix));
    }

    /// Never shows this node's text.
    pub(super) fn hide(&mut self, node: &Node) {
        if let At::Text(span) = node.at {
            self.hidden.push(span);
        }
    }

    /// The node holds something of another kind than `shape`.
    pub(super) fn mismatch<T>(&mut self, node: &Node, shape: &Shape) -> Option<T> {
        self.unexpected(node, &shape.what(), &shape.example())
    }

    pub(super) fn unexpected<T>(&mut self, node: &Node, what: &str, example: &str) -> Option<T> {
        if matches!(node.value, Value::Broken) {
            return None;
        }
        let at = head(node.at);
        self.refuse(at, format!("expected {what}, found {}", node.kind()), format!("write `{example}`"))
    }

    /// The text of a node, where numbers and truth values must be in quotes to be text.
    pub(super) fn text<'n>(&mut self, node: &'n Node, form: &'static Form) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { .. } if node.is_nothing() => self.mismatch(node, &Shape::Text(form)),
            Value::Scalar { text, plain: true } if is_truth(text) || is_number(text) => self.refuse(
                node.at,
                format!("expected {}, found {}", form.what, node.kind()),
                format!("put it in quotes if it is meant as text: `\"{text}\"`"),
            ),
            Value::Scalar { text, .. } => self.untemplated(node, text),
            _ => self.mismatch(node, &Shape::Text(form)),
        }
    }

    /// The text of a node as it stands, numbers and truth values included.
    pub(super) fn verbatim<'n>(&mut self, node: &'n Node, shape: &Shape) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { .. } if node.is_nothing() => self.mismatch(node, shape),
            Value::Scalar { text, .. } => self.untemplated(node, text),
            _ => self.mismatch(node, shape),
        }
    }

    /// Refuses `${NAME}`: a file that can splice in the environment leaks it (CVE-2026-59207).
    fn untemplated<'n>(&mut self, node: &Node, text: &'n str) -> Option<&'n str> {
        // What stands on a command line was filled in by the shell, or meant as it is.
        if let At::Option(_) = node.at {
            return Some(text);
        }
        let name = text.split("${").skip(1).find_map(|rest| {
            let name = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_');
            Some(name.take(60).collect::<String>()).filter(|name| !name.is_empty())
        });
        let Some(name) = name else { return Some(text) };
        self.refuse(
            node.at,
            format!("`${{{name}}}` is not filled in: no value is made from the environment"),
            format!("write the value out; a secret may be `{{ env: {name} }}` or `{{ file: PATH }}`"),
        )
    }

    /// A value that has the right kind and the wrong form.
    pub(super) fn malformed<T>(&mut self, node: &Node, text: &str, form: &Form) -> Option<T> {
        self.refuse(
            node.at,
            format!("{} is not {}", quoted(text), form.what),
            format!("write one such as `{}`", form.example),
        )
    }
}

/// The first character alone, for what is about a whole mapping or list.
pub(super) fn head(at: At) -> At {
    match at {
        At::Text(span) => {
            let mut end = span.start;
            end.column = end.column.saturating_add(1);
            if span.end.line == span.start.line { at } else { At::Text(Span { start: span.start, end }) }
        }
        other => other,
    }
}

/// One column at the start, for what is missing.
pub(super) fn start(at: At) -> At {
    match at {
        At::Text(span) => {
            let mut end = span.start;
            end.column = end.column.saturating_add(1);
            At::Text(Span { start: span.start, end })
        }
        other => other,
    }
}

impl FromNode for bool {
    const SHAPE: Shape = Shape::Bool;

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, plain: true } if text == "true" => Some(true),
            Value::Scalar { text, plain: true } if text == "false" => Some(false),
            _ => d.mismatch(node, &Self::SHAPE),
        }
    }
}

/// A key whose presence says it all: only `true` may stand behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Yes;

impl FromNode for Yes {
    const SHAPE: Shape = Shape::True;

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, plain: true } if text == "true" => Some(Self),
            Value::Scalar { text, plain: true } if text == "false" => {
                d.refuse(node.at, "`false` says nothing here", "write `true`, or remove the key")
            }
            _ => d.mismatch(node, &Self::SHAPE),
        }
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    const SHAPE: Shape = Shape::List { of: &T::SHAPE, least: 0 };

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::List(items) => collect(items, d),
            _ => d.mismatch(node, &Self::SHAPE),
        }
    }
}

/// A list that must not be empty.
#[derive(Clone, Debug)]
pub(super) struct NonEmpty<T>(pub(super) Vec<T>);

impl<T: FromNode> FromNode for NonEmpty<T> {
    const SHAPE: Shape = Shape::List { of: &T::SHAPE, least: 1 };

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::List(items) if items.is_empty() => {
                d.refuse(node.at, "the list is empty", format!("write at least one entry: `{}`", Self::SHAPE.example()))
            }
            Value::List(items) => collect(items, d).map(Self),
            _ => d.mismatch(node, &Self::SHAPE),
        }
    }
}

/// One value, or a list that must not be empty.
#[derive(Clone, Debug)]
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<T: FromNode> FromNode for OneOrMany<T> {
    const SHAPE: Shape = Shape::OneOrMany(&T::SHAPE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::List(_) => NonEmpty::read(node, d).map(|NonEmpty(items)| Self(items)),
            _ => T::read(node, d).map(|item| Self(vec![item])),
        }
    }
}

/// Reads every entry, so that each mistake is found, and keeps all or none.
fn collect<T: FromNode>(items: &[Node], d: &mut Decoder<'_>) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = items.iter().map(|item| T::read(item, d)).collect();
    read.into_iter().collect()
}

/// A name that the author of the file chooses.
pub(super) trait Name: Sized {
    const FORM: Form;

    fn parse(text: &str) -> Option<Self>;
}

/// A mapping from chosen names, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Named<K, V>(pub(super) Vec<(K, V)>);

impl<K: Name + 'static, V: FromNode> FromNode for Named<K, V> {
    const SHAPE: Shape = Shape::Map { names: &K::FORM, of: &V::SHAPE };

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let Value::Map(pairs) = &node.value else {
            return d.mismatch(node, &Self::SHAPE);
        };
        let mut all = Some(Vec::with_capacity(pairs.len()));
        for pair in pairs {
            let name = K::parse(&pair.key).or_else(|| {
                d.refuse(
                    pair.key_at,
                    format!("{} is not {}", quoted(&pair.key), K::FORM.what),
                    format!("write one such as `{}`", K::FORM.example),
                )
            });
            let value = V::read(&pair.node, d);
            match (name, value, &mut all) {
                (Some(name), Some(value), Some(all)) => all.push((name, value)),
                _ => all = None,
            }
        }
        all.map(Self)
    }
}
