//! What a child process may know of this one's environment: an explicit list (PT-05, CVE-2026-40159).

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::OsStrExt as _,
    sync::Arc,
};

use zeroize::Zeroizing;

/// What every program needs to run and to find its home.
const ALWAYS: [&str; 7] = ["PATH", "HOME", "USER", "LANG", "TERM", "TMPDIR", "SHELL"];
/// The locale's parts.
const ALWAYS_PREFIX: &str = "LC_";

/// A variable that a process gets beside those that every process gets. Its value may be the server's credential: it is
/// wiped from memory in the end, and never shown.
#[derive(Clone)]
pub struct Variable {
    name: String,
    value: Arc<Zeroizing<Vec<u8>>>,
}

impl Variable {
    /// A variable with its value, which is taken literally.
    ///
    /// # Errors
    ///
    /// When the name is empty or holds `=`, or either part holds a NUL.
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Result<Self, BadVariable> {
        let (name, value) = (name.into(), Zeroizing::new(value.into()));
        if name.is_empty() || name.contains(['=', '\0']) || value.contains(&0) {
            return Err(BadVariable);
        }
        let value = Arc::new(value);
        Ok(Self { name, value })
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

/// The name or the value can't stand in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an environment variable: the name must not be empty or hold `=`, and nothing may hold a NUL")]
pub struct BadVariable;

/// The environment of a child: of this process's own what every program needs, and what was given.
pub(super) fn choose(
    own: impl IntoIterator<Item = (OsString, OsString)>,
    given: &[Variable],
) -> BTreeMap<OsString, OsString> {
    let always =
        |name: &OsStr| name.to_str().is_some_and(|name| ALWAYS.contains(&name) || name.starts_with(ALWAYS_PREFIX));
    let mut chosen: BTreeMap<_, _> = own.into_iter().filter(|(name, _)| always(name)).collect();
    for Variable { name, value } in given {
        chosen.insert(name.into(), OsStr::from_bytes(value).to_owned());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Vec<(OsString, OsString)> {
        ["PATH", "HOME", "LC_ALL", "AWS_SECRET_ACCESS_KEY", "DOORWARD_STATE", "PATHX", "path"]
            .map(|name| (name.into(), format!("own {name}").into()))
            .into()
    }

    #[test]
    fn pt_05_nothing_is_inherited_but_the_list() {
        let names: Vec<_> = choose(own(), &[]).into_keys().collect();
        assert_eq!(names, ["HOME", "LC_ALL", "PATH"]);
    }

    #[test]
    fn a_given_variable_wins_over_the_own_one() {
        let given = [Variable::new("PATH", "/bin").unwrap(), Variable::new("EMPTY", "").unwrap()];
        let chosen = choose(own(), &given);
        assert_eq!(chosen[OsStr::new("PATH")], "/bin");
        assert_eq!(chosen[OsStr::new("EMPTY")], "");
        assert_eq!(chosen[OsStr::new("HOME")], "own HOME");
    }

    #[test]
    fn cve_2026_59207_values_are_taken_literally() {
        let text = "http://x/${AWS_SECRET_ACCESS_KEY}/$HOME";
        let given = [Variable::new("URL", text).unwrap()];
        assert_eq!(choose(own(), &given)[OsStr::new("URL")], text);
    }

    #[test]
    fn bad_entries_are_refused_and_values_are_not_shown() {
        for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "\0")] {
            assert_eq!(Variable::new(name, value).unwrap_err(), BadVariable);
        }
        assert_eq!(format!("{:?}", Variable::new("TOKEN", "hunter2").unwrap()), "TOKEN=…");
    }
}
