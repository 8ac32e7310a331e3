//! One strict pass over a JSON text.
//!
//! serde_json rounds numbers before anyone sees them, recurses into what it reads and tells no offsets, so the pass that
//! decides whether two parsers could read a message differently is this one. It keeps its own stack, so depth costs memory
//! that a limit bounds and never the thread's stack; serde_json is the oracle that the property tests compare it with.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr2;

use crate::edit::Span;
use crate::error::ParseFault;
use crate::message::{Limits, Sender};
use crate::place::{Found, Place, Spot, Type};

/// A fault and the offset at which it shows.
pub(crate) type Fault = (ParseFault, usize);

/// Reads `text` as exactly one JSON document in which no key is doubled, and notes where the places of a message are.
pub(crate) fn scan(text: &str, from: Sender, limits: &Limits) -> Result<Found, Fault> {
    Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
        from,
        limits,
        open: Vec::new(),
        keys: Vec::new(),
        key_count: 0,
        found: Found::new(),
    }
    .run()
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    from: Sender,
    limits: &'a Limits,
    /// The containers that are open, outermost first.
    open: Vec<Container<'a>>,
    /// The keys of all open objects that are small, innermost last.
    keys: Vec<Cow<'a, str>>,
    key_count: usize,
    found: Found,
}

struct Container<'a> {
    start: usize,
    place: Place,
    keys: Keys<'a>,
}

/// The keys that an open container has named so far.
enum Keys<'a> {
    /// An array has none.
    Array,
    /// A small object's keys lie in [`Scanner::keys`] from this index on.
    Few(usize),
    /// A large object's keys, hashed with a random state so that no one can choose collisions.
    Many(HashSet<Cow<'a, str>>),
}

/// Beyond this many keys an object gets a hash set; below, comparing one by one is faster.
const FEW: usize = 16;

enum Next {
    Value(Place),
    Separator,
    End,
}

impl<'a> Scanner<'a> {
    fn run(mut self) -> Result<Found, Fault> {
        self.whitespace();
        if self.peek() == Some(b'[') {
            return Err(self.fault(ParseFault::Batch));
        }
        let mut next = Next::Value(Place::Root);
        loop {
            next = match next {
                Next::Value(place) => self.value(place)?,
                Next::Separator => self.separator()?,
                Next::End => break,
            };
        }
        self.whitespace();
        match self.peek() {
            None => Ok(self.found),
            Some(_) => Err(self.syntax("nothing may follow the document")),
        }
    }

    // === values ===

    fn value(&mut self, place: Place) -> Result<Next, Fault> {
        self.whitespace();
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => return self.open(place, Keys::Few(self.keys.len())),
            Some(b'[') => return self.open(place, Keys::Array),
            Some(b'"') => {
                self.string(false)?;
                Type::String
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Type::Number
            }
            Some(b't') => self.literal("true", Type::Boolean)?,
            Some(b'f') => self.literal("false", Type::Boolean)?,
            Some(b'n') => self.literal("null", Type::Null)?,
            _ => return Err(self.syntax("a value is missing or malformed")),
        };
        Ok(self.done(place, start, kind))
    }

    /// Notes a value that ends here.
    fn done(&mut self, place: Place, start: usize, kind: Type) -> Next {
        if place != Place::Elsewhere {
            self.found.note(place, Spot { span: Span::new(start, self.at), kind });
        }
        if self.open.is_empty() { Next::End } else { Next::Separator }
    }

    fn literal(&mut self, word: &str, kind: Type) -> Result<Type, Fault> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(kind)
        } else {
            Err(self.syntax("a value is missing or malformed"))
        }
    }

    // === containers ===

    fn open(&mut self, place: Place, keys: Keys<'a>) -> Result<Next, Fault> {
        if self.open.len() >= self.limits.max_depth {
            return Err(self.fault(ParseFault::TooDeep));
        }
        let object = matches!(keys, Keys::Few(_));
        self.open.push(Container { start: self.at, place, keys });
        self.at += 1;
        self.whitespace();
        match (object, self.peek()) {
            (true, Some(b'}')) | (false, Some(b']')) => self.close(),
            (true, _) => self.key(),
            (false, _) => Ok(Next::Value(Place::Elsewhere)),
        }
    }

    fn close(&mut self) -> Result<Next, Fault> {
        self.at += 1;
        let Some(container) = self.open.pop() else {
            return Err(self.syntax("a bracket closes nothing"));
        };
        let kind = match container.keys {
            Keys::Array => Type::Array,
            Keys::Few(first) => {
                self.keys.truncate(first);
                Type::Object
            }
            Keys::Many(_) => Type::Object,
        };
        Ok(self.done(container.place, container.start, kind))
    }

    /// Reads what follows a value inside a container.
    fn separator(&mut self) -> Result<Next, Fault> {
        self.whitespace();
        let array = matches!(self.open.last(), Some(Container { keys: Keys::Array, .. }));
        match (array, self.peek()) {
            (true, Some(b']')) | (false, Some(b'}')) => self.close(),
            (true, Some(b',')) => {
                self.at += 1;
                Ok(Next::Value(Place::Elsewhere))
            }
            (false, Some(b',')) => {
                self.at += 1;
                self.whitespace();
                self.key()
            }
            (true, _) => Err(self.syntax("expected `,` or `]`")),
            (false, _) => Err(self.syntax("expected `,` or `}`")),
        }
    }

    /// Reads a key and its colon, and says where its value belongs.
    fn key(&mut self) -> Result<Next, Fault> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.syntax("expected a key"));
        }
        let escaped = self.string(true)?;
        let quoted = self.text.get(start..self.at).unwrap_or_default();
        let key: Cow<'a, str> = if escaped {
            Cow::Owned(serde_json::from_str(quoted).map_err(|_| (ParseFault::Syntax("a key is malformed"), start))?)
        } else {
            Cow::Borrowed(quoted.trim_matches('"'))
        };
        self.key_count += 1;
        if self.key_count > self.limits.max_keys {
            return Err((ParseFault::TooManyKeys, start));
        }
        let parent = self.open.last().map_or(Place::Elsewhere, |container| container.place);
        let place = parent.member(&key);
        if !self.remember(key) {
            return Err((ParseFault::DuplicateKey, start));
        }
        self.whitespace();
        if self.peek() != Some(b':') {
            return Err(self.syntax("expected `:`"));
        }
        self.at += 1;
        Ok(Next::Value(place))
    }

    /// Adds a key to the innermost object; false when it has it already.
    fn remember(&mut self, key: Cow<'a, str>) -> bool {
        let Some(container) = self.open.last_mut() else {
            return false;
        };
        match &mut container.keys {
            Keys::Array => false,
            Keys::Many(set) => set.insert(key),
            Keys::Few(first) => {
                let named = self.keys.get(*first..).unwrap_or_default();
                if named.contains(&key) {
                    return false;
                }
                if named.len() < FEW {
                    self.keys.push(key);
                } else {
                    let mut set: HashSet<_> = self.keys.drain(*first..).collect();
                    set.insert(key);
                    container.keys = Keys::Many(set);
                }
                true
            }
        }
    }

    // === scalars ===

    /// Reads a string, from its opening to past its closing quote, and says whether it holds an escape.
    fn string(&mut self, is_key: bool) -> Result<bool, Fault> {
        let start = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(length) = memchr2(b'"', b'\\', rest) else {
                return Err((ParseFault::Syntax("a string does not end"), start));
            };
            let (plain, tail) = rest.split_at(length);
            // Without a branch per byte, so that the compiler can take many bytes at once.
            if plain.iter().fold(false, |control, byte| control | (*byte < 0x20)) {
                return Err((ParseFault::Syntax("a string holds a control character"), start));
            }
            self.at += length;
            if tail.first() == Some(&b'"') {
                self.at += 1;
                return Ok(escaped);
            }
            escaped = true;
            self.escape(is_key)?;
        }
    }

    /// Reads one escape, from its backslash on.
    fn escape(&mut self, is_key: bool) -> Result<(), Fault> {
        let start = self.at;
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                return Ok(());
            }
            Some(b'u') => {}
            _ => return Err(self.syntax("an escape is malformed")),
        }
        match self.code_unit()? {
            // In a key a NUL could end the text for one parser and not for another. What a client says may be passed to
            // such a parser anywhere; what a server says may be the content of a file.
            0 if is_key || self.from == Sender::Client => Err((ParseFault::Nul, start)),
            0xD800..=0xDBFF => match self.code_unit() {
                Ok(0xDC00..=0xDFFF) => Ok(()),
                _ => Err((ParseFault::Syntax("a surrogate stands alone"), start)),
            },
            0xDC00..=0xDFFF => Err((ParseFault::Syntax("a surrogate stands alone"), start)),
            _ => Ok(()),
        }
    }

    /// Reads `\uXXXX`.
    fn code_unit(&mut self) -> Result<u32, Fault> {
        let digits = match self.bytes.get(self.at..self.at + 6) {
            Some([b'\\', b'u', digits @ ..]) => digits,
            _ => return Err(self.syntax("an escape is malformed")),
        };
        let mut unit = 0;
        for digit in digits {
            let Some(digit) = char::from(*digit).to_digit(16) else {
                return Err(self.syntax("an escape is malformed"));
            };
            unit = unit * 16 + digit;
        }
        self.at += 6;
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Fault> {
        const MALFORMED: &str = "a number is malformed";
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let whole = self.digits();
        if whole == 0 || (whole > 1 && first == Some(b'0')) {
            return Err((ParseFault::Syntax(MALFORMED), start));
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            if self.digits() == 0 {
                return Err((ParseFault::Syntax(MALFORMED), start));
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            integer = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err((ParseFault::Syntax(MALFORMED), start));
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if self.from == Sender::Client && !reads_alike(text, integer) {
            return Err((ParseFault::Number, start));
        }
        Ok(())
    }

    /// Passes over decimal digits and counts them.
    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    // === the text ===

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn syntax(&self, expected: &'static str) -> Fault {
        self.fault(ParseFault::Syntax(expected))
    }

    fn fault(&self, fault: ParseFault) -> Fault {
        (fault, self.at)
    }
}

/// Whether common parsers read this number as the same value, or at least as the same kind of value (JS-04): an integer
/// must fit 64 bits and not be `-0`; a fraction must neither overflow a double nor vanish in it.
fn reads_alike(text: &str, integer: bool) -> bool {
    if integer {
        // Eighteen digits and a sign always fit.
        return text != "-0" && (text.len() < 19 || text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok());
    }
    let zero = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).all(|byte| !matches!(byte, b'1'..=b'9'));
    text.parse::<f64>().is_ok_and(|value| value.is_finite() && (value != 0.0 || zero))
}
