//! The only free text that a record can hold.

use std::borrow::Borrow;
use std::fmt;

use serde::{Serialize, Serializer};

/// A short, single-line, visible piece of text.
///
/// It holds at most [`Text::MAX_CHARS`] characters and none that ends a line, moves a cursor,
/// turns the direction of writing or can't be seen: those stand as `\u{1b}`, and a backslash as
/// `\\`, so that two different texts never look alike in the ledger (ER-10).
///
/// What may become a text is **configured** (a rule's name), **validated** (the subject of a token
/// whose signature holds) or **confirmed** (a tool that the catalogue knows). What a request merely
/// says is recorded as a length: see [`TargetLabel`](crate::TargetLabel) and
/// [`Shape`](crate::Shape), which take the request and keep only that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Box<str>);

impl Text {
    /// The most characters that a text holds, the mark of a cut included.
    pub const MAX_CHARS: usize = 256;

    /// Takes a configured, validated or confirmed value, escapes it and cuts it to size.
    ///
    /// A cut text ends in `…`. An escape is never cut in half.
    #[must_use]
    pub fn clip(value: &str) -> Self {
        let mut text = String::with_capacity(value.len().min(Self::MAX_CHARS));
        let mut length = 0;
        let mut rest = value.chars().peekable();
        while let Some(next) = rest.next() {
            let width = width(next);
            let last = rest.peek().is_none();
            if length + width > Self::MAX_CHARS - usize::from(!last) {
                text.push('…');
                break;
            }
            push(&mut text, next);
            length += width;
        }
        Self(text.into_boxed_str())
    }

    /// The text as it stands in the record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many characters `push` adds.
fn width(c: char) -> usize {
    match c {
        '\\' => 2,
        c if is_plain(c) => 1,
        c => c.escape_unicode().len(),
    }
}

fn push(text: &mut String, c: char) {
    match c {
        '\\' => text.push_str(r"\\"),
        c if is_plain(c) => text.push(c),
        c => text.extend(c.escape_unicode()),
    }
}

/// Whether a character may stand as itself: it is visible (or a space) and acts on nothing else.
fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    !(c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
        || is_noncharacter(c))
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cases() -> u32 {
        match std::env::var("DOORWARD_TESTS").as_deref() {
            Ok("all") => 100_000,
            _ => 1_000,
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for plain in ["", "alice@example.com", "Zoë Müller-山田", "a b", "{{7*7}}", "${jndi:ldap://x}", "🦀"] {
            assert_eq!(Text::clip(plain).as_str(), plain);
        }
    }

    #[test]
    fn er_10_line_ends_become_visible() {
        assert_eq!(
            Text::clip("a\r\n{\"kind\":\"decision\"}\u{2028}\u{2029}\u{85}").as_str(),
            "a\\u{d}\\u{a}{\"kind\":\"decision\"}\\u{2028}\\u{2029}\\u{85}"
        );
    }

    #[test]
    fn er_10_terminal_sequences_become_visible() {
        assert_eq!(Text::clip("\u{1b}[31mred\u{9b}0m\u{7f}\0").as_str(), "\\u{1b}[31mred\\u{9b}0m\\u{7f}\\u{0}");
    }

    #[test]
    fn er_10_direction_marks_and_unseen_characters_become_visible() {
        for unseen in
            "\u{200b}\u{200e}\u{202e}\u{2066}\u{feff}\u{e0041}\u{ad}\u{3164}\u{fe0f}\u{e000}\u{ffff}\u{fdd0}".chars()
        {
            let text = Text::clip(&format!("a{unseen}b"));
            assert_eq!(text.as_str(), format!("a{}b", unseen.escape_unicode()));
        }
    }

    #[test]
    fn an_escape_can_not_be_forged() {
        assert_ne!(Text::clip("\\u{1b}"), Text::clip("\u{1b}"));
        assert_eq!(Text::clip(r"ACME\bob").as_str(), r"ACME\\bob");
    }

    #[test]
    fn er_10_a_mebibyte_is_cut_and_says_so() {
        let text = Text::clip(&"x".repeat(1 << 20));
        assert_eq!(text.as_str().chars().count(), Text::MAX_CHARS);
        assert!(text.as_str().ends_with('…'));
    }

    #[test]
    fn a_text_that_just_fits_is_not_cut() {
        let fits = "x".repeat(Text::MAX_CHARS);
        assert_eq!(Text::clip(&fits).as_str(), fits);
        let escaped = "x".repeat(Text::MAX_CHARS - 2) + "\\";
        assert!(Text::clip(&escaped).as_str().ends_with(r"x\\"));
    }

    #[test]
    fn an_escape_is_never_cut_in_half() {
        let text = Text::clip(&("x".repeat(Text::MAX_CHARS - 3) + "\u{1b}"));
        assert!(text.as_str().ends_with("x…"), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases()))]

        #[test]
        fn any_text_is_short_and_plain(raw in any::<String>(), again in 0_usize..8) {
            let text = Text::clip(&raw.repeat(again));
            prop_assert!(text.as_str().chars().count() <= Text::MAX_CHARS);
            prop_assert!(text.as_str().chars().all(is_plain));
        }

        #[test]
        fn different_texts_stay_different(a in "[a\\\\u{}1b\u{1b}\n]{0,20}", b in "[a\\\\u{}1b\u{1b}\n]{0,20}") {
            prop_assert_eq!(a == b, Text::clip(&a) == Text::clip(&b));
        }
    }
}
