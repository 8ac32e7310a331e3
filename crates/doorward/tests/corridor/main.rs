//! The real corridor around a tiny inner server, both eras.

#[path = "../kit/mod.rs"]
mod kit;

mod callers;
mod eras;
mod isolation;
mod records;
mod sessions;
