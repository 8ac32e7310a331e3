//! Server-sent events (WHATWG HTML §9.2), as Streamable HTTP uses them.

use std::collections::VecDeque;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;

/// A comment that keeps an idle stream open (A09). It is no event.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// One event. A field that was not sent is absent. [`fmt::Debug`] shows lengths only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `id`: where a client may resume.
    pub id: Option<String>,
    /// `event`: the type; absent means `message`.
    pub event: Option<String>,
    /// `data`: one message. An event may have an id or a delay and no data (B07).
    pub data: Option<Bytes>,
    /// `retry`: how long a client waits before it connects again, in milliseconds.
    pub retry: Option<u64>,
}

impl Event {
    /// An event that holds nothing but a message.
    pub fn message(data: Bytes) -> Self {
        Self { data: Some(data), ..Self::default() }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id.as_ref().map(String::len))
            .field("event", &self.event.as_ref().map(String::len))
            .field("data", &self.data.as_ref().map(Bytes::len))
            .field("retry", &self.retry)
            .finish()
    }
}

/// A stream that can't be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One event, or one line, is larger than the limit.
    #[error("an event is larger than the limit")]
    TooLarge,
    /// The id or the type of an event is not UTF-8. (Its data is read as a message, which checks it.)
    #[error("an event is not UTF-8")]
    NotUtf8,
}

/// Splits a byte stream into events, however the bytes are cut.
///
/// An event that the stream ends in the middle of is dropped, as the standard demands.
#[derive(Debug)]
pub struct Decoder {
    max_event_bytes: usize,
    /// The beginning of a line whose end has not come.
    line: BytesMut,
    /// The last byte was a carriage return, which a line feed may complete.
    after_return: bool,
    first_line: bool,
    event: Event,
    data: Option<BytesMut>,
    /// The bytes of the lines that make up the event so far.
    size: usize,
    ready: VecDeque<Event>,
    failed: Option<SseError>,
}

impl Decoder {
    /// A decoder whose memory is bounded by `max_event_bytes` and by what one [`Decoder::push`] brings.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            line: BytesMut::new(),
            after_return: false,
            first_line: true,
            event: Event::default(),
            data: None,
            size: 0,
            ready: VecDeque::new(),
            failed: None,
        }
    }

    /// Takes the next bytes. The caller takes the events out before it pushes more.
    ///
    /// # Errors
    ///
    /// When the stream breaks a limit or is not UTF-8. It stays broken; events from before can still be taken.
    pub fn push(&mut self, mut chunk: &[u8]) -> Result<(), SseError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.after_return && !chunk.is_empty() {
            self.after_return = false;
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        let result = self.lines(chunk);
        self.failed = result.err();
        result
    }

    fn lines(&mut self, mut chunk: &[u8]) -> Result<(), SseError> {
        while let Some(length) = memchr2(b'\n', b'\r', chunk) {
            let (line, rest) = chunk.split_at(length);
            if self.line.is_empty() {
                self.line(line)?;
            } else {
                self.keep(line)?;
                let whole = self.line.split();
                self.line(&whole)?;
            }
            chunk = match rest {
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => rest,
            };
            // The line feed of this line may be the first byte of the next chunk.
            self.after_return = chunk.is_empty() && rest == b"\r";
        }
        self.keep(chunk)
    }

    /// Keeps a piece of an unfinished line.
    fn keep(&mut self, piece: &[u8]) -> Result<(), SseError> {
        if self.line.len() + piece.len() + self.size > self.max_event_bytes {
            return Err(SseError::TooLarge);
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    fn line(&mut self, mut line: &[u8]) -> Result<(), SseError> {
        if line.len() + self.size > self.max_event_bytes {
            return Err(SseError::TooLarge);
        }
        if std::mem::take(&mut self.first_line) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        match line {
            [] => {
                self.dispatch();
                return Ok(());
            }
            [b':', ..] => return Ok(()),
            _ => {}
        }
        self.size += line.len();
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let field = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.put_u8(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.into()),
            },
            b"event" => self.event.event = Some(text(value)?),
            b"id" if !value.contains(&0) => self.event.id = Some(text(value)?),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.event.retry = text(value)?.parse().ok().or(self.event.retry);
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends an event; one without any field is none.
    fn dispatch(&mut self) {
        self.size = 0;
        let mut event = std::mem::take(&mut self.event);
        event.data = self.data.take().map(BytesMut::freeze);
        if event != Event::default() {
            self.ready.push_back(event);
        }
    }
}

/// The events that are complete. It may end and, after another [`Decoder::push`], go on.
impl Iterator for Decoder {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }
}

fn text(value: &[u8]) -> Result<String, SseError> {
    std::str::from_utf8(value).map(str::to_owned).map_err(|_| SseError::NotUtf8)
}

/// The bytes of one event. No value can end its line or the event, whatever it holds (HD-12): data is split at each line
/// end, and an id or type that a line can't hold is left out.
pub fn encode(event: &Event) -> Bytes {
    let data = event.data.as_ref().map_or(0, |data| data.len() + 16);
    let mut out = BytesMut::with_capacity(data + 64);
    if let Some(id) = event.id.as_ref().filter(|id| !id.contains(['\n', '\r', '\0'])) {
        field(&mut out, "id", id.as_bytes());
    }
    if let Some(kind) = event.event.as_ref().filter(|kind| !kind.contains(['\n', '\r'])) {
        field(&mut out, "event", kind.as_bytes());
    }
    if let Some(retry) = event.retry {
        field(&mut out, "retry", retry.to_string().as_bytes());
    }
    if let Some(data) = &event.data {
        let mut rest: &[u8] = data;
        while let Some(length) = memchr2(b'\n', b'\r', rest) {
            let (line, end) = rest.split_at(length);
            field(&mut out, "data", line);
            rest = match end {
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => end,
            };
        }
        field(&mut out, "data", rest);
    }
    out.put_u8(b'\n');
    out.freeze()
}

fn field(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.put_u8(b'\n');
}
