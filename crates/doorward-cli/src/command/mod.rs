//! One file per command.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod guide;
pub(crate) mod node;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod token;
