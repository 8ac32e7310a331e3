//! The tools at work, and the stream of changes.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Server, journal,
    server::{Answer, Asked, result},
    stream::{self, Work},
    tools,
};

impl Server {
    pub(super) async fn call(&self, asked: &Asked<'_>) -> Answer {
        match asked.params.name.as_deref() {
            Some("echo") => {
                #[derive(Deserialize)]
                struct Arguments<'a> {
                    #[serde(borrow)]
                    text: Option<&'a serde_json::value::RawValue>,
                }
                let text = asked.params.arguments.and_then(|raw| serde_json::from_str::<Arguments<'_>>(raw.get()).ok());
                match text.and_then(|arguments| arguments.text) {
                    Some(text) if text.get().starts_with('"') => asked.done(&tools::content(text.get(), false)),
                    _ => asked.done(&tools::fails("`text` must be a string")),
                }
            }
            Some("big") => asked.done(&tools::big()),
            Some("reflect") => asked.done(&reflection(asked)),
            Some("slow") => self.slow(asked).await,
            Some("ask") if asked.modern => ask_modern(asked),
            Some("ask") => ask_legacy(asked),
            Some("admin") => {
                let _ = self.changes.send(());
                asked.done(&tools::says("the listeners were told"))
            }
            _ => asked.failed(StatusCode::OK, -32602, "unknown tool"),
        }
    }

    async fn slow(&self, asked: &Asked<'_>) -> Answer {
        let arguments: Value =
            asked.params.arguments.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let number = |name: &str| arguments.get(name).and_then(Value::as_u64);
        let time = Duration::from_millis(number("ms").unwrap_or(1000));
        let steps = u32::try_from(number("steps").unwrap_or(0)).unwrap_or(u32::MAX);
        let work = Work::start(&self.journal, asked.id);
        let answer = asked.result(&tools::says(&format!("waited {} ms", time.as_millis())));
        let Some(token) = asked.params.meta.progress_token.filter(|_| steps > 0) else {
            sleep(time).await;
            work.finish();
            return Answer::One(StatusCode::OK, answer);
        };
        let token = token.get().to_owned();
        Answer::Many(stream::spawn(|messages| async move {
            for step in 1..=steps {
                sleep(time / steps).await;
                let progress = format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step},"total":{steps}}}}}"#
                );
                if messages.send(progress.into_bytes()).await.is_err() {
                    return;
                }
            }
            if messages.send(answer).await.is_ok() {
                work.finish();
            }
        }))
    }

    pub(super) fn listen(&self, asked: &Asked<'_>) -> Answer {
        let wanted = asked.params.notifications.as_ref().is_some_and(|wanted| wanted.tools_list_changed);
        let mut changes = self.changes.subscribe();
        let meta = format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{}}}"#, asked.id);
        let work = Work::start(&self.journal, asked.id);
        Answer::Many(stream::spawn(|messages| async move {
            let _work = work;
            let honoured = if wanted { r#"{"toolsListChanged":true}"# } else { "{}" };
            let acknowledged = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{{meta},"notifications":{honoured}}}}}"#
            );
            if messages.send(acknowledged.into_bytes()).await.is_err() {
                return;
            }
            while changes.recv().await.is_ok() {
                let changed =
                    format!(r#"{{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{{{meta}}}}}"#);
                if wanted && messages.send(changed.into_bytes()).await.is_err() {
                    return;
                }
            }
        }))
    }
}

/// All that the server knows about this request, and a member that must survive.
fn reflection(asked: &Asked<'_>) -> String {
    let seen = json!({
        "headers": asked.source.head.map(journal::headers),
        "path": asked.source.head.and_then(|head| head.uri.path_and_query()).map(http::uri::PathAndQuery::as_str),
        "environment": journal::environment(),
        "argv": journal::argv(),
        "request": String::from_utf8_lossy(asked.raw),
    });
    format!("{},{}", tools::says(&seen.to_string()), tools::UNKNOWN)
}

fn wording(asked: &Asked<'_>) -> String {
    let arguments: Option<Value> = asked.params.arguments.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let question = arguments.as_ref().and_then(|all| all.get("question")).and_then(Value::as_str);
    question.unwrap_or("what shall it be?").to_owned()
}

fn ask_modern(asked: &Asked<'_>) -> Answer {
    let Some(answers) = asked.params.input_responses else {
        let requests = json!({ "answer": tools::question(&wording(asked)) });
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{{"resultType":"input_required","inputRequests":{requests},"requestState":{}}}}}"#,
            asked.id,
            Value::from(tools::STATE)
        );
        return Answer::One(StatusCode::OK, body.into_bytes());
    };
    if asked.params.request_state.as_deref() != Some(tools::STATE) {
        return asked.failed(StatusCode::OK, -32602, "`requestState` came back changed");
    }
    asked.done(&tools::says(&format!("the answers are {answers}")))
}

fn ask_legacy(asked: &Asked<'_>) -> Answer {
    let Some(session) = asked.source.session.filter(|session| session.elicits).cloned() else {
        return asked.done(&tools::fails("the client can't ask its user"));
    };
    let id = asked.id.to_owned();
    let mut request = tools::question(&wording(asked));
    Answer::Many(stream::spawn(|messages| async move {
        let (question, answer) = session.ask();
        request["jsonrpc"] = "2.0".into();
        request["id"] = serde_json::from_str(&question).unwrap_or_default();
        if messages.send(request.to_string().into_bytes()).await.is_err() {
            return;
        }
        let text = match answer.await {
            Ok(answer) => tools::says(&format!("the answer is {answer}")),
            Err(_) => tools::fails("nobody answered"),
        };
        let _ = messages.send(result(&id, false, &text)).await;
    }))
}
