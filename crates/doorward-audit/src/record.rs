//! One line of the ledger.

use bytes::Bytes;
use serde::Serialize;

use crate::{Authentication, Decision, Notice, Outcome, Verdict};

/// Everything that the ledger can say.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// A call was allowed or refused.
    Decision {
        /// What it was about.
        #[serde(flatten)]
        decision: Decision,
        /// Which of both.
        #[serde(flatten)]
        verdict: Verdict,
    },
    /// An allowed call ended.
    Outcome(Outcome),
    /// A credential was verified or refused.
    Authentication(Authentication),
    /// Something else happened.
    Notice(Notice),
}

impl Record {
    /// Writes the record as one line.
    ///
    /// # Errors
    ///
    /// Only if the JSON writer fails, which no record can bring about; the caller refuses.
    pub fn encode(&self) -> Result<Line, EncodeError> {
        let mut line = Vec::with_capacity(512);
        serde_json::to_writer(&mut line, self).map_err(|_| EncodeError)?;
        // Holds by construction (`Text` has no such characters): a line end inside a record would
        // let its content forge another one, so it is worth this look.
        if line.iter().any(u8::is_ascii_control) {
            return Err(EncodeError);
        }
        line.push(b'\n');
        Ok(Line(line.into()))
    }
}

/// One encoded record: a JSON object without a control character, and a line end.
///
/// Made by [`Record::encode`] alone, so nothing but a record reaches a sink.
///
/// ```compile_fail,E0423
/// doorward_audit::Line(bytes::Bytes::from_static(b"anything"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Line(Bytes);

impl Line {
    /// The line, its line end included.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The line, its line end included.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(String::from_utf8_lossy(&self.0).trim_end())
    }
}

/// A record could not be written as a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record can not be written as one line")]
pub struct EncodeError;
