//! What a call was about, as far as it may be written.

use doorward_wire::{Method, Target};
use serde::Serialize;

use crate::Text;

/// The target of a call.
///
/// A name that no rule and no catalogue confirms is the caller's own words: only its length is
/// written. A resource URI can hold a customer's number, and a made-up tool name anything at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TargetLabel {
    /// The method has no target.
    None,
    /// A confirmed target.
    Known {
        /// `tool`, `prompt`, `resource`, `completion` or `task`.
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
        let (kind, name) = match target {
            Target::None => return Self::None,
            Target::Resources(uris) => {
                return Self::Several {
                    kind: "resource",
                    count: uris.len(),
                };
            }
            Target::Task(handle) => {
                return Self::Unknown {
                    kind: "task",
                    length: handle.len(),
                };
            }
            Target::Tool(name) => ("tool", name),
            Target::Prompt(name) => ("prompt", name),
            Target::Resource(uri) => ("resource", uri),
            Target::PromptRef(name) => ("prompt_completion", name),
            Target::ResourceRef(uri) => ("resource_completion", uri),
        };
        if known(target) {
            Self::Known {
                kind,
                name: Text::clip(name),
            }
        } else {
            Self::Unknown {
                kind,
                length: name.len(),
            }
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
    METHODS
        .iter()
        .find(|known| **known == method.as_str())
        .copied()
        .unwrap_or("unknown")
}

/// The methods of every era that may stand in a record by name.
const METHODS: [&str; 36] = [
    "initialize",
    "notifications/initialized",
    "server/discover",
    "ping",
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
    "subscriptions/listen",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/message",
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/subscriptions/acknowledged",
    "notifications/elicitation/complete",
    "elicitation/create",
    "sampling/createMessage",
    "roots/list",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
    "tasks/list",
    "tasks/result",
    "notifications/tasks",
    "notifications/tasks/status",
];
