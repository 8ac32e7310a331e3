//! What is wrong with a policy source, said so that a person can mend it.

use std::fmt;

/// One mistake in a [`Source`](crate::Source): where it stands and how to fix it.
///
/// [`RuleBook::compile`](crate::RuleBook::compile) reports all of them at once. The text never holds a secret: a
/// source has none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyError {
    path: String,
    message: String,
}

impl PolicyError {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// Where the mistake stands in the source, such as `servers.crm.rules[2].policy`, so that a reader of
    /// configuration files can find its line.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong and how to fix it: one line, lower case, no full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for PolicyError {}
