//! The peers that Doorward is tested against.
//!
//! | binary | what it is |
//! |---|---|
//! | `conformance-upstream` | an MCP server with every feature that the official conformance suite asks for ([`everything`]) |
//! | `bearer-proxy` | a proxy that adds a bearer token and changes nothing else ([`proxy`]) |
//! | `echo-upstream` | a cheap MCP server that shows what it received, and misbehaves on request ([`echo`]) |
//!
//! Each prints `listening on http://ADDRESS` as its first line, so that a test
//! may ask for port 0. Nothing here is part of the product.

pub mod echo;
pub mod everything;
pub mod proxy;
pub mod serve;
