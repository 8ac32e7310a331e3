//! The real corridor around a tiny inner server, both eras.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::field_reassign_with_default,
    reason = "a test ends at the first surprise"
)]

#[path = "../kit/mod.rs"]
mod kit;

mod callers;
mod eras;
mod isolation;
mod records;
mod sessions;
