//! The attack catalogue against the whole corridor: what is sent over HTTP, and what must happen.
//!
//! A test is named after its row. `docs/attacks.md` says for every row where it is proven, here or at another level;
//! [`table`] keeps that list honest.

#[path = "../kit/mod.rs"]
mod kit;

mod er;
mod hd;
mod incidents;
mod jk;
mod js;
mod log;
mod proof;
mod pt;
mod se;
mod table;
mod tk;
