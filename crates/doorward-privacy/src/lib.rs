//! What may be seen?
//!
//! A message leaves a stage of the corridor only as [`Cleared`], and only a [`Clearance`] makes one, after it has
//! looked at what the message carries. Today it looks for one thing: the credential of the caller, which reaches no
//! server by any way (A1, R2, PT-01). Detection of personal data and of other secrets comes to stand here.

use std::fmt;

use doorward_wire::Carries;

/// Looks at messages before they travel on.
#[derive(Clone, Debug, Default)]
pub struct Clearance {
    _private: (),
}

impl Clearance {
    /// A clearance with the rules that always hold.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Clears what a message carries.
    ///
    /// `holds_credential` says whether the caller's own credential stands in the given bytes; the caller of this
    /// function must pass the test of the credential that came with the message.
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the kind of what was found and never its value, and the message's carrier, so that it can
    /// be answered. Nothing was sent.
    pub fn clear<T: Carries>(
        &self,
        carrier: T,
        holds_credential: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Cleared<T>, Rejected<T>> {
        if holds_credential(carrier.message().bytes()) {
            return Err(Rejected { carrier, found: Found::CallerCredential });
        }
        Ok(Cleared { carrier })
    }
}

/// The proof that what a message carries may leave. Only [`Clearance::clear`] makes it.
pub struct Cleared<T> {
    carrier: T,
}

impl<T> Cleared<T> {
    /// What was cleared.
    pub fn get(&self) -> &T {
        &self.carrier
    }

    /// Opens the proof; what comes out is no longer proven.
    pub fn into_inner(self) -> T {
        self.carrier
    }
}

impl<T> fmt::Debug for Cleared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cleared")
    }
}

/// A message that may not leave.
#[derive(thiserror::Error)]
#[error("the message holds {found}, which may not leave; remove it and send the message again")]
pub struct Rejected<T> {
    /// What was looked at, given back for the answer.
    pub carrier: T,
    /// What was found.
    pub found: Found,
}

impl<T> fmt::Debug for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected").field("found", &self.found).finish_non_exhaustive()
    }
}

/// The kind of what a message must not carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The credential with which this very request was made.
    CallerCredential,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CallerCredential => "the credential of this request",
        })
    }
}
