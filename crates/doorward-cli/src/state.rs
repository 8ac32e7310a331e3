//! Where everything is kept.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use doorward_store::StateDir;

use crate::exit::Failure;

/// The state directory that was named: behind `--state`, else in the environment.
pub(crate) fn named(option: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = option.map(Path::to_owned).or_else(|| variable("DOORWARD_STATE").map(PathBuf::from));
    named.filter(|path| !path.as_os_str().is_empty())
}

/// The state directory when none was named: in the user's data directory (XDG Base Directory Specification 0.8: a
/// relative `XDG_DATA_HOME` is ignored).
pub(crate) fn usual(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Failure> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("doorward")).ok_or_else(|| {
        Failure::configuration(
            "there is no place for the state: neither `HOME` nor `XDG_DATA_HOME` is set; name a directory with `--state`",
        )
    })
}

/// Opens it, and makes it where it is missing.
pub(crate) fn open(path: &Path) -> Result<StateDir, Failure> {
    StateDir::open(path).map_err(|error| Failure::configuration(format_args!("the state directory: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables<'a>(all: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        |name| all.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    }

    #[test]
    fn the_option_wins_then_the_variable() {
        let set = [("DOORWARD_STATE", "/var/lib/doorward")];
        assert_eq!(named(Some(Path::new("here")), variables(&set)), Some("here".into()));
        assert_eq!(named(None, variables(&set)), Some("/var/lib/doorward".into()));
        assert_eq!(named(None, variables(&[("DOORWARD_STATE", "")])), None);
        assert_eq!(named(None, variables(&[])), None);
    }

    #[test]
    fn without_a_name_it_is_the_users_data_directory() {
        let chosen = |all: &[(&str, &str)]| usual(variables(all)).ok().map(|path| path.display().to_string());
        let home = ("HOME", "/home/ada");
        assert_eq!(chosen(&[("XDG_DATA_HOME", "/data"), home]).as_deref(), Some("/data/doorward"));
        assert_eq!(chosen(&[home]).as_deref(), Some("/home/ada/.local/share/doorward"));
        let relative = [("XDG_DATA_HOME", "data"), home];
        assert_eq!(chosen(&relative).as_deref(), Some("/home/ada/.local/share/doorward"));
        assert_eq!(chosen(&[]), None);
    }
}
