//! The way of one call, from bytes to an answer.
//!
//! ```text
//! door ──▶ Admitted ──▶ Identified ──▶ Call ──▶ Pace ──▶ Permit ──▶ Cleared ──▶ Recorded ──▶ Exchange ──▶ Released
//! ```
//!
//! Each stage takes the value that the one before made, so a stage that is left out does not compile. A stage that
//! says no ends the walk with a [`Refusal`], which is recorded before it is answered.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use doorward_audit::{
    Authentication, AuthenticationResult, Decision, DecisionId, Ending, Fingerprint, Notice, Reason, Recorded,
    SessionEnd, Shape, TargetLabel, Text, What, Who, method_label,
};
use doorward_identity::session::SessionId;
use doorward_identity::{AuthFailure, Caller, Identified};
use doorward_policy::{Denial, ExchangeTicket, LogShape, Pace, PathPermit, Permit, Question};
use doorward_privacy::Cleared;
use doorward_wire::{Call, Era, Head, Id, Kind, Method, Version};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Method as HttpMethod, Request, Response, StatusCode};

use crate::Body;
use crate::body::BodyError;
use crate::credential;
use crate::door::Admitted;
use crate::exchange::{Exchange, Place, Unsent};
use crate::guard::{Core, SMALL_BODY, Server};
use crate::refusal::Refusal;
use crate::respond;
use crate::service::PeerAddress;
use crate::session::{Absence, Opening, Session};
use crate::upstream::{Link, LinkKey, Owner};

/// What is known of a request so far, for its record.
struct Trail {
    id: DecisionId,
    now: SystemTime,
    facts: Decision,
    /// Whether the request was counted against the limits.
    counted: bool,
}

/// Walks one request through the corridor.
pub(crate) async fn walk<B>(core: Arc<Core>, server: Arc<Server>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<BodyError>,
{
    let now = core.now();
    let Ok(id) = core.decision_id(now) else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    let mut facts = Decision::new(id, now);
    facts.server = Some(server.name.clone());
    facts.address = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let mut trail = Trail { id, now, facts, counted: false };
    match enter(&core, &server, request, &mut trail).await {
        Ok(response) => response,
        Err(refusal) => refuse(&core, trail, *refusal).await,
    }
}

type Walked = Result<Response<Body>, Box<Refusal>>;

/// A refusal is recorded before it is answered; when that fails, the answer says so.
async fn refuse(core: &Core, trail: Trail, refusal: Refusal) -> Response<Body> {
    tracing::info!(decision = %trail.id, reason = %refusal.reason, status = refusal.status.as_u16(), "refused");
    let Trail { id, facts, counted, .. } = trail;
    // Who is refused before the limits is counted here, by address: neither a guesser of tokens nor a talker of nonsense
    // fills the ledger faster than the limit lets him.
    if !counted && let Err(denial) = core.policy().throttle(facts.address, &Identified::Absent) {
        return Refusal::over_limit(&denial).response(&id);
    }
    match core.ledger.refuse(facts, refusal.reason).await {
        Ok(()) => refusal.response(&id),
        Err(error) => {
            tracing::error!(decision = %id, %error, "the ledger took no record");
            Refusal::not_recorded().response(&id)
        }
    }
}

/// Door, identity and path: the same for every HTTP method.
async fn enter<B>(core: &Arc<Core>, server: &Arc<Server>, request: Request<B>, trail: &mut Trail) -> Walked
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<BodyError>,
{
    let (parts, body) = request.into_parts();
    let admitted = core.doorman.admit(parts)?;
    let who = identify(core, server, &admitted, trail).await?;
    let policy = core.policy();
    let path = policy.path(&admitted.path, &who).map_err(|denial| Refusal::from_denial(&denial, &server.resource))?;
    if matches!(who, Identified::Absent) && !policy.may_discover_anonymously(&server.name) {
        return Err(Refusal::no_credential(&server.resource).into());
    }
    let step = Step { core, server, who, path, address: trail.facts.address };
    match admitted.parts.method {
        HttpMethod::POST => step.post(&admitted, body, trail).await,
        HttpMethod::GET => step.listen(&admitted, trail).await,
        HttpMethod::DELETE => step.end(&admitted, trail).await,
        _ => Err(Refusal::method_not_allowed("POST, GET, DELETE").into()),
    }
}

/// Proves the caller, and puts every authentication on record (O3).
async fn identify(
    core: &Core,
    server: &Server,
    admitted: &Admitted,
    trail: &mut Trail,
) -> Result<Identified, Box<Refusal>> {
    let mut record = Authentication {
        id: trail.id,
        at: trail.now,
        result: AuthenticationResult::Ok,
        who: None,
        server: Some(server.name.clone()),
        address: trail.facts.address,
        token_id: None,
    };
    let verdict = core.authenticator.identify(&admitted.parts.headers, &server.resource, trail.now).await;
    match verdict {
        Ok(verdict) => {
            if let Identified::Proven(caller) = &verdict.who {
                trail.facts.who = label(caller);
                trail.facts.token_id = caller.token_id().map(Text::clip);
                if verdict.fresh {
                    record.who = Some(trail.facts.who.clone());
                    record.token_id.clone_from(&trail.facts.token_id);
                    core.ledger.authentication(record).await.map_err(|_| Refusal::not_recorded())?;
                }
            }
            Ok(verdict.who)
        }
        Err(failure) => {
            record.result = AuthenticationResult::Failed(reason(&failure));
            core.ledger.authentication(record).await.map_err(|_| Refusal::not_recorded())?;
            Err(Refusal::bad_credential(&failure, &server.resource).into())
        }
    }
}

/// The ledger's word for a failed validation; the two lists have the same codes.
fn reason(failure: &AuthFailure) -> Reason {
    Reason::parse(failure.reason.code()).unwrap_or(Reason::Internal)
}

/// Whether the head names the modern era, which has no standalone stream and no session to end (A04).
fn is_modern(head: &Head) -> bool {
    head.version().and_then(Version::parse).is_some_and(|version| version.era() == Era::Modern)
}

fn label(caller: &Caller) -> Who {
    Who::caller(caller.issuer(), caller.subject(), caller.client(), caller.tenant())
}

/// What the stages after the door need.
struct Step<'a> {
    core: &'a Arc<Core>,
    server: &'a Arc<Server>,
    who: Identified,
    path: PathPermit,
    address: Option<IpAddr>,
}

impl Step<'_> {
    /// POST: one message.
    async fn post<B>(self, admitted: &Admitted, body: B, trail: &mut Trail) -> Walked
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<BodyError>,
    {
        let headers = &admitted.parts.headers;
        // Counted before the body is read: who is too fast has nothing read for him.
        let pace = self.pace(trail)?;
        let bytes = self.read(headers, body).await?;
        let head = Head::read(headers).map_err(Refusal::from_wire)?;
        let session = self.session(&head);
        let spoken = session.as_ref().and_then(|found| found.as_ref().ok()).map(|session| session.version());
        let call = Call::from_http(head, bytes, spoken, self.core.doorman.limits()).map_err(Refusal::from_wire)?;
        self.note(&call, trail);
        match call.era() {
            // Mirrored arguments go on beside the message, and are as little a place for a credential (PT-02).
            Era::Modern if self.caller().is_some_and(|caller| credential::in_mirrored(caller, headers)) => {
                Err(Refusal::not_cleared().answering(call.message().id()).into())
            }
            Era::Modern => self.modern(call, pace, trail).await,
            Era::Legacy => self.legacy(call, session, pace, trail).await,
        }
    }

    /// The session that the request names, if it names one that has the form of ours.
    fn session(&self, head: &Head) -> Option<Result<Arc<Session>, Absence>> {
        let named = head.session()?;
        let found = SessionId::parse(named)
            .ok_or(Absence::Unknown)
            .and_then(|id| self.core.sessions.find(&id, &self.server.name, &self.who, self.core.now()));
        Some(found)
    }

    fn note(&self, call: &Call, trail: &mut Trail) {
        let (policy, server) = (self.core.policy(), &self.server.name);
        let message = call.message();
        trail.facts.version = Some(call.version());
        if let Some(method) = message.method() {
            trail.facts.method = method_label(method);
        }
        trail.facts.target = TargetLabel::of(message.target(), &|target| policy.knows(server, target));
        trail.facts.shape = message
            .arguments()
            .map(|arguments| Shape::of(arguments, &|key| policy.knows_argument(server, message.target(), key)));
    }

    /// A stateless call: everything is in the message (A12, A13).
    async fn modern(self, call: Call, pace: Pace, trail: &mut Trail) -> Walked {
        let id = call.message().id().cloned();
        let version = call.version();
        let capabilities = digest(call.message().client_capabilities(), self.caller());
        let tool = self.core.policy().tool_headers(&self.server.name, call.message().target());
        if let Some(tool) = &tool {
            call.check_params(tool).map_err(Refusal::from_wire)?;
        }
        let permit = self.decide(call, None, pace, trail).await?;
        if !matches!(permit.call().message().kind(), Kind::Request { .. }) {
            // The modern era has no client notification over HTTP; what a stream needs, its closing says.
            let (_, slot) = self.record(permit, trail).await?.open();
            slot.close(Ending::Answered);
            return Ok(respond::accepted(&trail.id));
        }
        let key =
            LinkKey { server: self.server.name.clone(), owner: owner(&permit), version, capabilities, session: None };
        let recorded = self.record(permit, trail).await?;
        let link = match self.link(&key, trail).await {
            Ok(link) => link,
            Err(refusal) => return Ok(unsent(recorded, &refusal.answering(id.as_ref()), trail)),
        };
        let place = self.place(link, None, version);
        answered(place.send(recorded, None, tool.as_deref()).await).await
    }

    /// A call in a session, or the handshake that begins one.
    async fn legacy(
        self,
        call: Call,
        session: Option<Result<Arc<Session>, Absence>>,
        pace: Pace,
        trail: &mut Trail,
    ) -> Walked {
        let id = call.message().id().cloned();
        if matches!(call.message().kind(), Kind::Request { method: Method::Initialize, .. }) {
            // A session id that a client proposes is nothing to us (SE-08).
            return self.initialize(call, pace, trail).await;
        }
        trail.facts.session = session.is_some();
        let session = match session {
            Some(Ok(session)) => session,
            Some(Err(absence)) => return Err(self.no_session(absence, trail).await.answering(id.as_ref()).into()),
            None => return Err(Refusal::session_missing().answering(id.as_ref()).into()),
        };
        let version = session.version();
        let place = self.place(Arc::clone(session.link()), Some(Arc::clone(&session)), version);
        match call.message().kind() {
            Kind::Request { .. } => {
                let permit = self.decide(call, None, pace, trail).await?;
                let recorded = self.record(permit, trail).await?;
                answered(place.send(recorded, None, None).await).await
            }
            Kind::Notification { method: Method::Cancelled } => {
                let named = call.message().cancelled_id().and_then(|id| session.desk().call(id).cloned());
                let Some(open) = named else {
                    // What is over or never was can't be cancelled; saying so helps nobody (B08).
                    return Err(self.no_exchange().into());
                };
                let permit = self.decide(call, Some(&open.ticket), pace, trail).await?;
                let recorded = self.record(permit, trail).await?;
                answered(place.send(recorded, Some(&Id::number(open.ours)), None).await).await
            }
            Kind::Notification { .. } => {
                let permit = self.decide(call, None, pace, trail).await?;
                let recorded = self.record(permit, trail).await?;
                answered(place.send(recorded, None, None).await).await
            }
            Kind::Result { .. } | Kind::Error { .. } => {
                // An answer goes to the question that it answers, once (JS-08).
                let open = id.as_ref().and_then(|id| session.desk().question(id).cloned());
                let Some(question) = open else { return Err(self.no_exchange().into()) };
                let permit = self.decide(call, Some(&question.ticket), pace, trail).await?;
                let recorded = self.record(permit, trail).await?;
                let taken = id.as_ref().and_then(|id| session.desk().take_question(id));
                if taken.is_none() {
                    return Err(self.no_exchange().into());
                }
                answered(place.send(recorded, Some(&question.theirs), None).await).await
            }
        }
    }

    /// The legacy handshake: a link of its own, and a session when the server agreed on a version.
    async fn initialize(self, call: Call, pace: Pace, trail: &mut Trail) -> Walked {
        let offered = call.message().offered_version().and_then(Version::parse);
        let version = offered.filter(|version| version.era() == Era::Legacy).unwrap_or(Version::V2025_11_25);
        let capabilities = digest(call.message().client_capabilities(), self.caller());
        let request_id = call.message().id().cloned();
        let permit = self.decide(call, None, pace, trail).await?;
        let key = LinkKey {
            server: self.server.name.clone(),
            owner: owner(&permit),
            version,
            capabilities,
            session: Some(self.core.next_number()),
        };
        let recorded = self.record(permit, trail).await?;
        let link = match self.link(&key, trail).await {
            Ok(link) => link,
            Err(refusal) => return Ok(unsent(recorded, &refusal.answering(request_id.as_ref()), trail)),
        };
        // Whatever ends the handshake early, the link does not outlive it.
        let (handshake, link) = Handshake::of(link);
        let place = self.place(Arc::clone(&link), None, version);
        let mut exchange = match place.send(recorded, None, None).await {
            Ok(exchange) => exchange,
            Err(refused) => return refused_by_upstream(&refused),
        };
        let status = exchange.status();
        let Some(answer) = respond::first_answer(&mut exchange).await else {
            // The one decision stands; the outcome of the exchange says how it went.
            return Ok(Refusal::fault().answering(request_id.as_ref()).response(&trail.id));
        };
        let agreed = answer.message().and_then(|message| message.result().and(message.offered_version()));
        let Some(agreed) = agreed else {
            // The server refused the handshake; its own words say why.
            return Ok(self.stamped(respond::whole(&answer, status), trail));
        };
        let Some(agreed) = Version::parse(agreed).filter(|version| version.era() == Era::Legacy) else {
            let refusal = Refusal::unsupported_handshake().answering(request_id.as_ref());
            return Ok(refusal.response(&trail.id));
        };
        let session_id = match self.open_session((handshake, link), agreed, trail).await {
            Ok(session_id) => session_id,
            Err(refusal) => return Ok(refusal.answering(request_id.as_ref()).response(&trail.id)),
        };
        let mut response = self.stamped(respond::whole(&answer, StatusCode::OK), trail);
        response.headers_mut().insert("mcp-session-id", session_id);
        Ok(response)
    }

    async fn open_session(
        &self,
        (mut handshake, link): (Handshake, Arc<dyn Link>),
        version: Version,
        trail: &Trail,
    ) -> Result<HeaderValue, Box<Refusal>> {
        let mut random = [0; 32];
        self.core.surroundings.fill(&mut random).map_err(|_| Refusal::fault())?;
        let id = SessionId::new(random);
        let value = HeaderValue::from_str(id.expose()).map_err(|_| Refusal::fault())?;
        let server = &self.server.name;
        let opening = Opening { id: &id, server, version, link, who: &self.who, now: trail.now };
        // On record first: when that fails, there is no session that nobody knows of.
        let what = What::SessionOpened(self.session_notice(&id.digest(), trail));
        self.notice(what, trail).await?;
        self.core.sessions.open(opening).await.map_err(Refusal::no_session)?;
        handshake.0 = None;
        Ok(value)
    }

    /// GET: the standalone stream of a legacy session, or the rest of a broken one (B10, B11).
    async fn listen(self, admitted: &Admitted, trail: &mut Trail) -> Walked {
        trail.facts.method = "listen";
        let head = Head::read(&admitted.parts.headers).map_err(Refusal::from_wire)?;
        if is_modern(&head) {
            return Err(Refusal::method_not_allowed("POST").into());
        }
        let session = self.required_session(&head, trail).await?;
        let version = session.version();
        trail.facts.version = Some(version);
        // An event id of the client's making would go on to the server (PT-02).
        let resumes = head.last_event_id().unwrap_or_default();
        if self.caller().is_some_and(|caller| credential::in_header(caller, resumes.as_bytes())) {
            return Err(Refusal::not_cleared().into());
        }
        if let Some(event) = head.last_event_id()
            && !session.desk().was_given(event)
        {
            // Only what this session was given can be resumed after (B11).
            return Err(Refusal::unknown_event().into());
        }
        let pace = self.pace(trail)?;
        let policy = self.core.policy();
        let attendance = policy
            .attend(&self.server.name, &self.who, trail.id, pace, self.path.clone())
            .map_err(|denial| self.denied(&denial))?;
        let recorded =
            self.core.ledger.record(attendance, trail.facts.clone()).await.map_err(|_| Refusal::not_recorded())?;
        let link = Arc::clone(session.link());
        let place = Place {
            core: Arc::clone(self.core),
            server: Arc::clone(self.server),
            link,
            session: Some(session),
            version,
        };
        answered(place.listen(recorded, head.last_event_id()).await).await
    }

    /// DELETE: the caller ends its own session.
    async fn end(self, admitted: &Admitted, trail: &mut Trail) -> Walked {
        trail.facts.method = "end_session";
        let head = Head::read(&admitted.parts.headers).map_err(Refusal::from_wire)?;
        if is_modern(&head) {
            return Err(Refusal::method_not_allowed("POST").into());
        }
        let _pace = self.pace(trail)?;
        let named = head.session().and_then(SessionId::parse).map(|id| id.digest());
        let session = self.required_session(&head, trail).await?;
        self.core.sessions.remove(&session, trail.now);
        let digest = named.unwrap_or_default();
        let what = What::SessionClosed { session: self.session_notice(&digest, trail), why: SessionEnd::Caller };
        self.notice(what, trail).await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(self.stamped(response, trail))
    }

    async fn required_session(&self, head: &Head, trail: &mut Trail) -> Result<Arc<Session>, Box<Refusal>> {
        trail.facts.session = head.session().is_some();
        match self.session(head) {
            Some(Ok(session)) => Ok(session),
            Some(Err(absence)) => Err(self.no_session(absence, trail).await.into()),
            None => Err(Refusal::session_missing().into()),
        }
    }

    /// The refusal for a session that is not this caller's; somebody else's is suspicious and noted as such.
    async fn no_session(&self, absence: Absence, trail: &Trail) -> Refusal {
        // Without a credential nothing is said about any session (SE-02).
        if matches!(self.who, Identified::Absent) {
            let mut refusal = Refusal::no_credential(&self.server.resource);
            refusal.reason = Reason::SessionWithoutToken;
            return refusal;
        }
        if absence == Absence::Foreign {
            let session = self.session_notice(&[0; 32], trail);
            let what = What::SessionMismatch { session, address: self.address };
            if self.notice(what, trail).await.is_err() {
                return Refusal::not_recorded();
            }
        }
        Refusal::no_session(absence)
    }

    fn session_notice(&self, digest: &[u8; 32], trail: &Trail) -> doorward_audit::Session {
        doorward_audit::Session {
            session: Fingerprint::of_digest(digest),
            who: trail.facts.who.clone(),
            server: self.server.name.clone(),
        }
    }

    async fn notice(&self, what: What, trail: &Trail) -> Result<(), Box<Refusal>> {
        let notice = Notice { id: trail.id, at: trail.now, what };
        self.core.ledger.notice(notice).await.map_err(|_| Refusal::not_recorded().into())
    }

    /// Counts the request against the limits of its address, caller and client.
    fn pace(&self, trail: &mut Trail) -> Result<Pace, Refusal> {
        trail.counted = true;
        self.core.policy().throttle(self.address, &self.who).map_err(|denial| self.denied(&denial))
    }

    /// Reads a body. A large one waits its turn, so that their number bounds their memory.
    async fn read<B>(&self, headers: &HeaderMap, body: B) -> Result<Bytes, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<BodyError>,
    {
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length <= SMALL_BODY) {
            return self.core.doorman.read(headers, body).await;
        }
        let _turn = self.core.readings.acquire().await.map_err(|_| Refusal::fault())?;
        self.core.doorman.read(headers, body).await
    }

    /// The policy's word on one call.
    async fn decide(
        &self,
        call: Call,
        exchange: Option<&ExchangeTicket>,
        pace: Pace,
        trail: &mut Trail,
    ) -> Result<Permit, Box<Refusal>> {
        let policy = self.core.policy();
        let question = Question {
            server: &self.server.name,
            call,
            who: self.who.clone(),
            address: self.address,
            exchange,
            id: trail.id,
            now: trail.now,
            path: self.path.clone(),
            pace,
        };
        match policy.decide(question).await {
            Ok(permit) => {
                trail.facts.rule = permit.rule().map(Text::clip);
                if permit.log() == LogShape::Omit {
                    trail.facts.shape = None;
                }
                if permit.principal().is_anonymous() {
                    trail.facts.who = Who::Anonymous;
                }
                Ok(permit)
            }
            Err(denied) => {
                trail.facts.rule = denied.rule.as_ref().map(|rule| Text::clip(rule));
                Err(Refusal::from_denied(&denied, &self.server.resource).into())
            }
        }
    }

    fn caller(&self) -> Option<&Caller> {
        match &self.who {
            Identified::Proven(caller) => Some(caller),
            Identified::Absent => None,
        }
    }

    fn denied(&self, denial: &Denial) -> Refusal {
        Refusal::from_denial(denial, &self.server.resource)
    }

    fn no_exchange(&self) -> Refusal {
        self.denied(&Denial::NoExchange)
    }

    /// Clears what the call carries, and puts the decision on record. Nothing is sent without both.
    async fn record(&self, permit: Permit, trail: &Trail) -> Result<Recorded<Cleared<Permit>>, Box<Refusal>> {
        let holds = |bytes: &[u8]| self.caller().is_some_and(|caller| credential::in_json(caller, bytes));
        let cleared = self
            .core
            .clearance
            .clear(permit, &holds)
            .map_err(|rejected| Refusal::not_cleared().answering(rejected.carrier.call().message().id()))?;
        let id = cleared.get().call().message().id().cloned();
        tracing::debug!(decision = %trail.id, server = %self.server.name, method = trail.facts.method, "permitted");
        let recorded = self.core.ledger.record(cleared, trail.facts.clone()).await;
        recorded.map_err(|error| {
            tracing::error!(decision = %trail.id, %error, "the ledger took no record");
            Refusal::not_recorded().answering(id.as_ref()).into()
        })
    }

    async fn link(&self, key: &LinkKey, trail: &Trail) -> Result<Arc<dyn Link>, Refusal> {
        self.server.upstream.link(key).await.map_err(|error| {
            tracing::warn!(server = %self.server.name, decision = %trail.id, %error, "upstream");
            Refusal::from_upstream(&error)
        })
    }

    fn place(&self, link: Arc<dyn Link>, session: Option<Arc<Session>>, version: Version) -> Place {
        Place { core: Arc::clone(self.core), server: Arc::clone(self.server), link, session, version }
    }

    fn stamped(&self, mut response: Response<Body>, trail: &Trail) -> Response<Body> {
        crate::refusal::stamp(&mut response, &trail.id);
        response
    }
}

/// A permitted call that could not be sent: its one decision stands, its outcome says why, and the client is told.
fn unsent(recorded: Recorded<Cleared<Permit>>, refusal: &Refusal, trail: &Trail) -> Response<Body> {
    let (_, mut slot) = recorded.open();
    slot.counters().status = Some(refusal.status.as_u16());
    slot.close(Ending::UpstreamFailed);
    refusal.response(&trail.id)
}

/// A link during its handshake: unless a session takes it over, it is closed when this goes.
struct Handshake(Option<Arc<dyn Link>>);

impl Handshake {
    fn of(link: Arc<dyn Link>) -> (Self, Arc<dyn Link>) {
        (Self(Some(Arc::clone(&link))), link)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        if let Some(link) = self.0.take() {
            tokio::spawn(async move { link.close().await });
        }
    }
}

/// Answers what was sent. The call is on record by now, and its outcome too: a failure is only answered.
async fn answered(sent: Result<Exchange, Box<Unsent>>) -> Walked {
    match sent {
        Ok(exchange) => Ok(respond::respond(exchange).await),
        Err(refused) => refused_by_upstream(&refused),
    }
}

fn refused_by_upstream(unsent: &Unsent) -> Walked {
    Ok(unsent.refusal.response(unsent.pass.decision()))
}

fn owner(permit: &Permit) -> Owner {
    permit.principal().caller().map_or(Owner::Anonymous, |caller| Owner::Caller(caller.key().clone()))
}

/// A digest of what a client declared, as it wrote it (another spelling is another link, which costs little), and of the
/// tenant that it acts in.
fn digest(declared: Option<&str>, caller: Option<&Caller>) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let tenant = caller.map_or("", Caller::tenant);
    // The length first, so that no two pairs run together to one text.
    context.update(&u64::try_from(tenant.len()).unwrap_or(u64::MAX).to_be_bytes());
    context.update(tenant.as_bytes());
    context.update(declared.unwrap_or("{}").as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}
