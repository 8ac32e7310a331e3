//! The guard at the door of an MCP server: one corridor, as a library.
//!
//! A call walks it in one direction, and every stage hands on a value that the next one needs; a check that is
//! deleted does not compile. The gateway, the stdio door and a server written in Rust all use this [`Guard`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use doorward::audit::Ledger;
//! use doorward::identity::{Authenticator, Resource, Revocations};
//! use doorward::policy::Policy;
//! use doorward::{Doorman, GuardBuilder, GuardLayer};
//!
//! /// Guards an MCP service of this program: every decision has to be made, and in this order.
//! fn layer(
//!     authenticator: Authenticator,
//!     revocations: Arc<Revocations>,
//!     policy: Policy,
//!     ledger: Ledger,
//!     resource: Resource,
//! ) -> Result<GuardLayer, Box<dyn std::error::Error>> {
//!     let guard = GuardBuilder::new()
//!         .admit(Doorman::loopback(8700))
//!         .authenticate(authenticator, revocations)
//!         .permit(policy)
//!         .record(ledger)
//!         .build();
//!     let issuers = vec!["https://login.example.com".to_owned()];
//!     Ok(GuardLayer::new(guard, "notes".parse()?, resource, issuers))
//! }
//! ```
//!
//! An [`Interceptor`](policy::Interceptor) of one's own looks at every call before it is permitted
//! ([`Policy::with_interceptor`](policy::Policy::with_interceptor)). `tests/library` guards a small rmcp server.

mod body;
mod clock;
mod corridor;
mod credential;
pub mod door;
pub mod exchange;
mod guard;
mod layer;
mod lessons;
mod refusal;
mod respond;
mod service;
mod session;
pub mod upstream;

pub use doorward_audit as audit;
pub use doorward_identity as identity;
pub use doorward_policy as policy;
pub use doorward_privacy as privacy;
pub use doorward_wire as wire;

pub use self::body::{Body, BodyError};
pub use self::clock::{NoRandomness, Surroundings, System};
pub use self::door::Doorman;
pub use self::guard::{Guard, GuardBuilder, Guarded, Ready, WantsDoor, WantsIdentity, WantsLedger, WantsPolicy};
pub use self::layer::{GuardLayer, GuardedService};
pub use self::refusal::{DECISION, DECISION_META, own_code, status_for};
pub use self::service::{McpService, PeerAddress};
pub use self::session::{SessionLimits, SessionSummary};
