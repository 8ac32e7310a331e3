//! `doorward demo`: a small guarded server, two users, and what to try.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use doorward::identity::Grant;
use doorward::{Surroundings as _, System};
use doorward_gateway::config::Config;
use doorward_gateway::listen::ListenAddress;
use doorward_gateway::node::Node;
use doorward_gateway::node_file::Mode;
use doorward_store::StateDir;
use serde_json::{Value, json};

use super::node;
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::logging::Verbosity;
use crate::output::Output;
use crate::state;

/// Start a small guarded server with two users, and say what to try
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward demo
  doorward demo --listen localhost:9000

Needs nothing else on the machine. What it keeps is removed when it ends, unless `--state` names a directory.")]
pub(crate) struct Arguments {
    /// Where callers come in, on this machine alone
    #[arg(long, value_name = "ADDR", default_value = "localhost:8700")]
    listen: ListenAddress,
}

/// How long the tokens of the demonstration are good.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    if !arguments.listen.is_loopback() {
        return Err(Failure::usage(format_args!(
            "`{}` can be reached from other machines, and the demonstration shows its tokens to whoever looks: listen on `localhost:PORT`",
            arguments.listen
        )));
    }
    let mut config = doorward_gateway::demo::configuration().map_err(|mistakes| {
        Failure::configuration(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    config.listen = vec![arguments.listen];
    common.start_log(&Verbosity::NORMAL, node::log_form(&config))?;
    // A variable that names the state of a real node is no wish to show it around.
    let (state, passing) = match common.state_option() {
        Some(named) => (state::open(named)?, None),
        None => {
            let passing = Passing::new()?;
            (state::open(&passing.0)?, Some(passing))
        }
    };
    let ended = present(config, &state, passing.is_some(), output).await;
    drop(passing);
    ended
}

async fn present(config: Config, state: &StateDir, passing: bool, output: &mut Output) -> Result<Exit, Failure> {
    let node = node::start(config, Mode::Demo, state).await?;
    let [server] = node.servers() else {
        return Err(Failure::configuration("the demonstration guards one server"));
    };
    let url = server.resource.clone();
    let alice = token(&node, "alice", &["Admin"], &["customers"]).await?;
    let bob = token(&node, "bob", &["User", "Support"], &[]).await?;

    output.line(format_args!("A small MCP server is guarded at {url}\n"))?;
    output.line("Alice has the role Admin and the scope customers. Bob has the roles User and Support.\n")?;
    for (who, token, trials) in
        [("alice", Some(alice.as_str()), ALICE), ("bob", Some(bob.as_str()), BOB), ("nobody", None, NOBODY)]
    {
        for trial in trials {
            output.line(format_args!("# {who} {}\n{}\n", trial.title, trial.curl(&url, token)))?;
        }
    }
    let ledger = state.path().join("ledger");
    let kept = if passing { " until the end of this demonstration" } else { "" };
    output.line(format_args!(
        "Every answer carries a decision id (`Doorward-Decision`); its records lie in {}{kept}.",
        ledger.display()
    ))?;
    output.line("Guard a server of yours: doorward run -- COMMAND. End this with Ctrl-C.")?;
    node::serve(node, output).await
}

async fn token(node: &Node, user: &str, roles: &[&str], scopes: &[&str]) -> Result<String, Failure> {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let grant = Grant {
        subject: user.to_owned(),
        client: "demo".to_owned(),
        roles: set(roles),
        scopes: set(scopes),
        resource: node.servers().first().map(|server| server.resource.clone()).unwrap_or_default(),
        ttl: DAY,
        claims: BTreeMap::new(),
    };
    let issued = node.issue(&grant).await.map_err(Failure::unreachable)?;
    Ok(issued.token.expose().to_owned())
}

/// One call to try.
struct Trial {
    /// What comes of it.
    title: &'static str,
    call: Call,
}

/// The calls that there are.
#[derive(Clone, Copy)]
enum Call {
    List,
    Add,
    Restart,
    Customers,
}

impl Call {
    /// The tool and its arguments; nothing for the list of tools.
    fn tool(self) -> Option<(&'static str, Value)> {
        match self {
            Self::List => None,
            Self::Add => Some(("addNumbers", json!({ "a": 2, "b": 3 }))),
            Self::Restart => Some(("adminRestart", json!({ "service": "mail" }))),
            Self::Customers => Some(("customerData", json!({ "region": "north" }))),
        }
    }
}

const ALICE: &[Trial] = &[
    Trial { title: "lists the tools: all three", call: Call::List },
    Trial { title: "adds two numbers: allowed", call: Call::Add },
    Trial { title: "restarts a service: allowed, an Admin may", call: Call::Restart },
    Trial { title: "looks up customers: allowed, with role and scope", call: Call::Customers },
];
const BOB: &[Trial] = &[
    Trial { title: "lists the tools: adminRestart is not there", call: Call::List },
    Trial { title: "adds two numbers: allowed", call: Call::Add },
    Trial { title: "restarts a service: refused, as if there were no such tool", call: Call::Restart },
    Trial { title: "looks up customers: refused with 403, and told which scope is missing", call: Call::Customers },
];
const NOBODY: &[Trial] = &[Trial {
    title: "adds two numbers without a token: refused with 401, and told where to get one",
    call: Call::Add,
}];

impl Trial {
    /// The call as a complete command.
    fn curl(&self, url: &str, token: Option<&str>) -> String {
        let tool = self.call.tool();
        let name = tool.as_ref().map(|(name, _)| *name);
        let (method, params) = match tool {
            Some((name, arguments)) => ("tools/call", json!({ "name": name, "arguments": arguments, "_meta": meta() })),
            None => ("tools/list", json!({ "_meta": meta() })),
        };
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut headers = vec![
            "Content-Type: application/json".to_owned(),
            "Accept: application/json, text/event-stream".to_owned(),
            "MCP-Protocol-Version: 2026-07-28".to_owned(),
            format!("Mcp-Method: {method}"),
        ];
        headers.extend(name.map(|name| format!("Mcp-Name: {name}")));
        headers.extend(token.map(|token| format!("Authorization: Bearer {token}")));
        let headers: String = headers.iter().map(|header| format!(" -H '{header}'")).collect();
        format!("curl -si {url}{headers} -d '{body}'")
    }
}

/// What every request of the stateless revision must say of its client.
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A state directory that is removed with its value.
struct Passing(PathBuf);

impl Passing {
    /// A name that nobody can guess, so that nobody can be there first.
    fn new() -> Result<Self, Failure> {
        let mut random = [0; 16];
        System.fill(&mut random).map_err(Failure::unreachable)?;
        let name = format!("doorward-demo-{:032x}", u128::from_be_bytes(random));
        Ok(Self(std::env::temp_dir().join(name)))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "what the demonstration kept could not be removed");
        }
    }
}
