//! Who is calling?
//!
//! This crate turns the credential of a request into a [`Caller`], and nothing else does: a caller
//! has no public constructor, so a value of that type proves that a token was verified, for this
//! audience, at this time. It does no I/O of its own: documents of other issuers come through the
//! [`Fetch`] port, what is remembered goes through [`TokenLog`] and [`session::SessionLog`], and
//! time is a parameter.
//!
//! The way of a token:
//!
//! ```text
//! Authorization header ─ bearer ───▶ one token68, size bounded
//!                      ─ jws ──────▶ three canonical base64url parts, a header without surprises
//!                      ─ issuer ───▶ the claimed issuer selects whose keys may verify it, nothing more
//!                      ─ jws ──────▶ signature; only now are there claims
//!                      ─ claims ───▶ typ, iss, aud, exp, nbf, iat, sub, revocation
//!                      ─ caller ───▶ Arc<Caller>, kept for at most a minute
//! ```
//!
//! Any doubt on this way is a refusal ([`AuthFailure`]); a refusal says which rule refused and
//! never a value.

mod authenticator;
mod b64;
mod bearer;
mod cache;
mod caller;
mod challenge;
mod claims;
mod credential;
mod failure;
pub mod fuzz;
mod issue;
mod issuer;
mod json;
pub mod jws;
mod path;
mod ports;
mod resource;
mod revocation;
pub mod session;
mod token;

pub use authenticator::{Authenticator, AuthenticatorBuilder, BuildError, Identified, IssuerState, Verdict};
pub use caller::{Caller, CallerKey, ClaimType, ClaimValue};
pub use challenge::{Challenge, www_authenticate};
pub use credential::Credential;
pub use failure::{AuthFailure, AuthReason};
pub use issue::{Grant, IssueError, Issued, KeyError, SecretToken, SigningKey, TokenIssuer, TokenRecord, public_jwks};
pub use issuer::{IssuerConfig, KeyTiming, Keys, Typ};
pub use jws::{JwksError, PublicKeys, SymmetricKey, WeakSecret};
pub use path::{BadClaimPath, ClaimPath};
pub use ports::{Fetch, FetchFailure, StoreFailure, TokenLog};
pub use resource::{Resource, resource_metadata};
pub use revocation::Revocations;
