//! From the places of a JSON text to the meaning of a message.

use crate::edit::Span;
use crate::error::ParseFault::{Envelope, Params};
use crate::id::Id;
use crate::message::Sender;
use crate::method::Method;
use crate::place::{Found, Place, Type};
use crate::reader::{Reader, unquote};
use crate::scan::Fault;
use crate::target::Target;

/// Everything that is known of a message, beside its text.
#[derive(Clone)]
pub(crate) struct Meaning {
    pub(crate) from: Sender,
    pub(crate) shape: Shape,
    pub(crate) target: Target,
    pub(crate) task_ids: Vec<String>,

    pub(crate) progress_token: Option<Mark>,
    pub(crate) subscription_id: Option<Mark>,
    pub(crate) cancelled_id: Option<Mark>,

    pub(crate) params: Option<Span>,
    pub(crate) result: Option<Span>,
    pub(crate) error: Option<Span>,
    pub(crate) arguments: Option<Span>,
    pub(crate) meta: Option<Span>,
    pub(crate) capabilities: Option<Span>,
    pub(crate) cache_scope: Option<Span>,

    pub(crate) claimed_version: Option<Box<str>>,
    pub(crate) offered_version: Option<Box<str>>,
    pub(crate) log_level: Option<Box<str>>,
    pub(crate) result_type: Option<Box<str>>,
}

/// Which of the four kinds a message is, with what only that kind has.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Request { id: Mark, method: Method },
    Notification { method: Method },
    Result { id: Mark },
    Error { id: Option<Mark>, code: i64 },
}

impl Shape {
    pub(crate) fn id(&self) -> Option<&Mark> {
        match self {
            Self::Request { id, .. } | Self::Result { id } => Some(id),
            Self::Error { id, .. } => id.as_ref(),
            Self::Notification { .. } => None,
        }
    }

    pub(crate) fn id_mut(&mut self) -> Option<&mut Mark> {
        match self {
            Self::Request { id, .. } | Self::Result { id } => Some(id),
            Self::Error { id, .. } => id.as_mut(),
            Self::Notification { .. } => None,
        }
    }

    pub(crate) fn method(&self) -> Option<&Method> {
        match self {
            Self::Request { method, .. } | Self::Notification { method } => Some(method),
            Self::Result { .. } | Self::Error { .. } => None,
        }
    }
}

/// An id and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) id: Id,
    pub(crate) span: Span,
}

impl Meaning {
    /// Moves every span by `shift`, after an edit that changed lengths.
    pub(crate) fn shifted(mut self, shift: impl Fn(Span) -> Span) -> Self {
        let marks = [
            self.shape.id_mut(),
            self.progress_token.as_mut(),
            self.subscription_id.as_mut(),
            self.cancelled_id.as_mut(),
        ];
        for mark in marks.into_iter().flatten() {
            mark.span = shift(mark.span);
        }
        let spans = [
            &mut self.params,
            &mut self.result,
            &mut self.error,
            &mut self.arguments,
            &mut self.meta,
            &mut self.capabilities,
            &mut self.cache_scope,
        ];
        for span in spans.into_iter().flatten() {
            *span = shift(*span);
        }
        self
    }
}

/// Reads a scanned text as a JSON-RPC message of MCP.
pub(crate) fn interpret(text: &str, found: &Found, from: Sender) -> Result<Meaning, Fault> {
    let reader = Reader { text, found };
    reader.envelope()?;
    let shape = reader.shape()?;
    let method = shape.method();

    let params = reader.object(Place::Params, Envelope("`params` must be an object"))?;
    let result = reader.object(Place::Result, Envelope("`result` must be an object"))?;
    let meta = reader.meta(Place::ParamsMeta)?.or(reader.meta(Place::ResultMeta)?);
    let subscription_id = reader.mark(Place::MetaSubscription, SUBSCRIPTION)?;
    let capabilities = Params("the client capabilities in `_meta` must be an object");
    let capabilities = reader.object(Place::MetaCapabilities, capabilities)?;

    let mut meaning = Meaning {
        from,
        target: Target::None,
        task_ids: Vec::new(),
        progress_token: reader.progress_token(&shape)?,
        subscription_id: subscription_id.or(reader.mark(Place::ResultSubscription, SUBSCRIPTION)?),
        cancelled_id: None,
        params,
        result,
        error: reader.span(Place::Error),
        arguments: None,
        meta,
        capabilities,
        cache_scope: reader.span(Place::CacheScope),
        claimed_version: reader
            .label(Place::MetaVersion, Params("the protocol version in `_meta` must be a string"))?,
        offered_version: None,
        log_level: reader.label(Place::MetaLogLevel, Params("the log level in `_meta` must be a string"))?,
        result_type: reader.label(Place::ResultType, Envelope("`result.resultType` must be a string"))?,
        shape: shape.clone(),
    };
    match method {
        Some(method) => reader.parameters(method, &mut meaning)?,
        // Any result may have a member of this name and mean something else by it, so its type is not a rule.
        None => {
            let version = reader.found.at(Place::ResultVersion).and_then(|spot| unquote(reader.raw(spot)));
            meaning.offered_version = version.map(Into::into);
        }
    }
    Ok(meaning)
}

const SUBSCRIPTION: &str = "the subscription id in `_meta` must be an id";

impl Reader<'_> {
    // === the envelope ===

    /// The document is an object that says it is JSON-RPC 2.0.
    fn envelope(&self) -> Result<(), Fault> {
        if self.kind(Place::Root) != Some(Type::Object) {
            return Err((Envelope("a message is a JSON object"), 0));
        }
        let rule = Envelope("`jsonrpc` must be \"2.0\"");
        match self.string(Place::JsonRpc, rule)?.as_deref() {
            Some("2.0") => Ok(()),
            _ => Err((rule, self.offset(Place::JsonRpc))),
        }
    }

    /// Which kind of message this is. A message that could be taken for two kinds is none.
    fn shape(&self) -> Result<Shape, Fault> {
        let has = |place| self.found.at(place).is_some();
        if has(Place::Params) && !has(Place::Method) {
            return Err((Envelope("only a message with a `method` has `params`"), self.offset(Place::Params)));
        }
        match (has(Place::Method), has(Place::Result), has(Place::Error)) {
            (true, false, false) => self.call(),
            (false, true, false) => match self.id()? {
                Some(id) => Ok(Shape::Result { id }),
                None => Err((Envelope("a result needs the `id` of its request"), 0)),
            },
            (false, false, true) => {
                let code = self.error_code()?;
                // JSON-RPC 2.0 §5 answers a request with an unreadable id by an error with the id null; MCP leaves it out.
                let id = if self.kind(Place::Id) == Some(Type::Null) { None } else { self.id()? };
                Ok(Shape::Error { id, code })
            }
            (false, false, false) => Err((Envelope("a message needs a `method`, a `result` or an `error`"), 0)),
            _ => Err((Envelope("a message has one of `method`, `result` and `error`"), 0)),
        }
    }

    fn call(&self) -> Result<Shape, Fault> {
        let rule = Envelope("`method` must be a string");
        let Some(name) = self.string(Place::Method, rule)? else {
            return Err((rule, 0));
        };
        let method = Method::parse(&name);
        let id = self.id()?;
        // Whether a known method wants an answer is not the sender's choice: a tool call without an id would run unseen.
        let fits = method.known().is_none() || method.is_notification() == id.is_none();
        match id {
            Some(id) if fits => Ok(Shape::Request { id, method }),
            None if fits => Ok(Shape::Notification { method }),
            Some(id) => Err((Envelope("a notification has no `id`"), id.span.start())),
            None => Err((Envelope("a request needs an `id`"), self.offset(Place::Method))),
        }
    }

    /// The message's own id; `None` when it has none. Null is not an id (A11, JS-07).
    fn id(&self) -> Result<Option<Mark>, Fault> {
        const RULE: &str = "`id` must be a string or a whole number below 2^53, at most 256 bytes long";
        let Some(spot) = self.found.at(Place::Id) else {
            return Ok(None);
        };
        let id = Id::parse(self.raw(spot)).map_err(|_| (Envelope(RULE), spot.span.start()))?;
        Ok(Some(Mark { id, span: spot.span }))
    }

    fn error_code(&self) -> Result<i64, Fault> {
        let rule = Envelope("`error` must be an object with a whole `code` and a `message`");
        let at = self.offset(Place::Error);
        if self.kind(Place::Error) != Some(Type::Object) || self.kind(Place::ErrorMessage) != Some(Type::String) {
            return Err((rule, at));
        }
        let code = self.found.at(Place::ErrorCode).map(|spot| self.raw(spot)).unwrap_or_default();
        code.parse().map_err(|_| (rule, at))
    }

    // === parameters ===

    /// Reads what only some methods have.
    fn parameters(&self, method: &Method, meaning: &mut Meaning) -> Result<(), Fault> {
        meaning.target = self.target(method)?;
        match method {
            Method::Initialize => {
                let capabilities = Params("`params.capabilities` must be an object");
                meaning.capabilities = self.object(Place::Capabilities, capabilities)?.or(meaning.capabilities);
                let version = Params("`params.protocolVersion` must be a string");
                meaning.offered_version = self.label(Place::OfferedVersion, version)?;
            }
            Method::ToolsCall | Method::PromptsGet => {
                let arguments = Params("`params.arguments` must be an object");
                meaning.arguments = self.nullable(Place::Arguments, arguments)?;
            }
            Method::SubscriptionsListen => meaning.task_ids = self.strings(Place::FilterTasks)?,
            Method::Cancelled => {
                meaning.cancelled_id = self.mark(Place::RequestId, "`params.requestId` must be an id")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn target(&self, method: &Method) -> Result<Target, Fault> {
        Ok(match method {
            Method::ToolsCall => Target::Tool(self.required(Place::Name, "`params.name` must be a string")?),
            Method::PromptsGet => Target::Prompt(self.required(Place::Name, "`params.name` must be a string")?),
            // A message that claims a version is modern, where these methods are gone: what it lacks is not what is wrong
            // with it, and the policy calls it unknown (A16).
            Method::ResourcesSubscribe | Method::ResourcesUnsubscribe
                if self.found.at(Place::MetaVersion).is_some() && self.found.at(Place::Uri).is_none() =>
            {
                Target::None
            }
            Method::ResourcesRead
            | Method::ResourcesSubscribe
            | Method::ResourcesUnsubscribe
            | Method::ResourceUpdated => Target::Resource(self.required(Place::Uri, "`params.uri` must be a string")?),
            Method::SubscriptionsListen => {
                let filter = Params("`params.notifications` must be an object");
                if self.object(Place::Filter, filter)?.is_none() {
                    return Err((filter, self.offset(Place::Params)));
                }
                Target::Resources(self.strings(Place::FilterResources)?)
            }
            Method::Complete => self.reference()?,
            Method::TasksGet
            | Method::TasksUpdate
            | Method::TasksCancel
            | Method::TasksResult
            | Method::TaskStatus
            | Method::TaskChanged => Target::Task(self.required(Place::TaskId, "`params.taskId` must be a string")?),
            _ => Target::None,
        })
    }

    /// What `completion/complete` completes.
    fn reference(&self) -> Result<Target, Fault> {
        let rule = "`params.ref.type` must be `ref/prompt` or `ref/resource`";
        match self.required(Place::ReferenceType, rule)?.as_str() {
            "ref/prompt" => {
                Ok(Target::PromptRef(self.required(Place::ReferenceName, "`params.ref.name` must be a string")?))
            }
            "ref/resource" => {
                Ok(Target::ResourceRef(self.required(Place::ReferenceUri, "`params.ref.uri` must be a string")?))
            }
            _ => Err((Params(rule), self.offset(Place::ReferenceType))),
        }
    }

    fn progress_token(&self, shape: &Shape) -> Result<Option<Mark>, Fault> {
        const RULE: &str = "a progress token must be a string or a whole number";
        match shape {
            Shape::Notification { method: Method::Progress } => match self.mark(Place::ProgressToken, RULE)? {
                Some(mark) => Ok(Some(mark)),
                None => Err((Params(RULE), self.offset(Place::Params))),
            },
            Shape::Request { .. } if self.kind(Place::MetaProgressToken) != Some(Type::Null) => {
                self.mark(Place::MetaProgressToken, RULE)
            }
            _ => Ok(None),
        }
    }
}
