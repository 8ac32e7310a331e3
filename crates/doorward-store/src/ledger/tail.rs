//! Mends segments of earlier runs that end in the middle of a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::private::NotPrivate;

/// A segment whose last line was not whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Torn {
    /// The file's name.
    pub(super) segment: String,
    /// The length of the broken line.
    pub(super) bytes: u64,
}

/// Ends every broken last line in the directory with a line end, and tells of each.
///
/// The rest of the line stays: it was acknowledged to nobody, but it may help to see what was
/// happening. A reader of the ledger passes over it as no JSON.
pub(super) fn mend(directory: &Path) -> Result<Vec<Torn>, NotPrivate> {
    let mut torn = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(NotPrivate::io(directory))? {
        let entry = entry.map_err(NotPrivate::io(directory))?;
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "ndjson")
            && entry.file_type().is_ok_and(|kind| kind.is_file())
        {
            let bytes = mend_file(&path).map_err(NotPrivate::io(&path))?;
            if bytes > 0 {
                torn.push(Torn { segment: entry.file_name().to_string_lossy().into_owned(), bytes });
            }
        }
    }
    torn.sort_by(|a, b| a.segment.cmp(&b.segment));
    Ok(torn)
}

/// The length of the line that was broken, zero when none was.
fn mend_file(path: &Path) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    let bytes = broken_line(&mut file)?;
    if bytes > 0 {
        file.write_all(b"\n")?;
        file.sync_data()?;
    }
    Ok(bytes)
}

/// Counts the bytes after the last line end, reading backwards.
fn broken_line(file: &mut File) -> io::Result<u64> {
    const STEP: u64 = 4096;
    let length = file.seek(SeekFrom::End(0))?;
    let mut from = length;
    let mut block = Vec::new();
    while from > 0 {
        let start = from.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        Read::take(&mut *file, from - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            let after = start + u64::try_from(at).map_err(io::Error::other)? + 1;
            return Ok(length.saturating_sub(after));
        }
        from = start;
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_broken_last_lines_are_mended_and_once() {
        let temp = tempfile::tempdir().unwrap();
        let long = [b"{}\n".as_slice(), &[b'x'; 10_000]].concat();
        for (name, content) in [
            ("a.ndjson", &b"{}\n{}\n"[..]),
            ("b.ndjson", b"{}\n{\"kind\""),
            ("c.ndjson", b""),
            ("d.ndjson", b"{"),
            ("e.ndjson", &long),
            ("f.txt", b"not ours"),
        ] {
            fs::write(temp.path().join(name), content).unwrap();
        }
        let torn = |segment: &str, bytes| Torn { segment: segment.to_owned(), bytes };
        assert_eq!(mend(temp.path()).unwrap(), [torn("b.ndjson", 7), torn("d.ndjson", 1), torn("e.ndjson", 10_000)]);
        assert_eq!(fs::read(temp.path().join("b.ndjson")).unwrap(), b"{}\n{\"kind\"\n");
        assert_eq!(fs::read(temp.path().join("c.ndjson")).unwrap(), b"");
        assert_eq!(fs::read(temp.path().join("f.txt")).unwrap(), b"not ours");
        assert_eq!(mend(temp.path()).unwrap(), []);
    }
}
