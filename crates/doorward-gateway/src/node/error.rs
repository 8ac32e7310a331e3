//! Why a node did not start.

use std::fmt;

use doorward_store::{DatabaseError, LockError};

/// Whose business it is, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartErrorKind {
    /// The configuration, a key or the state directory is wrong: exit code 3.
    Configuration,
    /// Something could not be reached, bound or taken: exit code 4.
    Unreachable,
}

/// Why a node did not start: for people, with the way out; one line, but for a policy with several mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    kind: StartErrorKind,
    text: String,
}

impl StartError {
    pub(super) fn configuration(text: impl fmt::Display) -> Self {
        Self { kind: StartErrorKind::Configuration, text: text.to_string() }
    }

    pub(super) fn unreachable(text: impl fmt::Display) -> Self {
        Self { kind: StartErrorKind::Unreachable, text: text.to_string() }
    }

    pub(super) fn lock(error: LockError) -> Self {
        match error {
            LockError::Taken { .. } => Self::unreachable(error),
            LockError::Unusable(_) => Self::configuration(error),
        }
    }

    pub(super) fn database(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Failed { .. } => Self::unreachable(error),
            _ => Self::configuration(error),
        }
    }

    /// Whose business it is.
    #[must_use]
    pub fn kind(&self) -> StartErrorKind {
        self.kind
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for StartError {}
