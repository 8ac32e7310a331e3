//! JSON Web Signatures in compact form (RFC 7515), verified with keys that were parsed once.
//!
//! The order is carried by types: [`Compact::parse`] gives a header and bytes that nobody may
//! believe, and only [`Compact::verify`] turns them into a [`VerifiedPayload`]. A key knows which
//! algorithms it was made for ([`VerifyingKey`]); a token can choose among these and never beyond
//! (RFC 8725 §3.1, TK-10). A public key can't verify a MAC, because the two are different variants
//! of a private type.

mod algorithm;
mod compact;
mod jwk;
mod key;

pub use algorithm::Algorithm;
pub use compact::{Compact, Header, JwsError, MAX_KID, MAX_TOKEN, VerifiedPayload};
pub(crate) use jwk::sha256;
pub use jwk::{JwksError, MAX_JWKS, MAX_KEYS, PublicKeys};
pub use key::{SymmetricKey, VerifyingKey, WeakSecret};
