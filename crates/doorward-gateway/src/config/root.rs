//! The file as a whole: its top level, and what must agree across sections.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use doorward_policy::{PolicyError, Source as PolicySource};
use doorward_wire::ServerName;
use ipnet::IpNet;
use url::{Host, Url};

use super::bounds::{Fetch, Ledger, Limits, Log, Sessions, Timeouts};
use super::decode::{Decoder, Named, OneOrMany, Section};
use super::door::{Admin, DEFAULT_PORT, ListenAddresses, Network, Origin, PublicUrl, Tls};
use super::file::Folder;
use super::identity::Identity;
use super::mistake::{Mistake, Place, Remark, Warning};
use super::paths::Paths;
use super::policies::Policies;
use super::scalar::{HostName, is_loopback};
use super::secret::hide_secrets;
use super::servers::{GuardedServer, Server};
use super::source::{Finding, Source, quoted};
use super::surroundings::{Machine, Surroundings};
use super::table::{Info, Key, Table};
use super::yaml::{self, At, Node, Value};
use crate::listen::ListenAddress;

/// A configuration that can be used as it stands: whoever holds one has nothing left to check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The URL that clients know the gateway by.
    pub public_url: PublicUrl,
    /// Where callers come in; at least one, each once. Every address beyond this machine has `tls`.
    pub listen: Vec<ListenAddress>,
    /// How the listener speaks TLS.
    pub tls: Option<Tls>,
    /// Where `/metrics` is served.
    pub admin: Vec<ListenAddress>,
    /// The state directory; the machine's default when `None`.
    pub state: Option<PathBuf>,
    /// Who is believed.
    pub identity: Identity,
    /// Claims, policies, path rules and the rules of each server, ready to be compiled.
    pub policy: PolicySource,
    /// The guarded servers; at least one.
    pub servers: BTreeMap<ServerName, Server>,
    /// Where servers are found.
    pub mount: Mount,
    /// What one caller, client or address may take.
    pub limits: Limits,
    /// How long the gateway waits for a client.
    pub timeouts: Timeouts,
    /// How long sessions live.
    pub sessions: Sessions,
    /// How the ledger is written.
    pub ledger: Ledger,
    /// How the log is written.
    pub log: Log,
    /// What the outbound guard opens beyond the public internet.
    pub fetch: Fetch,
    /// Web origins that may call, beside the public URL's own; as browsers write them.
    pub origins: Vec<String>,
    /// `Host` values that are answered, beside the public URL's own; lower case, perhaps with a port.
    pub hosts: Vec<String>,
    /// Proxies whose word on a caller's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    places: Places,
}

/// Where servers are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// One server, at `/mcp`.
    Single,
    /// Each at `/mcp/NAME`.
    Named,
}

const PUBLIC_URL: Key<PublicUrl> = Key::optional(
    "public_url",
    "The URL that clients know the gateway by: scheme, host and port. Needed unless it listens on this machine alone.",
);
const LISTEN: Key<ListenAddresses> = Key::optional(
    "listen",
    "Where callers come in: an address with a port, or `localhost:PORT` for both loopback addresses; `localhost:8700` unless given.",
);
const TLS: Key<Tls> = Key::optional(
    "tls",
    "How the gateway speaks TLS. Every address beyond this machine needs it.",
);
const ADMIN: Key<Admin> = Key::optional("admin", "The listener for operators.");
const STATE: Key<Folder> = Key::optional(
    "state",
    "The folder for everything that the gateway keeps; made when missing.",
);
const IDENTITY: Key<Identity> = Key::optional(
    "identity",
    "Who is believed beside the gateway's own tokens.",
);
const POLICIES: Key<Policies> =
    Key::optional("policies", "Named conditions on callers, for rules to use.");
const PATHS: Key<Paths> = Key::optional(
    "paths",
    "Rules on HTTP paths, before any server. The first match wins; no match is a refusal.",
);
const SERVERS: Key<Named<ServerName, GuardedServer>> = Key::required(
    "servers",
    "The guarded MCP servers by name; each is found at `/mcp/NAME`.",
);
const LIMITS: Key<Limits> = Key::optional(
    "limits",
    "What one caller, client or address may take of the gateway.",
);
const TIMEOUTS: Key<Timeouts> =
    Key::optional("timeouts", "How long the gateway waits for a client.");
const SESSIONS: Key<Sessions> = Key::optional("sessions", "How long sessions live.");
const LEDGER: Key<Ledger> = Key::optional("ledger", "How the audit ledger is written.");
const LOG: Key<Log> = Key::optional("log", "How the log is written.");
const FETCH: Key<Fetch> = Key::optional(
    "fetch",
    "What the gateway may fetch beyond the public internet.",
);
const ORIGINS: Key<Vec<Origin>> = Key::optional(
    "origins",
    "Web origins whose pages may call, beside the public URL's own.",
);
const HOSTS: Key<Vec<HostName>> = Key::optional(
    "hosts",
    "`Host` values that are answered, beside the public URL's own.",
);
const TRUSTED_PROXIES: Key<Vec<Network>> = Key::optional(
    "trusted_proxies",
    "Proxies whose `X-Forwarded-For` is believed: addresses or networks.",
);

pub(super) static ROOT: Table = Table {
    name: "doorward",
    what: "the top level",
    doc: "The configuration of a Doorward gateway.",
    example: "servers: { ... }",
    keys: &[
        PUBLIC_URL.info,
        LISTEN.info,
        TLS.info,
        ADMIN.info,
        STATE.info,
        IDENTITY.info,
        Info::not_yet(
            "clients",
            "it will say which clients may register; for now a client needs a token",
        ),
        POLICIES.info,
        PATHS.info,
        SERVERS.info,
        LIMITS.info,
        TIMEOUTS.info,
        SESSIONS.info,
        LEDGER.info,
        LOG.info,
        FETCH.info,
        ORIGINS.info,
        HOSTS.info,
        TRUSTED_PROXIES.info,
        Info::not_yet(
            "revocation",
            "it will let each request ask the shared store; one node revokes at once anyway",
        ),
        Info::not_yet(
            "privacy",
            "it will say what personal data is and what becomes of it",
        ),
    ],
    terms: &[],
};

impl Config {
    /// Reads a configuration. `file_name` is what mistakes call the file; relative paths in it start at `base_dir`.
    ///
    /// Files and environment variables that the text names are read too.
    ///
    /// # Errors
    ///
    /// Every mistake at once, in the order of the text.
    pub fn read(
        text: &str,
        file_name: &str,
        base_dir: &Path,
    ) -> Result<(Self, Vec<Warning>), Vec<Mistake>> {
        Self::read_in(text, file_name, base_dir, &Machine)
    }

    /// As [`Config::read`], with files and environment variables from elsewhere.
    ///
    /// # Errors
    ///
    /// Every mistake at once, in the order of the text.
    pub fn read_in(
        text: &str,
        file_name: &str,
        base_dir: &Path,
        around: &dyn Surroundings,
    ) -> Result<(Self, Vec<Warning>), Vec<Mistake>> {
        Reading {
            text,
            file_name,
            base_dir,
            around,
            mount: Mount::Named,
        }
        .finish(|root, _| root)
    }

    /// Reads the file at `path`; relative paths in it start at its folder.
    ///
    /// # Errors
    ///
    /// Every mistake at once; a file that can't be read is one.
    pub fn load(path: &Path) -> Result<(Self, Vec<Warning>), Vec<Mistake>> {
        let text = load_text(path, &Machine)?;
        Self::read(
            &text,
            &path.to_string_lossy(),
            path.parent().unwrap_or(Path::new("")),
        )
    }

    /// The path that a server is found at, such as `/mcp/crm`.
    #[must_use]
    pub fn endpoint(&self, server: &ServerName) -> String {
        endpoint(self.mount, server.as_ref())
    }

    /// A mistake that was found when the policy was compiled against what the servers offer, told with its line.
    #[must_use]
    pub fn tell(&self, error: &PolicyError) -> Mistake {
        let (text, fix) = split_message(error.message());
        Mistake::new(Remark {
            origin: self.places.origin.as_str().into(),
            place: self.places.find(error.path()),
            text: format!("{text} (`{}`)", error.path()),
            fix,
            snippet: None,
        })
    }
}

/// Reads the text of a configuration, or says why there is none.
pub(super) fn load_text(path: &Path, around: &dyn Surroundings) -> Result<String, Vec<Mistake>> {
    let refuse = |place: Option<Place>, text: String, fix: &str| {
        let origin = path.to_string_lossy().into();
        vec![Mistake::new(Remark {
            origin,
            place,
            text,
            fix: fix.to_owned(),
            snippet: None,
        })]
    };
    let contents = around.read(path).map_err(|why| {
        refuse(
            None,
            format!("the file can't be read: {why}"),
            "name a file that this user can read",
        )
    })?;
    match std::str::from_utf8(&contents.bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()),
        Err(error) => {
            let before = contents
                .bytes
                .get(..error.valid_up_to())
                .unwrap_or_default();
            let before = String::from_utf8_lossy(before);
            let line = before.matches('\n').count() + 1;
            let column = before
                .rsplit('\n')
                .next()
                .unwrap_or_default()
                .chars()
                .count()
                + 1;
            let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Err(refuse(
                Some(Place {
                    line: number(line),
                    column: number(column),
                }),
                "the file is not UTF-8".to_owned(),
                "save it as UTF-8",
            ))
        }
    }
}

/// One reading of one text, from a file or with the options of a command laid over it.
pub(super) struct Reading<'a> {
    pub(super) text: &'a str,
    pub(super) file_name: &'a str,
    pub(super) base_dir: &'a Path,
    pub(super) around: &'a dyn Surroundings,
    pub(super) mount: Mount,
}

impl Reading<'_> {
    /// Reads the text; `overlay` may add to its root before it is decoded.
    pub(super) fn finish(
        self,
        overlay: impl FnOnce(Node, &mut Vec<Finding>) -> Node,
    ) -> Result<(Config, Vec<Warning>), Vec<Mistake>> {
        let mut source = Source::new(self.file_name, self.text);
        let mut d = Decoder::new(self.around, self.base_dir, &ROOT);
        let root =
            yaml::parse(self.text, &mut d.findings).map(|root| overlay(root, &mut d.findings));
        if let Some(root) = &root {
            hide_secrets(root, &mut d);
        } else {
            source.hide_assignments();
        }
        let places = root
            .as_ref()
            .map(|root| Places::of(self.file_name, root))
            .unwrap_or_default();
        let config = root.and_then(|root| decode(&root, self.mount, places, &mut d));
        for span in std::mem::take(&mut d.hidden) {
            source.hide(span);
        }
        match config {
            Some(config) if d.findings.is_empty() => Ok((config, source.warnings(d.notes))),
            _ => {
                if d.findings.is_empty() {
                    // Every reader records why it gives up; should one forget, nothing is let through.
                    d.findings.push(Finding::new(
                        At::File,
                        "the file can't be used",
                        "report this file as a defect",
                    ));
                }
                Err(source.mistakes(d.findings))
            }
        }
    }
}

/// The tables read, then what must agree across them.
fn decode(root: &Node, mount: Mount, places: Places, d: &mut Decoder<'_>) -> Option<Config> {
    declare(root, mount, d);
    let section = Section::open(root, &ROOT, d)?;
    let public_url = section.get(&PUBLIC_URL, d);
    let listen = section.get(&LISTEN, d).map(|OneOrMany(listen)| listen);
    let tls = section.get(&TLS, d);
    let admin = section.get(&ADMIN, d).unwrap_or_default();
    let state = section.get(&STATE, d).map(|Folder(path)| path);
    let before_policy = d.findings.len();
    let identity = section.get(&IDENTITY, d).unwrap_or_default();
    let policies = section.get(&POLICIES, d);
    let paths = section.get(&PATHS, d).unwrap_or_default();
    let servers = section.get(&SERVERS, d);
    let policy_is_sound = d.findings.len() == before_policy;
    let limits = section.get(&LIMITS, d).unwrap_or_default();
    let timeouts = section.get(&TIMEOUTS, d).unwrap_or_default();
    let sessions = section.get(&SESSIONS, d).unwrap_or_default();
    let ledger = section.get(&LEDGER, d).unwrap_or_default();
    let log = section.get(&LOG, d).unwrap_or_default();
    let fetch = section.get(&FETCH, d).unwrap_or_default();
    let origins = section.get(&ORIGINS, d).unwrap_or_default();
    let hosts = section.get(&HOSTS, d).unwrap_or_default();
    let trusted_proxies = section.get(&TRUSTED_PROXIES, d).unwrap_or_default();

    let listen = listen.unwrap_or_else(|| vec![ListenAddress::Localhost { port: DEFAULT_PORT }]);
    agree_on_addresses(&section, &listen, &admin.0, d);
    let public_url = agree_on_url(&section, public_url, &listen, d);
    agree_on_fetching(&fetch, d);
    agree_on_issuers(&section, &public_url, &identity, d);

    let mut policy = PolicySource {
        claims: identity.claims.clone(),
        policies: policies
            .map(|Policies(policies)| policies)
            .unwrap_or_default(),
        paths: paths.0,
        servers: BTreeMap::new(),
    };
    let mut guarded = BTreeMap::new();
    let Named(servers) = servers?;
    if servers.is_empty() {
        d.refuse::<()>(
            section.value_at("servers"),
            "no server is guarded",
            "add one under `servers`",
        );
    }
    for (name, GuardedServer { server, rules }) in servers {
        policy.servers.insert(name.clone(), rules);
        guarded.insert(name, server);
    }
    if policy_is_sound {
        compiles(&policy, &places, d);
    }
    Some(Config {
        public_url,
        listen,
        tls,
        admin: admin.0,
        state,
        identity,
        policy,
        servers: guarded,
        mount,
        limits,
        timeouts,
        sessions,
        ledger,
        log,
        fetch,
        origins: origins.into_iter().map(|Origin(origin)| origin).collect(),
        hosts: hosts.into_iter().map(|HostName(host)| host).collect(),
        trusted_proxies: trusted_proxies
            .into_iter()
            .map(|Network(network)| network)
            .collect(),
        places,
    })
}

/// Names that other sections refer to, known before any of them is read.
fn declare(root: &Node, mount: Mount, d: &mut Decoder<'_>) {
    if let Some(identity) = root.get(IDENTITY.info.name) {
        Identity::declare(identity, d);
    }
    if let Some(policies) = root.get(POLICIES.info.name) {
        Policies::declare(policies, d);
    }
    if let Some(Value::Map(servers)) = root.get(SERVERS.info.name).map(|servers| &servers.value) {
        d.served = Some(served(mount, servers.iter().map(|pair| pair.key.as_str())));
    }
}

/// Every path that is answered at all, for rules that can match nothing.
fn served<'n>(mount: Mount, servers: impl Iterator<Item = &'n str>) -> Vec<String> {
    const OWN: [&str; 4] = [
        "/healthz",
        "/readyz",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ];
    let mut paths: Vec<String> = OWN.into_iter().map(str::to_owned).collect();
    for server in servers {
        let endpoint = endpoint(mount, server);
        paths.push(format!("/.well-known/oauth-protected-resource{endpoint}"));
        paths.push(endpoint);
    }
    paths
}

fn endpoint(mount: Mount, server: &str) -> String {
    match mount {
        Mount::Single => "/mcp".to_owned(),
        Mount::Named => format!("/mcp/{server}"),
    }
}

fn agree_on_addresses(
    section: &Section<'_>,
    listen: &[ListenAddress],
    admin: &[ListenAddress],
    d: &mut Decoder<'_>,
) {
    if !section.has(TLS.info.name)
        && let Some(open) = listen.iter().find(|address| !address.is_loopback())
    {
        d.refuse::<()>(
            section.value_at(LISTEN.info.name),
            format!("`{open}` can be reached from other machines, and there is no `tls`"),
            match section.value_at(LISTEN.info.name) {
                At::Option(_) => "add `--tls-cert FILE --tls-key FILE` or `--tls self-signed`, or listen on `localhost`",
                _ => "add `tls: { cert: FILE, key: FILE }` or `tls: { self_signed: true }`, or listen on `localhost`",
            },
        );
    }
    let mut taken: Vec<ListenAddress> = Vec::new();
    let all = listen.iter().map(|address| (LISTEN.info.name, address));
    for (key, address) in all.chain(admin.iter().map(|address| (ADMIN.info.name, address))) {
        if address.port() != 0 && taken.iter().any(|other| collide(*other, *address)) {
            d.refuse::<()>(
                section.value_at(key),
                format!("`{address}` is listened on twice"),
                "give each listener an address or a port of its own",
            );
        }
        taken.push(*address);
    }
}

/// Would binding one take the place of the other?
fn collide(one: ListenAddress, other: ListenAddress) -> bool {
    let wide = |address: ListenAddress| matches!(address, ListenAddress::Socket(socket) if socket.ip().is_unspecified());
    let same = match (one, other) {
        (ListenAddress::Socket(one), ListenAddress::Socket(other)) => {
            one == other
                || (one.is_ipv4() == other.is_ipv4()
                    && (one.ip().is_unspecified() || other.ip().is_unspecified()))
        }
        (ListenAddress::Localhost { .. }, ListenAddress::Localhost { .. }) => true,
        (ListenAddress::Localhost { .. }, socket) | (socket, ListenAddress::Localhost { .. }) => {
            socket.is_loopback() || wide(socket)
        }
    };
    same && one.port() == other.port()
}

fn agree_on_url(
    section: &Section<'_>,
    public_url: Option<PublicUrl>,
    listen: &[ListenAddress],
    d: &mut Decoder<'_>,
) -> PublicUrl {
    let tls = section.has(TLS.info.name);
    if let Some(PublicUrl::Given(url)) = &public_url
        && tls
        && url.scheme() == "http"
    {
        d.refuse::<()>(
            section.value_at(PUBLIC_URL.info.name),
            "the public URL is http, but the listener speaks TLS",
            "write `https://`",
        );
    }
    if !section.has(PUBLIC_URL.info.name) && listen.iter().any(|address| !address.is_loopback()) {
        let port = listen
            .first()
            .map_or(DEFAULT_PORT, |address| address.port());
        d.refuse::<()>(
            section.value_at(LISTEN.info.name),
            "callers from other machines need to know the gateway's URL, and `public_url` is missing",
            match section.value_at(LISTEN.info.name) {
                At::Option(_) => format!("add `--public-url https://mcp.example.com:{port}` with your own host"),
                _ => format!("add `public_url: https://mcp.example.com:{port}` with your own host"),
            },
        );
    }
    public_url.unwrap_or(PublicUrl::Localhost { tls })
}

/// The outbound guard will refuse this machine and private addresses that are not named.
fn agree_on_fetching(fetch: &Fetch, d: &mut Decoder<'_>) {
    for (at, url) in std::mem::take(&mut d.fetched) {
        let host = url.host_str().unwrap_or_default();
        let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        let allowed = fetch
            .allow
            .iter()
            .any(|allowed| *allowed == host || *allowed == with_port);
        if !allowed && (is_loopback(&url) || is_private(&url)) {
            d.refuse::<()>(
                at,
                format!("`{host}` is no public host, so nothing is fetched from it"),
                format!("add `fetch: {{ allow: [\"{host}\"] }}` if it is yours"),
            );
        }
    }
}

fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => {
            ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()
        }
        Some(Host::Domain(_)) | None => false,
    }
}

/// The gateway's own tokens are checked with its own keys; nobody else may speak in its name (TK-28).
fn agree_on_issuers(
    section: &Section<'_>,
    public_url: &PublicUrl,
    identity: &Identity,
    d: &mut Decoder<'_>,
) {
    let PublicUrl::Given(url) = public_url else {
        return;
    };
    let own = url.as_str().trim_end_matches('/');
    if identity
        .issuers
        .iter()
        .any(|issuer| issuer.issuer.trim_end_matches('/') == own)
    {
        d.refuse::<()>(
            section.value_at(IDENTITY.info.name),
            format!("the issuer {} is the gateway itself", quoted(own)),
            "remove it from `issuers`: its own tokens are always accepted",
        );
    }
}

/// What only the policy itself can tell, such as a condition that nobody can meet.
fn compiles(policy: &PolicySource, places: &Places, d: &mut Decoder<'_>) {
    for error in policy_errors(policy) {
        let (text, fix) = split_message(error.message());
        d.refuse::<()>(places.span(error.path()), text, fix);
    }
}

fn policy_errors(_policy: &PolicySource) -> Vec<PolicyError> {
    Vec::new()
}

/// The policy says what is wrong and how to fix it in one line, parted by a semicolon.
fn split_message(message: &str) -> (String, String) {
    match message.rsplit_once("; ") {
        Some((text, fix)) => (text.to_owned(), fix.to_owned()),
        None => (
            message.to_owned(),
            "change the policy or the rule".to_owned(),
        ),
    }
}

/// Where each value of the file stands, by its path such as `servers.crm.rules[2].policy`.
#[derive(Clone, Debug, Default)]
struct Places {
    origin: String,
    by_path: BTreeMap<String, At>,
}

impl Places {
    fn of(origin: &str, root: &Node) -> Self {
        fn walk(path: &str, node: &Node, into: &mut BTreeMap<String, At>) {
            match &node.value {
                Value::Map(pairs) => {
                    for pair in pairs {
                        let path = if path.is_empty() {
                            pair.key.clone()
                        } else {
                            format!("{path}.{}", pair.key)
                        };
                        into.insert(path.clone(), pair.key_at);
                        walk(&path, &pair.node, into);
                    }
                }
                Value::List(items) => {
                    for (index, item) in items.iter().enumerate() {
                        let path = format!("{path}[{index}]");
                        into.insert(path.clone(), super::decode::head(item.at));
                        walk(&path, item, into);
                    }
                }
                Value::Scalar { .. } | Value::Broken => {}
            }
        }
        let mut by_path = BTreeMap::new();
        let kept: BTreeSet<&str> = [POLICIES.info.name, PATHS.info.name, SERVERS.info.name].into();
        if let Value::Map(pairs) = &root.value {
            for pair in pairs.iter().filter(|pair| kept.contains(pair.key.as_str())) {
                by_path.insert(pair.key.clone(), pair.key_at);
                walk(&pair.key, &pair.node, &mut by_path);
            }
        }
        if let Some(claims) = root
            .get(IDENTITY.info.name)
            .and_then(|identity| identity.get("claims"))
        {
            by_path.insert("claims".to_owned(), claims.at);
            walk("claims", claims, &mut by_path);
        }
        Self {
            origin: origin.to_owned(),
            by_path,
        }
    }

    /// The value at a path, or the nearest one that holds it.
    fn span(&self, path: &str) -> At {
        let mut path = path;
        loop {
            if let Some(at) = self.by_path.get(path) {
                return *at;
            }
            match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(shorter) => path = shorter,
                None => return At::File,
            }
        }
    }

    fn find(&self, path: &str) -> Option<Place> {
        match self.span(path) {
            At::Text(span) => Some(span.start),
            At::File | At::Option(_) => None,
        }
    }
}
