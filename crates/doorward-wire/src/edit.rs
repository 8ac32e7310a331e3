//! Changing a message without touching the rest of it.

use std::fmt;

use crate::error::{ParseError, ParseFault};
use crate::id::Id;
use crate::interpret::Meaning;
use crate::message::{Limits, Message};

/// A range of bytes of one message, on character boundaries. [`Message::span_of`] finds the span of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: usize,
    end: usize,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The first byte.
    pub fn start(self) -> usize {
        self.start
    }

    /// The byte after the last.
    pub fn end(self) -> usize {
        self.end
    }

    /// The part of `text` that the span covers; empty when the span is not one of this text.
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// New ids for a message: every other byte stays as it came (E13).
///
/// An id that the message does not have is not added: such an edit does nothing.
#[must_use = "an edit does nothing until it is finished"]
pub struct Edit<'m> {
    message: &'m Message,
    id: Option<Id>,
    progress_token: Option<Id>,
    subscription_id: Option<Id>,
    cancelled_id: Option<Id>,
}

impl<'m> Edit<'m> {
    pub(crate) fn new(message: &'m Message) -> Self {
        Self { message, id: None, progress_token: None, subscription_id: None, cancelled_id: None }
    }

    /// Replaces the message's own id.
    pub fn id(self, id: &Id) -> Self {
        Self { id: Some(id.clone()), ..self }
    }

    /// Replaces the progress token ([`Message::progress_token`]).
    pub fn progress_token(self, token: &Id) -> Self {
        Self { progress_token: Some(token.clone()), ..self }
    }

    /// Replaces the subscription id ([`Message::subscription_id`]).
    pub fn subscription_id(self, id: &Id) -> Self {
        Self { subscription_id: Some(id.clone()), ..self }
    }

    /// Replaces the id of the request that the message cancels ([`Message::cancelled_id`]).
    pub fn cancelled_id(self, id: &Id) -> Self {
        Self { cancelled_id: Some(id.clone()), ..self }
    }

    /// Replaces any part of the message. The result is read again, since anything may have changed.
    pub fn replace(self, span: Span, text: impl Into<String>) -> Rewrite<'m> {
        Rewrite { message: self.message, pieces: self.apply().1 }.replace(span, text)
    }

    /// The edited message. Without an effective edit it is the same bytes.
    pub fn finish(self) -> Message {
        let message = self.message;
        let (meaning, pieces) = self.apply();
        if pieces.is_empty() { message.clone() } else { message.spliced(meaning, pieces) }
    }

    /// The meaning with the new ids in their old places, and the text to put there.
    fn apply(self) -> (Meaning, Vec<Piece>) {
        let mut meaning = self.message.meaning().clone();
        let mut pieces = Vec::new();
        for (mark, new) in [
            (meaning.shape.id_mut(), self.id),
            (meaning.progress_token.as_mut(), self.progress_token),
            (meaning.subscription_id.as_mut(), self.subscription_id),
            (meaning.cancelled_id.as_mut(), self.cancelled_id),
        ] {
            if let (Some(mark), Some(new)) = (mark, new) {
                pieces.push(Piece::new(mark.span, new.as_json()));
                mark.id = new;
            }
        }
        (meaning, pieces)
    }
}

/// New text for parts of a message. Everything outside of them stays as it came.
#[must_use = "a rewrite does nothing until it is finished"]
pub struct Rewrite<'m> {
    message: &'m Message,
    pieces: Vec<Piece>,
}

impl Rewrite<'_> {
    /// Replaces one more part.
    pub fn replace(mut self, span: Span, text: impl Into<String>) -> Self {
        self.pieces.push(Piece::new(span, text));
        self
    }

    /// The rewritten message, read as strictly as the first one was.
    ///
    /// # Errors
    ///
    /// When two parts overlap, a span is not one of this message, or the new text makes it no message.
    pub fn finish(self, limits: &Limits) -> Result<Message, ParseError> {
        let mut pieces = self.pieces;
        pieces.sort_by_key(|piece| (piece.span.start, piece.span.end));
        let overlap = pieces.windows(2).any(|pair| match pair {
            [left, right] => left.span.end > right.span.start,
            _ => false,
        });
        let text = self.message.text();
        let foreign = pieces.iter().any(|piece| text.get(piece.span.start..piece.span.end).is_none());
        if foreign {
            return Err(ParseError::new(ParseFault::Envelope("a change lies outside of the message"), 0));
        }
        if overlap {
            return Err(ParseError::new(ParseFault::Envelope("two changes of a message overlap"), 0));
        }
        Message::parse(splice(text, &pieces).into(), self.message.meaning().from, limits)
    }
}

impl fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edit of {:?}", self.message)
    }
}

impl fmt::Debug for Rewrite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rewrite of {:?} in {} places", self.message, self.pieces.len())
    }
}

/// One replaced part.
pub(crate) struct Piece {
    span: Span,
    text: String,
}

impl Piece {
    pub(crate) fn new(span: Span, text: impl Into<String>) -> Self {
        Self { span, text: text.into() }
    }

    pub(crate) fn start(&self) -> usize {
        self.span.start
    }
}

/// Where a span lies after `pieces` were put in. A piece counts when it ends at or before the position, so a span that is
/// itself replaced takes the length of its new text, and one that holds a replaced part grows with it.
pub(crate) fn shifted(span: Span, pieces: &[Piece]) -> Span {
    let shift = |position: usize| {
        pieces
            .iter()
            .filter(|piece| piece.span.end <= position)
            .fold(position, |sum, piece| (sum + piece.text.len()).saturating_sub(piece.span.end - piece.span.start))
    };
    Span::new(shift(span.start), shift(span.end))
}

/// `text` with the pieces put in. They are in order and don't overlap.
pub(crate) fn splice(text: &str, pieces: &[Piece]) -> String {
    let added: usize = pieces.iter().map(|piece| piece.text.len()).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut from = 0;
    for piece in pieces {
        out.push_str(text.get(from..piece.span.start).unwrap_or_default());
        out.push_str(&piece.text);
        from = piece.span.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}
