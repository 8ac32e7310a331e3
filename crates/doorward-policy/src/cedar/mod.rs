//! Policies as Cedar text, and what Cedar says of a caller.
//!
//! Each named policy is a policy set of its own. Cedar skips a policy that fails while it is evaluated, which for a
//! `forbid` would mean to allow; so any failure that Cedar reports is a refusal here.

mod compiled;
mod inquiry;
pub(crate) mod schema;
mod text;

pub(crate) use self::compiled::{Answer, Compiled, View, validator};
pub(crate) use self::inquiry::{Inquiry, Place, Subject, Types};
