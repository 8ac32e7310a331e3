//! The methods of every revision.

use std::fmt;

macro_rules! methods {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// A JSON-RPC method: one that some revision of MCP or its Tasks extension defines, or an unknown one.
        ///
        /// Which of them may be called, by whom and in which era, is for the policy to say; here they only have names.
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])+ $variant,)+
            /// Any other name. It is kept for the answer to the caller and never shown in a log ([`fmt::Debug`] hides it).
            Unknown(Box<str>),
        }

        impl Method {
            /// Every known method.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)+];

            /// Reads a method's name, exactly: case counts (A26).
            pub fn parse(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    other => Self::Unknown(other.into()),
                }
            }

            /// The name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown(name) => name,
                }
            }

            /// The name of a known method, `None` for an unknown one: what logs, metrics and the ledger may show.
            pub fn known(&self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($name),)+
                    Self::Unknown(_) => None,
                }
            }
        }
    };
}

methods! {
    /// Opens a legacy session.
    Initialize = "initialize",
    /// The client finished the legacy handshake.
    Initialized = "notifications/initialized",
    /// What a modern server offers.
    Discover = "server/discover",
    /// Legacy: are you there?
    Ping = "ping",
    /// Lists tools.
    ToolsList = "tools/list",
    /// Calls a tool.
    ToolsCall = "tools/call",
    /// Lists prompts.
    PromptsList = "prompts/list",
    /// Gets a prompt.
    PromptsGet = "prompts/get",
    /// Lists resources.
    ResourcesList = "resources/list",
    /// Lists resource templates.
    ResourceTemplatesList = "resources/templates/list",
    /// Reads a resource.
    ResourcesRead = "resources/read",
    /// Legacy: tell me when this resource changes.
    ResourcesSubscribe = "resources/subscribe",
    /// Legacy: stop telling me.
    ResourcesUnsubscribe = "resources/unsubscribe",
    /// Completes an argument of a prompt or a resource template.
    Complete = "completion/complete",
    /// Legacy: sets the session's log level.
    SetLevel = "logging/setLevel",
    /// Modern: opens a stream of change notifications.
    SubscriptionsListen = "subscriptions/listen",
    /// A request is no longer wanted.
    Cancelled = "notifications/cancelled",
    /// How far a request has got.
    Progress = "notifications/progress",
    /// Legacy: the client's roots changed.
    RootsListChanged = "notifications/roots/list_changed",
    /// A log message of the server.
    LogMessage = "notifications/message",
    /// The server's tools changed.
    ToolsListChanged = "notifications/tools/list_changed",
    /// The server's prompts changed.
    PromptsListChanged = "notifications/prompts/list_changed",
    /// The server's resources changed.
    ResourcesListChanged = "notifications/resources/list_changed",
    /// A resource's content changed.
    ResourceUpdated = "notifications/resources/updated",
    /// Modern: what a subscription will deliver.
    SubscriptionAcknowledged = "notifications/subscriptions/acknowledged",
    /// 2025-11-25: an elicitation by URL is over.
    ElicitationComplete = "notifications/elicitation/complete",
    /// Legacy: the server asks the person something.
    Elicit = "elicitation/create",
    /// Legacy: the server asks the client's model something.
    CreateMessage = "sampling/createMessage",
    /// Legacy: the server asks for the client's roots.
    RootsList = "roots/list",
    /// Tasks: a task's state.
    TasksGet = "tasks/get",
    /// Tasks extension: answers what a task asked.
    TasksUpdate = "tasks/update",
    /// Tasks: stops a task.
    TasksCancel = "tasks/cancel",
    /// Tasks of 2025-11-25: lists tasks. Gone from the extension.
    TasksList = "tasks/list",
    /// Tasks of 2025-11-25: waits for a task's result. Gone from the extension.
    TasksResult = "tasks/result",
    /// Tasks of 2025-11-25: a task's status changed.
    TaskStatus = "notifications/tasks/status",
    /// Tasks extension: a task's state, pushed.
    TaskChanged = "notifications/tasks",
}

impl Method {
    /// Whether the protocol defines this as a notification, which has no id and no answer.
    ///
    /// For an unknown method the name decides: MCP names its notifications `notifications/...`.
    pub fn is_notification(&self) -> bool {
        self.as_str().starts_with("notifications/")
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "Unknown({} bytes)", name.len()),
            known => f.write_str(known.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_reads_back() {
        for method in Method::KNOWN {
            assert_eq!(&Method::parse(method.as_str()), method);
            assert_eq!(method.known(), Some(method.as_str()));
        }
    }

    #[test]
    fn js_08_any_other_name_is_kept_as_unknown() {
        for name in ["", "tools/Call", "TOOLS/CALL", "tools/call ", "resources/delete", "rpc.discover"] {
            let method = Method::parse(name);
            assert_eq!(method, Method::Unknown(name.into()));
            assert_eq!((method.as_str(), method.known()), (name, None));
        }
    }

    #[test]
    fn an_unknown_name_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Method::parse("secret-canary")), "Unknown(13 bytes)");
    }

    #[test]
    fn notifications_are_known_by_their_name() {
        assert!(Method::Cancelled.is_notification() && Method::TaskChanged.is_notification());
        assert!(Method::parse("notifications/x").is_notification());
        assert!(!Method::ToolsCall.is_notification() && !Method::parse("notification").is_notification());
    }
}
