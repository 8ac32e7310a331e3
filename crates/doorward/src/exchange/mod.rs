//! What a permit opens: the ids, the deadline and the stream of one call until its answer.
//!
//! The types are public so that what they refuse can be shown by tests that must not compile; nobody outside this
//! crate can make one.

mod life;
mod release;
mod screen;
mod task;

use doorward_audit::{DecisionId, Ending, OutcomeSlot, Reason, Recorded};
use doorward_identity::Caller;
use doorward_policy::{Attendance, ExchangeTicket, Permit, Principal, TooFast};
use doorward_privacy::Cleared;
use doorward_wire::{Era, Id, Kind, Method, ToolHeaders, Version};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::StatusCode;
use std::sync::Arc;

pub(crate) use self::life::{Life, Over};
pub use self::release::Released;
use self::screen::Screening;
use crate::guard::{Core, Server};
use crate::refusal::Refusal;
pub use crate::respond::encode;
use crate::session::{OpenCall, Parked, Session};
use crate::upstream::{Frame, Incoming, Link, Outgoing, Own, Shape, UpstreamError, WireIds};

/// What lets messages of the upstream through to this client.
#[derive(Debug)]
pub enum Pass {
    /// A call that was permitted.
    Call(Box<Permit>),
    /// A legacy standalone stream that was permitted.
    Stream(Attendance),
}

impl Pass {
    pub(crate) fn principal(&self) -> &Principal {
        match self {
            Self::Call(permit) => permit.principal(),
            Self::Stream(attendance) => attendance.principal(),
        }
    }

    pub(crate) fn decision(&self) -> &DecisionId {
        match self {
            Self::Call(permit) => permit.decision(),
            Self::Stream(attendance) => attendance.decision(),
        }
    }

    /// What a later message must show to belong to this exchange.
    pub(crate) fn ticket(&self) -> ExchangeTicket {
        match self {
            Self::Call(permit) => ExchangeTicket::of(permit),
            Self::Stream(attendance) => ExchangeTicket::attending(attendance),
        }
    }

    fn method(&self) -> Option<&Method> {
        match self {
            Self::Call(permit) => permit.call().message().method(),
            Self::Stream(_) => None,
        }
    }

    pub(crate) fn caller(&self) -> Option<&Arc<Caller>> {
        self.principal().caller()
    }

    /// Gives the place among the concurrent calls back, when only the memory of an exchange remains.
    fn release_slot(&self) {
        match self {
            Self::Call(permit) => permit.slot().release(),
            Self::Stream(attendance) => attendance.slot().release(),
        }
    }

    /// Counts bytes for the client against its budget.
    fn spend(&self, bytes: u64) -> Result<(), TooFast> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        match self {
            Self::Call(permit) => permit.slot().spend(bytes),
            Self::Stream(attendance) => attendance.slot().spend(bytes),
        }
    }
}

/// Where an exchange takes place.
#[derive(Clone)]
pub struct Place {
    pub(crate) core: Arc<Core>,
    pub(crate) server: Arc<Server>,
    pub(crate) link: Arc<dyn Link>,
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) version: Version,
}

/// A call that was permitted and could not be sent, with the refusal that answers it.
#[derive(Debug)]
pub struct Unsent {
    pub(crate) refusal: Refusal,
    pub(crate) pass: Arc<Pass>,
}

/// One call between being sent and being answered.
pub struct Exchange {
    place: Place,
    pass: Arc<Pass>,
    ids: WireIds,
    status: StatusCode,
    shape: Shape,
    frames: BoxStream<'static, Result<Frame, UpstreamError>>,
    life: Life,
    slot: Option<OutcomeSlot>,
    answered: bool,
    resumable: bool,
}

impl Place {
    /// Sends a permitted call. This is the one way from a permit to an upstream: it takes the proof that the call
    /// was permitted, cleared and recorded, and nothing else.
    ///
    /// `named` is the id to put in place of the client's in a message that names another exchange.
    pub async fn send(
        &self,
        recorded: Recorded<Cleared<Permit>>,
        named: Option<&Id>,
        tool: Option<&ToolHeaders>,
    ) -> Result<Exchange, Box<Unsent>> {
        let asks = matches!(recorded.get().get().call().message().kind(), Kind::Request { .. });
        let ours = asks.then(|| self.core.next_number());
        let deadline = self.server.call_timeout;
        let (out, ids, permit, slot) = Outgoing::from_recorded(recorded, ours, named, tool, deadline);
        let pass = Arc::new(Pass::Call(Box::new(permit)));
        if let (Some(session), Some(theirs), Some(ours)) = (&self.session, &ids.request, ours)
            && let Err(why) = session.desk().open_call(theirs, OpenCall { ours, ticket: pass.ticket() })
        {
            slot.close(Ending::Dropped);
            return Err(Box::new(Unsent { refusal: Refusal::no_place(why).answering(Some(theirs)), pass }));
        }
        let endless = matches!(pass.method(), Some(Method::SubscriptionsListen));
        // The watch begins before the call is sent, so that no change of the rules is missed meanwhile.
        let life = self.life(&pass, (!endless).then_some(deadline));
        let mut open = OpenedCall { place: self, ids: Some(ids) };
        let incoming = self.link.send(out).await;
        let ids = open.ids.take().unwrap_or_default();
        self.exchange(pass, ids, incoming, slot, life)
    }

    /// Opens the standalone stream of a legacy session.
    pub(crate) async fn listen(
        &self,
        recorded: Recorded<Attendance>,
        resume: Option<&str>,
    ) -> Result<Exchange, Box<Unsent>> {
        let (attendance, slot) = recorded.open();
        let pass = Arc::new(Pass::Stream(attendance));
        let life = self.life(&pass, None);
        let incoming = self.link.listen(resume).await;
        self.exchange(pass, WireIds::default(), incoming, slot, life)
    }

    fn exchange(
        &self,
        pass: Arc<Pass>,
        ids: WireIds,
        incoming: Result<Incoming, UpstreamError>,
        slot: OutcomeSlot,
        life: Life,
    ) -> Result<Exchange, Box<Unsent>> {
        match incoming {
            Ok(incoming) => {
                if let (Shape::Stream, Some(session)) = (incoming.shape, &self.session) {
                    session.stream_opened();
                }
                Ok(Exchange {
                    place: self.clone(),
                    pass,
                    ids,
                    status: incoming.status,
                    shape: incoming.shape,
                    frames: incoming.frames,
                    life,
                    slot: Some(slot),
                    answered: false,
                    resumable: false,
                })
            }
            Err(error) => {
                tracing::warn!(server = %self.server.name, decision = %pass.decision(), %error, "upstream");
                self.close_call(&ids);
                if let (UpstreamError::SessionEnded, Some(session)) = (&error, &self.session) {
                    self.core.sessions.remove(session, self.core.now());
                }
                let ending =
                    if matches!(error, UpstreamError::TimedOut) { Ending::TimedOut } else { Ending::UpstreamFailed };
                slot.close(ending);
                Err(Box::new(Unsent { refusal: Refusal::from_upstream(&error).answering(ids.request.as_ref()), pass }))
            }
        }
    }

    fn life(&self, pass: &Arc<Pass>, deadline: Option<std::time::Duration>) -> Life {
        Life::new(&self.core, pass, self.session.as_deref(), deadline, self.core.now())
    }

    fn close_call(&self, ids: &WireIds) {
        let Some(session) = &self.session else { return };
        let mut desk = session.desk();
        if let Some(theirs) = &ids.request {
            desk.close_call(theirs);
        }
        if let Some(ours) = ids.ours {
            desk.close_questions(ours);
        }
    }

    /// Says something of Doorward's own to the upstream; failing is not the caller's business.
    async fn say(&self, own: &Own) {
        let deadline = std::time::Duration::from_secs(10);
        if let Some(out) = Outgoing::own(own, self.version, None, deadline) {
            drop(self.link.send(out).await);
        }
    }
}

/// A call that stands on the desk of its session while it is being sent: when the client goes away in this moment, it
/// is struck off again.
struct OpenedCall<'a> {
    place: &'a Place,
    ids: Option<WireIds>,
}

impl Drop for OpenedCall<'_> {
    fn drop(&mut self) {
        if let Some(ids) = self.ids.take() {
            self.place.close_call(&ids);
        }
    }
}

impl Exchange {
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn version(&self) -> Version {
        self.place.version
    }

    pub(crate) fn decision(&self) -> &DecisionId {
        self.pass.decision()
    }

    /// The next message that may go to the client; none when the exchange is over.
    pub(crate) async fn next(&mut self) -> Option<Released> {
        loop {
            self.slot.as_ref()?;
            let frame = tokio::select! {
                biased;
                over = self.life.over() => return self.cut_off(over),
                frame = self.frames.next() => frame,
            };
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return self.broke_off(&error),
                None => return self.ran_out(),
            };
            self.resumable |= frame.id.is_some();
            match screen::screen(frame, &self.place, &self.pass, &self.ids) {
                Screening::Release(screened) => {
                    let ends = screened.answers_ours();
                    let owed = screened.parked();
                    let code = screened.error_code();
                    match Released::clear(screened, &self.place.core.clearance, self.pass.caller()) {
                        Ok(released) => {
                            if let Err(limit) = self.pass.spend(released.len()) {
                                self.cancel_upstream();
                                self.finish(Ending::Ended { reason: Reason::TooFast });
                                return Some(self.say_refusal(&Refusal::too_fast(limit.retry_after)));
                            }
                            self.count(|counters| {
                                counters.events += 1;
                                counters.bytes_out += released.len();
                            });
                            if let (Some(ours), Some(session)) = (owed, &self.place.session) {
                                session.desk().unpark(ours);
                            }
                            if let (Some(event), Some(session)) = (released.id(), &self.place.session) {
                                session.desk().given(event);
                            }
                            if ends {
                                self.answered = true;
                                self.finish(code.map_or(Ending::Answered, |code| Ending::AnsweredWithError { code }));
                            }
                            return Some(released);
                        }
                        Err(()) => {
                            self.count(|counters| counters.events_dropped += 1);
                            if ends {
                                self.finish(Ending::Dropped);
                                return Some(self.say_refusal(&Refusal::not_cleared()));
                            }
                        }
                    }
                }
                Screening::Prime { id, retry } => {
                    if let (Some(event), Some(session)) = (&id, &self.place.session) {
                        session.desk().given(event);
                    }
                    return Some(Released::prime(id, retry));
                }
                Screening::Reply(own) => {
                    // Aside, so that a client that goes away in this moment does not take the reply along.
                    let place = self.place.clone();
                    match Arc::clone(&self.place.core.replies).try_acquire_owned() {
                        Ok(turn) => drop(tokio::spawn(async move {
                            place.say(&own).await;
                            drop(turn);
                        })),
                        // A server that asks faster than it is answered is not answered.
                        Err(_) => self.count(|counters| counters.events_dropped += 1),
                    }
                }
                Screening::Drop(why) => {
                    self.count(|counters| counters.events_dropped += 1);
                    tracing::warn!(decision = %self.pass.decision(), server = %self.place.server.name, why, "an event was dropped");
                }
            }
        }
    }

    /// The time is up, or the caller may no longer listen.
    fn cut_off(&mut self, over: Over) -> Option<Released> {
        self.cancel_upstream();
        match over {
            Over::Deadline => {
                self.finish(Ending::TimedOut);
                Some(self.say_refusal(&Refusal::from_upstream(&UpstreamError::TimedOut)))
            }
            Over::Withdrawn => {
                self.finish(Ending::Ended { reason: Reason::Revoked });
                None
            }
        }
    }

    fn broke_off(&mut self, error: &UpstreamError) -> Option<Released> {
        if self.may_resume() {
            return self.park();
        }
        tracing::warn!(decision = %self.pass.decision(), server = %self.place.server.name, %error, "upstream");
        self.finish(Ending::UpstreamFailed);
        matches!(*self.pass, Pass::Call(_)).then(|| self.say_refusal(&Refusal::from_upstream(error)))
    }

    fn ran_out(&mut self) -> Option<Released> {
        if self.may_resume() {
            return self.park();
        }
        if matches!(*self.pass, Pass::Stream(_)) || self.ids.ours.is_none() {
            self.finish(Ending::Answered);
            return None;
        }
        self.finish(Ending::UpstreamFailed);
        Some(self.say_refusal(&Refusal::from_upstream(&UpstreamError::Closed)))
    }

    /// A legacy stream with event ids may end before its answer; the client comes back for it (B07).
    fn may_resume(&self) -> bool {
        self.resumable && self.place.version.era() == Era::Legacy && self.place.session.is_some()
    }

    fn park(&mut self) -> Option<Released> {
        if let (Some(ours), Some(session)) = (self.ids.ours, &self.place.session)
            && !self.answered
        {
            // Only the memory of the call remains, so it takes no place among the concurrent ones; and it does not
            // remain for ever.
            self.pass.release_slot();
            let until = self.place.core.now() + self.place.server.call_timeout;
            session.desk().park(ours, Parked { ids: self.ids.clone(), pass: Arc::clone(&self.pass), until });
        }
        self.finish(Ending::Dropped);
        None
    }

    fn say_refusal(&self, refusal: &Refusal) -> Released {
        let refusal = refusal.for_id(self.ids.request.as_ref());
        Released::own(refusal.message(self.pass.decision()), refusal.status)
    }

    fn finish(&mut self, ending: Ending) {
        if let Some(slot) = self.slot.take() {
            self.place.close_call(&self.ids);
            if let (Shape::Stream, Some(session)) = (self.shape, &self.place.session) {
                session.stream_closed(self.place.core.now());
            }
            slot.close(ending);
        }
    }

    fn count(&mut self, change: impl FnOnce(&mut doorward_audit::Counters)) {
        if let Some(slot) = &mut self.slot {
            change(slot.counters());
        }
    }

    fn cancel_upstream(&self) {
        if let Some(ours) = self.ids.ours {
            let link = Arc::clone(&self.place.link);
            tokio::spawn(async move { link.cancel(ours).await });
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.slot.is_none() {
            return;
        }
        match self.place.version.era() {
            // In the modern era a closed stream is the cancellation (A10); in the legacy era it is none (B08).
            Era::Modern => {
                self.cancel_upstream();
                self.finish(Ending::Cancelled);
            }
            Era::Legacy => {
                if self.may_resume() {
                    self.park();
                } else {
                    self.finish(Ending::Dropped);
                }
            }
        }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("ours", &self.ids.ours).field("shape", &self.shape).finish_non_exhaustive()
    }
}
