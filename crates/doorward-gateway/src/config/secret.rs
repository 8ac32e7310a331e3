//! Secrets: from a file, from an environment variable, or (with a warning) from the configuration itself.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::decode::{Decoder, FromNode};
use super::file::{PATH, open, path, warn_if_open};
use super::scalar::{VARIABLE, VariableName};
use super::section::Section;
use super::shape::{Form, Shape};
use super::table::{Key, Table, Term};
use super::yaml::{At, Node, Value};

/// Something that must not be seen: it has no `Display`, its `Debug` shows only where it came from, and it is wiped
/// from memory when the last clone is dropped.
#[derive(Clone)]
pub struct Secret {
    bytes: Arc<Zeroizing<Vec<u8>>>,
    from: SecretFrom,
}

/// Where a secret came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// A file, read when the configuration was.
    File(PathBuf),
    /// An environment variable of this process.
    Variable(String),
    /// The configuration or the command line itself.
    Inline,
}

impl Secret {
    pub(super) fn new(bytes: Vec<u8>, from: SecretFrom) -> Self {
        Self { bytes: Arc::new(Zeroizing::new(bytes)), from }
    }

    /// The secret itself. A file's final line end is not part of it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// The secret as text; `None` when it is not UTF-8.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// Where it came from.
    #[must_use]
    pub fn from(&self) -> &SecretFrom {
        &self.from
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("from", &self.from).finish_non_exhaustive()
    }
}

const FILE: Key<PathBuf> = Key::optional("file", "A file that holds the secret; its final line end is not part of it.");
const ENV: Key<VariableName> =
    Key::optional("env", "An environment variable of the gateway's own process that holds the secret.");

pub(super) static SECRET: Table = Table {
    name: "secret",
    what: "a secret",
    doc: "A secret, kept out of the configuration.",
    example: "{ file: upstream.secret }",
    keys: &[FILE.info, ENV.info],
    terms: &[Term::ExactlyOne(&["file", "env"])],
};

const INLINE: Form = Form { what: "text", example: "{ file: upstream.secret }", pattern: "^.+$" };

impl FromNode for Secret {
    const SHAPE: Shape = Shape::Either(&[Shape::Table(|| &SECRET), Shape::Text(&INLINE)]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Scalar { .. } = node.value {
            let secret = inline(node, d)?;
            d.warn(
                node.at,
                "a secret stands in the configuration itself",
                "move it to a file of mode 600 and write `{ file: PATH }`",
            );
            return Some(secret);
        }
        if !matches!(node.value, Value::Map(_)) {
            return d.mismatch(node, &Self::SHAPE);
        }
        sourced(node, d)
    }
}

/// A secret written out.
fn inline(node: &Node, d: &mut Decoder<'_>) -> Option<Secret> {
    d.hide(node);
    let text = d.verbatim(node, &Secret::SHAPE)?;
    if text.is_empty() {
        return d.refuse(node.at, "the secret is empty", "write `{ file: PATH }`");
    }
    Some(Secret::new(text.as_bytes().to_vec(), SecretFrom::Inline))
}

/// A secret from `{ file }` or `{ env }`.
fn sourced(node: &Node, d: &mut Decoder<'_>) -> Option<Secret> {
    let section = Section::open(node, &SECRET, d)?;
    let file = section.get(&FILE, d);
    let variable = section.get(&ENV, d);
    match (file, variable) {
        (Some(path), None) => {
            let at = section.value_at(FILE.info.name);
            let contents = open(at, &path, d)?;
            warn_if_open(at, &path, &contents, d);
            let bytes = trimmed(&contents.bytes).to_vec();
            if bytes.is_empty() {
                return d.refuse(at, format!("the file `{}` is empty", path.display()), "write the secret into it");
            }
            Some(Secret::new(bytes, SecretFrom::File(path)))
        }
        (None, Some(VariableName(name))) => variable_value(&name, section.value_at(ENV.info.name), d),
        _ => None,
    }
}

/// The value of an environment variable, which must be there and not empty.
pub(super) fn variable_value(name: &str, at: At, d: &mut Decoder<'_>) -> Option<Secret> {
    match d.around.variable(name) {
        Some(value) if !value.is_empty() => {
            Some(Secret::new(value.into_bytes(), SecretFrom::Variable(name.to_owned())))
        }
        Some(_) => d.refuse(at, format!("the environment variable `{name}` is empty"), "give it a value"),
        None => d.refuse(
            at,
            format!("the environment variable `{name}` is not set"),
            match at {
                At::Option(option) => format!("set it, or write `{option} {name}=VALUE`"),
                _ => "set it for this process, or write `{ file: PATH }`".to_owned(),
            },
        ),
    }
}

/// Without the line end that editors add. A key of arbitrary bytes keeps all of them.
fn trimmed(bytes: &[u8]) -> &[u8] {
    if std::str::from_utf8(bytes).is_err() {
        return bytes;
    }
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

impl FromNode for PathBuf {
    const SHAPE: Shape = Shape::Text(&PATH);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        path(node, &PATH, d)
    }
}

impl FromNode for VariableName {
    const SHAPE: Shape = Shape::Text(&VARIABLE);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        use super::decode::Name as _;
        let text = d.text(node, &VARIABLE)?;
        Self::parse(text).or_else(|| d.malformed(node, text, &VARIABLE))
    }
}

/// A value that is usually no secret, but may be one: an environment variable of a process.
#[derive(Clone, Debug)]
pub(super) struct MaybeSecret(pub(super) Secret);

impl FromNode for MaybeSecret {
    const SHAPE: Shape = Shape::Either(&[Shape::Table(|| &SECRET), Shape::Argument]);

    fn read(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { .. } => {
                d.hide(node);
                let text = d.verbatim(node, &Self::SHAPE)?;
                if text.contains('\0') {
                    return d.refuse(node.at, "the value holds a NUL character", "remove it");
                }
                Some(Self(Secret::new(text.as_bytes().to_vec(), SecretFrom::Inline)))
            }
            Value::Map(_) => sourced(node, d).map(Self),
            _ => d.mismatch(node, &Self::SHAPE),
        }
    }
}

/// Does a name look like one of a secret? Then its value is masked wherever it stands.
pub(super) fn sounds_secret(name: &str) -> bool {
    const SIGNS: [&str; 9] =
        ["secret", "passwd", "password", "token", "credential", "apikey", "privatekey", "accesskey", "authorization"];
    let folded: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    SIGNS.iter().any(|sign| folded.contains(sign))
}

/// Masks whatever sounds like a secret, in parts of the file that are wrong or unknown too.
pub(super) fn hide_secrets(node: &Node, d: &mut Decoder<'_>) {
    match &node.value {
        Value::Map(pairs) => {
            for pair in pairs {
                match &pair.node.value {
                    Value::Scalar { text, .. } if sounds_secret(&pair.key) || holds_secret(text) => d.hide(&pair.node),
                    Value::List(items) if sounds_secret(&pair.key) => items.iter().for_each(|item| d.hide(item)),
                    _ => hide_secrets(&pair.node, d),
                }
            }
        }
        Value::List(items) => {
            let mut after_flag = false;
            for item in items {
                if let Value::Scalar { text, .. } = &item.value {
                    if after_flag || holds_secret(text) {
                        d.hide(item);
                    }
                    after_flag = text.starts_with('-') && sounds_secret(text);
                } else {
                    hide_secrets(item, d);
                }
            }
        }
        Value::Scalar { .. } | Value::Broken => {}
    }
}

/// `--token=x`, `API_KEY=x`, `https://user:password@host`, `https://host/?token=x`.
fn holds_secret(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains('@')))
        || text.split_once('=').is_some_and(|(name, _)| sounds_secret(name))
        || text.split_once(' ').is_some_and(|(kind, _)| matches!(kind, "Bearer" | "Basic" | "bearer" | "basic"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_where_a_secret_is_from_and_never_what_it_is() {
        let secret = Secret::new(b"hunter2".to_vec(), SecretFrom::Variable("TOKEN".into()));
        let shown = format!("{secret:?}");
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }

    #[test]
    fn a_final_line_end_is_no_part_of_a_text_secret() {
        assert_eq!(trimmed(b"abc\n"), b"abc");
        assert_eq!(trimmed(b"abc\r\n"), b"abc");
        assert_eq!(trimmed(b"abc\n\n"), b"abc\n");
        assert_eq!(trimmed(b"\xff\xfe\n"), b"\xff\xfe\n", "arbitrary bytes keep all of them");
    }

    #[test]
    fn names_that_sound_secret_are_known() {
        for name in ["client_secret", "API-KEY", "apiKey", "GITHUB_TOKEN", "db_password", "--api-key"] {
            assert!(sounds_secret(name), "{name}");
        }
        for name in ["region", "command", "path", "public_url"] {
            assert!(!sounds_secret(name), "{name}");
        }
        for text in ["--token=x", "API_KEY=x", "https://u:p@host/", "https://host/?api_key=x", "Bearer x"] {
            assert!(holds_secret(text), "{text}");
        }
        assert!(!holds_secret("https://host/a@b"));
    }
}
