//! What is judged and passed on carries a message.

use crate::{Call, Message};

/// A value that carries one message: what a stage of the corridor looks at, whatever proof is around it.
pub trait Carries {
    /// The message that it carries.
    fn message(&self) -> &Message;
}

impl Carries for Call {
    fn message(&self) -> &Message {
        Self::message(self)
    }
}
