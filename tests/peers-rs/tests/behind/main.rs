//! The `doorward` program in front of the echo server: what of a caller reaches a server, and what a server that
//! misbehaves can do (PT, JS-11).
//!
//! The program is the one that stands beside these tests: `cargo test --workspace` builds it, and `cargo build -p
//! doorward-cli` does for these tests alone.

mod faults;
mod node;
mod passthrough;
