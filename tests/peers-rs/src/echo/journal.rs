//! Everything that the server received, on disk, for tests to read.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use http::request::Parts;
use serde_json::{Value, json};

/// A file of one JSON object a line, or nothing at all.
#[derive(Debug, Default)]
pub(super) struct Journal(Option<Mutex<File>>);

impl Journal {
    /// Opens the file and writes how this process was started.
    pub(super) fn open(path: Option<&Path>) -> std::io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let journal = Self(Some(Mutex::new(file)));
        journal.write(&json!({ "kind": "start", "argv": argv(), "environment": environment() }));
        Ok(journal)
    }

    pub(super) fn request(&self, head: &Parts, body: &[u8]) {
        if self.0.is_none() {
            return;
        }
        self.write(&json!({
            "kind": "http",
            "method": head.method.as_str(),
            "path": head.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
            "headers": headers(head),
            "body": String::from_utf8_lossy(body),
        }));
    }

    pub(super) fn line(&self, line: &[u8]) {
        if self.0.is_some() {
            self.write(&json!({ "kind": "line", "body": String::from_utf8_lossy(line) }));
        }
    }

    /// Writes that the call with this id was given up by its client.
    pub(super) fn cancelled(&self, id: &str) {
        self.write(&json!({ "kind": "cancelled", "id": id }));
    }

    fn write(&self, record: &Value) {
        let Some(file) = &self.0 else { return };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write a record, so that a reader never sees half a line.
        let _ = file.write_all(format!("{record}\n").as_bytes());
    }
}

/// The headers in their order, repeated ones repeated.
pub(super) fn headers(head: &Parts) -> Value {
    head.headers.iter().map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])).collect()
}

/// The command line of this process.
pub(super) fn argv() -> Vec<String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// The environment of this process.
pub(super) fn environment() -> Value {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), Value::from(text(value))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
