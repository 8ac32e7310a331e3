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
/// How far from the marked part a line is looked at, in characters; more than [`WIDEST`], since secrets shrink.
const FAR: u32 = 1_000;
/// How many mistakes are told; nobody reads more.
const MOST_TOLD: usize = 500;
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
        Self { at, text: text.into(), fix: fix.into() }
    }
}

/// A text, its name, and the parts of it that are never shown.
#[derive(Debug)]
pub(super) struct Source<'t> {
    name: Arc<str>,
    lines: Vec<&'t str>,
    /// Behind the last word.
    end: Place,
    /// Secret stretches by line: from a column (inclusive) to a column (exclusive), both from 1.
    hidden: BTreeMap<u32, Vec<(u32, u32)>>,
}

impl<'t> Source<'t> {
    pub(super) fn new(name: &str, text: &'t str) -> Self {
        let lines: Vec<&str> = lines(text).collect();
        let mut end = Place { line: 1, column: 1 };
        for (line, text) in (1_u32..).zip(&lines) {
            let width = u32::try_from(text.trim_end().chars().count()).unwrap_or(u32::MAX);
            if width > 0 {
                end = Place { line, column: width.saturating_add(1) };
            }
        }
        Self { name: name.into(), lines, end, hidden: BTreeMap::new() }
    }

    /// Masks a stretch of the text in every snippet.
    pub(super) fn hide(&mut self, span: Span) {
        for line in span.start.line..=span.end.line {
            let from = if line == span.start.line { span.start.column } else { 1 };
            let to = if line == span.end.line { span.end.column } else { u32::MAX };
            let to = self.without_trailing_blanks(line, from, to);
            if from < to {
                self.hidden.entry(line).or_default().push((from, to));
            }
        }
    }

    /// The parser counts the blanks behind a quoted text to it.
    fn without_trailing_blanks(&self, line: u32, from: u32, to: u32) -> u32 {
        let number = usize::try_from(line).unwrap_or(usize::MAX);
        let Some(text) = self.lines.get(number.saturating_sub(1)) else { return to };
        let stretch = (from..to).zip(text.chars().skip(usize::try_from(from - 1).unwrap_or(usize::MAX)));
        stretch.filter(|(_, letter)| !letter.is_whitespace()).last().map_or(from, |(at, _)| at + 1)
    }

    /// Masks what follows a name that sounds secret, on every line: for a text that is not YAML, where nothing else
    /// is known.
    pub(super) fn hide_assignments(&mut self) {
        for (number, line) in (1_u32..).zip(&self.lines) {
            let mut column = 1_u32;
            for part in line.split_inclusive([':', '=']) {
                column = column.saturating_add(u32::try_from(part.chars().count()).unwrap_or(u32::MAX));
                if part.ends_with([':', '=']) && sounds_secret(part) {
                    self.hidden.entry(number).or_default().push((column, u32::MAX));
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
        if let Some(more) = findings.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
            findings.truncate(MOST_TOLD);
            let last = findings.last().map_or(At::File, |last| last.at);
            let text = format!("from here on there are {more} more mistakes");
            findings.push(Finding::new(last, text, "put the ones before right first"));
        }
        findings.into_iter().map(|finding| self.remark(finding))
    }

    fn remark(&self, finding: Finding) -> Remark {
        let Finding { at, text, fix } = finding;
        match at {
            At::File => Remark { origin: Arc::clone(&self.name), place: None, text, fix, snippet: None },
            At::Option(name) => Remark { origin: name.into(), place: None, text, fix, snippet: None },
            At::Text(span) => {
                // Nobody looks for a mistake below the text.
                let span = Span { start: span.start.min(self.end), end: span.end };
                Remark {
                    origin: Arc::clone(&self.name),
                    place: Some(span.start),
                    text,
                    fix,
                    snippet: self.snippet(span),
                }
            }
        }
    }

    fn snippet(&self, span: Span) -> Option<Snippet> {
        let Place { line, column } = span.start;
        let text = self.lines.get(usize::try_from(line).ok()?.checked_sub(1)?)?;
        let end = if span.end.line == line { span.end.column.max(column + 1) } else { u32::MAX };
        // Of a very long line, only what may be shown is looked at.
        let first = column.saturating_sub(FAR).max(1);
        let last = column.saturating_add(FAR);
        let hidden: Vec<(u32, u32)> = self.hidden.get(&line).map_or_else(Vec::new, |hidden| {
            hidden.iter().copied().filter(|(from, to)| *from < last && *to > first).collect()
        });
        let is_hidden = |at: u32| hidden.iter().any(|(from, to)| (*from..*to).contains(&at));

        // Each character with whether it is marked; a secret is its mask, marked when any part of it is.
        let mut shown: Vec<(char, bool)> = Vec::new();
        let (mut reached, mut masked) = (0, false);
        let skipped = usize::try_from(first - 1).ok()?;
        for (at, letter) in (first..last).zip(text.chars().skip(skipped)) {
            let marked = (column..end).contains(&at) && !letter.is_whitespace();
            if is_hidden(at) {
                if !masked {
                    shown.extend(MASK.chars().map(|letter| (letter, false)));
                }
                let mask = shown.iter_mut().rev().take(MASK.len());
                mask.for_each(|(_, mark)| *mark |= marked);
                masked = true;
            } else {
                shown.push((visible(letter), marked));
                masked = false;
            }
            if at < column {
                reached = shown.len();
            }
        }
        let before = shown.iter().position(|(_, marked)| *marked).unwrap_or(reached);
        let after = shown.iter().rposition(|(_, marked)| *marked).map_or(before, |last| last + 1);
        let width = after.saturating_sub(before).max(1);
        let shown: Vec<char> = shown.into_iter().map(|(letter, _)| letter).collect();
        Some(clip(&shown, before, width, first > 1))
    }
}

/// The lines of a text as YAML counts them: a carriage return alone ends one too (YAML 1.2.2 section 5.4).
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Cuts a window of at most [`WIDEST`] characters around the marked part.
fn clip(shown: &[char], before: usize, width: usize, cut: bool) -> Snippet {
    let from = if before < WIDEST && !cut { 0 } else { before.saturating_sub(LEAD) };
    let cut = cut || from > 0;
    let mut line = String::new();
    if cut {
        line.push('…');
    }
    line.extend(shown.iter().skip(from).take(WIDEST));
    if shown.len() > from + WIDEST {
        line.push('…');
    }
    let before = before - from + usize::from(cut);
    let width = width.min((WIDEST + usize::from(cut)).saturating_sub(before).max(1));
    Snippet { line: line.trim_end().to_owned(), before, width }
}

/// A character as it may stand on a terminal: nothing that moves the cursor, recolours, or reorders the text.
pub(super) fn visible(letter: char) -> char {
    match letter {
        '\t' => ' ',
        letter if letter.is_control() => '\u{fffd}',
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
        letter => letter,
    }
}

/// A value of the file inside a sentence: in backticks, clipped, one line.
pub(super) fn quoted(value: &str) -> String {
    const MOST: usize = 60;
    if value.is_empty() {
        return "an empty text".to_owned();
    }
    let mut out = String::with_capacity(value.len().min(MOST * 4) + 5);
    out.push('`');
    let mut letters = value.chars();
    out.extend(letters.by_ref().take(MOST).map(|letter| if letter == '`' { '\'' } else { visible(letter) }));
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
        Span { start: Place { line, column: from }, end: Place { line, column: to } }
    }

    fn tell(source: &Source<'_>, span: Span) -> String {
        let findings = vec![Finding::new(At::Text(span), "what", "how")];
        source.mistakes(findings).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_marked_part_stands_under_its_line() {
        let source = Source::new("a.yaml", "one\n  two: three\n");
        assert_eq!(tell(&source, at(2, 3, 6)), "a.yaml:2:3: what\n  2 |   two: three\n    |   ^^^\n  fix: how");
    }

    #[test]
    fn a_secret_is_masked_whatever_its_length_and_the_mark_still_fits() {
        let mut source = Source::new("a.yaml", "k: hunter2, typo: 1");
        source.hide(at(1, 4, 11));
        assert_eq!(
            tell(&source, at(1, 13, 17)),
            "a.yaml:1:13: what\n  1 | k: ***, typo: 1\n    |         ^^^^\n  fix: how"
        );
        assert_eq!(tell(&source, at(1, 4, 11)), "a.yaml:1:4: what\n  1 | k: ***, typo: 1\n    |    ^^^\n  fix: how");
    }

    #[test]
    fn a_secret_over_several_lines_is_masked_on_each() {
        let mut source = Source::new("a.yaml", "k: |\n  line one\n  line two\nx: 1");
        source.hide(Span { start: Place { line: 1, column: 4 }, end: Place { line: 3, column: 11 } });
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
    fn lines_end_as_yaml_has_it() {
        assert_eq!(lines("a\nb\r\nc\rd\r\r\ne").collect::<Vec<_>>(), ["a", "b", "c", "d", "", "e"]);
    }

    #[test]
    fn what_would_play_with_the_terminal_is_replaced() {
        let source = Source::new("a.yaml", "a: \u{1b}[31m\u{202e}b");
        let told = tell(&source, at(1, 1, 2));
        assert!(!told.contains('\u{1b}') && !told.contains('\u{202e}'), "{told}");
    }
}
