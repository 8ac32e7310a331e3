//! Where segments lie: a directory, and in tests a disk that fails on demand.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use doorward_audit::Moment;

use crate::private;

/// Begins segments.
pub(super) trait Disk: Send {
    /// Begins a segment that is named by a time and never the same as an older one.
    fn begin(&mut self, at: SystemTime) -> io::Result<Arc<dyn Segment>>;

    /// The directory, for messages.
    fn path(&self) -> PathBuf;
}

/// One file of the ledger. Only the writer appends; the syncer syncs meanwhile.
pub(super) trait Segment: Send + Sync {
    /// Writes at the end. After an error, any part of `bytes` may have been written.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts off what is beyond `length`.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Brings the content to the disk.
    fn sync(&self) -> io::Result<()>;
}

/// Segments as files of a directory.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

impl Disk for Directory {
    fn begin(&mut self, at: SystemTime) -> io::Result<Arc<dyn Segment>> {
        // `:` stands in no file name, so that segments can be copied anywhere.
        let stamp = Moment(at).to_string().replace(['-', ':'], "");
        for copy in 0..10_000 {
            let path = self.0.join(format!("{stamp}-{copy:04}.ndjson"));
            match private::create_new(&path) {
                Ok(file) => {
                    private::sync_parent(&path)?;
                    return Ok(Arc::new(file));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Segment for File {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self;
        file.write_all(bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
