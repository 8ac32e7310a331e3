//! The configuration of `doorward run`: one server, safe defaults, and what the options say, read by the same
//! decoder as a file, so that every check holds here too.

use std::path::{Path, PathBuf};

use super::mistake::{Mistake, Warning};
use super::reading::{Reading, load_text};
use super::root::{Config, Mount};
use super::source::Finding;
use super::surroundings::{Machine, Surroundings};
use super::yaml::{At, Node, Pair, Value};

/// What `doorward run` was told.
#[derive(Clone)]
pub struct RunOptions {
    /// `--listen`: an address with a port; `localhost:8700` when `None`.
    pub listen: Option<String>,
    /// `--public-url`; `localhost` with the bound port when `None`.
    pub public_url: Option<String>,
    /// `--state`.
    pub state: Option<PathBuf>,
    /// `--tls-cert` with `--tls-key`, or `--tls self-signed`.
    pub tls: Option<RunTls>,
    /// `--env`, each `NAME` or `NAME=VALUE`.
    pub env: Vec<String>,
    /// `--upstream-credential`: a file.
    pub upstream_credential: Option<PathBuf>,
    /// What is guarded.
    pub target: RunTarget,
}

/// How `doorward run` speaks TLS.
#[derive(Clone, Debug)]
pub enum RunTls {
    /// `--tls-cert` and `--tls-key`.
    Files {
        /// The certificate chain, PEM.
        cert: PathBuf,
        /// The private key, PEM.
        key: PathBuf,
    },
    /// `--tls self-signed`.
    SelfSigned,
}

/// What `doorward run` guards.
#[derive(Clone)]
pub enum RunTarget {
    /// The program and its arguments, as they stood after `--`.
    Command(Vec<String>),
    /// `--upstream URL`.
    Url(String),
}

/// The name of the one server.
const SERVER: &str = "main";
/// The policy of its default rules.
const EVERYONE: &str = "Everyone";

impl Config {
    /// The configuration of `doorward run` without a file: every authenticated caller may use everything of the one
    /// server, `main`, which is found at `/mcp`. Relative paths start at the working directory.
    ///
    /// # Errors
    ///
    /// Every mistake at once; each names the option that it is in.
    pub fn for_run(options: &RunOptions) -> Result<(Self, Vec<Warning>), Vec<Mistake>> {
        run_in(options, "", "options", Path::new(""), &Machine)
    }

    /// As [`Config::for_run`], with a configuration file underneath: its sections count, an option wins over its key,
    /// and rules for the server may stand under `servers: { main: { rules: [...] } }`.
    ///
    /// # Errors
    ///
    /// Every mistake at once, of the options and of the file.
    pub fn for_run_with(options: &RunOptions, file: &Path) -> Result<(Self, Vec<Warning>), Vec<Mistake>> {
        let text = load_text(file, &Machine)?;
        let base = file.parent().unwrap_or(Path::new(""));
        run_in(options, &text, &file.to_string_lossy(), base, &Machine)
    }
}

fn run_in(
    options: &RunOptions,
    text: &str,
    name: &str,
    base_dir: &Path,
    around: &dyn Surroundings,
) -> Result<(Config, Vec<Warning>), Vec<Mistake>> {
    // A file that says nothing is fine here: the options say enough.
    let text =
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) { "{}" } else { text };
    let reading = Reading { text, file_name: name, base_dir, around, mount: Mount::Single };
    reading.finish(|root, findings| lay_over(root, options, findings))
}

/// The options as nodes, over those of the file.
fn lay_over(mut root: Node, options: &RunOptions, findings: &mut Vec<Finding>) -> Node {
    let Value::Map(pairs) = &mut root.value else {
        return root;
    };
    if let Some(listen) = &options.listen {
        put(pairs, "listen", text("--listen", listen));
    }
    if let Some(url) = &options.public_url {
        put(pairs, "public_url", text("--public-url", url));
    }
    if let Some(state) = &options.state {
        put(pairs, "state", path("--state", state));
    }
    match &options.tls {
        Some(RunTls::Files { cert, key }) => put(
            pairs,
            "tls",
            map("--tls-cert", vec![("cert", path("--tls-cert", cert)), ("key", path("--tls-key", key))]),
        ),
        Some(RunTls::SelfSigned) => {
            let yes = Value::Scalar { text: "true".into(), plain: true };
            put(pairs, "tls", map("--tls", vec![("self_signed", Node { at: At::Option("--tls"), value: yes })]));
        }
        None => {}
    }
    let rules = lay_over_server(pairs, options, findings);
    if rules == Rules::Default && !pairs.iter().any(|pair| pair.key == "policies" && pair.node.get(EVERYONE).is_some())
    {
        let everyone = map("run", vec![("require", text("run", "authenticated"))]);
        match pairs.iter_mut().find(|pair| pair.key == "policies").map(|pair| &mut pair.node.value) {
            Some(Value::Map(policies)) => put(policies, EVERYONE, everyone),
            Some(_) => {}
            None => put(pairs, "policies", map("run", vec![(EVERYONE, everyone)])),
        }
    }
    root
}

#[derive(PartialEq, Eq)]
enum Rules {
    Default,
    Written,
}

/// The one server, with its upstream from the options and its rules from the file or the defaults.
fn lay_over_server(pairs: &mut Vec<Pair>, options: &RunOptions, findings: &mut Vec<Finding>) -> Rules {
    let upstream = upstream(options, findings);
    if !pairs.iter().any(|pair| pair.key == "servers") {
        put(pairs, "servers", map("run", Vec::new()));
    }
    let servers = pairs.iter_mut().find(|pair| pair.key == "servers").map(|pair| &mut pair.node.value);
    let Some(Value::Map(servers)) = servers else {
        return Rules::Written;
    };
    for other in servers.iter().filter(|pair| pair.key != SERVER) {
        findings.push(Finding::new(
            other.key_at,
            format!("`doorward run` guards one server, which is called `{SERVER}`"),
            format!("call it `{SERVER}`, or use `doorward serve` for several"),
        ));
    }
    if !servers.iter().any(|pair| pair.key == SERVER) {
        put(servers, SERVER, map("run", Vec::new()));
    }
    let main = servers.iter_mut().find(|pair| pair.key == SERVER).map(|pair| &mut pair.node.value);
    let Some(Value::Map(main)) = main else {
        return Rules::Written;
    };
    if let Some(written) = main.iter().find(|pair| pair.key == "upstream") {
        findings.push(Finding::new(
            written.key_at,
            "the upstream is given here and on the command line",
            "remove it here, or use `doorward serve`",
        ));
    }
    put(main, "upstream", upstream);
    if main.iter().any(|pair| pair.key == "rules") {
        return Rules::Written;
    }
    put(main, "rules", default_rules());
    Rules::Default
}

fn upstream(options: &RunOptions, findings: &mut Vec<Finding>) -> Node {
    let mut upstream = match &options.target {
        RunTarget::Command(words) => {
            let words = words.iter().enumerate().map(|(at, word)| {
                // A program named with a folder is found from here, wherever the file lies.
                let named = at == 0 && Path::new(word).components().count() > 1;
                if named { path("--", Path::new(word)) } else { text("--", word) }
            });
            let command = Node { at: At::Option("--"), value: Value::List(words.collect()) };
            vec![("command", command)]
        }
        RunTarget::Url(url) => vec![("url", text("--upstream", url))],
    };
    let is_command = matches!(options.target, RunTarget::Command(_));
    match (options.env.as_slice(), is_command) {
        ([], _) => {}
        (entries, true) => {
            let entries = entries.iter().map(|entry| text("--env", entry)).collect();
            upstream.push(("env", Node { at: At::Option("--env"), value: Value::List(entries) }));
        }
        (_, false) => findings.push(Finding::new(
            At::Option("--env"),
            "a server behind a URL has no environment to set",
            "remove `--env`, or guard a command",
        )),
    }
    match (&options.upstream_credential, is_command) {
        (None, _) => {}
        (Some(file), false) => {
            let option = "--upstream-credential";
            upstream.push(("credential", map(option, vec![("file", path(option, file))])));
        }
        (Some(_), true) => findings.push(Finding::new(
            At::Option("--upstream-credential"),
            "a process is shown no credential",
            "pass its secret with `--env NAME`, or guard a URL with `--upstream`",
        )),
    }
    map("--upstream", upstream)
}

fn default_rules() -> Node {
    let everyone = || ("policy", text("run", EVERYONE));
    let rule = |kind| map("run", vec![(kind, text("run", "*")), everyone()]);
    let yes = Node { at: At::Option("run"), value: Value::Scalar { text: "true".into(), plain: true } };
    let rules = vec![
        map("run", vec![("discovery", yes), ("allow", text("run", "anonymous"))]),
        rule("tool"),
        rule("prompt"),
        rule("resource"),
    ];
    Node { at: At::Option("run"), value: Value::List(rules) }
}

fn text(option: &'static str, text: &str) -> Node {
    Node { at: At::Option(option), value: Value::Scalar { text: text.to_owned(), plain: false } }
}

/// A path of the command line starts at the working directory, not at the folder of a file.
fn path(option: &'static str, path: &Path) -> Node {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    text(option, &whole.to_string_lossy())
}

fn map(option: &'static str, entries: Vec<(&str, Node)>) -> Node {
    let at = At::Option(option);
    let pairs = entries.into_iter().map(|(key, node)| Pair { key: key.to_owned(), key_at: node.at, node }).collect();
    Node { at, value: Value::Map(pairs) }
}

/// Sets a key; what the file says under it is forgotten.
fn put(pairs: &mut Vec<Pair>, key: &str, node: Node) {
    pairs.retain(|pair| pair.key != key);
    pairs.push(Pair { key: key.to_owned(), key_at: node.at, node });
}
