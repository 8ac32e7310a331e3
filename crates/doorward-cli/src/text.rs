//! Text on its way to a terminal: one line, no control characters, no reordering.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::SystemTime;

use doorward::audit::Moment;

/// The same text with every character escaped that could move the cursor, end the line or reorder what is shown.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Control characters, line separators, and the marks that reorder text (Unicode TR 36, section 2.5).
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A word as a POSIX shell reads it back.
pub(crate) fn shell_word(word: &str) -> Cow<'_, str> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(harmless) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// A time in whole seconds, UTC: `2026-07-28T09:30:00Z`.
pub(crate) fn time(at: SystemTime) -> String {
    let full = Moment(at).to_string();
    match full.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => full,
    }
}

/// A list in one cell; `-` when there is nothing in it.
pub(crate) fn list<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
    let mut text = String::new();
    for item in items {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{item}");
    }
    if text.is_empty() { "-".to_owned() } else { text }
}

/// `1 server`, `2 servers`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_could_fool_a_reader_is_escaped_and_nothing_else() {
        assert!(matches!(plain("Grüße, `crm` — 日本"), Cow::Borrowed(_)));
        assert_eq!(plain("a\nb\u{1b}[31m\u{202e}c\u{7f}"), r"a\nb\u{1b}[31m\u{202e}c\u{7f}");
    }

    #[test]
    fn a_shell_reads_the_same_word_back() {
        assert_eq!(shell_word("http://localhost:8700/mcp"), "http://localhost:8700/mcp");
        assert_eq!(shell_word("two words"), "'two words'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("$(x)"), "'$(x)'");
    }

    #[test]
    fn times_are_shown_in_whole_seconds() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_785_231_000_125);
        assert_eq!(time(at), "2026-07-28T09:30:00Z");
    }

    #[test]
    fn lists_and_counts_read_naturally() {
        assert_eq!(list(&[]), "-");
        assert_eq!(list(&["a".to_owned(), "b".to_owned()]), "a,b");
        assert_eq!(count(1, "server", "servers"), "1 server");
        assert_eq!(count(0, "server", "servers"), "0 servers");
    }
}
