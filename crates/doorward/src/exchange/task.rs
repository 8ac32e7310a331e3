//! A task that a call began, as far as it must be known to whom it belongs.

use doorward_wire::Message;
use serde::Deserialize;

/// The handle of a task, and how long the server keeps it in milliseconds.
pub(super) struct BegunTask {
    pub(super) id: String,
    pub(super) ttl_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Begun {
    #[serde(rename = "taskId")]
    id: Option<String>,
    #[serde(rename = "ttlMs", alias = "ttl")]
    ttl_ms: Option<u64>,
    /// The legacy era wraps it.
    task: Option<Box<Begun>>,
}

impl BegunTask {
    /// The task in the answer of a call, if there is one: `resultType: "task"` in the modern era, `task` in the
    /// legacy one.
    pub(super) fn read(answer: &Message) -> Option<Self> {
        let result = answer.result()?;
        // Most answers hold none, and are not read a second time for it.
        if !result.contains("taskId") {
            return None;
        }
        let begun: Begun = serde_json::from_str(result).ok()?;
        let begun = begun.task.map_or((begun.id, begun.ttl_ms), |task| (task.id, task.ttl_ms));
        Some(Self { id: begun.0?, ttl_ms: begun.1 })
    }
}
