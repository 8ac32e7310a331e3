//! A reader in front of the HTTP/1 parser that lets through only what every parser reads alike.
//!
//! The HTTP library is lenient where the RFC allows it: it drops a `Content-Length` beside a `Transfer-Encoding`,
//! merges two equal lengths, ends lines at a bare LF. Each of these is read otherwise by some other parser on the way,
//! which is how requests are smuggled (RFC 9112 sections 2.2, 5.2, 6.3 and 11.2; HD-04). This reader follows the
//! framing of the stream byte by byte, and puts a NUL in the place of the first byte that goes wrong: the library then
//! answers 400 and closes, and no byte behind it is read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// A stream whose request framing is checked while it is read.
pub(crate) struct Strict<I> {
    io: I,
    /// What was read while the protocol was being found out.
    prefix: Bytes,
    scanner: Scanner,
    head_limit: Duration,
    head_deadline: Option<Pin<Box<Sleep>>>,
    /// Once something was wrong, what is still to be read.
    refusal: Option<&'static [u8]>,
}

/// Stands in the place of what was wrong: no parser takes a NUL, and the library looks at a head only once its end is
/// there.
const REFUSAL: &[u8] = b"\0\r\n\r\n";

impl<I> Strict<I> {
    pub(crate) fn new(io: I, prefix: Bytes, head_limit: Duration) -> Self {
        Self { io, prefix, scanner: Scanner::default(), head_limit, head_deadline: None, refusal: None }
    }

    fn refuse(&mut self, refusal: &'static [u8], buf: &mut ReadBuf<'_>) {
        let (now, later) = refusal.split_at(refusal.len().min(buf.remaining()));
        buf.put_slice(now);
        self.refusal = Some(later);
    }

    /// Looks at the bytes that were just put into `buf` and cuts them at the first that is wrong.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        let fresh = buf.filled().get(before..).unwrap_or_default();
        if let Err(at) = self.scanner.scan(fresh) {
            tracing::debug!("a request with ambiguous framing was refused");
            buf.set_filled(before + at);
            self.refuse(REFUSAL, buf);
        }
        if !self.scanner.is_inside_head() {
            self.head_deadline = None;
        } else if self.head_deadline.is_none() {
            self.head_deadline = Some(Box::pin(sleep(self.head_limit)));
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Strict<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        match this.refusal {
            None => {}
            // Not the end of the stream: the library would take that for a peer that left, and not answer it.
            Some([]) => return Poll::Pending,
            Some(rest) => {
                this.refuse(rest, buf);
                return Poll::Ready(Ok(()));
            }
        }
        let before = buf.filled().len();
        if this.prefix.has_remaining() {
            let take = this.prefix.len().min(buf.remaining());
            buf.put_slice(&this.prefix.split_to(take));
        } else if let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(cx, buf) {
            read?;
        } else {
            if let Some(deadline) = &mut this.head_deadline {
                ready!(deadline.as_mut().poll(cx));
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the head of a request took too long",
                )));
            }
            return Poll::Pending;
        }
        this.inspect(buf, before);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Strict<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// Longest line that is looked at. Larger than the longest head that the HTTP library takes, so that the library's own
/// answer (431) comes first.
const LONGEST_LINE: usize = 256 * 1024;

/// Where in the stream of requests the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before a request line: one empty line is tolerated (RFC 9112 section 2.2).
    #[default]
    Start,
    Header,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailer,
}

/// What a head says about the length of its body.
#[derive(Debug, Default)]
struct Head {
    http_1_0: bool,
    length: Option<u64>,
    chunked: bool,
}

#[derive(Debug, Default)]
struct Scanner {
    place: Place,
    head: Head,
    line: Vec<u8>,
    skipped_empty_line: bool,
}

/// The line is not one that every parser reads alike.
struct Ambiguous;

impl Scanner {
    fn is_inside_head(&self) -> bool {
        match self.place {
            Place::Start => !self.line.is_empty(),
            Place::Header => true,
            Place::Body(_) | Place::ChunkSize | Place::ChunkData(_) | Place::ChunkEnd | Place::Trailer => false,
        }
    }

    /// Follows `bytes`; on the first byte that may not stand where it stands, its offset.
    fn scan(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            match &mut self.place {
                Place::Body(left) | Place::ChunkData(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= take as u64;
                    let done = *left == 0;
                    rest = rest.get(take..).unwrap_or_default();
                    if done {
                        self.place = if matches!(self.place, Place::Body(_)) { Place::Start } else { Place::ChunkEnd };
                    }
                }
                _ => {
                    self.take(byte).map_err(|Ambiguous| bytes.len() - rest.len())?;
                    rest = after;
                }
            }
        }
        Ok(())
    }

    /// One byte of a line.
    fn take(&mut self, byte: u8) -> Result<(), Ambiguous> {
        let after_cr = self.line.last() == Some(&b'\r');
        match (after_cr, byte) {
            (true, b'\n') => {
                self.line.pop();
                let line = std::mem::take(&mut self.line);
                self.end_of_line(&line)?;
                // Keep the allocation for the next line.
                self.line = line;
                self.line.clear();
                Ok(())
            }
            (true, _) | (false, b'\n') => Err(Ambiguous),
            (false, _) if self.line.len() >= LONGEST_LINE => Err(Ambiguous),
            (false, _) => {
                self.line.push(byte);
                Ok(())
            }
        }
    }

    fn end_of_line(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        match self.place {
            Place::Start if line.is_empty() => {
                if std::mem::replace(&mut self.skipped_empty_line, true) {
                    return Err(Ambiguous);
                }
            }
            Place::Start => {
                self.skipped_empty_line = false;
                self.head = Head { http_1_0: request_line(line)?, ..Head::default() };
                self.place = Place::Header;
            }
            Place::Header if line.is_empty() => self.place = self.body()?,
            Place::Header => self.header(line)?,
            Place::ChunkSize => {
                self.place = match chunk_size(line)? {
                    0 => Place::Trailer,
                    size => Place::ChunkData(size),
                };
            }
            Place::ChunkEnd if line.is_empty() => self.place = Place::ChunkSize,
            Place::Trailer if line.is_empty() => self.place = Place::Start,
            Place::Trailer => {
                split_header(line)?;
            }
            Place::ChunkEnd | Place::Body(_) | Place::ChunkData(_) => return Err(Ambiguous),
        }
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        let (name, value) = split_header(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            // A second one is refused even if it says the same.
            if self.head.length.is_some() || self.head.chunked {
                return Err(Ambiguous);
            }
            self.head.length = Some(decimal(value)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.head.chunked || self.head.length.is_some() || self.head.http_1_0 {
                return Err(Ambiguous);
            }
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Ambiguous);
            }
            self.head.chunked = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") || name.eq_ignore_ascii_case(b"http2-settings") {
            // Nothing here is ever upgraded; a proxy that believes otherwise would pass on raw bytes (h2c smuggling).
            return Err(Ambiguous);
        }
        Ok(())
    }

    fn body(&self) -> Result<Place, Ambiguous> {
        match (self.head.chunked, self.head.length) {
            (true, None) => Ok(Place::ChunkSize),
            (false, None | Some(0)) => Ok(Place::Start),
            (false, Some(length)) => Ok(Place::Body(length)),
            (true, Some(_)) => Err(Ambiguous),
        }
    }
}

/// `METHOD SP target SP HTTP/1.x`; whether it is HTTP/1.0.
fn request_line(line: &[u8]) -> Result<bool, Ambiguous> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Ambiguous);
    };
    let visible = |byte: &u8| (0x21..=0x7e).contains(byte);
    if method.is_empty() || !method.iter().all(is_token) || target.is_empty() || !target.iter().all(visible) {
        return Err(Ambiguous);
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(Ambiguous),
    }
}

/// `name: value`, the value without the blanks around it. Refuses a folded line, a blank before the colon, and control
/// characters.
fn split_header(line: &[u8]) -> Result<(&[u8], &[u8]), Ambiguous> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Ambiguous)?;
    let (name, rest) = line.split_at(colon);
    let value = rest.split_first().map_or(&[][..], |(_, value)| value);
    if name.is_empty() || !name.iter().all(is_token) {
        return Err(Ambiguous);
    }
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(Ambiguous);
    }
    Ok((name, value.trim_ascii()))
}

fn decimal(value: &[u8]) -> Result<u64, Ambiguous> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(Ambiguous);
    }
    Ok(value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// The size before a chunk. Extensions are allowed and mean nothing, as long as they are visible text.
fn chunk_size(line: &[u8]) -> Result<u64, Ambiguous> {
    let digits = line.iter().position(|byte| *byte == b';').unwrap_or(line.len());
    let (digits, extension) = line.split_at(digits);
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Ambiguous);
    }
    if extension.len() > 256 || !extension.iter().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Err(Ambiguous);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| Ambiguous)?;
    u64::from_str_radix(digits, 16).map_err(|_| Ambiguous)
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// The protocol that a connection without TLS speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until the first bytes tell HTTP/1 from HTTP/2, and gives back what was read.
///
/// # Errors
///
/// When the peer closes or says nothing before `deadline`.
pub(crate) async fn sniff<I: AsyncRead + Unpin>(io: &mut I, deadline: Instant) -> io::Result<(Protocol, Bytes)> {
    use tokio::io::AsyncReadExt as _;

    let mut seen = Vec::with_capacity(H2_PREFACE.len());
    let reading = async {
        while let Some(left) = H2_PREFACE.len().checked_sub(seen.len()).filter(|left| *left > 0) {
            let mut limited = (&mut *io).take(left as u64);
            if limited.read_buf(&mut seen).await? == 0 {
                return io::Result::Err(io::ErrorKind::UnexpectedEof.into());
            }
            if !H2_PREFACE.starts_with(&seen) {
                return Ok(Protocol::Http1);
            }
        }
        Ok(Protocol::Http2)
    };
    let protocol = tokio::time::timeout_at(deadline, reading).await??;
    Ok((protocol, seen.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Feeds a stream in pieces of every size up to 3 and whole; all must agree.
    fn scan(stream: &[u8]) -> Result<(), usize> {
        let whole = Scanner::default().scan(stream);
        for size in 1..=3 {
            let mut scanner = Scanner::default();
            let mut done = 0;
            let mut found = Ok(());
            for piece in stream.chunks(size) {
                if let Err(at) = scanner.scan(piece) {
                    found = Err(done + at);
                    break;
                }
                done += piece.len();
            }
            assert_eq!(found, whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn ordinary_requests_pass_also_in_a_row() {
        let streams: [&[u8]; 6] = [
            b"GET /mcp HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\r\n{}\0GET / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nab\ncd\r\n0\r\nTrailer: a\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            b"\r\nGET / HTTP/1.1\r\nX-Tab:\ta\tb\t\r\nX-Empty:\r\nX-Latin: \xe4\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nUpgrade-Insecure-Requests: 1\r\n\r\n",
        ];
        for stream in streams {
            assert_eq!(scan(stream), Ok(()), "{}", stream.escape_ascii());
        }
    }

    #[test]
    fn hd_04_what_parsers_read_differently_is_refused() {
        let streams: [(&str, &[u8]); 22] = [
            ("CL.TE", b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ("TE.CL", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"),
            ("xchunked", b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n"),
            ("identity", b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n"),
            ("a list of codings", b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
            ("two codings", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ("TE in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ("two lengths", b"POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n"),
            ("two equal lengths", b"POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n"),
            ("a list of lengths", b"POST / HTTP/1.1\r\nContent-Length: 4, 4\r\n\r\n"),
            ("signed length", b"POST / HTTP/1.1\r\nContent-Length: +4\r\n\r\n"),
            ("obs-fold", b"POST / HTTP/1.1\r\nX: a\r\n b\r\n\r\n"),
            ("blank before colon", b"POST / HTTP/1.1\r\nContent-Length : 4\r\n\r\n"),
            ("bare CR", b"POST / HTTP/1.1\r\nX: a\rContent-Length: 4\r\n\r\n"),
            ("bare LF", b"GET / HTTP/1.1\nHost: a\n\n"),
            ("NUL", b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n"),
            ("no version", b"GET /\r\n\r\n"),
            ("two blanks", b"GET  / HTTP/1.1\r\n\r\n"),
            ("h2c", b"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"),
            ("two empty lines", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
            ("chunk size", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n"),
            ("chunk longer than it says", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"),
        ];
        for (name, stream) in streams {
            assert!(scan(stream).is_err(), "{name}");
        }
    }

    #[test]
    fn hd_04_a_bad_second_request_is_found_behind_a_good_first() {
        let good = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        let stream = [&good[..], b"GET / HTTP/1.1\nX: y\n\n"].concat();
        assert_eq!(scan(&stream), Err(good.len() + b"GET / HTTP/1.1".len()));
    }

    #[tokio::test]
    async fn hd_04_the_reader_ends_at_the_first_wrong_byte() {
        let (mut client, server) = tokio::io::duplex(1024);
        client.write_all(b"GET / HTTP/1.1\r\nA: b\nsmuggled").await.unwrap();
        let mut strict = Strict::new(server, Bytes::from_static(b""), Duration::from_secs(1));
        let (mut seen, mut buffer) = (Vec::new(), [0; 22]);
        while let Some(read) = futures::FutureExt::now_or_never(strict.read(&mut buffer)) {
            seen.extend_from_slice(&buffer[..read.unwrap()]);
        }
        assert_eq!(seen, b"GET / HTTP/1.1\r\nA: b\0\r\n\r\n");
    }

    #[tokio::test(start_paused = true)]
    async fn hd_11_a_head_that_trickles_in_is_given_up() {
        let (mut client, server) = tokio::io::duplex(1024);
        let mut strict = Strict::new(server, Bytes::from_static(b"GE"), Duration::from_secs(10));
        let trickle = tokio::spawn(async move {
            for byte in b"T / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaa" {
                sleep(Duration::from_secs(1)).await;
                if client.write_all(&[*byte]).await.is_err() {
                    return;
                }
            }
        });
        let started = Instant::now();
        let mut seen = Vec::new();
        let error = strict.read_to_end(&mut seen).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), 10);
        trickle.abort();
    }

    #[tokio::test]
    async fn the_protocol_is_told_by_the_first_bytes() {
        for (said, expected) in [(&b"GET / HTTP/1.1\r\n"[..], Protocol::Http1), (H2_PREFACE, Protocol::Http2)] {
            let (mut client, mut server) = tokio::io::duplex(64);
            client.write_all(said).await.unwrap();
            let deadline = Instant::now() + Duration::from_secs(5);
            let (protocol, seen) = sniff(&mut server, deadline).await.unwrap();
            assert_eq!(protocol, expected);
            assert!(said.starts_with(&seen));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn hd_11_a_peer_that_says_nothing_is_given_up() {
        let (_client, mut server) = tokio::io::duplex(64);
        let error = sniff(&mut server, Instant::now() + Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    proptest! {
        #![proptest_config(crate::testing::cases())]

        #[test]
        fn any_bytes_are_read_alike_whole_and_in_pieces(stream in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = scan(&stream);
        }

        #[test]
        fn any_body_passes_untouched(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let head = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
            let stream = [head.as_bytes(), &body, b"GET / HTTP/1.1\r\n\r\n"].concat();
            prop_assert_eq!(scan(&stream), Ok(()));
        }
    }
}
