//! What is logged while a test looks.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

thread_local! {
    static CAUGHT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Catches what this thread logs at every level, from now until it is dropped.
///
/// One subscriber serves the whole program, as one set for a thread alone misses what another thread met first.
pub(crate) struct Log(());

impl Log {
    pub(crate) fn catch() -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(|| Catcher)
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        CAUGHT.with_borrow_mut(|caught| *caught = Some(Vec::new()));
        Self(())
    }

    pub(crate) fn text(&self) -> String {
        CAUGHT.with_borrow(|caught| String::from_utf8_lossy(caught.as_deref().unwrap_or_default()).into_owned())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        CAUGHT.with_borrow_mut(|caught| *caught = None);
    }
}

struct Catcher;

impl Write for Catcher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        CAUGHT.with_borrow_mut(|caught| {
            if let Some(caught) = caught {
                caught.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
