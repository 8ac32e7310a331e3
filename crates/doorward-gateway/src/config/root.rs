//! The file as a whole: its top level, and what must agree across sections.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use doorward_policy::{Catalogues, PolicyError, RuleBook, Source as PolicySource};
use doorward_wire::ServerName;
use ipnet::IpNet;

use super::agree;
use super::bounds::{Fetch, Ledger, Limits, Log, Sessions, Timeouts};
use super::decode::{Decoder, Named, OneOrMany};
use super::door::{Admin, DEFAULT_PORT, ListenAddresses, Network, Origin, PublicUrl, Tls};
use super::file::Folder;
use super::identity::Identity;
use super::mistake::{Mistake, Remark, Warning};
use super::paths::Paths;
use super::places::Places;
use super::policies::Policies;
use super::reading::{Reading, load_text};
use super::scalar::HostName;
use super::section::Section;
use super::servers::{GuardedServer, Server};
use super::surroundings::{Machine, Surroundings};
use super::table::{Info, Key, Table};
use super::yaml::{Node, Value};
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

pub(super) const PUBLIC_URL: Key<PublicUrl> = Key::optional(
    "public_url",
    "The URL that clients know the gateway by: scheme, host and port. Needed unless it listens on this machine alone.",
);
pub(super) const LISTEN: Key<ListenAddresses> = Key::optional(
    "listen",
    "Where callers come in: an address with a port, or `localhost:PORT` for both loopback addresses; `localhost:8700` unless given.",
);
pub(super) const TLS: Key<Tls> =
    Key::optional("tls", "How the gateway speaks TLS. Every address beyond this machine needs it.");
pub(super) const ADMIN: Key<Admin> = Key::optional("admin", "The listener for operators.");
const STATE: Key<Folder> =
    Key::optional("state", "The folder for everything that the gateway keeps; made when missing.");
pub(super) const IDENTITY: Key<Identity> =
    Key::optional("identity", "Who is believed beside the gateway's own tokens.");
pub(super) const POLICIES: Key<Policies> = Key::optional("policies", "Named conditions on callers, for rules to use.");
pub(super) const PATHS: Key<Paths> =
    Key::optional("paths", "Rules on HTTP paths, before any server. The first match wins; no match is a refusal.");
pub(super) const SERVERS: Key<Named<ServerName, GuardedServer>> =
    Key::required("servers", "The guarded MCP servers by name; each is found at `/mcp/NAME`.");
const LIMITS: Key<Limits> = Key::optional("limits", "What one caller, client or address may take of the gateway.");
const TIMEOUTS: Key<Timeouts> = Key::optional("timeouts", "How long the gateway waits for a client.");
const SESSIONS: Key<Sessions> = Key::optional("sessions", "How long sessions live.");
const LEDGER: Key<Ledger> = Key::optional("ledger", "How the audit ledger is written.");
const LOG: Key<Log> = Key::optional("log", "How the log is written.");
const FETCH: Key<Fetch> = Key::optional("fetch", "What the gateway may fetch beyond the public internet.");
const ORIGINS: Key<Vec<Origin>> =
    Key::optional("origins", "Web origins whose pages may call, beside the public URL's own.");
const HOSTS: Key<Vec<HostName>> =
    Key::optional("hosts", "`Host` values that are answered, beside the public URL's own.");
const TRUSTED_PROXIES: Key<Vec<Network>> =
    Key::optional("trusted_proxies", "Proxies whose `X-Forwarded-For` is believed: addresses or networks.");

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
        Info::not_yet("clients", "it will say which clients may register; for now a client needs a token"),
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
        Info::not_yet("revocation", "it will let each request ask the shared store; one node revokes at once anyway"),
        Info::not_yet("privacy", "it will say what personal data is and what becomes of it"),
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
    pub fn read(text: &str, file_name: &str, base_dir: &Path) -> Result<(Self, Vec<Warning>), Vec<Mistake>> {
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
        Reading { text, file_name, base_dir, around, mount: Mount::Named }.finish(|root, _| root)
    }

    /// Reads the file at `path`; relative paths in it start at its folder.
    ///
    /// # Errors
    ///
    /// Every mistake at once; a file that can't be read is one.
    pub fn load(path: &Path) -> Result<(Self, Vec<Warning>), Vec<Mistake>> {
        let text = load_text(path, &Machine)?;
        Self::read(&text, &path.to_string_lossy(), path.parent().unwrap_or(Path::new("")))
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

/// The tables read, then what must agree across them.
pub(super) fn decode(root: &Node, mount: Mount, places: Places, d: &mut Decoder<'_>) -> Option<Config> {
    declare(root, mount, d);
    let section = Section::open(root, &ROOT, d)?;
    let public_url = section.get(&PUBLIC_URL, d);
    let listen = section.get(&LISTEN, d).map(|OneOrMany(listen)| listen);
    let tls = section.get(&TLS, d);
    let admin = section.get(&ADMIN, d).unwrap_or_default();
    let state = section.get(&STATE, d).map(|Folder(path)| path);
    if let Some(PublicUrl::Given(url)) = &public_url {
        d.own_url = Some(url.as_str().trim_end_matches('/').to_owned());
    }
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
    agree::on_addresses(&section, &listen, &admin.0, d);
    let public_url = agree::on_url(&section, public_url, &listen, d);
    agree::on_fetching(&fetch, d);

    let mut policy = PolicySource {
        claims: identity.claims.clone(),
        policies: policies.map(|Policies(policies)| policies).unwrap_or_default(),
        paths: paths.0,
        servers: BTreeMap::new(),
    };
    let mut guarded = BTreeMap::new();
    let Named(servers) = servers?;
    if servers.is_empty() {
        d.refuse::<()>(section.value_at("servers"), "no server is guarded", "add one under `servers`");
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
        trusted_proxies: trusted_proxies.into_iter().map(|Network(network)| network).collect(),
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
        d.served = Some(servers.iter().map(|pair| endpoint(mount, &pair.key)).collect());
    }
}

fn endpoint(mount: Mount, server: &str) -> String {
    match mount {
        Mount::Single => "/mcp".to_owned(),
        Mount::Named => format!("/mcp/{server}"),
    }
}

/// What only the policy itself can tell, such as a condition that nobody can meet.
fn compiles(policy: &PolicySource, places: &Places, d: &mut Decoder<'_>) {
    let catalogues = Catalogues::new();
    for error in RuleBook::compile(policy.clone(), &catalogues).err().unwrap_or_default() {
        let (text, fix) = split_message(error.message());
        d.refuse::<()>(places.span(error.path()), text, fix);
    }
}

/// The policy says what is wrong and how to fix it in one line, parted by a semicolon.
fn split_message(message: &str) -> (String, String) {
    match message.split_once("; ") {
        Some((text, fix)) => (text.to_owned(), fix.to_owned()),
        None => (message.to_owned(), "change the policy or the rule".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::schema::each_table;
    use crate::config::yaml;

    /// A key that the table names and the decoder forgets would be accepted and mean nothing.
    #[test]
    fn every_key_of_every_table_is_read() {
        let text = include_str!("../../tests/config/valid/complete.yaml");
        let root = yaml::parse(text, &mut Vec::new()).unwrap();
        let mut d = Decoder::new(&Machine, Path::new(""), &ROOT);
        decode(&root, Mount::Named, Places::default(), &mut d);
        let mut named = BTreeSet::new();
        each_table(&ROOT, &mut |table| named.extend(table.allowed().map(|key| (table.name, key))));
        assert_eq!(d.taken, named);
    }
}
