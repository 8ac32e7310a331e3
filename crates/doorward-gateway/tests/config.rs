//! The configuration, from the outside: what reads, what is refused and how it is told, and the schema.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "config/broken.rs"]
mod broken;
#[path = "config/machine.rs"]
mod machine;
#[path = "config/robust.rs"]
mod robust;
#[path = "config/run.rs"]
mod run;
#[path = "config/schema.rs"]
mod schema;
#[path = "config/secrets.rs"]
mod secrets;
#[path = "config/support.rs"]
mod support;
#[path = "config/valid.rs"]
mod valid;
