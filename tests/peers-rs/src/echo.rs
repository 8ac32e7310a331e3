//! A cheap MCP server in both protocol eras, without an MCP library: what it
//! receives is what was on the wire.
//!
//! | tool | what it does |
//! |---|---|
//! | `echo` | answers with its argument `text` |
//! | `big` | answers with 64 KiB of text |
//! | `reflect` | answers with every header, the environment, argv and the raw request |
//! | `slow` | answers after `ms` milliseconds, with progress if asked for `steps` |
//! | `ask` | asks the user: by a request in the older era, by `input_required` in the newer |
//! | `admin` | tells every listener that the tools changed |
//!
//! [`Options`] make it an old server, make it speak in streams, write down all
//! that it receives, or make it misbehave ([`Fault`]).

mod calls;
mod envelope;
mod fault;
mod http;
mod journal;
mod options;
mod server;
mod session;
mod stdio;
mod stream;
mod tools;

pub use fault::Fault;
pub use http::serve as serve_http;
pub use options::{Discovery, Eras, Options};
pub use server::Server;
pub use stdio::serve as serve_stdio;
