//! The text of the file as its author sees it: lines, and which parts of them are secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mistake::{Mistake, Place, Remark, Snippet, Warning};
use super::secret::sounds_secret;
use super::yaml::{At, Span};

/// The widest line that a snippet shows, in characters.
const WIDEST: usize = 100;
/// How much of a long line stands before the marked part.
const LEAD: usize = 40;
/// What a secret is shown as, whatever its length.
const MASK: &str = "***";

/// Something found while reading, not yet tied to the text.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) at: At,
    pub(super) text: String,
    pub(super) fix: String,
}

impl Finding {
    pub(super) fn new(at: At, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            at,
            text: text.into(),
            fix: fix.into(),
        }
    }
}

/// A text, its name, and the parts of it that are never shown.
#[derive(Debug)]
pub(super) struct Source<'t> {
    name: Arc<str>,
    lines: Vec<&'t str>,
    /// Secret stretches by line: from a column (inclusive) to a column (exclusive), both from 1.
    hidden: BTreeMap<u32, Vec<(u32, u32)>>,
}

impl<'t> Source<'t> {
    pub(super) fn new(name: &str, text: &'t str) -> Self {
        Self {
            name: name.into(),
            lines: text.lines().collect(),
            hidden: BTreeMap::new(),
        }
    }

    /// Masks a stretch of the text in every snippet.
    pub(super) fn hide(&mut self, span: Span) {
        for line in span.start.line..=span.end.line {
            let from = if line == span.start.line {
                span.start.column
            } else {
                1
            };
            let to = if line == span.end.line {
                span.end.column
            } else {
                u32::MAX
            };
            if from < to {
                self.hidden.entry(line).or_default().push((from, to));
            }
        }
    }

    /// Masks what follows a name that sounds secret, on every line: for a text that is not YAML, where nothing else
    /// is known.
    pub(super) fn hide_assignments(&mut self) {
        for (number, line) in (1_u32..).zip(&self.lines) {
            let mut column = 1_u32;
            for part in line.split_inclusive([':', '=']) {
                column =
                    column.saturating_add(u32::try_from(part.chars().count()).unwrap_or(u32::MAX));
                if part.ends_with([':', '=']) && sounds_secret(part) {
                    self.hidden
                        .entry(number)
                        .or_default()
                        .push((column, u32::MAX));
                }
            }
        }
    }

    pub(super) fn mistakes(&self, findings: Vec<Finding>) -> Vec<Mistake> {
        self.remarks(findings).map(Mistake::new).collect()
    }

    pub(super) fn warnings(&self, findings: Vec<Finding>) -> Vec<Warning> {
        self.remarks(findings).map(Warning::new).collect()
    }

    /// In the order of the text; options before the file; the same finding once.
    fn remarks(&self, mut findings: Vec<Finding>) -> impl Iterator<Item = Remark> {
        findings.sort_by(|a, b| (a.at, &a.text).cmp(&(b.at, &b.text)));
        findings.dedup_by(|a, b| a.at == b.at && a.text == b.text);
        findings.into_iter().map(|finding| self.remark(finding))
    }

    fn remark(&self, finding: Finding) -> Remark {
        let Finding { at, text, fix } = finding;
        match at {
            At::File => Remark {
                origin: Arc::clone(&self.name),
                place: None,
                text,
                fix,
                snippet: None,
            },
            At::Option(name) => Remark {
                origin: name.into(),
                place: None,
                text,
                fix,
                snippet: None,
            },
            At::Text(span) => Remark {
                origin: Arc::clone(&self.name),
                place: Some(span.start),
                text,
                fix,
                snippet: self.snippet(span),
            },
        }
    }

    fn snippet(&self, span: Span) -> Option<Snippet> {
        let Place { line, column } = span.start;
        let text = self
            .lines
            .get(usize::try_from(line).ok()?.checked_sub(1)?)?;
        let end = if span.end.line == line {
            span.end.column.max(column + 1)
        } else {
            u32::MAX
        };
        let hidden = self
            .hidden
            .get(&line)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let is_hidden = |at: u32| hidden.iter().any(|(from, to)| (*from..*to).contains(&at));

        let mut shown: Vec<char> = Vec::new();
        let (mut before, mut marked, mut masked) = (None, 0, false);
        for (at, letter) in (1_u32..).zip(text.chars()) {
            let was = shown.len();
            if is_hidden(at) {
                if !masked {
                    shown.extend(MASK.chars());
                }
                masked = true;
            } else {
                shown.push(visible(letter));
                masked = false;
            }
            if at >= column && at < end {
                before.get_or_insert(if masked && shown.len() == was {
                    was.saturating_sub(MASK.len())
                } else {
                    was
                });
                marked = shown.len();
            }
        }
        let before = before.unwrap_or(shown.len());
        let blank = shown
            .iter()
            .rev()
            .take_while(|letter| letter.is_whitespace())
            .count();
        let width = marked
            .min(shown.len() - blank)
            .saturating_sub(before)
            .max(1);
        Some(clip(&shown, before, width))
    }
}

/// Cuts a window of at most [`WIDEST`] characters around the marked part.
fn clip(shown: &[char], before: usize, width: usize) -> Snippet {
    let from = if before < WIDEST { 0 } else { before - LEAD };
    let mut line = String::new();
    if from > 0 {
        line.push('…');
    }
    line.extend(shown.iter().skip(from).take(WIDEST));
    if shown.len() > from + WIDEST {
        line.push('…');
    }
    let before = before - from + usize::from(from > 0);
    Snippet {
        line: line.trim_end().to_owned(),
        before,
        width: width.min(WIDEST.saturating_sub(before).max(1)),
    }
}

/// A character as it may stand on a terminal: nothing that moves the cursor, recolours, or reorders the text.
pub(super) fn visible(letter: char) -> char {
    match letter {
        '\t' => ' ',
        letter if letter.is_control() => '\u{fffd}',
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => '\u{fffd}',
        letter => letter,
    }
}

/// A value of the file inside a sentence: in backticks, clipped, one line.
pub(super) fn quoted(value: &str) -> String {
    const MOST: usize = 60;
    let mut out = String::with_capacity(value.len().min(MOST * 4) + 5);
    out.push('`');
    let mut letters = value.chars();
    out.extend(
        letters
            .by_ref()
            .take(MOST)
            .map(|letter| if letter == '`' { '\'' } else { visible(letter) }),
    );
    if letters.next().is_some() {
        out.push('…');
    }
    out.push('`');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, from: u32, to: u32) -> Span {
        Span {
            start: Place { line, column: from },
            end: Place { line, column: to },
        }
    }

    fn tell(source: &Source<'_>, span: Span) -> String {
        let findings = vec![Finding::new(At::Text(span), "what", "how")];
        source
            .mistakes(findings)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_marked_part_stands_under_its_line() {
        let source = Source::new("a.yaml", "one\n  two: three\n");
        assert_eq!(
            tell(&source, at(2, 3, 6)),
            "a.yaml:2:3: what\n  2 |   two: three\n    |   ^^^\n  fix: how"
        );
    }

    #[test]
    fn a_secret_is_masked_whatever_its_length_and_the_mark_still_fits() {
        let mut source = Source::new("a.yaml", "k: hunter2, typo: 1");
        source.hide(at(1, 4, 11));
        assert_eq!(
            tell(&source, at(1, 13, 17)),
            "a.yaml:1:13: what\n  1 | k: ***, typo: 1\n    |         ^^^^\n  fix: how"
        );
        assert_eq!(
            tell(&source, at(1, 4, 11)),
            "a.yaml:1:4: what\n  1 | k: ***, typo: 1\n    |    ^^^\n  fix: how"
        );
    }

    #[test]
    fn a_secret_over_several_lines_is_masked_on_each() {
        let mut source = Source::new("a.yaml", "k: |\n  line one\n  line two\nx: 1");
        source.hide(Span {
            start: Place { line: 1, column: 4 },
            end: Place {
                line: 3,
                column: 11,
            },
        });
        assert!(!tell(&source, at(2, 3, 4)).contains("one"));
        assert!(!tell(&source, at(3, 3, 4)).contains("two"));
    }

    #[test]
    fn a_long_line_is_clipped_around_the_mark() {
        let text = format!("{}HERE{}", "a".repeat(5000), "b".repeat(5000));
        let told = tell(&Source::new("a.yaml", &text), at(1, 5001, 5005));
        assert!(told.contains("HERE") && told.len() < 500, "{told}");
    }

    #[test]
    fn what_would_play_with_the_terminal_is_replaced() {
        let source = Source::new("a.yaml", "a: \u{1b}[31m\u{202e}b");
        let told = tell(&source, at(1, 1, 2));
        assert!(
            !told.contains('\u{1b}') && !told.contains('\u{202e}'),
            "{told}"
        );
    }
}
