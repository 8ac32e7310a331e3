//! The one place that writes to standard output and standard error.
//!
//! Data goes to standard output: tables for people, one JSON object per line for programs. Everything else goes to
//! standard error. Colour is for terminals alone, and for nobody who set `NO_COLOR`.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;

use crate::text::plain;

/// Where a command writes.
pub(crate) struct Output {
    out: Stream,
    err: Stream,
}

struct Stream {
    to: Box<dyn Write + Send>,
    colour: bool,
}

impl Output {
    /// The process's own streams.
    pub(crate) fn standard() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let wanted = wants_colour(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()));
        Self {
            out: Stream { colour: wanted && out.is_terminal(), to: Box::new(out) },
            err: Stream { colour: wanted && err.is_terminal(), to: Box::new(err) },
        }
    }

    /// A line of data, as it is.
    pub(crate) fn line(&mut self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(self.out.to, "{text}")?;
        self.out.to.flush()
    }

    /// One JSON object on a line of its own.
    pub(crate) fn object(&mut self, object: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(object)?;
        self.line(text)
    }

    /// A table for people.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        let text = table.render(self.out.colour);
        self.out.to.write_all(text.as_bytes())?;
        self.out.to.flush()
    }

    /// A line for the person at the terminal. Whether anybody reads it changes nothing, so it can't fail.
    pub(crate) fn note(&mut self, text: impl fmt::Display) {
        let _ = writeln!(self.err.to, "{text}");
    }

    /// A warning, in one line.
    pub(crate) fn warn(&mut self, text: impl fmt::Display) {
        let label = paint(self.err.colour, Paint::Yellow, "warning:");
        self.note(format_args!("{label} {}", plain(&text.to_string())));
    }

    /// Why the command failed: one line, but for a policy with several mistakes.
    pub(crate) fn error(&mut self, text: impl fmt::Display) {
        let label = paint(self.err.colour, Paint::Red, "error:");
        let text = text.to_string();
        let lines: Vec<_> = text.lines().map(plain).collect();
        self.note(format_args!("{label} {}", lines.join("\n")));
    }

    /// A heading for the person at the terminal.
    pub(crate) fn heading(&mut self, text: &str) {
        let text = paint(self.err.colour, Paint::Bold, text);
        self.note(text);
    }
}

fn wants_colour(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && variable("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// The few ways in which text may stand out.
#[derive(Clone, Copy)]
pub(crate) enum Paint {
    /// Headings.
    Bold,
    /// What is less important.
    Dim,
    /// What failed.
    Red,
    /// What to look at.
    Yellow,
}

/// The text, painted where that is wanted.
pub(crate) fn paint(colour: bool, how: Paint, text: &str) -> String {
    if !colour {
        return text.to_owned();
    }
    let code = match how {
        Paint::Bold => 1,
        Paint::Dim => 2,
        Paint::Red => 31,
        Paint::Yellow => 33,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Rows under headings, in columns as wide as they need to be.
pub(crate) struct Table {
    heads: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(heads: &'static [&'static str]) -> Self {
        Self { heads, rows: Vec::new() }
    }

    /// Adds a row; cells beyond the headings are left out.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().take(self.heads.len()).map(|cell| plain(&cell).into_owned()).collect());
    }

    fn render(&self, colour: bool) -> String {
        let width = |column: usize, head: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([head.len()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = self.heads.iter().enumerate().map(|(column, head)| width(column, head)).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded: Vec<String> =
                cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
            padded.join("  ").trim_end().to_owned()
        };
        let mut text = paint(colour, Paint::Bold, &line(&mut self.heads.iter().copied()));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&line(&mut row.iter().map(String::as_str)));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["ID", "USER"]);
        table.row(["a-long-id".to_owned(), "zoë".to_owned()]);
        table.row(["b".to_owned(), "x\ny".to_owned()]);
        assert_eq!(table.render(false), "ID         USER\na-long-id  zoë\nb          x\\ny\n");
    }

    #[test]
    fn colour_is_off_where_nobody_wants_it() {
        let with = |name: &'static str, value: &'static str| {
            wants_colour(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert!(with("TERM", "xterm"));
        assert!(with("NO_COLOR", ""));
        assert!(!with("NO_COLOR", "1"));
        assert!(!with("TERM", "dumb"));
        assert_eq!(paint(false, Paint::Red, "x"), "x");
    }
}
