//! What a server says on its standard error, brought to the log: whole lines, bounded, escaped, not too many.

use std::{fmt::Write as _, time::Duration};

use doorward_wire::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::Instant,
};

/// Longest part of a line that is shown, in bytes.
const LONGEST: usize = 2048;
/// Lines that may come at once, and how long one takes to be earned back.
const BURST: u32 = 100;
const EARNED_EVERY: Duration = Duration::from_millis(100);

/// Reads until the pipe closes. Reading never stops for the log's sake: a full pipe would block the server.
///
/// Before the server was sent a caller's message (`spoken_to`), its lines can't hold anything of a caller's and are
/// logged; a failing start is then told. Later they may, and only their number and length are.
pub(super) async fn relay(mut pipe: impl AsyncRead + Unpin, server: ServerName, spoken_to: impl Fn() -> bool) {
    let mut lines = Lines::default();
    let mut budget = Budget::new(Instant::now());
    let mut unshown = Unshown::default();
    let mut buffer = vec![0; 8192];
    loop {
        let read = match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        // Asked after reading, so that nothing which answers a caller is taken for a part of the start.
        if spoken_to() {
            unshown.add(bytes);
            if budget.spend(Instant::now()).is_some() {
                unshown.tell(&server);
            }
            continue;
        }
        for line in lines.push(bytes) {
            let Some(skipped) = budget.spend(Instant::now()) else {
                continue;
            };
            if skipped > 0 {
                tracing::info!(%server, skipped, "lines of the server's standard error were left out");
            }
            tracing::info!(%server, line, "server's standard error");
        }
    }
    unshown.tell(&server);
}

/// What was said and is not shown, since it was last told of.
#[derive(Debug, Default)]
struct Unshown {
    lines: usize,
    bytes: usize,
}

impl Unshown {
    fn add(&mut self, bytes: &[u8]) {
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        self.bytes += bytes.len();
    }

    fn tell(&mut self, server: &ServerName) {
        let Self { lines, bytes } = std::mem::take(self);
        if bytes > 0 {
            tracing::debug!(%server, lines, bytes, "the server wrote to its standard error; not shown, as it may hold a caller's data");
        }
    }
}

/// Splits bytes into lines, each cut to [`LONGEST`] bytes and escaped.
#[derive(Debug, Default)]
struct Lines {
    open: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut done = Vec::new();
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = LONGEST.saturating_sub(self.open.len());
            self.open.extend(part.iter().take(room));
            if parts.peek().is_some() {
                let line = std::mem::take(&mut self.open);
                let line = line.strip_suffix(b"\r").unwrap_or(&line);
                if !line.is_empty() {
                    done.push(escape(line));
                }
            }
        }
        done
    }
}

/// Shows text as it is, and everything that could move a cursor, hide or reorder text as an escape (ER-10).
fn escape(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for character in String::from_utf8_lossy(bytes).chars() {
        let hidden = character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
            || matches!(character, '\u{e0000}'..='\u{e007f}');
        if hidden && character != '\t' {
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A token bucket for lines.
#[derive(Debug)]
struct Budget {
    left: u32,
    earned_at: Instant,
    skipped: u64,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Self { left: BURST, earned_at: now, skipped: 0 }
    }

    /// Spends one line: the number of lines skipped before it, or nothing when it is to be skipped too.
    fn spend(&mut self, now: Instant) -> Option<u64> {
        let earned = now.saturating_duration_since(self.earned_at).as_millis() / EARNED_EVERY.as_millis();
        if let Ok(earned @ 1..) = u32::try_from(earned) {
            self.left = self.left.saturating_add(earned).min(BURST);
            self.earned_at = now;
        }
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            Some(std::mem::take(&mut self.skipped))
        } else {
            self.skipped += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut lines = Lines::default();
        assert!(lines.push(b"he").is_empty());
        assert_eq!(lines.push(b"llo\r\n\nwor"), ["hello"]);
        assert_eq!(lines.push(b"ld\n"), ["world"]);
    }

    #[test]
    fn an_endless_line_is_cut_and_takes_no_more_memory() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            assert!(lines.push(&[b'x'; 1024]).is_empty());
        }
        assert!(lines.open.capacity() <= 2 * LONGEST);
        assert_eq!(lines.push(b"\n"), ["x".repeat(LONGEST)]);
    }

    #[test]
    fn er_10_nothing_in_a_line_moves_the_cursor_or_hides() {
        let shown = escape(b"\x1b[2J\rfake\x07 \xe2\x80\xae \xff\ttab \xc3\xa4");
        assert_eq!(shown, "\\u{1b}[2J\\u{d}fake\\u{7} \\u{202e} \u{fffd}\ttab \u{e4}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_cut_and_counted() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let shown = (0..1000).filter(|_| budget.spend(start).is_some()).count();
        assert_eq!(shown, BURST as usize);
        let later = start + Duration::from_secs(1);
        assert_eq!(budget.spend(later), Some(900));
        let more = (0..1000).filter(|_| budget.spend(later).is_some()).count();
        assert_eq!(more, 9);
    }

    /// Collects what is logged, as level and fields.
    #[derive(Clone, Default)]
    struct Collector(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

    impl tracing::Subscriber for Collector {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            struct Fields(String);
            impl tracing::field::Visit for Fields {
                fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                    let _ = write!(self.0, " {}={value:?}", field.name());
                }
            }
            let mut fields = Fields(event.metadata().level().to_string());
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn of_lines_that_may_hold_a_callers_data_only_number_and_length_are_logged() {
        let collector = Collector::default();
        tracing::subscriber::with_default(collector.clone(), || {
            let relaying = async {
                relay(&b"cannot find module\n"[..], "crm".parse().unwrap(), || false).await;
                relay(&b"called with canary\nand more\n"[..], "crm".parse().unwrap(), || true).await;
            };
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(relaying);
        });
        let logged = collector.0.lock().unwrap();
        assert!(
            logged.iter().any(|line| line.starts_with("INFO") && line.contains("cannot find module")),
            "{logged:?}"
        );
        assert!(logged.iter().all(|line| !line.contains("canary")), "{logged:?}");
        assert!(logged.iter().any(|line| line.contains("lines=2 bytes=28")), "{logged:?}");
    }
}
