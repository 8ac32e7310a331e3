//! What may go to the client. The responder takes nothing else.

use std::sync::Arc;

use bytes::Bytes;
use doorward_identity::Caller;
use doorward_privacy::Clearance;
use doorward_wire::{Carries, Message};
use http::StatusCode;

use super::screen::Screened;
use crate::credential;

/// One event that may go to the client.
///
/// It comes from an upstream's event that was screened by the policy and cleared by privacy, or from Doorward
/// itself.
#[derive(Debug)]
pub struct Released {
    id: Option<String>,
    retry: Option<u64>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Message(Message),
    Own { text: Bytes, status: StatusCode },
    Nothing,
}

impl Released {
    /// Clears a screened event. `Err` when it holds what may not leave.
    pub(super) fn clear(screened: Screened, clearance: &Clearance, caller: Option<&Arc<Caller>>) -> Result<Self, ()> {
        let holds = |bytes: &[u8]| caller.is_some_and(|caller| credential::in_json(caller, bytes));
        let cleared = clearance.clear(screened, &holds).map_err(drop)?;
        let Screened { id, retry, message, .. } = cleared.into_inner();
        Ok(Self { id, retry, content: Content::Message(message) })
    }

    /// An event that only primes a stream: it names an id or a reconnection time and says nothing.
    pub(super) fn prime(id: Option<String>, retry: Option<u64>) -> Self {
        Self { id, retry, content: Content::Nothing }
    }

    /// An error that Doorward generated.
    pub(super) fn own(text: Bytes, status: StatusCode) -> Self {
        Self { id: None, retry: None, content: Content::Own { text, status } }
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// The JSON-RPC message; none in an event that only primes.
    pub(crate) fn text(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Message(message) => Some(message.bytes()),
            Content::Own { text, .. } => Some(text),
            Content::Nothing => None,
        }
    }

    /// The upstream's message, if this is one.
    pub(crate) fn message(&self) -> Option<&Message> {
        match &self.content {
            Content::Message(message) => Some(message),
            _ => None,
        }
    }

    /// The status that Doorward's own error wants.
    pub(crate) fn own_status(&self) -> Option<StatusCode> {
        match &self.content {
            Content::Own { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether this is the last message of its exchange: an answer, not a notification or a question.
    pub(crate) fn is_answer(&self) -> bool {
        use doorward_wire::Kind;
        match &self.content {
            Content::Message(message) => matches!(message.kind(), Kind::Result { .. } | Kind::Error { .. }),
            Content::Own { .. } => true,
            Content::Nothing => false,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.text().map_or(0, |text| text.len() as u64)
    }
}

impl Carries for Screened {
    fn message(&self) -> &Message {
        &self.message
    }
}
