//! Where do calls come and go? Doors, upstreams, and the node that joins them through the guard.
//!
//! Everything that decides lives below, in [`doorward`]; this crate holds sockets, processes, files and clocks.

pub mod config;
pub mod control;
pub mod demo;
pub mod listen;
pub mod metrics;
pub mod node;
pub mod node_file;
pub mod route;
#[cfg(test)]
mod testing;
pub mod tls;
pub mod upstream;
