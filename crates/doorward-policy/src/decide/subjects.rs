//! What a call is about: the targets whose rules must admit it.

use std::sync::Arc;

use crate::rule::Kind;

/// One tool, prompt or resource that a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubjectOf {
    pub(crate) kind: Kind,
    pub(crate) name: Arc<str>,
}

impl SubjectOf {
    pub(crate) fn new(kind: Kind, name: &str) -> Self {
        Self { kind, name: name.into() }
    }
}
