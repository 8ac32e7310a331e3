//! What a call was about, as far as it may be written.

use doorward_wire::{Method, Target};
use serde::Serialize;

use crate::Text;

/// The target of a call.
///
/// A name that no rule and no catalogue confirms is the caller's own words: only its length is
/// written. A resource URI can hold a customer's number, and a made-up tool name anything at all.
///
/// A raw text has no way in:
///
/// ```compile_fail,E0308
/// # let asked_for = String::new();
/// doorward_audit::TargetLabel::Known { kind: "tool", name: asked_for };
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TargetLabel {
    /// The method has no target.
    None,
    /// A confirmed target.
    Known {
        /// `tool`, `prompt`, `resource` or `task`.
        kind: &'static str,
        /// Its name or URI.
        name: Text,
    },
    /// A target that nothing confirms.
    Unknown {
        /// As in [`TargetLabel::Known`].
        kind: &'static str,
        /// The bytes of the name that was asked for.
        length: usize,
    },
    /// Several targets at once.
    Several {
        /// As in [`TargetLabel::Known`].
        kind: &'static str,
        /// How many.
        count: usize,
    },
}

impl TargetLabel {
    /// Labels a target; `known` says whether a catalogue or a rule names exactly this one (a
    /// pattern that matches it does not confirm it).
    ///
    /// A task's handle is never written, confirmed or not: who holds it may read the result.
    pub fn of(target: &Target, known: &dyn Fn(&Target) -> bool) -> Self {
        let kind = target.kind();
        match (target, target.name()) {
            (Target::Resources(uris), _) => Self::Several { kind, count: uris.len() },
            (Target::Task(handle), _) => Self::Unknown { kind, length: handle.len() },
            (_, None) => Self::None,
            (_, Some(name)) if known(target) => Self::Known { kind, name: Text::clip(name) },
            (_, Some(name)) => Self::Unknown { kind, length: name.len() },
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// The name of a method for records and metrics: its own for the methods of MCP, `unknown` for
/// every other.
#[must_use]
pub fn method_label(method: &Method) -> &'static str {
    method.known().unwrap_or("unknown")
}
