//! The lists that servers give: tools, prompts, resources and resource templates.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::edit::Piece;
use crate::error::{ParseError, ParseFault};
use crate::message::Message;
use crate::method::Method;
use crate::target::Target;
use crate::tool_headers::{BadAnnotation, ToolHeaders};

/// Which list a result holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// `result.tools`, by `name`.
    Tools,
    /// `result.prompts`, by `name`.
    Prompts,
    /// `result.resources`, by `uri`.
    Resources,
    /// `result.resourceTemplates`, by `uriTemplate`.
    ResourceTemplates,
}

impl ListKind {
    /// The list that the result of `method` holds.
    pub fn of(method: &Method) -> Option<Self> {
        match method {
            Method::ToolsList => Some(Self::Tools),
            Method::PromptsList => Some(Self::Prompts),
            Method::ResourcesList => Some(Self::Resources),
            Method::ResourceTemplatesList => Some(Self::ResourceTemplates),
            _ => None,
        }
    }

    /// What a call of an entry would name: the same target that the policy judges when the call comes.
    pub fn target(self, key: &str) -> Target {
        match self {
            Self::Tools => Target::Tool(key.to_owned()),
            Self::Prompts => Target::Prompt(key.to_owned()),
            Self::Resources | Self::ResourceTemplates => Target::Resource(key.to_owned()),
        }
    }
}

/// One entry of a list. [`fmt::Debug`] shows lengths only.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry<'m> {
    /// What the entry is known by: a name, a URI or a URI template.
    pub key: Cow<'m, str>,
    /// The whole entry, as JSON text of the message it stands in.
    pub raw: &'m str,
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry(key of {} bytes, {} bytes)", self.key.len(), self.raw.len())
    }
}

/// A tool's definition. [`fmt::Debug`] shows lengths only.
#[derive(Clone, PartialEq, Eq)]
pub struct Tool<'m> {
    /// The name that a call gives.
    pub name: Cow<'m, str>,
    /// The whole definition, as JSON text.
    pub raw: &'m str,
    /// `inputSchema`, as JSON text.
    pub input_schema: Option<&'m str>,
}

impl<'m> Tool<'m> {
    /// Reads a definition, such as the `raw` of an [`Entry`].
    ///
    /// # Errors
    ///
    /// When it is no object with a `name`.
    pub fn read(raw: &'m str) -> Result<Self, ParseError> {
        #[derive(Deserialize)]
        struct Definition<'a> {
            #[serde(borrow)]
            name: Cow<'a, str>,
            #[serde(borrow, rename = "inputSchema")]
            input_schema: Option<&'a RawValue>,
        }
        let tool: Definition<'m> = serde_json::from_str(raw).map_err(|_| unlisted("a tool has no `name`"))?;
        Ok(Self { name: tool.name, raw, input_schema: tool.input_schema.map(RawValue::get) })
    }

    /// Which of its parameters are mirrored into headers.
    ///
    /// # Errors
    ///
    /// When the annotations are not valid; such a tool must not be offered over HTTP (C06).
    pub fn headers(&self) -> Result<ToolHeaders, BadAnnotation> {
        self.input_schema.map_or(Ok(ToolHeaders::default()), ToolHeaders::from_schema)
    }
}

impl fmt::Debug for Tool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tool(name of {} bytes, {} bytes)", self.name.len(), self.raw.len())
    }
}

/// The members of a result that matter here.
#[derive(Deserialize)]
struct Lists<'a> {
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    prompts: Option<&'a RawValue>,
    #[serde(borrow)]
    resources: Option<&'a RawValue>,
    #[serde(borrow, rename = "resourceTemplates")]
    resource_templates: Option<&'a RawValue>,
}

impl Message {
    /// The entries of the list that this result holds.
    ///
    /// # Errors
    ///
    /// When it is no result, holds no such list, or an entry has nothing to be known by: what can't be judged must not
    /// pass.
    pub fn entries(&self, kind: ListKind) -> Result<Vec<Entry<'_>>, ParseError> {
        entries(self.list(kind)?, kind)
    }

    /// The tools of the list that this result holds.
    ///
    /// # Errors
    ///
    /// As [`Message::entries`].
    pub fn tools(&self) -> Result<Vec<Tool<'_>>, ParseError> {
        self.entries(ListKind::Tools)?.into_iter().map(|entry| Tool::read(entry.raw)).collect()
    }

    /// The message with only those entries whose key `keep` accepts; `None` when it accepts all, so that the message can go
    /// on as it is. What remains stays byte for byte. A filtered list is one person's: a `cacheScope` becomes `private`
    /// (E28).
    ///
    /// # Errors
    ///
    /// As [`Message::entries`].
    pub fn retain(&self, kind: ListKind, keep: &mut dyn FnMut(&str) -> bool) -> Result<Option<Self>, ParseError> {
        let list = self.list(kind)?;
        let entries = entries(list, kind)?;
        let kept: Vec<&str> = entries.iter().filter(|entry| keep(&entry.key)).map(|entry| entry.raw).collect();
        if kept.len() == entries.len() {
            return Ok(None);
        }
        let span = self.span_of(list).ok_or(unlisted("the result holds no such list"))?;
        let mut pieces = vec![Piece::new(span, format!("[{}]", kept.join(",")))];
        pieces.extend(self.private_piece());
        Ok(Some(self.spliced(self.meaning().clone(), pieces)))
    }

    /// The message with its `cacheScope` set to `private`; `None` when it has none or is private already (A49, E28).
    pub fn private_cache(&self) -> Option<Self> {
        let piece = self.private_piece()?;
        Some(self.spliced(self.meaning().clone(), vec![piece]))
    }

    fn private_piece(&self) -> Option<Piece> {
        let span = self.meaning().cache_scope?;
        let scope = crate::reader::unquote(span.of(self.text()));
        (scope.as_deref() != Some("private")).then(|| Piece::new(span, "\"private\""))
    }

    /// The list of a result, as JSON text.
    fn list(&self, kind: ListKind) -> Result<&str, ParseError> {
        let lists = self.result().and_then(|result| serde_json::from_str::<Lists<'_>>(result).ok());
        let list = lists.and_then(|lists| match kind {
            ListKind::Tools => lists.tools,
            ListKind::Prompts => lists.prompts,
            ListKind::Resources => lists.resources,
            ListKind::ResourceTemplates => lists.resource_templates,
        });
        list.map(RawValue::get).ok_or(unlisted("the result holds no such list"))
    }
}

fn entries(list: &str, kind: ListKind) -> Result<Vec<Entry<'_>>, ParseError> {
    let raw: Vec<&RawValue> = serde_json::from_str(list).map_err(|_| unlisted("the list of a result is not a list"))?;
    raw.into_iter()
        .map(|entry| {
            let raw = entry.get();
            let key = key(raw, kind).ok_or(unlisted("an entry of a list has no name"))?;
            Ok(Entry { key, raw })
        })
        .collect()
}

/// What an entry is known by.
fn key(entry: &str, kind: ListKind) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Located<'a> {
        #[serde(borrow)]
        uri: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Templated<'a> {
        #[serde(borrow, rename = "uriTemplate")]
        uri_template: Cow<'a, str>,
    }
    match kind {
        ListKind::Tools | ListKind::Prompts => serde_json::from_str(entry).ok().map(|entry: Named<'_>| entry.name),
        ListKind::Resources => serde_json::from_str(entry).ok().map(|entry: Located<'_>| entry.uri),
        ListKind::ResourceTemplates => serde_json::from_str(entry).ok().map(|entry: Templated<'_>| entry.uri_template),
    }
}

fn unlisted(rule: &'static str) -> ParseError {
    ParseError::new(ParseFault::Envelope(rule), 0)
}
