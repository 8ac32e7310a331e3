//! One message a line, on standard input and output.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use futures::StreamExt as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    sync::mpsc,
    task::AbortHandle,
};

use super::{
    Fault, Server,
    envelope::Envelope,
    server::{Answer, CHANGED, Source},
    session::Session,
};

/// What goes to standard output: whole lines, or pieces of one.
type Output = mpsc::Sender<Vec<u8>>;

/// The requests that aren't answered yet, by their ids.
type Running = Arc<Mutex<HashMap<String, AbortHandle>>>;

/// Serves standard input until it ends, then lets the process end.
///
/// # Errors
///
/// When standard input can't be read.
pub async fn serve(server: Arc<Server>) -> io::Result<()> {
    eprintln!("echo-upstream serves standard input");
    let (output, pieces) = mpsc::channel(16);
    let writer = tokio::spawn(write(pieces));
    let running = Running::default();
    let mut session: Option<Arc<Session>> = None;
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).await? > 0 {
        let message = line.trim_ascii().to_vec();
        line.clear();
        if message.is_empty() {
            continue;
        }
        server.journal.line(&message);
        if let Some(id) = given_up(&message) {
            cancel(&running, &id);
            continue;
        }
        if session.is_none() && is_initialize(&message) {
            // The answer makes the session; nothing else may come before it.
            let source = Source { head: None, session: None };
            let answer = server.answer(&message, source).await;
            if let Answer::Opened(text, opened) = answer {
                session = Some(opened);
                tell_changes(&server, output.clone());
                send_line(&output, text).await;
            } else {
                deliver(answer, &output).await;
            }
            continue;
        }
        start(&server, message, session.clone(), &output, &running);
    }
    drop(output);
    // What is still running may hold the output: it ends with the process.
    writer.abort();
    Ok(())
}

/// Answers in a task of its own, which `notifications/cancelled` can end.
fn start(server: &Arc<Server>, message: Vec<u8>, session: Option<Arc<Session>>, output: &Output, running: &Running) {
    let id = id_of(&message);
    let (server, output) = (Arc::clone(server), output.clone());
    let (key, done) = (id.clone(), Arc::clone(running));
    // Locked until the task is noted, so that it can't end before that.
    let mut tasks = running.lock().unwrap_or_else(PoisonError::into_inner);
    let task = tokio::spawn(async move {
        let source = Source { head: None, session: session.as_ref() };
        let answer = server.answer(&message, source).await;
        deliver(answer, &output).await;
        if let Some(key) = key {
            done.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
    });
    if let Some(id) = id {
        tasks.insert(id, task.abort_handle());
    }
}

async fn write(mut pieces: mpsc::Receiver<Vec<u8>>) {
    let mut output = tokio::io::stdout();
    while let Some(piece) = pieces.recv().await {
        if output.write_all(&piece).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

async fn deliver(answer: Answer, output: &Output) {
    match answer {
        Answer::Nothing => {}
        Answer::One(_, message) | Answer::Opened(message, _) => send_line(output, message).await,
        Answer::Many(mut messages) => {
            while let Some(message) = messages.recv().await {
                send_line(output, message).await;
            }
        }
        Answer::Faulty(fault, id) => misbehave(fault, &id, output).await,
        Answer::Silence => std::future::pending().await,
    }
}

async fn misbehave(fault: Fault, id: &str, output: &Output) {
    let mut messages = fault.messages(id);
    while let Some(message) = messages.next().await {
        if fault.is_one_message() {
            let _ = output.send(message.to_vec()).await;
        } else {
            send_line(output, message.to_vec()).await;
        }
    }
    if fault.is_one_message() {
        let _ = output.send(b"\n".to_vec()).await;
    }
}

async fn send_line(output: &Output, mut message: Vec<u8>) {
    message.push(b'\n');
    let _ = output.send(message).await;
}

/// In the older era, changes are told without being asked for.
fn tell_changes(server: &Server, output: Output) {
    let mut changes = server.changes.subscribe();
    tokio::spawn(async move {
        while changes.recv().await.is_ok() {
            send_line(&output, CHANGED.as_bytes().to_vec()).await;
        }
    });
}

fn cancel(running: &Running, id: &str) {
    let task = running.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    if let Some(task) = task {
        task.abort();
    }
}

fn id_of(message: &[u8]) -> Option<String> {
    let message: Envelope<'_> = serde_json::from_slice(message).ok()?;
    message.method.as_ref()?;
    message.id().map(str::to_owned)
}

fn is_initialize(message: &[u8]) -> bool {
    serde_json::from_slice::<Envelope<'_>>(message).is_ok_and(|message| message.method.as_deref() == Some("initialize"))
}

/// The id of the request that this message gives up, if that is what it does.
fn given_up(message: &[u8]) -> Option<String> {
    let message: Envelope<'_> = serde_json::from_slice(message).ok()?;
    (message.method.as_deref() == Some("notifications/cancelled"))
        .then(|| message.params().request_id.map(|id| id.get().to_owned()))?
}
