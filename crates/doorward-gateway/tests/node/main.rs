//! Whole nodes with real sockets, processes and files.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends at the first surprise")]

mod control;
mod demonstration;
mod harness;
mod process;
mod remote;
mod routes;
mod start;
mod tls;
