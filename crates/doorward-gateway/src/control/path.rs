//! Sockets whose path is longer than a socket's address may be.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd as _, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

/// An address holds 108 bytes on Linux and 104 elsewhere, the final NUL included.
const LONGEST: usize = 103;

/// A path by which the socket can be bound or reached, good for as long as the file is kept.
pub(super) fn reachable(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let short = path.as_os_str().as_bytes().len() <= LONGEST;
    let (Some(directory), Some(name), false) = (path.parent(), path.file_name(), short) else {
        return Ok((path.to_owned(), None));
    };
    // The directory by its descriptor, which is short wherever the directory lies.
    let directory = File::open(directory)?;
    let through = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    Ok((through, Some(directory)))
}
