//! How a mistake is told: where, what, the line itself, and the fix.

use std::fmt;
use std::sync::Arc;

/// A position in a text: line and column, both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// Something in the configuration that keeps it from being used.
///
/// Its `Display` form is several lines, ready for a terminal:
///
/// ```text
/// doorward.yaml:12:22: unknown key `polcy` in a rule
///   12 |       - { tool: "*", polcy: Everyone }
///      |                      ^^^^^
///   fix: write `policy`
/// ```
///
/// Secrets are masked in the line and never stand in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake(Remark);

/// Something in the configuration that works, but that its author will want to know about.
///
/// Displayed like a [`Mistake`], with `warning:` before the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(Remark);

impl Mistake {
    pub(super) fn new(remark: Remark) -> Self {
        Self(remark)
    }

    /// The file, or the option of the command line, that the mistake is in.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.0.origin()
    }

    /// Where in the file; `None` for an option, or for a file that could not be read at all.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.0.place
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// How to put it right, in one line.
    #[must_use]
    pub fn fix(&self) -> &str {
        &self.0.fix
    }
}

impl Warning {
    pub(super) fn new(remark: Remark) -> Self {
        Self(remark)
    }

    /// The file, or the option of the command line, that the warning is about.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.0.origin()
    }

    /// Where in the file; `None` for an option.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.0.place
    }

    /// What to know, in one line.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What to do about it, in one line.
    #[must_use]
    pub fn fix(&self) -> &str {
        &self.0.fix
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "")
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, "warning: ")
    }
}

impl std::error::Error for Mistake {}

/// What mistakes and warnings have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) origin: Arc<str>,
    pub(super) place: Option<Place>,
    pub(super) text: String,
    pub(super) fix: String,
    pub(super) snippet: Option<Snippet>,
}

/// One line of the file, fit for a terminal: clipped, masked, free of control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    pub(super) line: String,
    /// How many columns of `line` stand before the marked part.
    pub(super) before: usize,
    /// How many columns are marked; at least one.
    pub(super) width: usize,
}

impl Remark {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, kind: &str) -> fmt::Result {
        f.write_str(&self.origin)?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {kind}{}", self.text)?;
        if let (Some(place), Some(snippet)) = (self.place, &self.snippet) {
            let number = place.line.to_string();
            let gutter = number.len() + 2;
            write!(f, "\n{number:>gutter$} | {}", snippet.line)?;
            write!(f, "\n{:>gutter$} | {:before$}{}", "", "", "^".repeat(snippet.width), before = snippet.before)?;
        }
        write!(f, "\n  fix: {}", self.fix)
    }
}
