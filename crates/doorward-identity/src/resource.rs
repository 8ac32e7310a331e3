//! The guarded resource as the outside knows it (RFC 9728).

use std::collections::BTreeSet;

use serde::Serialize;

use crate::challenge::advertised;

/// One protected resource: an MCP endpoint with its canonical URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The canonical URL, which is also the audience that its tokens must carry. It comes from
    /// configuration and never from a request (MX-04).
    pub id: String,
    /// Where its metadata lies.
    pub metadata_url: String,
    /// The scopes that a client may ask for.
    pub scopes: Vec<String>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    resource: &'a str,
    // RFC 9728 §3.2: parameters with zero elements are left out (A51).
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    scopes_supported: BTreeSet<&'a str>,
    bearer_methods_supported: [&'static str; 1],
}

/// The metadata document of a resource (RFC 9728 §2; A50, A51): `application/json`, the same bytes
/// for everyone.
///
/// `offline_access` is never advertised: it concerns the authorization server alone (SC-07).
#[must_use]
pub fn resource_metadata(resource: &Resource, authorization_servers: &[String]) -> Vec<u8> {
    let metadata = Metadata {
        resource: &resource.id,
        authorization_servers,
        scopes_supported: advertised(resource.scopes.iter().map(String::as_str)),
        bearer_methods_supported: ["header"],
    };
    // Texts and lists of texts always serialise; an empty document would be refused by every
    // client.
    serde_json::to_vec(&metadata).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(scopes: &[&str], servers: &[&str]) -> serde_json::Value {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let resource = Resource {
            id: "https://mcp.example.com/mcp/crm".into(),
            metadata_url: "https://mcp.example.com/.well-known/oauth-protected-resource/mcp/crm".into(),
            scopes: own(scopes),
        };
        serde_json::from_slice(&resource_metadata(&resource, &own(servers))).expect("JSON")
    }

    #[test]
    fn a50_the_metadata_names_the_resource_and_its_authorization_servers() {
        assert_eq!(
            document(&["crm:write", "crm"], &["https://mcp.example.com"]),
            serde_json::json!({
                "resource": "https://mcp.example.com/mcp/crm",
                "authorization_servers": ["https://mcp.example.com"],
                "scopes_supported": ["crm", "crm:write"],
                "bearer_methods_supported": ["header"],
            })
        );
    }

    #[test]
    fn a51_there_are_no_empty_lists() {
        let document = document(&[], &[]);
        assert!(document.get("scopes_supported").is_none() && document.get("authorization_servers").is_none());
    }

    #[test]
    fn sc_07_offline_access_is_never_advertised() {
        assert_eq!(document(&["offline_access", "crm"], &[])["scopes_supported"], serde_json::json!(["crm"]));
        assert!(document(&["offline_access"], &[]).get("scopes_supported").is_none());
    }
}
