//! `doorward session revoke`: ends sessions; who holds a token may open new ones.

use clap::Args;
use doorward_gateway::control::OpenSession;

use super::{Kind, open};
use crate::cli::Common;
use crate::command::node;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::text::count;

/// End open sessions: their next request is answered as for an unknown session
#[derive(Debug, Args)]
#[command(
    override_usage = "doorward session revoke [OPTIONS] <ID>...\n       doorward session revoke [OPTIONS] --user NAME\n       doorward session revoke [OPTIONS] --all",
    after_help = "\
Examples:
  doorward session revoke 3f9a2c41d07be856
  doorward session revoke --user alice

Whoever holds a valid token may open a new session; `doorward token revoke` ends the token."
)]
pub(crate) struct Arguments {
    /// Sessions, as `doorward session list` shows them
    #[arg(value_name = "ID", required_unless_present_any = ["user", "all"], conflicts_with_all = ["user", "all"])]
    ids: Vec<String>,
    /// Every session of this user
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    user: Option<String>,
    /// Every session
    #[arg(long)]
    all: bool,
    /// Which sessions
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    kind: Kind,
}

/// Runs the command.
pub(super) async fn run(arguments: &Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    let Kind::Mcp = arguments.kind;
    let Some(mut client) = node::connect(&common.open_state()?).await? else {
        return Err(Failure::refused("no node is running with this state directory, so no session is open"));
    };
    let sessions = open(Some(&mut client)).await?;
    let chosen: Vec<&OpenSession> = sessions.iter().filter(|session| arguments.chooses(session)).collect();
    for id in &arguments.ids {
        if !chosen.iter().any(|session| is_meant(id, &session.digest)) {
            return Err(Failure::refused(format_args!(
                "no open session is called `{id}`: `doorward session list` shows those that are open"
            )));
        }
    }
    let mut ended = 0;
    for session in chosen {
        ended += client.end_sessions(&session.digest).await.map_err(Failure::unreachable)?;
    }
    output.note(format_args!("ended {}", count(ended, "session", "sessions")));
    Ok(Exit::Done)
}

impl Arguments {
    fn chooses(&self, session: &OpenSession) -> bool {
        match (&self.user, self.all) {
            (_, true) => true,
            (Some(user), _) => session.owner.as_ref().is_some_and(|owner| owner.subject == *user),
            (None, false) => self.ids.iter().any(|id| is_meant(id, &session.digest)),
        }
    }
}

/// Few digits could mean more than one, so at least eight are needed.
fn is_meant(id: &str, digest: &str) -> bool {
    const FEWEST: usize = 8;
    id.len() >= FEWEST && digest.starts_with(id)
}
