//! What a message is about.

use std::fmt;

/// The tool, prompt, resource or task that a message names, taken from its parameters by its method (E20).
///
/// [`fmt::Debug`] shows the kind and the length, never the name: a name that no rule confirms may be anything.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// The method names nothing.
    None,
    /// `tools/call`.
    Tool(String),
    /// `prompts/get`.
    Prompt(String),
    /// `resources/read`, `resources/subscribe`, `resources/unsubscribe`, `notifications/resources/updated`: a URI.
    Resource(String),
    /// `subscriptions/listen`: the URIs to watch, none when only list changes are wanted.
    Resources(Vec<String>),
    /// `completion/complete` of a prompt's argument.
    PromptRef(String),
    /// `completion/complete` of a resource template's variable: the template.
    ResourceRef(String),
    /// `tasks/...`: a task's id.
    Task(String),
}

impl Target {
    /// The one name that the target holds; `None` where it names nothing or several things.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Tool(name)
            | Self::Prompt(name)
            | Self::Resource(name)
            | Self::PromptRef(name)
            | Self::ResourceRef(name)
            | Self::Task(name) => Some(name),
            Self::None | Self::Resources(_) => None,
        }
    }

    /// The kind in one word, for logs and the ledger.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tool(_) => "tool",
            Self::Prompt(_) | Self::PromptRef(_) => "prompt",
            Self::Resource(_) | Self::Resources(_) | Self::ResourceRef(_) => "resource",
            Self::Task(_) => "task",
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Resources(uris) => write!(f, "Resources({})", uris.len()),
            named => write!(f, "{}({} bytes)", named.kind(), named.name().map_or(0, str::len)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_name() {
        for target in
            [Target::Tool("canary".into()), Target::Resources(vec!["canary".into()]), Target::Task("canary".into())]
        {
            assert!(!format!("{target:?}").contains("canary"));
        }
    }
}
