//! The configuration: one YAML file, read whole, every mistake reported at once.
//!
//! [`Config::read`] turns text into a [`Config`] or into the complete, sorted list of what is wrong with it:
//! each [`Mistake`] has a line, a column, the line itself and the way to put it right. A [`Config`] that exists
//! is valid: names resolve, files were readable, and nothing listens in the clear beyond this machine.
//!
//! | module | the question |
//! |---|---|
//! | `yaml` | what does the text say, and where? |
//! | `table`, `shape`, `section`, `decode` | which keys are there, and what may stand behind each? |
//! | `scalar`, `file`, `secret` | what is a duration, a size, a readable file, a secret? |
//! | `door`, `identity`, `issuer`, `policies`, `paths`, `servers`, `upstream`, `rules`, `bounds` | the sections of the file |
//! | `root`, `agree` | the file as a whole, and what must agree across sections |
//! | `run` | the same configuration from the options of `doorward run` |
//! | `schema` | the same tables as a JSON Schema for editors |
//! | `reading`, `mistake`, `source`, `places` | how it is all put together, and how a mistake is told |

mod agree;
mod bounds;
mod decode;
mod door;
mod file;
mod identity;
mod issuer;
mod mistake;
mod paths;
mod places;
mod policies;
mod reading;
mod root;
mod rules;
mod run;
mod scalar;
mod schema;
mod secret;
mod section;
mod servers;
mod shape;
mod source;
mod surroundings;
mod table;
mod upstream;
mod yaml;

pub use bounds::{Fetch, Ledger, Limits, Log, LogFormat, Sessions, Timeouts};
pub use door::{PublicUrl, Tls};
pub use identity::Identity;
pub use mistake::{Mistake, Place, Warning};
pub use root::{Config, Mount};
pub use run::{RunOptions, RunTarget, RunTls};
pub use schema::schema;
pub use secret::{Secret, SecretFrom};
pub use servers::{Server, ServerTimeouts};
pub use surroundings::{Contents, MOST_FILE_BYTES, Machine, Surroundings};
pub use upstream::{Credential, Process, Remote, Upstream};
