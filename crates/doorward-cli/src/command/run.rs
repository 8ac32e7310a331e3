//! `doorward run`: one server, guarded with safe defaults.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use doorward_gateway::config::{Config, Machine, RunOptions, RunTarget, RunTls, Surroundings as _, Upstream};
use doorward_gateway::node_file::Mode;

use super::{check, node};
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::logging::Verbosity;
use crate::output::Output;
use crate::parse;

/// Guard one MCP server with safe defaults; no configuration file needed
#[derive(Debug, Args)]
#[command(
    override_usage = "doorward run [OPTIONS] -- COMMAND [ARGS]...\n       doorward run [OPTIONS] --upstream URL",
    after_help = "\
Examples:
  doorward run -- npx -y @modelcontextprotocol/server-everything
  doorward run --env API_KEY --state ./state -- python3 server.py
  doorward run --upstream https://mcp.internal.example/mcp --upstream-credential token.txt
  doorward run --listen 0.0.0.0:8443 --public-url https://mcp.example.com --tls-cert tls.crt --tls-key tls.key -- ./server

Every caller needs a token (`doorward token issue`) and may then use everything of the server, within limits and on
record. The process gets PATH, HOME, USER, LANG, LC_*, TERM, TMPDIR, SHELL and what `--env` names, nothing else.

With `--config`, the rules for the server stand under `servers: { main: { rules: [...] } }`."
)]
pub(crate) struct Arguments {
    /// Where callers come in; unless given, `localhost:8700` on both loopback addresses
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The URL that clients know this node by; unless given, `http://localhost:PORT`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A configuration for what the options don't say, such as rules and issuers
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A variable for the process: its name, to pass on ours, or its name and value
    #[arg(long, value_name = "NAME[=VALUE]", conflicts_with = "upstream")]
    env: Vec<String>,
    /// The file of the credential that the server at `--upstream` wants
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    upstream_credential: Option<PathBuf>,
    /// The certificate chain, PEM; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// How to speak TLS without a certificate of your own: makes a local authority, and says how to trust it
    #[arg(long, value_name = "HOW")]
    tls: Option<Tls>,
    /// A web origin whose pages may call, such as `https://app.example.com`
    #[arg(long, value_name = "ORIGIN", value_parser = parse::origin)]
    allow_origin: Vec<String>,
    /// The URL of a server that runs already
    #[arg(long, value_name = "URL", required_unless_present = "command")]
    upstream: Option<String>,
    /// The server's program and its arguments, started without a shell
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "upstream")]
    command: Vec<String>,
}

/// The ways to speak TLS that need no file.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tls {
    SelfSigned,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    let file = arguments.config.clone();
    let origins = arguments.allow_origin.clone();
    let options = arguments.into_options(common);
    let read = match &file {
        Some(file) => Config::for_run_with(&options, file),
        None => Config::for_run(&options),
    };
    if let Ok((config, _)) = &read {
        has_its_program(config)?;
    }
    let named = file.map_or_else(|| "the command line".to_owned(), |file| format!("`{}`", file.display()));
    let mut config = check::tell(&named, read, output)?;
    config.origins.extend(origins);
    let state = node::state(&config, common)?;
    common.start_log(&Verbosity::NORMAL, node::log_form(&config))?;
    node::run(config, Mode::Run, &state, output).await
}

impl Arguments {
    fn into_options(self, common: &Common) -> RunOptions {
        let tls = match (self.tls_cert, self.tls_key, self.tls) {
            (Some(cert), Some(key), _) => Some(RunTls::Files { cert, key }),
            (_, _, Some(Tls::SelfSigned)) => Some(RunTls::SelfSigned),
            _ => None,
        };
        let target = match self.upstream {
            Some(url) => RunTarget::Url(url),
            None => RunTarget::Command(self.command),
        };
        RunOptions {
            listen: self.listen,
            public_url: self.public_url,
            state: common.named_state(),
            tls,
            env: self.env,
            upstream_credential: self.upstream_credential,
            target,
        }
    }
}

/// With one server alone, a program that is not there leaves nothing to guard.
fn has_its_program(config: &Config) -> Result<(), Failure> {
    for server in config.servers.values() {
        if let Upstream::Process(process) = &server.upstream
            && !Machine.has_program(&process.program)
        {
            return Err(Failure::unreachable(format_args!(
                "there is no program `{}`: install it, or write its full path",
                process.program.display()
            )));
        }
    }
    Ok(())
}
