//! Sessions of the legacy era: Doorward's own, and never a proof of anything.
//!
//! A session is found by its id *and* by who asks: the tuple of issuer, subject, client, server and id (A3, B16).
//! A foreign, unknown or expired id looks the same from outside: 404 (SE-01). The upstream's own session id stays
//! inside its link.

mod desk;
mod table;

pub(crate) use self::desk::{Desk, NoPlace, OpenCall, Parked, Question};
pub(crate) use self::table::{Absence, Opening, Session, Sessions};
pub use self::table::{SessionLimits, SessionSummary};
