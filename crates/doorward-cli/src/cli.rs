//! The command line as a whole: what can be written, and which command it starts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use doorward_store::StateDir;

use crate::command::{check, demo, run, serve, session, token};
use crate::exit::{Exit, Failure};
use crate::logging::{self, Form, Verbosity};
use crate::output::Output;
use crate::state;

const EXAMPLES: &str = "\
Examples:
  doorward demo
        a small guarded server, two users, and what to try
  doorward run -- npx -y @modelcontextprotocol/server-everything
        guard a server that is started as a process
  doorward run --upstream https://mcp.internal.example/mcp
        guard a server that runs elsewhere
  doorward token issue --user alice --role Admin
        make a token for the guarded server

Exit codes:
  0 done, 1 refused or found, 2 usage, 3 configuration, 4 could not reach or bind something";

/// The guard at the door of an MCP server.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The directory in which everything is kept; unless given, $DOORWARD_STATE, else `doorward` in
    /// the user's data directory
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// How much to log: `error`, `warn`, `info`, `debug`, `trace` or `off`
    #[arg(long, global = true, value_name = "LEVEL", env = "DOORWARD_LOG", hide_env_values = true)]
    log: Option<Verbosity>,
}

impl Common {
    /// The directory behind `--state`.
    pub(crate) fn state_option(&self) -> Option<&Path> {
        self.state.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// The state directory that was named, by `--state` or by `DOORWARD_STATE`.
    pub(crate) fn named_state(&self) -> Option<PathBuf> {
        state::named(self.state_option(), |name| std::env::var_os(name))
    }

    /// Where the state lies or will lie.
    pub(crate) fn state_path(&self) -> Result<PathBuf, Failure> {
        self.named_state().map_or_else(Self::usual_state, Ok)
    }

    /// Where the state lies when nobody says so.
    pub(crate) fn usual_state() -> Result<PathBuf, Failure> {
        state::usual(|name| std::env::var_os(name))
    }

    /// The state directory, made where it is missing.
    pub(crate) fn open_state(&self) -> Result<StateDir, Failure> {
        state::open(&self.state_path()?)
    }

    /// Starts the log; `unless_said` is how much is logged when nobody says it.
    pub(crate) fn start_log(&self, unless_said: &Verbosity, form: Form) -> Result<(), Failure> {
        let verbosity = self.log.as_ref().unwrap_or(unless_said);
        logging::start(verbosity, form)
            .map_err(|error| Failure::unreachable(format_args!("the log could not be started: {error}")))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Serve(serve::Arguments),
    Check(check::Arguments),
    Token(token::Arguments),
    Session(session::Arguments),
    Demo(demo::Arguments),
}

/// Reads the command line, does what it says, and tells how it ended.
pub(crate) fn main() -> ExitCode {
    logging::quiet_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version arrive here too. Nobody is left to tell when this can't be printed.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let mut output = Output::standard();
    match start(cli, &mut output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if failure.exit() != Exit::Done {
                output.error(&failure);
            }
            failure.exit().into()
        }
    }
}

fn start(cli: Cli, output: &mut Output) -> Result<Exit, Failure> {
    let Cli { common, command } = cli;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unreachable(format_args!("the system gave no threads to work with: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Run(arguments) => run::run(arguments, &common, output).await,
            Command::Serve(arguments) => serve::run(arguments, &common, output).await,
            Command::Check(arguments) => check::run(&arguments, &common, output).await,
            Command::Token(arguments) => token::run(arguments, &common, output).await,
            Command::Session(arguments) => session::run(arguments, &common, output).await,
            Command::Demo(arguments) => demo::run(arguments, &common, output).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn look(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Example"), "`{path}` has no example");
            assert!(after.contains("doorward"), "`{path}` has an example that can't be copied");
            for inner in command.get_subcommands() {
                look(inner, &path);
            }
        }
        look(&Cli::command(), "");
    }
}
