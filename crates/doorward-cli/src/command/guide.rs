//! What a node says to the person who starts it for the first time.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::output::Output;
use crate::text::shell_word;

/// How this program is called again: by its name where that finds it, else by its path.
pub(crate) fn program() -> String {
    let me = std::env::current_exe().ok();
    let found = std::env::var_os("PATH").and_then(|path| along(&path, me.as_deref()?));
    match (found, me) {
        (Some(name), _) => shell_word(&name.to_string_lossy()).into_owned(),
        (None, Some(me)) => shell_word(&me.to_string_lossy()).into_owned(),
        (None, None) => "doorward".to_owned(),
    }
}

/// The bare name, when the first program of that name along `PATH` is this one.
fn along(path: &OsStr, me: &Path) -> Option<OsString> {
    let name = me.file_name()?;
    let first = std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file())?;
    let same = first.canonicalize().ok()? == me.canonicalize().ok()?;
    same.then(|| name.to_owned())
}

/// One guarded server, as clients will call it.
pub(crate) struct Entry {
    /// What it is called in sentences.
    pub(crate) title: String,
    /// What clients call it.
    pub(crate) name: String,
    /// Its URL.
    pub(crate) url: String,
}

/// What is needed to say how the node is used.
pub(crate) struct Guide {
    /// How this program is called.
    pub(crate) program: String,
    /// The state directory, when it is not the usual one.
    pub(crate) state: Option<PathBuf>,
    /// What is guarded.
    pub(crate) servers: Vec<Entry>,
    /// Whether a server has to be named when a token is made.
    pub(crate) name_needed: bool,
    /// Whether somebody wrote rules, which may ask for more than a token.
    pub(crate) has_rules: bool,
}

impl Guide {
    /// The complete command that makes a token for a server.
    pub(crate) fn token_command(&self, server: &str) -> String {
        let mut command = format!("{} token issue --user me --ttl 8h", self.program);
        if self.name_needed {
            command.push_str(" --server ");
            command.push_str(&shell_word(server));
        }
        if let Some(state) = &self.state {
            command.push_str(" --state ");
            command.push_str(&shell_word(&state.to_string_lossy()));
        }
        command
    }

    /// Says it all.
    pub(crate) fn tell(&self, output: &mut Output) {
        for Entry { title, name, url } in &self.servers {
            output.note("");
            output.heading(&format!("{title} is guarded at {url}"));
            output.note("");
            output.note("Only callers with a token get in. Make one:");
            output.note(format_args!("  {}", self.token_command(name)));
            if self.has_rules {
                output.note("with `--role` and `--scope` as the rules ask for them.");
            }
            output.note("");
            output.note("Add it to a client, with that token instead of TOKEN:");
            output.note(format_args!(
                "  claude mcp add --transport http {} {} --header \"Authorization: Bearer TOKEN\"",
                shell_word(name),
                shell_word(url)
            ));
            output.note("or, in a client's JSON:");
            output.note(format_args!("  {}", client_entry(name, url)));
        }
        output.note("");
        if self.servers.iter().any(|server| server.url.starts_with("http://")) {
            output.note("This is plain HTTP, for programs on this machine alone. Every other address needs TLS.");
            output.note("");
        }
    }
}

/// A server's entry in the configuration of common clients.
fn client_entry(name: &str, url: &str) -> String {
    let entry = json!({ "type": "http", "url": url, "headers": { "Authorization": "Bearer TOKEN" } });
    json!({ "mcpServers": { name: entry } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guide() -> Guide {
        Guide { program: "doorward".to_owned(), state: None, servers: Vec::new(), name_needed: false, has_rules: false }
    }

    #[test]
    fn the_token_command_is_complete() {
        assert_eq!(guide().token_command("server"), "doorward token issue --user me --ttl 8h");
        let guide = Guide { state: Some("/tmp/my state".into()), name_needed: true, ..guide() };
        assert_eq!(
            guide.token_command("crm"),
            "doorward token issue --user me --ttl 8h --server crm --state '/tmp/my state'"
        );
    }

    #[test]
    fn the_name_is_enough_where_the_path_leads_here() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for place in [&one, &two] {
            std::fs::create_dir(place).unwrap();
            std::fs::write(place.join("doorward"), "").unwrap();
        }
        let path = std::env::join_paths([folder.path(), &one, &two]).unwrap();
        assert_eq!(along(&path, &one.join("doorward")).unwrap(), "doorward");
        assert_eq!(along(&path, &two.join("doorward")), None, "another program of this name comes first");
        assert_eq!(along(OsStr::new(""), &one.join("doorward")), None);
    }

    #[test]
    fn a_client_entry_is_json_that_clients_read() {
        let entry: serde_json::Value = serde_json::from_str(&client_entry("crm", "https://x/mcp/crm")).unwrap();
        assert_eq!(entry["mcpServers"]["crm"]["url"], "https://x/mcp/crm");
        assert_eq!(entry["mcpServers"]["crm"]["headers"]["Authorization"], "Bearer TOKEN");
    }
}
