//! What may stand behind a key, as data: the decoder's sentences and the JSON Schema are both made from it.

use super::table::Table;

/// The form of a value.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// `true` or `false`.
    Bool,
    /// `true` alone.
    True,
    /// A whole number.
    Integer { least: u32, most: u32 },
    /// Text of a certain form. Numbers and truth values must be in quotes.
    Text(&'static Form),
    /// Text handed on as it stands; `8080` needs no quotes.
    Argument,
    /// A number, a truth value or text, as its declaration elsewhere says.
    Anything,
    /// One of a few words.
    Words(&'static [Word]),
    /// A list with at least `least` entries.
    List { of: &'static Shape, least: usize },
    /// One value, or a list with at least one.
    OneOrMany(&'static Shape),
    /// A mapping from names that the author chooses.
    Map { names: &'static Form, of: &'static Shape },
    /// A mapping with the keys of a table; behind a function, since conditions nest.
    Table(fn() -> &'static Table),
    /// Any of these.
    Either(&'static [Shape]),
}

/// The form of a text.
pub(super) struct Form {
    /// For a sentence: `a duration`.
    pub(super) what: &'static str,
    /// One that is right.
    pub(super) example: &'static str,
    /// A regular expression that holds for every right one (ECMA 262, as JSON Schema wants it).
    pub(super) pattern: &'static str,
}

/// One of a closed set of words.
pub(super) struct Word {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
}

impl Shape {
    /// For a sentence: `expected ...`.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Bool => "`true` or `false`".into(),
            Self::True => "`true`".into(),
            Self::Integer { least, most } => format!("a whole number from {least} to {most}"),
            Self::Text(form) => form.what.into(),
            Self::Argument => "text".into(),
            Self::Anything => "text, a number or a truth value".into(),
            Self::Words(words) => one_of(words.iter().map(|word| word.name)),
            Self::List { of, .. } => format!("a list; each entry is {}", of.what()),
            Self::OneOrMany(of) => format!("{}, or a list of such", of.what()),
            Self::Map { of, .. } => format!("a mapping; each value is {}", of.what()),
            Self::Table(table) => table().what.into(),
            Self::Either(shapes) => shapes.iter().map(Self::what).collect::<Vec<_>>().join(", or "),
        }
    }

    /// Something that may be written here.
    pub(super) fn example(&self) -> String {
        match self {
            Self::Bool | Self::True => "true".into(),
            Self::Integer { least, .. } => least.max(&1).to_string(),
            Self::Text(form) => form.example.into(),
            Self::Argument => "my-server".into(),
            Self::Anything => "text".into(),
            Self::Words(words) => words.first().map_or_else(String::new, |word| word.name.into()),
            Self::List { of, .. } => format!("[{}]", of.example()),
            Self::OneOrMany(of) => of.example(),
            Self::Map { names, of } => format!("{{ {}: {} }}", names.example, of.example()),
            Self::Table(table) => table().example.into(),
            Self::Either(shapes) => shapes.first().map_or_else(String::new, Self::example),
        }
    }
}

/// `a`, or `a` or `b`, or one of `a`, `b` and `c`.
pub(super) fn one_of<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.pop() {
        None => String::new(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} or {last}", names.join(", ")),
    }
}

/// `a`, `b` and `c`.
pub(super) fn all_of<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.pop() {
        None => String::new(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
    }
}
