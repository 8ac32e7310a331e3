//! Just enough of a message to answer it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The one version of the newer era.
pub(super) const VERSION: &str = "2026-07-28";

/// One JSON-RPC message.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    pub(super) fn params(&self) -> Params<'a> {
        self.params.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// The id as it was written.
    pub(super) fn id(&self) -> Option<&'a str> {
        self.id.map(RawValue::get)
    }
}

/// The members of `params` of every method that the server knows.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Params<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    pub(super) meta: Meta<'a>,
    #[serde(borrow)]
    pub(super) cursor: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) request_state: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) input_responses: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) protocol_version: Option<Cow<'a, str>>,
    pub(super) capabilities: Option<Capabilities>,
    pub(super) notifications: Option<Wanted>,
}

/// `params._meta`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    pub(super) version: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "progressToken")]
    pub(super) progress_token: Option<&'a RawValue>,
}

impl Meta<'_> {
    /// Whether the message carries the newer era's mark.
    pub(super) fn is_modern(&self) -> bool {
        self.version.as_deref() == Some(VERSION)
    }
}

/// A client's capabilities, as far as they matter.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Capabilities {
    pub(super) elicitation: Option<serde_json::Value>,
}

/// What a listener wants to hear of.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Wanted {
    pub(super) tools_list_changed: bool,
}
