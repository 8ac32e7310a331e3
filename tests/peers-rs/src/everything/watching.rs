//! Subscriptions, and tools that make something change.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rmcp::{
    model::CallToolResult,
    service::{SubscriptionContext, SubscriptionSink},
};
use serde_json::Value;

use super::json::{plain_tool, says};

/// Everyone who listens to changes (`subscriptions/listen`).
#[derive(Default)]
pub(super) struct Watchers {
    open: Mutex<(u64, HashMap<u64, SubscriptionSink>)>,
}

impl Watchers {
    /// Keeps the subscription until its client goes away.
    pub(super) async fn keep(&self, context: &SubscriptionContext) {
        let key = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.0 += 1;
            let key = open.0;
            open.1.insert(key, context.sink().clone());
            key
        };
        context.cancelled().await;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&key);
    }

    fn all(&self) -> Vec<SubscriptionSink> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.1.values().cloned().collect()
    }
}

pub(super) fn tools() -> Vec<Value> {
    vec![
        plain_tool("test_trigger_tool_change", "tells listeners that the tools changed"),
        plain_tool("test_trigger_prompt_change", "tells listeners that the prompts changed"),
    ]
}

pub(super) async fn call(name: &str, watchers: &Watchers) -> Option<CallToolResult> {
    match name {
        "test_trigger_tool_change" => {
            for watcher in watchers.all() {
                // One that didn't ask for this kind refuses it.
                let _ = watcher.notify_tool_list_changed().await;
            }
        }
        "test_trigger_prompt_change" => {
            for watcher in watchers.all() {
                let _ = watcher.notify_prompt_list_changed().await;
            }
        }
        _ => return None,
    }
    Some(says("listeners were told"))
}
