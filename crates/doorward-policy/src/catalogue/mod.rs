//! What a server has told about itself, kept across restarts.

mod arguments;
mod log;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use doorward_wire::{ListKind, Message, ParseError, Target, ToolHeaders};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) use self::arguments::{Arguments, Field, ValueType};
pub use self::log::{CatalogueLog, CatalogueLogError};
use crate::rule::Kind;

/// How many definitions one server may have.
const MAX_ENTRIES: usize = 10_000;

/// How many bytes the names and schemas of one server may take.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// What one more definition takes beside its text.
const ENTRY_OVERHEAD: usize = 64;

/// The form of the stored JSON.
const FORMAT: u32 = 1;

/// The definitions of one server: its tools with their arguments, prompts, resources and resource templates.
///
/// Policies take their argument types from here, the ledger which names it may write, and the wire which arguments
/// are mirrored in headers. It comes from the server, so it is bounded (10,000 definitions, 8 MiB) and nothing in it
/// decides who may do what. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    tools: BTreeMap<Arc<str>, Arc<Tool>>,
    prompts: BTreeMap<Arc<str>, Arc<BTreeSet<String>>>,
    resources: BTreeSet<Arc<str>>,
    templates: BTreeSet<Arc<str>>,
    bytes: usize,
}

#[derive(Debug)]
struct Tool {
    /// The raw input schema, as the server wrote it.
    schema: Option<Box<str>>,
    arguments: Arguments,
    headers: Option<Arc<ToolHeaders>>,
}

/// What a page of definitions did to a [`Catalogue`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Whether anything is new or different, so that it should be stored and compiled.
    pub changed: bool,
    /// How many definitions had no room or could not be read. They stay unknown: rules still govern them by name.
    pub dropped: usize,
}

impl Catalogue {
    /// A catalogue that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the definitions of one page of an answer to a list request; what has the same name is replaced.
    ///
    /// # Errors
    ///
    /// When the answer is not one of a list of that kind. Nothing is changed then.
    pub fn merge(&mut self, kind: ListKind, answer: &Message) -> Result<Merged, ParseError> {
        let mut merged = Merged::default();
        for entry in answer.entries(kind)? {
            self.define(kind, &entry.key, entry.raw, &mut merged);
        }
        Ok(merged)
    }

    /// Forgets the definitions of one kind that are not in `keys`, once every page of a list was seen. Returns
    /// whether there were any.
    pub fn forget_others(&mut self, kind: ListKind, keys: &BTreeSet<String>) -> bool {
        let before = self.len();
        let bytes = &mut self.bytes;
        let mut stays = |key: &str, size: usize| {
            let stays = keys.contains(key);
            if !stays {
                *bytes = bytes.saturating_sub(size);
            }
            stays
        };
        match kind {
            ListKind::Tools => self.tools.retain(|key, tool| stays(key, tool.size(key))),
            ListKind::Prompts => self.prompts.retain(|key, arguments| stays(key, prompt_size(key, arguments))),
            ListKind::Resources => self.resources.retain(|key| stays(key, plain_size(key))),
            ListKind::ResourceTemplates => self.templates.retain(|key| stays(key, plain_size(key))),
        }
        self.len() != before
    }

    /// Whether the server has told of this target. A list of targets is known if all are.
    #[must_use]
    pub fn knows(&self, target: &Target) -> bool {
        match target {
            Target::Tool(name) => self.tools.contains_key(&**name),
            Target::Prompt(name) | Target::PromptRef(name) => self.prompts.contains_key(&**name),
            Target::Resource(uri) | Target::ResourceRef(uri) => self.knows_resource(uri),
            Target::Resources(uris) => uris.iter().all(|uri| self.knows_resource(uri)),
            Target::Task(_) | Target::None => false,
        }
    }

    /// Whether the target declares a top-level argument of this name.
    #[must_use]
    pub fn known_argument(&self, target: &Target, argument: &str) -> bool {
        match target {
            Target::Tool(name) => {
                self.tools.get(&**name).is_some_and(|tool| tool.arguments.declared.contains(argument))
            }
            Target::Prompt(name) | Target::PromptRef(name) => {
                self.prompts.get(&**name).is_some_and(|arguments| arguments.contains(argument))
            }
            Target::None | Target::Resource(_) | Target::Resources(_) | Target::ResourceRef(_) | Target::Task(_) => {
                false
            }
        }
    }

    /// Which arguments of a tool are mirrored in headers. `None` for an unknown tool and for one whose annotations
    /// break the rules (checklist C06).
    #[must_use]
    pub fn tool_headers(&self, tool: &str) -> Option<&Arc<ToolHeaders>> {
        self.tools.get(tool)?.headers.as_ref()
    }

    /// Whether a tool's header annotations break the rules, so that a modern client must not be shown it
    /// (checklist C06).
    #[must_use]
    pub fn has_bad_headers(&self, tool: &str) -> bool {
        self.tools.get(tool).is_some_and(|tool| tool.headers.is_none())
    }

    /// How many definitions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tools.len() + self.prompts.len() + self.resources.len() + self.templates.len()
    }

    /// Whether the server has told nothing yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything that a rule can be about, with the arguments of tools.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (Kind, &str)> {
        let tools = self.tools.keys().map(|name| (Kind::Tool, &**name));
        let prompts = self.prompts.keys().map(|name| (Kind::Prompt, &**name));
        let resources = self.resources.iter().chain(&self.templates).map(|uri| (Kind::Resource, &**uri));
        tools.chain(prompts).chain(resources)
    }

    /// The arguments of a target as far as Cedar can express them.
    pub(crate) fn argument_types(&self, kind: Kind, name: &str) -> Option<&BTreeMap<String, Field>> {
        match kind {
            Kind::Tool => self.tools.get(name).map(|tool| &tool.arguments.typed),
            Kind::Prompt | Kind::Resource => None,
        }
    }

    /// The form in which [`CatalogueLog`] keeps it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let stored = Stored {
            version: FORMAT,
            tools: self
                .tools
                .iter()
                .map(|(name, tool)| StoredTool {
                    name: name.to_string(),
                    input_schema: tool
                        .schema
                        .as_deref()
                        .and_then(|schema| RawValue::from_string(schema.to_owned()).ok()),
                })
                .collect(),
            prompts: self
                .prompts
                .iter()
                .map(|(name, arguments)| StoredPrompt {
                    name: name.to_string(),
                    arguments: arguments.iter().cloned().collect(),
                })
                .collect(),
            resources: self.resources.iter().map(ToString::to_string).collect(),
            resource_templates: self.templates.iter().map(ToString::to_string).collect(),
        };
        // Maps with text keys and checked raw values always serialize.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Reads what [`Catalogue::to_json`] wrote. The bounds hold here too.
    ///
    /// # Errors
    ///
    /// When the text is something else. A caller then begins with an empty catalogue and lists anew.
    pub fn from_json(text: &str) -> Result<Self, BadCatalogue> {
        let stored: Stored = serde_json::from_str(text).map_err(|_| BadCatalogue)?;
        if stored.version != FORMAT {
            return Err(BadCatalogue);
        }
        let mut catalogue = Self::new();
        let mut merged = Merged::default();
        for tool in stored.tools {
            catalogue.define_tool(&tool.name, tool.input_schema.as_deref().map(RawValue::get), &mut merged);
        }
        for prompt in stored.prompts {
            catalogue.define_prompt(&prompt.name, prompt.arguments.into_iter().collect(), &mut merged);
        }
        for uri in stored.resources {
            catalogue.define_plain(ListKind::Resources, &uri, &mut merged);
        }
        for uri in stored.resource_templates {
            catalogue.define_plain(ListKind::ResourceTemplates, &uri, &mut merged);
        }
        Ok(catalogue)
    }

    /// Adds one definition: its key and its raw JSON object.
    pub(crate) fn define(&mut self, kind: ListKind, key: &str, raw: &str, merged: &mut Merged) {
        match kind {
            ListKind::Tools => match serde_json::from_str::<ToolEntry<'_>>(raw) {
                Ok(entry) => self.define_tool(key, entry.input_schema.map(RawValue::get), merged),
                Err(_) => merged.dropped += 1,
            },
            ListKind::Prompts => match serde_json::from_str::<PromptEntry>(raw) {
                Ok(entry) => {
                    let arguments = entry.arguments.unwrap_or_default();
                    self.define_prompt(key, arguments.into_iter().map(|a| a.name).collect(), merged);
                }
                Err(_) => merged.dropped += 1,
            },
            ListKind::Resources | ListKind::ResourceTemplates => self.define_plain(kind, key, merged),
        }
    }

    fn define_tool(&mut self, name: &str, schema: Option<&str>, merged: &mut Merged) {
        let old = self.tools.get(name);
        if old.is_some_and(|old| old.schema.as_deref() == schema) {
            return;
        }
        let freed = old.map(|old| old.size(name));
        let tool = Tool::new(schema);
        if !self.make_room(freed, tool.size(name), merged) {
            return;
        }
        self.tools.insert(name.into(), Arc::new(tool));
    }

    fn define_prompt(&mut self, name: &str, arguments: BTreeSet<String>, merged: &mut Merged) {
        let old = self.prompts.get(name);
        if old.is_some_and(|old| **old == arguments) {
            return;
        }
        let freed = old.map(|old| prompt_size(name, old));
        if !self.make_room(freed, prompt_size(name, &arguments), merged) {
            return;
        }
        self.prompts.insert(name.into(), Arc::new(arguments));
    }

    fn define_plain(&mut self, kind: ListKind, uri: &str, merged: &mut Merged) {
        let known = match kind {
            ListKind::ResourceTemplates => &self.templates,
            ListKind::Resources | ListKind::Tools | ListKind::Prompts => &self.resources,
        };
        if known.contains(uri) || !self.make_room(None, plain_size(uri), merged) {
            return;
        }
        match kind {
            ListKind::ResourceTemplates => self.templates.insert(uri.into()),
            ListKind::Resources | ListKind::Tools | ListKind::Prompts => self.resources.insert(uri.into()),
        };
    }

    /// Accounts for a definition of `size` bytes in the place of one of `freed` bytes, if there was one. A definition
    /// without room changes nothing: the old one, if any, stays.
    fn make_room(&mut self, freed: Option<usize>, size: usize, merged: &mut Merged) -> bool {
        let entries = self.len() + usize::from(freed.is_none());
        let bytes = self.bytes.saturating_sub(freed.unwrap_or(0)).saturating_add(size);
        if entries > MAX_ENTRIES || bytes > MAX_BYTES {
            merged.dropped += 1;
            return false;
        }
        self.bytes = bytes;
        merged.changed = true;
        true
    }

    fn knows_resource(&self, uri: &str) -> bool {
        self.resources.contains(uri) || self.templates.contains(uri)
    }
}

impl Tool {
    fn new(schema: Option<&str>) -> Self {
        let headers = schema.map_or(Ok(ToolHeaders::default()), ToolHeaders::from_schema);
        Self {
            schema: schema.map(Into::into),
            arguments: schema.map(Arguments::from_schema).unwrap_or_default(),
            headers: headers.ok().map(Arc::new),
        }
    }

    fn size(&self, name: &str) -> usize {
        plain_size(name).saturating_add(self.schema.as_deref().map_or(0, str::len))
    }
}

fn prompt_size(name: &str, arguments: &BTreeSet<String>) -> usize {
    arguments.iter().fold(plain_size(name), |sum, argument| sum.saturating_add(plain_size(argument)))
}

fn plain_size(key: &str) -> usize {
    key.len().saturating_add(ENTRY_OVERHEAD)
}

/// A stored catalogue that is not one, or is of another format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored catalogue can't be read; it is built anew from the server's lists")]
pub struct BadCatalogue;

#[derive(Deserialize)]
struct ToolEntry<'a> {
    #[serde(rename = "inputSchema", borrow)]
    input_schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PromptEntry {
    arguments: Option<Vec<PromptArgument>>,
}

#[derive(Deserialize)]
struct PromptArgument {
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    version: u32,
    tools: Vec<StoredTool>,
    prompts: Vec<StoredPrompt>,
    resources: Vec<String>,
    resource_templates: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredTool {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_schema: Option<Box<RawValue>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPrompt {
    name: String,
    arguments: Vec<String>,
}

#[cfg(test)]
mod tests;
