//! `doorward token list`: the tokens that were issued, and what became of them.

use clap::Args;
use doorward::identity::TokenLog as _;
use doorward::{Surroundings as _, System};

use super::row::Row;
use crate::cli::Common;
use crate::command::record;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// List the tokens that were issued, newest first; never the tokens themselves
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  doorward token list --json | jq -r 'select(.state == \"active\").id'")]
pub(crate) struct Arguments {
    /// One JSON object per token
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(arguments: &Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    let store = record::store(&common.open_state()?).await?;
    let records = store.list().await.map_err(Failure::unreachable)?;
    let now = System.now();
    let rows: Vec<Row> = records.iter().map(|record| Row::of(record, now)).collect();
    if arguments.json {
        rows.iter().try_for_each(|row| output.object(row))?;
    } else if rows.is_empty() {
        output.note("no token was issued yet; `doorward token issue --help` says how");
    } else {
        output.table(&Row::table(rows))?;
    }
    Ok(Exit::Done)
}
