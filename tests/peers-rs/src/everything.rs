//! An MCP server with every feature that the official conformance suite asks
//! for, in both protocol eras, on rmcp.
//!
//! The names, arguments and answers of tools, prompts and resources are fixed
//! by the suite; each family lives in a module of its own and is written as
//! the JSON that travels, so that it can be compared with the suite by eye.

mod asking;
mod content;
mod json;
mod prompts;
mod reporting;
mod resources;
mod rounds;
mod schemas;
mod server;
mod sessions;
mod tasks;
mod watching;

pub use server::{Everything, Shared};
pub use sessions::CuttingSessions;
