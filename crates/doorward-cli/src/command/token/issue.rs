//! `doorward token issue`: one token, alone on standard output.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use doorward::audit::What;
use doorward::identity::{
    ClaimValue, Grant, IssueError, Issued, SecretToken, SigningKey, TokenIssuer, TokenLog as _, TokenRecord,
};
use doorward::{Surroundings as _, System};
use doorward_store::{KeyFile, StateDir};
use serde::Serialize;

use super::named;
use super::resource::{Known, Purpose};
use super::row::Row;
use crate::cli::Common;
use crate::command::{check, node, record};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::parse::{Claim, Ttl};
use crate::text::time;

/// Make a token and print it, alone, on standard output
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  TOKEN=$(doorward token issue --user alice --role Admin --scope crm --ttl 8h)

The token is for one server: that of the node which runs, or ran last, with this state directory. It is shown once and
kept nowhere; `doorward token list` knows its id, user and expiry.")]
pub(crate) struct Arguments {
    /// Who the token is about
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Roles of the user
    #[arg(long = "role", value_name = "ROLE", num_args = 1..)]
    roles: Vec<String>,
    /// What the token may be used for
    #[arg(long = "scope", value_name = "SCOPE", num_args = 1..)]
    scopes: Vec<String>,
    /// The guarded server that it is for; needed where there are several
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// The client that it is given to
    #[arg(long, value_name = "NAME", default_value = "cli")]
    client: String,
    /// How long it is valid: `30m`, `8h`, `7d`; at most `90d`
    #[arg(long, value_name = "TIME", default_value = "1h")]
    ttl: Ttl,
    /// A further claim: `NAME=TEXT`, or `NAME:=VALUE` for a number, `true`, `false` or a list of texts
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claims: Vec<Claim>,
    /// The public URL of a node that has not run yet
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    public_url: Option<String>,
    /// The configuration of a node that has not run yet
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON object instead of the token alone
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    let config = arguments.config.as_deref().map(|path| check::read(path, output)).transpose()?;
    let state = match &config {
        Some(config) => node::state(config, common)?,
        None => common.open_state()?,
    };
    let known = match (&config, &arguments.public_url) {
        (Some(config), _) => Known::from_config(config)?,
        (None, Some(url)) => Known::from_url(url)?,
        (None, None) => Known::from_state(state.path())?,
    };
    let guessed = matches!(known, Known::Nothing);
    let purpose = known.purpose(arguments.server.as_deref())?;
    let (json, ttl) = (arguments.json, arguments.ttl);
    let (token, record) = issue(&state, &purpose, arguments.into_grant(&purpose)?).await?;

    if guessed {
        output.warn(format_args!(
            "no node has run with this state yet, so the token is for `{}`; name another with `--public-url` or `--config`",
            purpose.resource
        ));
    }
    if ttl.duration() > Ttl::LONG {
        output.warn(format_args!(
            "this token is valid until {}: whoever gets hold of it may use it until then; `doorward token revoke {}` ends it",
            time(record.expires_at),
            record.id
        ));
    }
    if json {
        output.object(&Shown { token: token.expose(), record: Row::of(&record, System.now()) })?;
    } else {
        output.line(token.expose())?;
    }
    Ok(Exit::Done)
}

impl Arguments {
    fn into_grant(self, purpose: &Purpose) -> Result<Grant, Failure> {
        let mut claims: BTreeMap<String, ClaimValue> = BTreeMap::new();
        for Claim { name, value } in self.claims {
            if claims.insert(name.clone(), value).is_some() {
                return Err(Failure::usage(format_args!(
                    "the claim `{name}` is given twice: write a list as `{name}:=[\"a\",\"b\"]`"
                )));
            }
        }
        Ok(Grant {
            subject: self.user,
            client: self.client,
            roles: self.roles.into_iter().collect(),
            scopes: self.scopes.into_iter().collect(),
            resource: purpose.resource.clone(),
            ttl: self.ttl.duration(),
            claims,
        })
    }
}

/// Makes a token, and hands it out once it is on record: in the store, so that it can be revoked, and in the ledger.
async fn issue(state: &StateDir, purpose: &Purpose, grant: Grant) -> Result<(SecretToken, TokenRecord), Failure> {
    let file = KeyFile::load_or_create(&state.signing_key()).map_err(Failure::configuration)?;
    let key = SigningKey::from_pkcs8(file.pkcs8()).map_err(Failure::configuration)?;
    let mut id = [0; 16];
    System.fill(&mut id).map_err(Failure::unreachable)?;
    let issued =
        TokenIssuer::new(&purpose.issuer, key).issue(&grant, System.now(), id).map_err(|error| match error {
            IssueError::Sign | IssueError::BadClock => Failure::unreachable(error),
            _ => Failure::usage(error),
        })?;
    let Issued { token, record } = issued;
    record::store(state).await?.insert(&record).await.map_err(Failure::unreachable)?;
    record::note(state, What::TokenIssued(named(&record))).await?;
    Ok((token, record))
}

/// What is shown of a new token to a program.
#[derive(Serialize)]
struct Shown<'a> {
    token: &'a str,
    #[serde(flatten)]
    record: Row,
}
