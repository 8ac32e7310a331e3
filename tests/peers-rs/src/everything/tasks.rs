//! The tasks extension (SEP-2663): tools that go on after their call is
//! answered, and are asked about with `tasks/get`.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, CreateTaskResult, JsonObject,
    },
    task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    json::{fails, form, needs, plain_tool, says, text_argument, text_at, typed},
    rounds::{Given, ask_name},
};

/// The key under which a client declares the extension.
const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// A job's length where the suite names none.
const SHORT: Duration = Duration::from_millis(200);

/// `failing_job` must be seen working once before it ends.
const SEEN_WORKING: Duration = Duration::from_millis(900);

pub(super) fn tools() -> Vec<Value> {
    vec![
        json!({
            "name": "greet",
            "description": "greets at once, never as a task",
            "inputSchema": { "type": "object", "properties": { "name": { "type": "string" } } },
        }),
        json!({
            "name": "slow_compute",
            "description": "takes some seconds, as a task if it may",
            "inputSchema": {
                "type": "object",
                "properties": { "seconds": { "type": "number" }, "label": { "type": "string" } },
            },
        }),
        json!({
            "name": "confirm_delete",
            "description": "a task that asks one question",
            "inputSchema": { "type": "object", "properties": { "filename": { "type": "string" } } },
        }),
        plain_tool("multi_input", "a task that asks two questions at once"),
        plain_tool("failing_job", "a task that ends with a tool's error"),
        plain_tool("protocol_error_job", "ends with a protocol error, as a task if it may"),
        plain_tool("test_tool_with_task", "asks first, then becomes a task"),
    ]
}

pub(super) async fn call(
    request: &CallToolRequestParams,
    capabilities: &ClientCapabilities,
    tasks: &TaskManager,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let name = request.name.as_ref();
    let arguments = request.arguments.clone().unwrap_or_default();
    let job = match name {
        "greet" => {
            let whom = text_argument(&arguments, "name", "you");
            return Some(Ok(says(format!("Hello, {whom}!")).into()));
        }
        "slow_compute" => Job::Slow(seconds(&arguments)),
        "failing_job" => Job::Failing,
        "protocol_error_job" => Job::Broken,
        "confirm_delete" => Job::Confirm(text_argument(&arguments, "filename", "a file").into()),
        "multi_input" => Job::Pair,
        "test_tool_with_task" => Job::Greet(String::new()),
        _ => return None,
    };
    Some(start(job, request, capabilities, tasks).await)
}

/// What goes on in a task.
#[derive(Debug)]
enum Job {
    Slow(Duration),
    Failing,
    Broken,
    Confirm(String),
    Pair,
    Greet(String),
}

impl Job {
    /// Whether there is no answer but a task.
    fn needs_task(&self) -> bool {
        !matches!(self, Self::Slow(_) | Self::Broken)
    }
}

async fn start(
    job: Job,
    request: &CallToolRequestParams,
    capabilities: &ClientCapabilities,
    tasks: &TaskManager,
) -> Result<CallToolResponse, ErrorData> {
    let may_be_task = capabilities.supports_tasks();
    if job.needs_task() && !may_be_task {
        let needed = typed(json!({ "extensions": { EXTENSION: {} } }));
        return Err(ErrorData::missing_required_client_capability(needed));
    }
    let job = match job {
        Job::Greet(_) => match Given(request.input_responses.as_ref()).get("user_name") {
            Some(answer) => Job::Greet(text_at(answer, "/content/name", "you").to_owned()),
            None => return Ok(needs(json!({ "user_name": ask_name() }), None).into()),
        },
        other => other,
    };
    if !may_be_task {
        return alone(job).await.map(Into::into);
    }
    let task = tasks.spawn(TaskOptions::default(), move |context| Box::pin(async move { run(job, &context).await }));
    Ok(CreateTaskResult::new(task).into())
}

/// A job that can do without being a task.
async fn alone(job: Job) -> Result<CallToolResult, ErrorData> {
    match job {
        Job::Slow(time) => {
            sleep(time).await;
            Ok(computed(time))
        }
        _ => {
            sleep(SHORT).await;
            Err(broken())
        }
    }
}

async fn run(job: Job, context: &TaskContext) -> Result<CallToolResult, TaskExit> {
    match job {
        Job::Slow(time) => tokio::select! {
            () = context.cancelled() => Err(TaskExit::Cancelled),
            () = sleep(time) => Ok(computed(time)),
        },
        Job::Failing => {
            sleep(SEEN_WORKING).await;
            Ok(fails("this job always fails"))
        }
        Job::Broken => {
            sleep(SHORT).await;
            Err(TaskExit::Error(broken()))
        }
        Job::Confirm(file) => {
            let question = form(&format!("Delete `{file}`?"), "confirm", "boolean");
            let answer = context.request_input("confirm", typed(question)).await?;
            let confirmed = answer.pointer("/content/confirm") == Some(&json!(true));
            Ok(says(format!("deleting `{file}` is confirmed: {confirmed}")))
        }
        Job::Pair => {
            let ask = |key: &'static str| {
                context.request_input(key, typed(form(&format!("the value of {key}?"), "value", "string")))
            };
            let (first, second) = tokio::join!(ask("first"), ask("second"));
            let (first, second) = (first?, second?);
            let value = |answer: &Value| text_at(answer, "/content/value", "nothing").to_owned();
            Ok(says(format!("got {} and {}", value(&first), value(&second))))
        }
        Job::Greet(whom) => {
            sleep(SHORT).await;
            Ok(says(format!("Hello, {whom}!")))
        }
    }
}

fn seconds(arguments: &JsonObject) -> Duration {
    let seconds = arguments.get("seconds").and_then(Value::as_f64).unwrap_or(1.0);
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn computed(time: Duration) -> CallToolResult {
    says(format!("computed for {} s", time.as_secs_f64()))
}

fn broken() -> ErrorData {
    ErrorData::internal_error("this job always breaks", None)
}
