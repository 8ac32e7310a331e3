//! The attack catalogue against the whole corridor: what is sent over HTTP, and what must happen.
//!
//! A test is named after its row. `docs/attacks.md` says for every row where it is proven, here or at another level, and
//! the tests in `table` hold that list against the sources.

#![expect(clippy::string_slice, reason = "the texts that the tests cut are ASCII")]
#![expect(clippy::field_reassign_with_default, reason = "a plan is changed line by line where a test changes much")]

#[cfg(test)]
mod er;
#[cfg(test)]
mod hd;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod jk;
#[cfg(test)]
mod js;
#[cfg(test)]
#[path = "../kit/mod.rs"]
mod kit;
#[cfg(test)]
mod log;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod pt;
#[cfg(test)]
mod se;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tk;
