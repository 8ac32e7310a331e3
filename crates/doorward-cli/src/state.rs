//! Where everything is kept.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use doorward_store::StateDir;

use crate::exit::Failure;

/// The state directory that a command is to use, which may not be there yet: the one that was named, else the user's
/// data directory (XDG Base Directory Specification 0.8: a relative `XDG_DATA_HOME` is ignored).
pub(crate) fn path(named: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Failure> {
    if let Some(named) = named.filter(|path| !path.as_os_str().is_empty()) {
        return Ok(named.to_owned());
    }
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

    fn chosen(named: Option<&str>, variables: &[(&str, &str)]) -> Option<String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        path(named.map(Path::new), variable).ok().map(|path| path.display().to_string())
    }

    #[test]
    fn the_named_one_wins_then_the_users_data_directory() {
        let both = [("XDG_DATA_HOME", "/data"), ("HOME", "/home/ada")];
        assert_eq!(chosen(Some("here"), &both).as_deref(), Some("here"));
        assert_eq!(chosen(Some(""), &both).as_deref(), Some("/data/doorward"));
        assert_eq!(chosen(None, &both).as_deref(), Some("/data/doorward"));
        assert_eq!(chosen(None, &[("HOME", "/home/ada")]).as_deref(), Some("/home/ada/.local/share/doorward"));
        let relative = [("XDG_DATA_HOME", "data"), ("HOME", "/home/ada")];
        assert_eq!(chosen(None, &relative).as_deref(), Some("/home/ada/.local/share/doorward"));
        assert_eq!(chosen(None, &[]), None);
    }
}
