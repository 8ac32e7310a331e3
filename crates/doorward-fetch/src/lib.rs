//! What did they publish?
//!
//! The one fetcher for URLs that someone else chose: issuer metadata, key sets, client metadata
//! documents. Whoever chooses a URL could point it at the inside of our network (F24 to F27, CI,
//! CVE-2026-42449, CVE-2026-31945), so the way from a text to a connection is one corridor of
//! types:
//!
//! ```text
//! text ─ Target::parse ─▶ an https URL without surprises
//!      ─ check ─────────▶ every address that its name has now is a public one, or the host is
//!                         on the allow-list
//!      ─ connect ───────▶ to exactly a checked address, with TLS for the name
//!      ─ read ──────────▶ one answer: no redirect, no encoding, bounded in size and time
//! ```
//!
//! No proxy is asked, no cookie kept, no connection reused, nothing sent but a plain `GET`.

mod address;
mod budget;
mod error;
mod fetcher;
mod network;
mod policy;
mod target;
mod tls;

pub use address::special_use;
pub use error::{FetchError, PolicyError};
pub use fetcher::{Ask, Expect, Fetcher};
pub use network::{Network, SystemNetwork};
pub use policy::{Allowed, BadAllowed, Budget, FetchPolicy};
pub use target::{MAX_URL, Target};
