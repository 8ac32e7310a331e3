//! How a server is reached: `upstream`, a process or a URL.

use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use url::Url;
use zeroize::Zeroizing;

use super::decode::{Decoder, FromNode, Name as _, Named, NonEmpty, head};
use super::file::ExistingFolder;
use super::scalar::{Argument, URL, VariableName, is_loopback, web_url};
use super::secret::{MaybeSecret, Secret, SecretFrom, sounds_secret, variable_value};
use super::section::Section;
use super::shape::{Form, Shape};
use super::source::quoted;
use super::table::{Key, Table, Term};
use super::yaml::{At, Node, Value};

/// How a server is reached.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// A process, over its standard input and output.
    Process(Process),
    /// A URL, over Streamable HTTP.
    Http(Remote),
}

/// A process that is a server. What it is comes from the configuration alone, never from a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Process {
    /// The program: a path, or a name that is looked for along `PATH`.
    pub program: PathBuf,
    /// Its arguments; never seen by a shell.
    pub args: Vec<String>,
    /// Variables beside the few that every process gets, each name once.
    pub env: Vec<(String, Secret)>,
    /// Its working directory; the gateway's own when `None`.
    pub cwd: Option<PathBuf>,
}

/// A server behind a URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Remote {
    /// Where it is.
    pub url: Url,
    /// What the gateway shows it; a caller's own token never goes there.
    pub credential: Option<Credential>,
}

/// The gateway's own credential for a server.
#[derive(Clone, Debug)]
pub struct Credential {
    header: HeaderName,
    secret: Secret,
    bearer: bool,
}

impl Credential {
    /// The header that carries it.
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The header's value, marked as sensitive. It was checked to be one when the configuration was read; `None`
    /// can't happen.
    #[must_use]
    pub fn value(&self) -> Option<HeaderValue> {
        let mut bytes = Zeroizing::new(Vec::new());
        if self.bearer {
            bytes.extend_from_slice(b"Bearer ");
        }
        bytes.extend_from_slice(self.secret.expose());
        let mut value = HeaderValue::from_bytes(&bytes).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The secret itself.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}

const COMMAND: Key<Command> =
    Key::optional("command", "The program and its arguments, one entry each. No shell is involved.");
const ENV: Key<Environment> = Key::optional(
    "env",
    "Variables for the process, beside PATH, HOME, USER, LANG, LC_*, TERM, TMPDIR and SHELL: a mapping from names to values or secrets, or a list of `NAME` (taken from the gateway's own environment) and `NAME=VALUE`.",
);
const CWD: Key<ExistingFolder> = Key::optional("cwd", "The working directory of the process.");
const URL_KEY: Key<RemoteUrl> = Key::optional("url", "The server's MCP endpoint.");
const CREDENTIAL: Key<Secret> =
    Key::optional("credential", "What the gateway shows the server. A caller's own token never goes there.");
const HEADER: Key<Header> =
    Key::optional("header", "The header for the credential as it is; `Authorization: Bearer` unless given.");

static UPSTREAM_TABLE: Table = Table {
    name: "upstream",
    what: "`upstream`",
    doc: "How a server is reached: a process over stdio, or a URL over Streamable HTTP.",
    example: "{ command: [npx, -y, \"@modelcontextprotocol/server-everything\"] }",
    keys: &[COMMAND.info, ENV.info, CWD.info, URL_KEY.info, CREDENTIAL.info, HEADER.info],
    terms: &[
        Term::ExactlyOne(&["command", "url"]),
        Term::Needs("env", "command"),
        Term::Needs("cwd", "command"),
        Term::Needs("credential", "url"),
        Term::Needs("header", "credential"),
    ],
};

impl FromNode for Upstream {
    const SHAPE: Shape = Shape::Table(|| &UPSTREAM_TABLE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &UPSTREAM_TABLE, d)?;
        let command = section.get(&COMMAND, d);
        let env = section.get(&ENV, d);
        let cwd = section.get(&CWD, d).map(|ExistingFolder(path)| path);
        let url = section.get(&URL_KEY, d);
        let credential = credential(&section, d);
        if let Some(Command { program, args }) = command {
            let program = program_path(program, cwd.as_deref(), &section, d);
            let env = env.map(|Environment(env)| env).unwrap_or_default();
            return Some(Self::Process(Process { program, args, env, cwd }));
        }
        let RemoteUrl(url) = url?;
        if url.scheme() == "http" && !is_loopback(&url) {
            let at = section.value_at(URL_KEY.info.name);
            if section.has(CREDENTIAL.info.name) {
                return d.refuse(
                    at,
                    "the credential would travel in the clear",
                    "write `https://`; plain http with a credential works on this machine alone",
                );
            }
            d.warn(at, "calls to this server travel in the clear", "write `https://` if the server speaks it");
        }
        Some(Self::Http(Remote { url, credential }))
    }
}

/// A program with a folder in its name is found from the configuration's folder; one without, along `PATH`.
fn program_path(program: String, cwd: Option<&Path>, section: &Section<'_>, d: &mut Decoder<'_>) -> PathBuf {
    let named = PathBuf::from(program);
    let path = if named.components().count() > 1 { cwd.unwrap_or(d.base).join(&named) } else { named };
    if !d.around.has_program(&path) {
        d.warn(
            section.value_at(COMMAND.info.name),
            format!("there is no program {} here", quoted(&path.to_string_lossy())),
            "install it, or write its full path",
        );
    }
    path
}

struct Command {
    program: String,
    args: Vec<String>,
}

impl FromNode for Command {
    const SHAPE: Shape = NonEmpty::<Argument>::SHAPE;

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Scalar { text, .. } = &node.value
            && !node.is_nothing()
        {
            let words: Vec<&str> = text.split_whitespace().take(8).collect();
            return d.refuse(
                node.at,
                "a command is a list, never a line for a shell",
                if (1..8).contains(&words.len()) && !text.contains(['"', '\'', '|', '&', ';', '<', '>', '`', '$']) {
                    format!("write `command: [{}]`", words.into_iter().map(as_entry).collect::<Vec<_>>().join(", "))
                } else {
                    "write the program and each argument as an entry of its own: `command: [npx, -y, my-server]`".into()
                },
            );
        }
        let NonEmpty(words) = NonEmpty::<Argument>::read(node, d)?;
        let mut words = words.into_iter().map(|Argument(word)| word);
        let program = words.next().filter(|program| !program.trim().is_empty());
        match program {
            Some(program) => Some(Self { program, args: words.collect() }),
            None => d.refuse(head(node.at), "the program's name is empty", "write the program as the first entry"),
        }
    }
}

/// A word as it may stand in a list: in quotes where YAML would read more into it.
fn as_entry(word: &str) -> String {
    let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./=+".contains(letter));
    if plain { word.to_owned() } else { format!("\"{word}\"") }
}

struct Environment(Vec<(String, Secret)>);

const ENTRY: Form =
    Form { what: "`NAME` or `NAME=VALUE`", example: "API_TOKEN", pattern: "^[A-Za-z_][A-Za-z0-9_]*(=[\\s\\S]*)?$" };

impl FromNode for Environment {
    const SHAPE: Shape =
        Shape::Either(&[Named::<VariableName, MaybeSecret>::SHAPE, Shape::List { of: &Shape::Text(&ENTRY), least: 0 }]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Map(pairs) => {
                let Named(values) = Named::<VariableName, MaybeSecret>::read(node, d)?;
                let mut env = Vec::with_capacity(values.len());
                for ((VariableName(name), MaybeSecret(value)), pair) in values.into_iter().zip(pairs) {
                    warn_if_inline(&name, &value, pair.node.at, d);
                    env.push((name, value));
                }
                Some(Self(env))
            }
            Value::List(items) => {
                let entries: Vec<Option<(String, Secret)>> = items.iter().map(|item| entry(item, d)).collect();
                let entries: Vec<(String, Secret)> = entries.into_iter().collect::<Option<_>>()?;
                let mut env: Vec<(String, Secret)> = Vec::with_capacity(entries.len());
                for ((name, value), item) in entries.into_iter().zip(items) {
                    if env.iter().any(|(other, _)| *other == name) {
                        d.refuse::<()>(item.at, format!("`{name}` is given a second time"), "keep one of the two");
                    }
                    env.push((name, value));
                }
                Some(Self(env))
            }
            _ => d.unexpected(
                node,
                "a mapping from names to values, or a list of `NAME` and `NAME=VALUE`",
                &Self::SHAPE.example(),
            ),
        }
    }
}

/// `NAME` passes a variable of the gateway on, `NAME=VALUE` sets one.
fn entry(node: &Node, d: &mut Decoder<'_>) -> Option<(String, Secret)> {
    let text = d.text(node, &ENTRY)?;
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    if value.is_some() {
        d.hide(node);
    }
    let Some(VariableName(name)) = VariableName::parse(name) else {
        return d.refuse(
            node.at,
            format!("{} is not {}", quoted(name), ENTRY.what),
            format!("write one such as `{}`", ENTRY.example),
        );
    };
    let value = match value {
        None => variable_value(&name, node.at, d)?,
        Some(value) => {
            let secret = Secret::new(value.as_bytes().to_vec(), SecretFrom::Inline);
            warn_if_inline(&name, &secret, node.at, d);
            secret
        }
    };
    Some((name, value))
}

fn warn_if_inline(name: &str, value: &Secret, at: At, d: &mut Decoder<'_>) {
    if *value.from() != SecretFrom::Inline || !sounds_secret(name) || value.expose().is_empty() {
        return;
    }
    match at {
        At::Option(option) => d.warn(
            at,
            format!("`{name}` sounds like a secret, and other programs can see it on the command line"),
            format!("write `{option} {name}` and set the variable"),
        ),
        _ => d.warn(
            at,
            format!("`{name}` sounds like a secret, and its value stands in the configuration itself"),
            format!("move it to a file of mode 600 and write `{name}: {{ file: PATH }}`"),
        ),
    }
}

struct RemoteUrl(Url);

impl FromNode for RemoteUrl {
    const SHAPE: Shape = Shape::Text(&URL);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &URL)?;
        web_url(node, text, d).map(Self)
    }
}

const HEADER_FORM: Form =
    Form { what: "a header name", example: "X-Api-Key", pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" };

struct Header(HeaderName);

impl FromNode for Header {
    const SHAPE: Shape = Shape::Text(&HEADER_FORM);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        const TAKEN: [&str; 14] = [
            "accept",
            "connection",
            "content-encoding",
            "content-length",
            "content-type",
            "expect",
            "host",
            "keep-alive",
            "last-event-id",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "user-agent",
        ];
        let text = d.text(node, &HEADER_FORM)?;
        let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
            return d.malformed(node, text, &HEADER_FORM);
        };
        if TAKEN.contains(&name.as_str()) || name.as_str().starts_with("mcp-") {
            return d.refuse(
                node.at,
                format!("the header {} belongs to the protocol", quoted(text)),
                "name the header that the server reads its key from, such as `X-Api-Key`",
            );
        }
        Some(Self(name))
    }
}

fn credential(section: &Section<'_>, d: &mut Decoder<'_>) -> Option<Credential> {
    let header = section.get(&HEADER, d);
    let secret = section.get(&CREDENTIAL, d)?;
    let bearer = !section.has(HEADER.info.name);
    if !secret.expose().iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return d.refuse(
            section.value_at(CREDENTIAL.info.name),
            "the credential holds characters that no header can carry, such as a line end",
            "keep the credential alone in its file, on one line",
        );
    }
    let header = header.map_or(http::header::AUTHORIZATION, |Header(name)| name);
    Some(Credential { header, secret, bearer })
}
