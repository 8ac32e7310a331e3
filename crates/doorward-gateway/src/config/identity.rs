//! Whose tokens are accepted, and what policies may read of them: `identity`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use doorward_identity::{ClaimPath, ClaimType, IssuerConfig, Keys, PublicKeys, SymmetricKey, Typ};
use url::Url;

use super::decode::{Decoder, FromNode, Named, Section};
use super::file::open;
use super::scalar::{ClaimName, Period, URL, is_loopback, web_url, word};
use super::secret::Secret;
use super::shape::{Form, Shape, Word, all_of};
use super::source::quoted;
use super::table::{Info, Key, Table, Term, nearest};
use super::yaml::Node;

/// The claims that policies may read.
pub(super) type ClaimTypes = BTreeMap<String, ClaimType>;

/// Who is believed, beside the gateway's own tokens.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The claims that policies may read, with their types.
    pub claims: BTreeMap<String, ClaimType>,
    /// Where a token names the tenant.
    pub tenant: Option<ClaimPath>,
    /// Other issuers whose tokens are accepted, each once.
    pub issuers: Vec<IssuerConfig>,
}

const CLAIMS: Key<Named<ClaimName, TypeOfClaim>> = Key::optional(
    "claims",
    "The claims that policies may read, each with its type.",
);
const TENANT: Key<Path> = Key::optional(
    "tenant",
    "The claim that names the tenant; without it there is one, `default`.",
);
const ISSUERS: Key<Vec<Issuer>> =
    Key::optional("issuers", "Other issuers whose access tokens are accepted.");
const BUILTIN: Key<Builtin> = Key::optional("builtin", "People that the gateway itself knows.");

pub(super) static IDENTITY: Table = Table {
    name: "identity",
    what: "`identity`",
    doc: "Who is believed: the gateway's own tokens always, those of other issuers as listed here.",
    example: "{ issuers: [{ issuer: \"https://login.example.com\" }] }",
    keys: &[
        BUILTIN.info,
        CLAIMS.info,
        TENANT.info,
        ISSUERS.info,
        Info::not_yet(
            "providers",
            "it will let people sign in with another identity provider; `issuers` takes their tokens",
        ),
    ],
    terms: &[],
};

impl Identity {
    /// Learns the declared claims before policies and issuers are read.
    pub(super) fn declare(node: &Node, d: &mut Decoder<'_>) {
        let Some(super::yaml::Value::Map(pairs)) =
            node.get(CLAIMS.info.name).map(|claims| &claims.value)
        else {
            return;
        };
        for pair in pairs {
            // Mistakes are reported when the section is read; here only the names and types count.
            if let super::yaml::Value::Scalar { text, .. } = &pair.node.value
                && let Some((_, kind)) = CLAIM_TYPES.iter().find(|(name, _)| name == text)
            {
                d.claims.insert(pair.key.clone(), *kind);
            }
        }
    }
}

impl FromNode for Identity {
    const SHAPE: Shape = Shape::Table(|| &IDENTITY);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &IDENTITY, d)?;
        section.get(&BUILTIN, d);
        let claims = section.get(&CLAIMS, d);
        let tenant = section.get(&TENANT, d).map(|Path(path)| path);
        let issuers = section.get(&ISSUERS, d);
        if let Some(issuers) = &issuers {
            refuse_doubled(issuers, &section, d);
        }
        let claims = claims.map_or_else(BTreeMap::new, |Named(claims)| {
            claims
                .into_iter()
                .map(|(ClaimName(name), TypeOfClaim(kind))| (name, kind))
                .collect()
        });
        let issuers = issuers
            .unwrap_or_default()
            .into_iter()
            .map(|Issuer(issuer)| IssuerConfig {
                tenant: tenant.clone(),
                ..issuer
            })
            .collect();
        Some(Self {
            claims,
            tenant,
            issuers,
        })
    }
}

/// Two entries for one issuer would make it a matter of order which keys are believed (TK-28).
fn refuse_doubled(issuers: &[Issuer], section: &Section<'_>, d: &mut Decoder<'_>) {
    let mut seen: Vec<&str> = Vec::new();
    let nodes = match section.node(ISSUERS.info.name).map(|node| &node.value) {
        Some(super::yaml::Value::List(nodes)) => nodes.as_slice(),
        _ => &[],
    };
    for (Issuer(config), node) in issuers.iter().zip(nodes) {
        if seen.contains(&config.issuer.as_str()) {
            let at = node
                .get(ISSUER.info.name)
                .map_or(node.at, |issuer| issuer.at);
            d.refuse::<()>(
                at,
                format!(
                    "the issuer {} is listed a second time",
                    quoted(&config.issuer)
                ),
                "keep one entry for each issuer",
            );
        }
        seen.push(&config.issuer);
    }
}

const CLAIM_TYPES: [(&str, ClaimType); 4] = [
    ("string", ClaimType::String),
    ("integer", ClaimType::Integer),
    ("bool", ClaimType::Bool),
    ("strings", ClaimType::Strings),
];

struct TypeOfClaim(ClaimType);

impl FromNode for TypeOfClaim {
    const SHAPE: Shape = Shape::Words(&[
        Word {
            name: "string",
            doc: "Text.",
        },
        Word {
            name: "integer",
            doc: "A whole number.",
        },
        Word {
            name: "bool",
            doc: "`true` or `false`.",
        },
        Word {
            name: "strings",
            doc: "A set of texts.",
        },
    ]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        word(node, &Self::SHAPE, &CLAIM_TYPES, d).map(Self)
    }
}

const PATH: Form = Form {
    what: "a path to a claim",
    example: "realm_access.roles",
    pattern: "^.+$",
};

/// Where a value lies in a token.
struct Path(ClaimPath);

impl FromNode for Path {
    const SHAPE: Shape = Shape::Text(&PATH);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &PATH)?;
        match text.parse() {
            Ok(path) => Some(Self(path)),
            Err(_) => d.refuse(
                node.at,
                format!("{} is not a path to a claim", quoted(text)),
                "write at most 8 names parted by dots, such as `realm_access.roles`; `\\.` is a dot inside a name",
            ),
        }
    }
}

struct Builtin;

const REGISTRATION: Key<Registration> = Key::required(
    "registration",
    "Who may make an account: nobody but an administrator.",
);

static BUILTIN_TABLE: Table = Table {
    name: "builtin",
    what: "`builtin`",
    doc: "People that the gateway itself knows. Until they can log in, `doorward token issue` makes their tokens.",
    example: "{ registration: closed }",
    keys: &[REGISTRATION.info],
    terms: &[],
};

impl FromNode for Builtin {
    const SHAPE: Shape = Shape::Table(|| &BUILTIN_TABLE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &BUILTIN_TABLE, d)?;
        let registration = section.get(&REGISTRATION, d);
        d.warn(
            super::decode::head(node.at),
            "people can't log in to this version yet",
            "make tokens with `doorward token issue`, or name another issuer under `issuers`",
        );
        registration.map(|Registration| Self)
    }
}

struct Registration;

impl FromNode for Registration {
    const SHAPE: Shape = Shape::Words(&[Word {
        name: "closed",
        doc: "Accounts are made by an administrator.",
    }]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            super::yaml::Value::Scalar { text, .. }
                if matches!(text.as_str(), "open" | "invite" | "approval") =>
            {
                d.refuse(
                    node.at,
                    format!("`registration: {text}` is not available yet in this version"),
                    "write `closed`",
                )
            }
            _ => word(node, &Self::SHAPE, &[("closed", ())], d).map(|()| Self),
        }
    }
}

const ISSUER: Key<String> = Key::required(
    "issuer",
    "The issuer's identifier, letter for letter as its tokens have it in `iss`.",
);
const ROLES: Key<Path> = Key::optional(
    "roles",
    "Where its tokens hold the roles; `roles` unless given.",
);
const SCOPES: Key<Path> = Key::optional(
    "scopes",
    "Where its tokens hold the scopes; `scope` unless given.",
);
const ISSUER_CLAIMS: Key<Named<ClaimName, Path>> = Key::optional(
    "claims",
    "Where its tokens hold the claims of `identity.claims`; under their own names unless given.",
);
const AUDIENCE: Key<String> = Key::optional(
    "audience",
    "The audience that its tokens carry, when they can't carry the URL of the server that is called.",
);
const TYP: Key<TokenType> = Key::optional(
    "typ",
    "The type of its access tokens; `at+jwt` unless given.",
);
const JWKS_FILE: Key<PathBuf> = Key::optional(
    "jwks_file",
    "A file with its public keys (a JWK set), instead of discovery.",
);
const JWKS_URL: Key<JwksUrl> = Key::optional(
    "jwks_url",
    "Where its public keys are, instead of discovery.",
);
const SECRET: Key<Secret> = Key::optional(
    "secret",
    "A key of at least 32 bytes that the issuer shares with the gateway, instead of discovery.",
);
const LEEWAY: Key<Duration> = Key::optional(
    "leeway",
    "How far clocks may differ; `30s` unless given, at most `5m`.",
);
const MAX_AGE: Key<Period> = Key::optional(
    "max_age",
    "How old a token may be, whatever its own expiry says.",
);

static ISSUER_TABLE: Table = Table {
    name: "issuer",
    what: "an issuer",
    doc: "An issuer whose access tokens are accepted. Its keys are found from its identifier unless they are given.",
    example: "{ issuer: \"https://login.example.com\" }",
    keys: &[
        ISSUER.info,
        ROLES.info,
        SCOPES.info,
        ISSUER_CLAIMS.info,
        AUDIENCE.info,
        TYP.info,
        JWKS_FILE.info,
        JWKS_URL.info,
        SECRET.info,
        LEEWAY.info,
        MAX_AGE.info,
    ],
    terms: &[Term::AtMostOne(&["jwks_file", "jwks_url", "secret"])],
};

struct Issuer(IssuerConfig);

impl FromNode for Issuer {
    const SHAPE: Shape = Shape::Table(|| &ISSUER_TABLE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &ISSUER_TABLE, d)?;
        let issuer = section.get(&ISSUER, d);
        let keys = keys(&section, issuer.as_deref(), d);
        let roles = section.get(&ROLES, d);
        let scopes = section.get(&SCOPES, d);
        let claims = issuer_claims(&section, d);
        let audience = section.get(&AUDIENCE, d);
        let typ = section.get(&TYP, d);
        let leeway = section.get(&LEEWAY, d);
        let max_age = section.get(&MAX_AGE, d);
        if leeway.is_some_and(|leeway| leeway > IssuerConfig::MAX_LEEWAY) {
            d.refuse::<()>(
                section.value_at("leeway"),
                "a leeway of more than five minutes",
                "write at most `5m`",
            );
        }
        if let Some(TokenType(Typ::Other(typ))) = &typ
            && audience.is_none()
        {
            d.warn(
                section.value_at("typ"),
                format!("tokens of type {} are not set apart from an issuer's other tokens", quoted(typ)),
                "let the issuer put the server's own URL into `aud` of access tokens alone, or name an `audience`",
            );
        }
        let mut config = IssuerConfig::new(issuer?, keys?);
        config.audience = audience;
        config.typ = typ.map_or_else(Typ::default, |TokenType(typ)| typ);
        config.claims = claims?;
        config.max_age = max_age.map(|Period(age)| age);
        if let Some(Path(roles)) = roles {
            config.roles = roles;
        }
        if let Some(Path(scopes)) = scopes {
            config.scopes = scopes;
        }
        if let Some(leeway) = leeway {
            config.leeway = leeway;
        }
        Some(Self(config))
    }
}

/// Where each declared claim lies in this issuer's tokens.
fn issuer_claims(
    section: &Section<'_>,
    d: &mut Decoder<'_>,
) -> Option<BTreeMap<String, (ClaimPath, ClaimType)>> {
    let placed = match section.get(&ISSUER_CLAIMS, d) {
        Some(Named(placed)) => placed,
        None if section.has(ISSUER_CLAIMS.info.name) => return None,
        None => Vec::new(),
    };
    for (ClaimName(name), _) in &placed {
        if !d.claims.contains_key(name) {
            let at = section.value_at(ISSUER_CLAIMS.info.name);
            undeclared(name, at, d);
        }
    }
    let paths: BTreeMap<String, ClaimPath> = placed
        .into_iter()
        .map(|(ClaimName(name), Path(path))| (name, path))
        .collect();
    let all = d.claims.iter().map(|(name, kind)| {
        let path = paths
            .get(name)
            .cloned()
            .unwrap_or_else(|| ClaimPath::top(name));
        (name.clone(), (path, *kind))
    });
    Some(all.collect())
}

/// A claim that `identity.claims` does not declare.
pub(super) fn undeclared(name: &str, at: super::yaml::At, d: &mut Decoder<'_>) {
    let names = || d.claims.keys().map(String::as_str);
    let fix = match (nearest(name, names()), names().next()) {
        (Some(near), _) => format!(
            "did you mean `{near}`? or declare it: `identity: {{ claims: {{ {name}: string }} }}`"
        ),
        (None, Some(_)) => format!(
            "declare it under `identity.claims`; declared are {}",
            all_of(names())
        ),
        (None, None) => {
            format!("declare it with its type: `identity: {{ claims: {{ {name}: string }} }}`")
        }
    };
    d.refuse::<()>(
        at,
        format!("the claim {} is not declared", quoted(name)),
        fix,
    );
}

/// The keys that an issuer's tokens are checked with. `None` when a mistake was recorded.
fn keys(section: &Section<'_>, issuer: Option<&str>, d: &mut Decoder<'_>) -> Option<Keys> {
    let file = section.get(&JWKS_FILE, d);
    let url = section.get(&JWKS_URL, d);
    let secret = section.get(&SECRET, d);
    if section.has(JWKS_FILE.info.name) {
        let (path, at) = (file?, section.value_at(JWKS_FILE.info.name));
        let contents = open(at, &path, d)?;
        return match PublicKeys::from_jwks(&contents.bytes) {
            Ok(_) => Some(Keys::Jwks(contents.bytes.to_vec())),
            Err(error) => d.refuse(
                at,
                format!(
                    "the file `{}` holds no usable keys: {error}",
                    path.display()
                ),
                "save the issuer's JWK set (`{\"keys\": [...]}`) there",
            ),
        };
    }
    if section.has(JWKS_URL.info.name) {
        return url.map(|JwksUrl(url)| Keys::JwksUrl(url.into()));
    }
    if section.has(SECRET.info.name) {
        let secret = secret?;
        return match SymmetricKey::new(secret.expose()) {
            Ok(key) => Some(Keys::Secret(key)),
            Err(weak) => d.refuse(
                section.value_at(SECRET.info.name),
                format!(
                    "the secret has {} bytes: whoever guesses it can be anyone",
                    weak.0
                ),
                "use at least 32 random bytes: `openssl rand -hex 32`",
            ),
        };
    }
    let node = section.node(ISSUER.info.name)?;
    discovered(node, issuer?, d).map(|()| Keys::Discover)
}

/// An issuer whose keys are to be found from its identifier, which must then be a URL that the outbound guard opens.
fn discovered(node: &Node, issuer: &str, d: &mut Decoder<'_>) -> Option<()> {
    if !issuer.contains("://") {
        return d.refuse(
            node.at,
            format!("{} is not a URL, so its keys can't be found", quoted(issuer)),
            "write the issuer's https URL, or give its keys with `jwks_file`, `jwks_url` or `secret`",
        );
    }
    let url = web_url(node, issuer, d)?;
    if url.query().is_some() {
        return d.refuse(
            node.at,
            format!("{} has a query", quoted(issuer)),
            "write the issuer without it (RFC 8414)",
        );
    }
    fetchable(node, &url, d)
}

/// A URL that keys are fetched from.
fn fetchable(node: &Node, url: &Url, d: &mut Decoder<'_>) -> Option<()> {
    if url.scheme() == "http" && !is_loopback(url) {
        return d.refuse(
            node.at,
            format!(
                "keys from {} could be changed on the way",
                quoted(url.as_str())
            ),
            "write `https://`; for tests, `http` works on `localhost` alone",
        );
    }
    d.fetched.push((node.at, url.clone()));
    Some(())
}

struct JwksUrl(Url);

impl FromNode for JwksUrl {
    const SHAPE: Shape = Shape::Text(&URL);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &URL)?;
        let url = web_url(node, text, d)?;
        fetchable(node, &url, d).map(|()| Self(url))
    }
}

const TOKEN_TYPE: Form = Form {
    what: "a token type",
    example: "at+jwt",
    pattern: "^[A-Za-z0-9!#$&^_.+/-]{1,64}$",
};

struct TokenType(Typ);

impl FromNode for TokenType {
    const SHAPE: Shape = Shape::Text(&TOKEN_TYPE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &TOKEN_TYPE)?;
        let fits = (1..=64).contains(&text.len())
            && text
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "!#$&^_.+/-".contains(letter));
        if !fits {
            return d.malformed(node, text, &TOKEN_TYPE);
        }
        Some(Self(Typ::new(text)))
    }
}
