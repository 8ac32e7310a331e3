//! A machine that the tests make up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use doorward_gateway::config::{Config, Contents, Mistake, Surroundings, Warning};

/// What must never be seen outside of a secret.
pub(crate) const CANARY: &str = "hunter2-in-the-open";

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const PRIVATE_KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n";
/// The public key of RFC 8037 appendix A.2.
const JWKS: &[u8] =
    br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// Files and variables by name; nothing of the real machine.
pub(crate) struct Machine {
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) variables: BTreeMap<&'static str, &'static str>,
    pub(crate) open_to_others: bool,
}

impl Default for Machine {
    fn default() -> Self {
        let files: [(&str, &[u8]); 10] = [
            ("tls.crt", CERTIFICATE),
            ("ca.crt", CERTIFICATE),
            ("tls.key", PRIVATE_KEY),
            ("jwks.json", JWKS),
            ("long.secret", b"0123456789abcdef0123456789abcdef\n"),
            ("upstream.secret", b"hunter2-in-the-open\n"),
            ("short.secret", b"hunter2-in-the-open\n"),
            ("two-lines.secret", b"hunter2-in-the-open\nhunter2-in-the-open\n"),
            ("empty.secret", b"\n"),
            ("forbidden.key", b""),
        ];
        Self {
            files: files.map(|(name, bytes)| (Path::new(BASE).join(name), bytes.to_vec())).into(),
            variables: [
                ("LONG_SECRET", "0123456789abcdef0123456789abcdef"),
                ("UPSTREAM_TOKEN", CANARY),
                ("HOME_REGION", "emea"),
                ("EMPTY", ""),
            ]
            .into(),
            open_to_others: false,
        }
    }
}

/// The folder of the configuration on that machine.
pub(crate) const BASE: &str = "/etc/doorward";

impl Surroundings for Machine {
    fn read(&self, path: &Path) -> Result<Contents, String> {
        if path.ends_with("forbidden.key") {
            return Err("this user may not read it".into());
        }
        let bytes = self.files.get(path).ok_or("there is no such file")?;
        Ok(Contents { bytes: bytes.clone().into(), open_to_others: self.open_to_others })
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn is_folder(&self, path: &Path) -> bool {
        path == Path::new("/srv")
    }

    fn has_program(&self, program: &Path) -> bool {
        !program.ends_with("missing-server")
    }
}

pub(crate) type Read = Result<(Config, Vec<Warning>), Vec<Mistake>>;

/// Reads a text on the made-up machine.
pub(crate) fn read(text: &str) -> Read {
    Config::read_in(text, "doorward.yaml", Path::new(BASE), &Machine::default())
}

/// Reads a text that must be right.
#[track_caller]
pub(crate) fn right(text: &str) -> (Config, Vec<Warning>) {
    read(text).unwrap_or_else(|mistakes| panic!("{}", told(&mistakes)))
}

/// Reads a text that must be wrong.
#[track_caller]
pub(crate) fn wrong(text: &str) -> Vec<Mistake> {
    match read(text) {
        Ok(_) => panic!("this was read:\n{text}"),
        Err(mistakes) => mistakes,
    }
}

/// Mistakes or warnings as a terminal shows them.
pub(crate) fn told<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

/// A folder of this test, as paths sorted by name.
pub(crate) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

/// A folder beside this file.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(name)
}
