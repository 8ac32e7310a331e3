//! One other issuer: what it is called, how its tokens are checked, and where they hold what matters.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use doorward_identity::{ClaimPath, ClaimType, IssuerConfig, Keys, PublicKeys, SymmetricKey, Typ};
use url::Url;

use super::decode::{Decoder, FromNode, Named};
use super::file::open;
use super::identity::{Path, undeclared};
use super::scalar::{ClaimName, Period, URL, is_loopback, web_url};
use super::secret::Secret;
use super::section::Section;
use super::shape::{Form, Shape};
use super::source::quoted;
use super::table::{Key, Table, Term};
use super::yaml::Node;

pub(super) const ISSUER: Key<Identifier> =
    Key::required("issuer", "The issuer's identifier, letter for letter as its tokens have it in `iss`.");
const ROLES: Key<Path> = Key::optional("roles", "Where its tokens hold the roles; `roles` unless given.");
const SCOPES: Key<Path> = Key::optional("scopes", "Where its tokens hold the scopes; `scope` unless given.");
const ISSUER_CLAIMS: Key<Named<ClaimName, Path>> = Key::optional(
    "claims",
    "Where its tokens hold the claims of `identity.claims`; under their own names unless given.",
);
const AUDIENCE: Key<String> = Key::optional(
    "audience",
    "The audience that its tokens carry, when they can't carry the URL of the server that is called.",
);
const TYP: Key<TokenType> = Key::optional("typ", "The type of its access tokens; `at+jwt` unless given.");
const JWKS_FILE: Key<PathBuf> =
    Key::optional("jwks_file", "A file with its public keys (a JWK set), instead of discovery.");
const JWKS_URL: Key<JwksUrl> = Key::optional("jwks_url", "Where its public keys are, instead of discovery.");
const SECRET: Key<Secret> = Key::optional(
    "secret",
    "A key of at least 32 bytes that the issuer shares with the gateway, instead of discovery.",
);
const LEEWAY: Key<Duration> = Key::optional("leeway", "How far clocks may differ; `30s` unless given, at most `5m`.");
const MAX_AGE: Key<Period> = Key::optional("max_age", "How old a token may be, whatever its own expiry says.");

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

/// An issuer, all but the tenant, which is the same for all.
pub(super) struct Issuer(pub(super) IssuerConfig);

impl FromNode for Issuer {
    const SHAPE: Shape = Shape::Table(|| &ISSUER_TABLE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let section = Section::open(node, &ISSUER_TABLE, d)?;
        let issuer = section.get(&ISSUER, d).map(|Identifier(issuer)| issuer);
        let keys = keys(&section, issuer.as_deref(), d);
        let roles = section.get(&ROLES, d);
        let scopes = section.get(&SCOPES, d);
        let claims = issuer_claims(&section, d);
        let audience = section.get(&AUDIENCE, d);
        let typ = section.get(&TYP, d);
        let leeway = section.get(&LEEWAY, d);
        let max_age = section.get(&MAX_AGE, d);
        if leeway.is_some_and(|leeway| leeway > IssuerConfig::MAX_LEEWAY) {
            d.refuse::<()>(section.value_at("leeway"), "a leeway of more than five minutes", "write at most `5m`");
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

const IDENTIFIER: Form = Form { what: "an issuer", example: "https://login.example.com", pattern: "^\\S+$" };

/// What stands in `iss`, compared letter for letter.
pub(super) struct Identifier(String);

impl FromNode for Identifier {
    const SHAPE: Shape = Shape::Text(&IDENTIFIER);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &IDENTIFIER)?;
        if text.is_empty() || text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return d.malformed(node, text, &IDENTIFIER);
        }
        Some(Self(text.to_owned()))
    }
}

/// Where each declared claim lies in this issuer's tokens.
fn issuer_claims(section: &Section<'_>, d: &mut Decoder<'_>) -> Option<BTreeMap<String, (ClaimPath, ClaimType)>> {
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
    let paths: BTreeMap<String, ClaimPath> =
        placed.into_iter().map(|(ClaimName(name), Path(path))| (name, path)).collect();
    let all = d.claims.iter().map(|(name, kind)| {
        let path = paths.get(name).cloned().unwrap_or_else(|| ClaimPath::top(name));
        (name.clone(), (path, *kind))
    });
    Some(all.collect())
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
                format!("the file `{}` holds no usable keys: {error}", path.display()),
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
                format!("the secret has {} bytes: whoever guesses it can be anyone", weak.0),
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
        return d.refuse(node.at, format!("{} has a query", quoted(issuer)), "write the issuer without it (RFC 8414)");
    }
    fetchable(node, &url, d)
}

/// A URL that keys are fetched from.
fn fetchable(node: &Node, url: &Url, d: &mut Decoder<'_>) -> Option<()> {
    if url.scheme() == "http" && !is_loopback(url) {
        return d.refuse(
            node.at,
            format!("keys from {} could be changed on the way", quoted(url.as_str())),
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

const TOKEN_TYPE: Form = Form { what: "a token type", example: "at+jwt", pattern: "^[A-Za-z0-9!#$&^_.+/-]{1,64}$" };

struct TokenType(Typ);

impl FromNode for TokenType {
    const SHAPE: Shape = Shape::Text(&TOKEN_TYPE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = d.text(node, &TOKEN_TYPE)?;
        let fits = (1..=64).contains(&text.len())
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "!#$&^_.+/-".contains(letter));
        if !fits {
            return d.malformed(node, text, &TOKEN_TYPE);
        }
        Some(Self(Typ::new(text)))
    }
}
