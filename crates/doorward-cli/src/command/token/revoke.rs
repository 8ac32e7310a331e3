//! `doorward token revoke`: ends a token, on the running node before the command returns.

use clap::Args;
use doorward::audit::What;
use doorward::identity::TokenLog as _;
use doorward::{Surroundings as _, System};

use super::named;
use super::row::Row;
use crate::cli::Common;
use crate::command::{node, record};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// End a token: it is dead on the next request, and its open streams end now
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  doorward token revoke 5Tq0cWm2hB3vL8ZxY1kRpA

Returns once the running node has acknowledged it. Revoking a token again changes nothing.")]
pub(crate) struct Arguments {
    /// The token's id, as `doorward token list` shows it; not the token
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: String,
    /// One JSON object with what was revoked
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(arguments: &Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    if arguments.id.contains('.') {
        return Err(Failure::usage("that is no id: `doorward token list` shows the ids; keep the token itself secret"));
    }
    let state = common.open_state()?;
    let store = record::store(&state).await?;
    let now = System.now();
    let Some(record) = store.revoke(&arguments.id, now).await.map_err(Failure::unreachable)? else {
        return Err(Failure::refused(format_args!(
            "no token has the id `{}`: `doorward token list` shows those that were issued",
            arguments.id
        )));
    };
    // The node first: what it still accepts is worse than what is not yet written down.
    node::tell_revoked(&state, &record).await?;
    record::note(&state, What::TokenRevoked(named(&record))).await?;
    if arguments.json {
        output.object(&Row::of(&record, now))?;
    } else {
        output.note(format_args!("the token `{}` of `{}` is revoked", record.id, record.subject));
    }
    Ok(Exit::Done)
}
