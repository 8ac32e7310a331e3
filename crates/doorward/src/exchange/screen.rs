//! One event of the upstream: to whom it belongs, and whether the policy lets this client see it.

use doorward_policy::Principal;
use doorward_wire::{Era, Id, Kind, Limits, ListKind, Message, Method, Sender};
use std::sync::Arc;
use std::time::Duration;

use super::task::BegunTask;
use super::{Pass, Place};
use crate::session::Question;
use crate::upstream::{Frame, Own, WireIds};

/// What an upstream may send at most in one message.
const UPSTREAM_LIMITS: Limits = Limits { max_bytes: 32 * 1024 * 1024, max_depth: 128, max_keys: 2_000_000 };

/// What becomes of one event.
pub(super) enum Screening {
    /// It may go on to be cleared.
    Release(Screened),
    /// It says nothing and only primes the stream.
    Prime { id: Option<String>, retry: Option<u64> },
    /// It is answered here, in Doorward's own words.
    Reply(Own),
    /// It goes nowhere; why is for the log.
    Drop(&'static str),
}

/// An event that belongs to this exchange, carries the client's ids, and shows only what is visible.
#[derive(Debug)]
pub(super) struct Screened {
    pub(super) id: Option<String>,
    pub(super) retry: Option<u64>,
    pub(super) message: Message,
    answers: bool,
    parked: Option<u64>,
    code: Option<i64>,
}

impl Screened {
    /// Whether this is the answer to the exchange's own request.
    pub(super) fn answers_ours(&self) -> bool {
        self.answers
    }

    /// The number of the parked call that this answers, on a resumed stream.
    pub(super) fn parked(&self) -> Option<u64> {
        self.parked
    }

    /// The JSON-RPC error code, if it is an error.
    pub(super) fn error_code(&self) -> Option<i64> {
        self.code
    }
}

/// Screens one event. Nothing that fails to parse, belongs elsewhere or is not visible passes.
pub(super) fn screen(frame: Frame, place: &Place, pass: &Arc<Pass>, ids: &WireIds) -> Screening {
    let Frame { id, retry, data } = frame;
    // An event with an id and empty data says nothing, and primes the client for a reconnection (B07).
    let Some(data) = data.filter(|data| !data.is_empty()) else { return Screening::Prime { id, retry } };
    let Ok(message) = Message::parse(data, Sender::Server, &UPSTREAM_LIMITS) else {
        return Screening::Drop("it is not a JSON-RPC message");
    };
    let screened = match message.kind() {
        Kind::Result { .. } | Kind::Error { .. } => answer(&message, place, pass, ids),
        Kind::Notification { method } => notification(&message, method, place, pass, ids).map(Found::passing),
        Kind::Request { id: theirs, method } => match question(&message, theirs, method, place, pass, ids) {
            Ok(asked) => Ok(Found::passing(asked)),
            Err(Asked::Reply(own)) => return Screening::Reply(own),
            Err(Asked::Drop(why)) => Err(why),
        },
    };
    match screened {
        Ok(found) => Screening::Release(Screened {
            id,
            retry,
            message: found.message,
            answers: found.answers,
            parked: found.parked,
            code: found.code,
        }),
        Err(why) => Screening::Drop(why),
    }
}

/// A message in the client's ids.
struct Found {
    message: Message,
    answers: bool,
    parked: Option<u64>,
    code: Option<i64>,
}

impl Found {
    fn passing(message: Message) -> Self {
        Self { message, answers: false, parked: None, code: None }
    }
}

fn is_number(id: &Id, number: u64) -> bool {
    *id == Id::number(number)
}

/// The answer to our request, or on a resumed stream to one that was parked.
fn answer(message: &Message, place: &Place, pass: &Arc<Pass>, ids: &WireIds) -> Result<Found, &'static str> {
    let code = match message.kind() {
        Kind::Error { code, .. } => Some(code),
        _ => None,
    };
    // An upstream that could not read the id answers without one; on a hop of its own that can only be ours.
    let ours = match (message.id(), ids.ours) {
        (Some(id), Some(ours)) if is_number(id, ours) => Some((ids.clone(), Arc::clone(pass), None)),
        (None, Some(_)) if code.is_some() => Some((ids.clone(), Arc::clone(pass), None)),
        (Some(id), _) => parked(id, place).map(|(number, ids, pass)| (ids, pass, Some(number))),
        _ => None,
    };
    let Some((ids, pass, parked)) = ours else { return Err("it answers no request of this exchange") };
    let theirs = ids.request.as_ref().ok_or("it answers a message that wants no answer")?;
    let mut edit = message.edit().id(theirs);
    if message.subscription_id().is_some() {
        edit = edit.subscription_id(theirs);
    }
    let message = shown(edit.finish(), place, &pass)?;
    own_task(&message, place, &pass)?;
    Ok(Found { message, answers: parked.is_none(), parked, code })
}

/// A task that a call began belongs to its caller alone (A60, B20). One that can't be remembered is not told.
fn own_task(message: &Message, place: &Place, pass: &Pass) -> Result<(), &'static str> {
    let Pass::Call(permit) = pass else { return Ok(()) };
    if pass.method() != Some(&Method::ToolsCall) {
        return Ok(());
    }
    let Some(begun) = BegunTask::read(message) else { return Ok(()) };
    let lifetime = begun.ttl_ms.map(Duration::from_millis);
    let tasks = place.core.policy().tasks();
    tasks.register(permit, &begun.id, lifetime, place.core.now()).map_err(|_| "its task can't be remembered")
}

/// What is owed under this number in this session, if the call may still be answered: its token holds, and the rules
/// as they are now permit it.
fn parked(id: &Id, place: &Place) -> Option<(u64, WireIds, Arc<Pass>)> {
    let number: u64 = id.as_json().parse().ok()?;
    let session = place.session.as_ref()?;
    let now = place.core.now();
    let mut desk = session.desk();
    let owed = desk.parked(number, now)?.clone();
    if place.core.still_holds(&owed.pass, now) {
        return Some((number, owed.ids, owed.pass));
    }
    desk.unpark(number);
    None
}

/// A list shows only what is visible to this caller; what was taken from is no longer public (E28).
fn shown(message: Message, place: &Place, pass: &Pass) -> Result<Message, &'static str> {
    let Some(kind) = pass.method().and_then(ListKind::of) else { return Ok(message) };
    if message.result().is_none() {
        return Ok(message);
    }
    let (core, server) = (&place.core, &place.server.name);
    core.learn(server, kind, &message);
    const UNREADABLE: &str = "its list can't be read";
    let screened = core.policy().screen(pass.principal(), server, kind, &message).map_err(|_| UNREADABLE)?;
    if kind != ListKind::Tools || place.version.era() == Era::Legacy {
        return Ok(screened);
    }
    // A tool whose header annotations break the rules must not be shown to a modern client (C06).
    let mut sound = |tool: &str| !core.policy().hides(server, tool);
    Ok(screened.retain(kind, &mut sound).map_err(|_| UNREADABLE)?.unwrap_or(screened))
}

/// A notification goes to the exchange that it names, and to the stream where the era wants it.
fn notification(
    message: &Message,
    method: &Method,
    place: &Place,
    pass: &Pass,
    ids: &WireIds,
) -> Result<Message, &'static str> {
    let modern = place.version.era() == Era::Modern;
    let listens = matches!(pass.method(), Some(Method::SubscriptionsListen));
    match method {
        Method::Progress => {
            let token = message.progress_token().ok_or("its progress token is missing")?;
            if ids.ours.is_some_and(|ours| is_number(token, ours)) {
                let theirs = ids.progress.as_ref().ok_or("no progress was asked for")?;
                return Ok(message.edit().progress_token(theirs).finish());
            }
            let (_, owed, _) = parked(token, place).ok_or("it names another exchange")?;
            let theirs = owed.progress.as_ref().ok_or("no progress was asked for")?;
            Ok(message.edit().progress_token(theirs).finish())
        }
        Method::LogMessage if modern => match pass {
            Pass::Call(permit) if permit.call().message().log_level().is_some() => Ok(message.clone()),
            _ => Err("no log was asked for"),
        },
        Method::LogMessage => Ok(message.clone()),
        Method::ToolsListChanged
        | Method::PromptsListChanged
        | Method::ResourcesListChanged
        | Method::ResourceUpdated
        | Method::SubscriptionAcknowledged
        | Method::TaskStatus => {
            if *method == Method::ResourceUpdated && !may_see_resource(message, place, pass) {
                return Err("its resource is not visible");
            }
            if !modern {
                return Ok(message.clone());
            }
            if !listens {
                return Err("it belongs on a subscription");
            }
            let named = message.subscription_id().ok_or("its subscription is missing")?;
            if !ids.ours.is_some_and(|ours| is_number(named, ours)) {
                return Err("it names another subscription");
            }
            let theirs = ids.request.as_ref().ok_or("the subscription has no id")?;
            Ok(message.edit().subscription_id(theirs).finish())
        }
        Method::ElicitationComplete if !modern => Ok(message.clone()),
        Method::Cancelled if !modern => {
            // The server withdraws a question.
            let theirs = message.cancelled_id().ok_or("it names no request")?;
            let session = place.session.as_ref().ok_or("there is no session")?;
            let shown = session.desk().withdraw(theirs).ok_or("it names no open question")?;
            Ok(message.edit().cancelled_id(&shown).finish())
        }
        _ => Err("its method has no place in this exchange"),
    }
}

fn may_see_resource(message: &Message, place: &Place, pass: &Pass) -> bool {
    #[derive(serde::Deserialize)]
    struct Updated<'a> {
        #[serde(borrow)]
        uri: std::borrow::Cow<'a, str>,
    }
    let Some(updated) = message.params().and_then(|params| serde_json::from_str::<Updated<'_>>(params).ok()) else {
        return false;
    };
    place.core.policy().keep(pass.principal(), &place.server.name, ListKind::Resources, &updated.uri)
}

/// What becomes of a server's request.
enum Asked {
    Reply(Own),
    Drop(&'static str),
}

/// A question of the server to this very client; only the legacy era has them (A08).
fn question(
    message: &Message,
    theirs: &Id,
    method: &Method,
    place: &Place,
    pass: &Pass,
    ids: &WireIds,
) -> Result<Message, Asked> {
    if place.version.era() == Era::Modern {
        return Err(Asked::Drop("a server of this era asks in its results"));
    }
    if *method == Method::Ping {
        return Err(Asked::Reply(Own::Pong { id: theirs.clone() }));
    }
    let known = matches!(method, Method::Elicit | Method::CreateMessage | Method::RootsList);
    let proven = matches!(pass.principal(), Principal::Caller(_));
    let (true, true, Some(session)) = (known, proven, place.session.as_ref()) else {
        return Err(Asked::Reply(Own::Decline { id: theirs.clone() }));
    };
    let asked = Question { theirs: theirs.clone(), ticket: pass.ticket(), ours: ids.ours };
    match session.desk().ask(asked) {
        Some(shown) => Ok(message.edit().id(&shown).finish()),
        None => Err(Asked::Reply(Own::Decline { id: theirs.clone() })),
    }
}
