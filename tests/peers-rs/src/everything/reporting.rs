//! Tools that talk while they run: log messages, progress, and a pause in
//! which the answer's stream may be cut.

use std::time::Duration;

use rmcp::{
    RoleServer,
    model::{CallToolResult, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam},
    service::RequestContext,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::json::{plain_tool, says};

/// The tool whose answer's stream [`super::CuttingSessions`] cuts.
pub(super) const RECONNECTION: &str = "test_reconnection";

/// Long enough for a cut stream to be gone, short enough for the suite.
const RECONNECTION_PAUSE: Duration = Duration::from_millis(300);

/// Between two messages, so that they travel apart.
const STEP: Duration = Duration::from_millis(40);

pub(super) fn tools() -> Vec<Value> {
    vec![
        plain_tool("test_tool_with_logging", "logs three times while it runs"),
        plain_tool("test_tool_with_progress", "reports progress three times"),
        plain_tool("test_logging_tool", "logs if the request names a level"),
        plain_tool(RECONNECTION, "answers after a pause in which the stream may end"),
    ]
}

pub(super) async fn call(
    name: &str,
    context: &RequestContext<RoleServer>,
    session_level: LoggingLevel,
) -> Option<CallToolResult> {
    Some(match name {
        "test_tool_with_logging" => {
            let level = context.meta.log_level().unwrap_or(session_level);
            for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                if severity(LoggingLevel::Info) >= severity(level) {
                    log(context, LoggingLevel::Info, text).await;
                }
                sleep(STEP).await;
            }
            says("logged three times")
        }
        "test_tool_with_progress" => {
            if let Some(token) = context.meta.get_progress_token() {
                for done in [0.0, 50.0, 100.0] {
                    let step = ProgressNotificationParam::new(token.clone(), done)
                        .with_total(100.0)
                        .with_message(format!("{done} of 100 done"));
                    let _ = context.peer.notify_progress(step).await;
                    sleep(STEP).await;
                }
            }
            says("all of it is done")
        }
        "test_logging_tool" => {
            if let Some(level) = context.meta.log_level() {
                log(context, level, "this request asked for messages").await;
            }
            says("logged if asked to")
        }
        RECONNECTION => {
            sleep(RECONNECTION_PAUSE).await;
            says("answered after the pause")
        }
        _ => return None,
    })
}

async fn log(context: &RequestContext<RoleServer>, level: LoggingLevel, text: &str) {
    let message = LoggingMessageNotificationParam::new(level, json!(text)).with_logger("everything");
    let _ = context.peer.notify_logging_message(message).await;
}

/// The order of RFC 5424, least severe first.
fn severity(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}
