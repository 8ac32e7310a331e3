//! Newline-delimited messages, as the stdio transport has them.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

/// A line longer than the limit. It is thrown away; the lines after it are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than the limit")]
pub struct TooLong;

/// Splits a byte stream into lines, however the bytes are cut. Empty lines are passed over.
#[derive(Debug)]
pub struct Decoder {
    max: usize,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
    /// The line at hand is too long, which was said; its rest is thrown away.
    skipping: bool,
}

impl Decoder {
    /// A decoder whose memory is bounded by `max`, the longest line in bytes, and by what one [`Decoder::push`] brings.
    pub fn new(max: usize) -> Self {
        Self { max, buffer: BytesMut::new(), searched: 0, skipping: false }
    }

    /// Takes the next bytes. The caller takes the lines out before it pushes more.
    pub fn push(&mut self, chunk: &[u8]) {
        let rest = match (self.skipping, memchr(b'\n', chunk)) {
            (false, _) => chunk,
            (true, Some(end)) => {
                self.skipping = false;
                chunk.get(end + 1..).unwrap_or_default()
            }
            (true, None) => return,
        };
        self.buffer.extend_from_slice(rest);
    }

    /// What stands after the last line end, once the stream is over.
    pub fn finish(&mut self) -> Option<Result<Bytes, TooLong>> {
        self.searched = 0;
        let rest = self.buffer.split();
        self.whole(rest)
    }

    /// One line without its end; `None` for an empty one.
    fn whole(&self, mut line: BytesMut) -> Option<Result<Bytes, TooLong>> {
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        match line.len() {
            0 => None,
            length if length > self.max => Some(Err(TooLong)),
            _ => Some(Ok(line.freeze())),
        }
    }
}

/// The lines that are complete. It may end and, after another [`Decoder::push`], go on.
impl Iterator for Decoder {
    type Item = Result<Bytes, TooLong>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(length) = memchr(b'\n', unsearched) else {
                self.searched = self.buffer.len();
                // The carriage return of a line end is not part of the line.
                if self.buffer.len() <= self.max.saturating_add(1) {
                    return None;
                }
                self.buffer.clear();
                self.searched = 0;
                self.skipping = true;
                return Some(Err(TooLong));
            };
            let line = self.buffer.split_to(self.searched + length);
            self.buffer.advance(1);
            self.searched = 0;
            if let Some(line) = self.whole(line) {
                return Some(line);
            }
        }
    }
}

/// A message as one line with its end.
///
/// The caller guarantees that `message` is one JSON text. A line end can only stand between the tokens of such a text, where
/// a space says the same; nothing else changes, nor does the length but for the final line end.
pub fn encode(message: &[u8]) -> Bytes {
    let mut line = BytesMut::with_capacity(message.len() + 1);
    line.extend_from_slice(message);
    for byte in line.iter_mut() {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    line.extend_from_slice(b"\n");
    line.freeze()
}
