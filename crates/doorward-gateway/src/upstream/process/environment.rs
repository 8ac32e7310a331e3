//! What a child process may know of this one's environment: an explicit list (PT-05, CVE-2026-40159).

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

/// What every program needs to run and to find its home.
const ALWAYS: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "TERM", "TMPDIR", "SHELL"];
/// The locale's parts.
const ALWAYS_PREFIX: &str = "LC_";

/// One entry of the operator's list.
#[derive(Clone, PartialEq, Eq)]
pub enum Variable {
    /// Passed on as it stands in this process's environment, if it is there.
    Inherited(String),
    /// Set to this value.
    Set(String, String),
}

impl Variable {
    /// Reads `NAME` or `NAME=VALUE`.
    ///
    /// # Errors
    ///
    /// When the name is empty or either part holds a NUL.
    pub fn parse(text: &str) -> Result<Self, BadVariable> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if name.is_empty() || text.contains('\0') {
            return Err(BadVariable);
        }
        Ok(match value {
            Some(value) => Self::Set(name.to_owned(), value.to_owned()),
            None => Self::Inherited(name.to_owned()),
        })
    }
}

/// The value may be a server's credential, so only the name is shown.
impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inherited(name) => write!(f, "{name}"),
            Self::Set(name, _) => write!(f, "{name}=…"),
        }
    }
}

/// The text names no variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an environment variable; write `NAME` or `NAME=VALUE`")]
pub struct BadVariable;

/// The environment of a child, chosen from this process's own.
pub(super) fn choose(
    own: impl IntoIterator<Item = (OsString, OsString)>,
    listed: &[Variable],
) -> BTreeMap<OsString, OsString> {
    let inherited = |name: &OsStr| {
        let always = name
            .to_str()
            .is_some_and(|name| ALWAYS.contains(&name) || name.starts_with(ALWAYS_PREFIX));
        always
            || listed.iter().any(
                |entry| matches!(entry, Variable::Inherited(listed) if OsStr::new(listed) == name),
            )
    };
    let mut chosen: BTreeMap<_, _> = own
        .into_iter()
        .filter(|(name, _)| inherited(name))
        .collect();
    for entry in listed {
        if let Variable::Set(name, value) = entry {
            chosen.insert(name.into(), value.into());
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Vec<(OsString, OsString)> {
        [
            "PATH",
            "HOME",
            "LC_ALL",
            "AWS_SECRET_ACCESS_KEY",
            "DOORWARD_STATE",
            "PATHX",
            "path",
            "GITHUB_TOKEN",
        ]
        .map(|name| (name.into(), format!("own {name}").into()))
        .into()
    }

    fn names(listed: &[Variable]) -> Vec<String> {
        choose(own(), listed)
            .into_keys()
            .map(|name| name.into_string().unwrap())
            .collect()
    }

    #[test]
    fn pt_05_nothing_is_inherited_but_the_list() {
        assert_eq!(names(&[]), ["HOME", "LC_ALL", "PATH"]);
    }

    #[test]
    fn a_named_variable_is_passed_on_and_a_given_one_is_set() {
        let listed = ["GITHUB_TOKEN", "MISSING", "PATH=/bin", "EMPTY="]
            .map(|text| Variable::parse(text).unwrap());
        let chosen = choose(own(), &listed);
        assert_eq!(chosen[OsStr::new("GITHUB_TOKEN")], "own GITHUB_TOKEN");
        assert_eq!(chosen[OsStr::new("PATH")], "/bin");
        assert_eq!(chosen[OsStr::new("EMPTY")], "");
        assert!(!chosen.contains_key(OsStr::new("MISSING")));
    }

    #[test]
    fn cve_2026_59207_values_are_taken_literally() {
        let listed = [Variable::parse("URL=http://x/${AWS_SECRET_ACCESS_KEY}/$HOME").unwrap()];
        assert_eq!(
            choose(own(), &listed)[OsStr::new("URL")],
            "http://x/${AWS_SECRET_ACCESS_KEY}/$HOME"
        );
    }

    #[test]
    fn bad_entries_are_refused_and_values_are_not_shown() {
        for text in ["", "=x", "A\0B", "A=\0"] {
            assert_eq!(Variable::parse(text), Err(BadVariable));
        }
        assert_eq!(
            format!("{:?}", Variable::parse("TOKEN=hunter2").unwrap()),
            "TOKEN=…"
        );
    }
}
