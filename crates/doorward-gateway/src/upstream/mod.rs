//! The ways to guarded servers: a process of this machine, or an address.

pub mod http;
pub mod process;
