//! `doorward session list`: who is in a session with what.

use std::time::{Duration, SystemTime};

use clap::Args;
use doorward_gateway::control::OpenSession;
use serde::Serialize;

use super::{DIGITS, Kind, open};
use crate::cli::Common;
use crate::command::node;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Table};
use crate::text::time;

/// List the open sessions, the last used first
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  doorward session list --json

The id is the beginning of a digest: it finds a session and opens nothing. Sessions end with their node.")]
pub(crate) struct Arguments {
    /// Which sessions
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    kind: Kind,
    /// One JSON object per session
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(arguments: &Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    let Kind::Mcp = arguments.kind;
    let mut client = node::connect(&common.open_state()?).await?;
    let sessions = open(client.as_mut()).await?;
    if arguments.json {
        sessions.iter().try_for_each(|session| output.object(&Row::of(session)))?;
    } else if client.is_none() {
        output.note("no node is running with this state directory, so no session is open");
    } else if sessions.is_empty() {
        output.note("no session is open");
    } else {
        let mut table = Table::new(&["ID", "USER", "CLIENT", "SERVER", "OPENED", "LAST USED"]);
        for row in sessions.iter().map(Row::of) {
            let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
            let (user, client) = (row.user.unwrap_or("anonymous").to_owned(), or_dash(row.client));
            table.row([row.id, user, client, row.server.to_owned(), row.opened_at, row.last_used]);
        }
        output.table(&table)?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Row<'a> {
    id: String,
    user: Option<&'a str>,
    client: Option<&'a str>,
    issuer: Option<&'a str>,
    server: &'a str,
    opened_at: String,
    last_used: String,
}

impl<'a> Row<'a> {
    fn of(session: &'a OpenSession) -> Self {
        let owner = session.owner.as_ref();
        Self {
            id: session.digest.chars().take(DIGITS).collect(),
            user: owner.map(|owner| owner.subject.as_str()),
            client: owner.and_then(|owner| owner.client.as_deref()),
            issuer: owner.map(|owner| owner.issuer.as_str()),
            server: &session.server,
            opened_at: moment(session.opened_at),
            last_used: moment(session.last_used),
        }
    }
}

fn moment(seconds: u64) -> String {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).map_or_else(|| "-".to_owned(), time)
}
