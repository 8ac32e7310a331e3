//! Whose tokens are accepted, and what policies may read of them: `identity`.

use std::collections::BTreeMap;

use doorward_identity::{ClaimPath, ClaimType, IssuerConfig};

use super::decode::{Decoder, FromNode, Named};
use super::issuer::{ISSUER, Issuer};
use super::scalar::{ClaimName, word};
use super::section::Section;
use super::shape::{Form, Shape, Word, all_of};
use super::source::quoted;
use super::table::{Info, Key, Table, nearest};
use super::yaml::{At, Node, Value};

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

const CLAIMS: Key<Named<ClaimName, TypeOfClaim>> =
    Key::optional("claims", "The claims that policies may read, each with its type.");
const TENANT: Key<Path> =
    Key::optional("tenant", "The claim that names the tenant; without it there is one, `default`.");
const ISSUERS: Key<Vec<Issuer>> = Key::optional("issuers", "Other issuers whose access tokens are accepted.");
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
        let Some(Value::Map(pairs)) = node.get(CLAIMS.info.name).map(|claims| &claims.value) else {
            return;
        };
        for pair in pairs {
            // Mistakes are reported when the section is read; here only the names and types count.
            if let Value::Scalar { text, .. } = &pair.node.value
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
        refuse_doubled(&section, d);
        let claims = claims.map_or_else(BTreeMap::new, |Named(claims)| {
            claims.into_iter().map(|(ClaimName(name), TypeOfClaim(kind))| (name, kind)).collect()
        });
        let issuers = issuers
            .unwrap_or_default()
            .into_iter()
            .map(|Issuer(issuer)| IssuerConfig { tenant: tenant.clone(), ..issuer })
            .collect();
        Some(Self { claims, tenant, issuers })
    }
}

/// Two entries for one issuer would make it a matter of order which keys are believed (TK-28), and nobody else may
/// speak in the gateway's own name.
fn refuse_doubled(section: &Section<'_>, d: &mut Decoder<'_>) {
    let Some(Value::List(items)) = section.node(ISSUERS.info.name).map(|node| &node.value) else { return };
    let mut seen: Vec<&str> = Vec::new();
    for node in items.iter().filter_map(|item| item.get(ISSUER.info.name)) {
        let Value::Scalar { text, .. } = &node.value else { continue };
        if seen.contains(&text.as_str()) {
            d.refuse::<()>(
                node.at,
                format!("the issuer {} is listed a second time", quoted(text)),
                "keep one entry for each issuer",
            );
        }
        if d.own_url.as_deref().is_some_and(|own| own == text.trim_end_matches('/')) {
            d.refuse::<()>(
                node.at,
                format!("the issuer {} is the gateway itself", quoted(text)),
                "remove it: the gateway's own tokens are always accepted",
            );
        }
        seen.push(text);
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
        Word { name: "string", doc: "Text." },
        Word { name: "integer", doc: "A whole number." },
        Word { name: "bool", doc: "`true` or `false`." },
        Word { name: "strings", doc: "A set of texts." },
    ]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        word(node, &Self::SHAPE, &CLAIM_TYPES, d).map(Self)
    }
}

const PATH: Form = Form { what: "a path to a claim", example: "realm_access.roles", pattern: "^.+$" };

/// Where a value lies in a token.
pub(super) struct Path(pub(super) ClaimPath);

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

const REGISTRATION: Key<Registration> =
    Key::required("registration", "Who may make an account: nobody but an administrator.");

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
    const SHAPE: Shape = Shape::Words(&[Word { name: "closed", doc: "Accounts are made by an administrator." }]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, .. } if matches!(text.as_str(), "open" | "invite" | "approval") => d.refuse(
                node.at,
                format!("`registration: {text}` is not available yet in this version"),
                "write `closed`",
            ),
            _ => word(node, &Self::SHAPE, &[("closed", ())], d).map(|()| Self),
        }
    }
}

/// A claim that `identity.claims` does not declare.
pub(super) fn undeclared(name: &str, at: At, d: &mut Decoder<'_>) {
    let names = || d.claims.keys().map(String::as_str);
    let fix = match (nearest(name, names()), names().next()) {
        (Some(near), _) => {
            format!("did you mean `{near}`? or declare it: `identity: {{ claims: {{ {name}: string }} }}`")
        }
        (None, Some(_)) => format!("declare it under `identity.claims`; declared are {}", all_of(names())),
        (None, None) => {
            format!("declare it with its type: `identity: {{ claims: {{ {name}: string }} }}`")
        }
    };
    d.refuse::<()>(at, format!("the claim {} is not declared", quoted(name)), fix);
}
