//! For which resource is a token? It has exactly one (RFC 8707), named as the running node names it.

use std::path::Path;

use doorward_gateway::config::Config;
use doorward_gateway::node_file::{Guarded, NodeFile};
use url::Url;

use crate::exit::Failure;

/// Where a node is found when nothing else is known.
const USUAL_URL: &str = "http://localhost:8700";

/// Who issues the token, and for what it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Purpose {
    /// The node's public URL.
    pub(super) issuer: String,
    /// The guarded server's URL.
    pub(super) resource: String,
}

/// What is known of the node.
pub(super) enum Known {
    /// It said so itself, or its configuration does.
    Node { public_url: String, servers: Vec<Guarded> },
    /// Its URL alone.
    Url(String),
    /// Nothing.
    Nothing,
}

impl Known {
    /// What the last node of this state directory wrote down.
    pub(super) fn from_state(state: &Path) -> Result<Self, Failure> {
        let file = NodeFile::read(state).map_err(Failure::configuration)?;
        Ok(file.map_or(Self::Nothing, |NodeFile { public_url, servers, .. }| Self::Node { public_url, servers }))
    }

    /// What a configuration says.
    pub(super) fn from_config(config: &Config) -> Result<Self, Failure> {
        let port = config.listen.first().map(|address| address.port()).unwrap_or_default();
        if port == 0 {
            return Err(Failure::usage(
                "the configuration leaves the port to the system: start the node, then leave out `--config`",
            ));
        }
        let public_url = config.public_url.at(port);
        let guarded = |name| Guarded {
            name: AsRef::<str>::as_ref(name).to_owned(),
            resource: format!("{public_url}{}", config.endpoint(name)),
        };
        Ok(Self::Node { servers: config.servers.keys().map(guarded).collect(), public_url })
    }

    /// What `--public-url` says: scheme, host and port.
    pub(super) fn from_url(text: &str) -> Result<Self, Failure> {
        let refused = || {
            Failure::usage(format_args!(
                "`--public-url {text}` is not a scheme, a host and perhaps a port: write one such as `https://mcp.example.com`"
            ))
        };
        let url = Url::parse(text).map_err(|_| refused())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !bare || url.password().is_some() || !matches!(url.scheme(), "http" | "https") {
            return Err(refused());
        }
        Ok(Self::Url(url.origin().ascii_serialization()))
    }

    /// The one purpose of a token for this server, or for the only one.
    pub(super) fn purpose(self, server: Option<&str>) -> Result<Purpose, Failure> {
        let issuer = match self {
            Self::Node { public_url, servers } => {
                let Guarded { resource, .. } = choose(servers, server)?;
                return Ok(Purpose { issuer: public_url, resource });
            }
            Self::Url(url) => url,
            Self::Nothing => USUAL_URL.to_owned(),
        };
        let resource = match server {
            Some(name) => format!("{issuer}/mcp/{name}"),
            None => format!("{issuer}/mcp"),
        };
        Ok(Purpose { issuer, resource })
    }
}

fn choose(servers: Vec<Guarded>, wanted: Option<&str>) -> Result<Guarded, Failure> {
    let names = servers.iter().map(|server| format!("`{}`", server.name)).collect::<Vec<_>>().join(", ");
    match wanted {
        Some(name) => servers
            .into_iter()
            .find(|server| server.name == name)
            .ok_or_else(|| Failure::usage(format_args!("there is no server `{name}`: this node guards {names}"))),
        None => {
            let [only] = <[Guarded; 1]>::try_from(servers).map_err(|_| {
                Failure::usage(format_args!("a token is for one server: name it with `--server`, one of {names}"))
            })?;
            Ok(only)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(names: &[&str]) -> Known {
        let servers = names
            .iter()
            .map(|name| Guarded { name: (*name).to_owned(), resource: format!("https://mcp.example.com/mcp/{name}") });
        Known::Node { public_url: "https://mcp.example.com".to_owned(), servers: servers.collect() }
    }

    fn resource(known: Known, server: Option<&str>) -> Result<String, String> {
        known.purpose(server).map(|purpose| purpose.resource).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_only_server_needs_no_name() {
        assert_eq!(resource(node(&["crm"]), None).unwrap(), "https://mcp.example.com/mcp/crm");
        assert_eq!(resource(node(&["crm", "ops"]), Some("ops")).unwrap(), "https://mcp.example.com/mcp/ops");
        let said = resource(node(&["crm", "ops"]), None).unwrap_err();
        assert_eq!(said, "a token is for one server: name it with `--server`, one of `crm`, `ops`");
        let said = resource(node(&["crm"]), Some("cmr")).unwrap_err();
        assert_eq!(said, "there is no server `cmr`: this node guards `crm`");
    }

    #[test]
    fn without_a_node_the_usual_place_is_meant() {
        let usual = Known::Nothing.purpose(None).unwrap();
        assert_eq!((usual.issuer.as_str(), usual.resource.as_str()), (USUAL_URL, "http://localhost:8700/mcp"));
    }

    #[test]
    fn a_public_url_is_scheme_host_and_port() {
        let known = |text: &str| Known::from_url(text).and_then(|known| known.purpose(Some("crm")));
        assert_eq!(known("HTTPS://MCP.example.com:443/").unwrap().resource, "https://mcp.example.com/mcp/crm");
        assert_eq!(known("http://localhost:9000").unwrap().issuer, "http://localhost:9000");
        for text in [
            "",
            "localhost:8700",
            "ftp://x",
            "https://x/mcp",
            "https://x?y",
            "https://x#y",
            "https://u@x",
            "https://u:p@x",
        ] {
            assert!(known(text).is_err(), "{text}");
        }
    }
}
