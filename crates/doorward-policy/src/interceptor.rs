//! Code of the operator's own that looks at every call before it is permitted.

use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use doorward_wire::{Message, Method, ServerName, Target};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, select};
use serde_json::Value;

use crate::principal::Principal;

/// Looks at every call that the rules permit, and may refuse it.
///
/// Interceptors run one after another in the order in which they were given, after visibility and scope and before
/// the limits of tools and servers. What does not pass in good order is refused: an error, a panic and a timeout
/// alike. An interceptor that blocks its thread can't be timed out, so it must not.
#[async_trait]
pub trait Interceptor: Send + Sync {
    /// Judges one call.
    ///
    /// # Errors
    ///
    /// When the call can't be judged. It is then refused as a fault of ours, and the text goes to nobody but the log.
    async fn before(&self, call: &Intercepted<'_>) -> Result<Verdict, InterceptError>;
}

/// What an interceptor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No objection.
    Pass,
    /// The call is refused.
    Refuse {
        /// Why, for the caller: one line, no secret. A longer or controlled text is clipped.
        reason: String,
    },
}

/// An interceptor could not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InterceptError(pub String);

/// A call as an interceptor sees it.
#[derive(Debug)]
pub struct Intercepted<'a> {
    principal: &'a Principal,
    server: &'a ServerName,
    address: Option<IpAddr>,
    message: &'a Message,
    arguments: OnceLock<Option<Value>>,
}

impl<'a> Intercepted<'a> {
    pub(crate) fn new(
        principal: &'a Principal,
        server: &'a ServerName,
        address: Option<IpAddr>,
        message: &'a Message,
    ) -> Self {
        Self { principal, server, address, message, arguments: OnceLock::new() }
    }

    /// Who calls.
    #[must_use]
    pub fn caller(&self) -> &Principal {
        self.principal
    }

    /// The server that is called.
    #[must_use]
    pub fn server(&self) -> &ServerName {
        self.server
    }

    /// Where the call comes from, where the door knows it.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The method; `None` for an answer to a question of the server.
    #[must_use]
    pub fn method(&self) -> Option<&Method> {
        self.message.method()
    }

    /// The tool, prompt or resource that is named.
    #[must_use]
    pub fn target(&self) -> &Target {
        self.message.target()
    }

    /// The parsed arguments of a tool or prompt, exactly those that the server will get; parsed once, when somebody
    /// asks.
    ///
    /// # Errors
    ///
    /// When they are not JSON, which the wire refuses already. An interceptor should hand the error on.
    pub fn arguments(&self) -> Result<Option<&Value>, InterceptError> {
        let Some(text) = self.message.arguments() else {
            return Ok(None);
        };
        match self.arguments.get_or_init(|| serde_json::from_str(text).ok()) {
            Some(arguments) => Ok(Some(arguments)),
            None => Err(InterceptError("the arguments are not JSON".to_owned())),
        }
    }
}

/// Makes a future that is ready after a time: the caller's runtime has the timers.
#[derive(Clone)]
pub struct Timer(Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>);

impl Timer {
    /// A timer that waits as `sleep` does, for example `|d| Box::pin(tokio::time::sleep(d))`.
    pub fn new(sleep: impl Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(sleep))
    }

    fn after(&self, time: Duration) -> BoxFuture<'static, ()> {
        (self.0)(time)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timer")
    }
}

/// The interceptors of one policy, in order.
pub(crate) struct Interceptors {
    list: Vec<Arc<dyn Interceptor>>,
    timer: Timer,
    patience: Duration,
}

/// Why the interceptors did not let a call pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    Refused(String),
    Failed(&'static str),
}

impl Interceptors {
    pub(crate) fn new(timer: Timer, patience: Duration) -> Self {
        Self { list: Vec::new(), timer, patience }
    }

    pub(crate) fn push(&mut self, interceptor: Arc<dyn Interceptor>) {
        self.list.push(interceptor);
    }

    /// Asks each in turn; the first objection ends it. Each has the whole patience for itself.
    pub(crate) async fn ask(&self, call: &Intercepted<'_>) -> Result<(), Objection> {
        for interceptor in &self.list {
            // The call is only read, so nothing half-changed can be seen after a panic. The boxed future is made
            // inside, for making it may panic too.
            let judged = AssertUnwindSafe(async { interceptor.before(call).await }).catch_unwind();
            let judged = std::pin::pin!(judged);
            match select(judged, self.timer.after(self.patience)).await {
                Either::Left((Ok(Ok(Verdict::Pass)), _)) => {}
                Either::Left((Ok(Ok(Verdict::Refuse { reason })), _)) => {
                    return Err(Objection::Refused(reason));
                }
                Either::Left((Ok(Err(_)), _)) => {
                    return Err(Objection::Failed("an interceptor failed"));
                }
                Either::Left((Err(_), _)) => {
                    return Err(Objection::Failed("an interceptor panicked"));
                }
                Either::Right(_) => return Err(Objection::Failed("an interceptor took too long")),
            }
        }
        Ok(())
    }
}
