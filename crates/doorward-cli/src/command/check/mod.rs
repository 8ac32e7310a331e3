//! `doorward check`: everything that is wrong with a configuration, at once.

mod offered;

use std::path::{Path, PathBuf};

use clap::Args;
use doorward_gateway::config::{Config, Mistake, Place, Warning};
use serde::Serialize;

use self::offered::Offered;
use super::node;
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::logging::{Form, Verbosity};
use crate::output::Output;
use crate::text::count;

/// Validate a configuration: report every mistake with its line and the fix, and bind nothing
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  doorward check --config doorward.yaml

Ends with 0 when the configuration can be used, and with 3 when it can't.")]
pub(crate) struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// One JSON object per mistake and warning, then one for the whole
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    common.start_log(&Verbosity::QUIET, Form::Auto)?;
    let read = Config::load(&arguments.config);
    let (config, warnings) = match read {
        Ok(read) => read,
        Err(mistakes) => return refuse(arguments, &mistakes, output),
    };
    let state = node::state_path(&config, common)?;
    let Offered { mistakes, unknown, unasked } = offered::compare(&config, &state).await?;
    if !mistakes.is_empty() {
        return refuse(arguments, &mistakes, output);
    }
    let summary = Summary::of(&config, warnings.len() + unknown.len(), unasked);
    if arguments.json {
        warnings.iter().try_for_each(|warning| output.object(&Finding::warning(warning)))?;
        let file = arguments.config.to_string_lossy();
        unknown.iter().try_for_each(|text| output.object(&Finding::new("warning", &file, None, text, OUT_OF_DATE)))?;
        output.object(&summary)?;
    } else {
        let file = arguments.config.display();
        warnings.iter().try_for_each(|warning| output.line(warning))?;
        unknown
            .iter()
            .try_for_each(|text| output.line(format_args!("{file}: warning: {text}\n  fix: {OUT_OF_DATE}")))?;
        output.line(format_args!("{file}: {summary}"))?;
    }
    Ok(Exit::Done)
}

/// What to do about a rule for something that is not there.
const OUT_OF_DATE: &str = "correct the name, or leave the rule for when the server offers it";

fn refuse(arguments: &Arguments, mistakes: &[Mistake], output: &mut Output) -> Result<Exit, Failure> {
    if arguments.json {
        mistakes.iter().try_for_each(|mistake| output.object(&Finding::mistake(mistake)))?;
        output.object(&Summary { ok: false, mistakes: mistakes.len(), ..Summary::default() })?;
    } else {
        mistakes.iter().try_for_each(|mistake| output.line(mistake))?;
        output.error(verdict(&format!("`{}`", arguments.config.display()), mistakes));
    }
    Ok(Exit::Configuration)
}

/// Reads the configuration of a command that needs one, and tells every mistake and warning on the way.
pub(crate) fn read(path: &Path, output: &mut Output) -> Result<Config, Failure> {
    tell(&format!("`{}`", path.display()), Config::load(path), output)
}

/// Tells every mistake and warning of a configuration that was read; `named` is what it is called.
pub(crate) fn tell(
    named: &str,
    read: Result<(Config, Vec<Warning>), Vec<Mistake>>,
    output: &mut Output,
) -> Result<Config, Failure> {
    match read {
        Ok((config, warnings)) => {
            for warning in &warnings {
                output.note(warning);
            }
            Ok(config)
        }
        Err(mistakes) => {
            for mistake in &mistakes {
                output.note(mistake);
            }
            Err(Failure::configuration(verdict(named, &mistakes)))
        }
    }
}

fn verdict(named: &str, mistakes: &[Mistake]) -> String {
    format!("{named} can't be used: {}", count(mistakes.len(), "mistake", "mistakes"))
}

/// One mistake or warning, for programs.
#[derive(Serialize)]
struct Finding<'a> {
    kind: &'static str,
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    text: &'a str,
    fix: &'a str,
}

impl<'a> Finding<'a> {
    fn mistake(mistake: &'a Mistake) -> Self {
        Self::new("mistake", mistake.origin(), mistake.place(), mistake.text(), mistake.fix())
    }

    fn warning(warning: &'a Warning) -> Self {
        Self::new("warning", warning.origin(), warning.place(), warning.text(), warning.fix())
    }

    fn new(kind: &'static str, file: &'a str, place: Option<Place>, text: &'a str, fix: &'a str) -> Self {
        Self { kind, file, line: place.map(|place| place.line), column: place.map(|place| place.column), text, fix }
    }
}

/// What a configuration holds, in numbers.
#[derive(Default, Serialize)]
struct Summary {
    ok: bool,
    mistakes: usize,
    warnings: usize,
    servers: usize,
    rules: usize,
    policies: usize,
    paths: usize,
    issuers: usize,
    /// Servers whose tools are not known yet: their rules were checked by name alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unasked: Vec<String>,
}

impl Summary {
    fn of(config: &Config, warnings: usize, unasked: Vec<String>) -> Self {
        Self {
            ok: true,
            mistakes: 0,
            warnings,
            servers: config.servers.len(),
            rules: config.policy.servers.values().map(Vec::len).sum(),
            policies: config.policy.policies.len(),
            paths: config.policy.paths.len(),
            issuers: config.identity.issuers.len(),
            unasked,
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {}, {}, {}, {}",
            count(self.servers, "server", "servers"),
            count(self.rules, "rule", "rules"),
            count(self.policies, "policy", "policies"),
            count(self.paths, "path rule", "path rules"),
            count(self.issuers, "other issuer", "other issuers"),
        )?;
        if self.warnings > 0 {
            write!(f, "; {}", count(self.warnings, "warning", "warnings"))?;
        }
        if !self.unasked.is_empty() {
            write!(f, "; not asked yet what it offers: {}", self.unasked.join(", "))?;
        }
        Ok(())
    }
}
