//! Which rule governs which method: the table of every method of every era.

use doorward_wire::{Era, ListKind, Method};

/// How a method of a client is governed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// By the rule on discovery; without one, open to whoever may use anything at all of the server.
    Discovery,
    /// By the rule on the tool, prompt or resource that it names.
    Target,
    /// Open to whoever may see anything of the server; the entries are then screened one by one.
    List(ListKind),
    /// Open to whoever may see anything of the server.
    Session,
    /// As [`Row::Session`], and each resource and task that it names must be permitted.
    Listen,
    /// By the task's owner and the rule on the tool that began it (checklist A60, B20).
    Task,
    /// Belongs to an exchange of the same caller, and to nobody else.
    Exchange,
}

/// The row of a method that a *client* sends, or `None` where the method has none and is refused.
///
/// Refused are the methods of the other era, those that only a server sends, `tasks/list` (its answer may name the
/// tasks of others, checklist B20), and every unknown one.
#[must_use]
pub fn governs(method: &Method, era: Era) -> Option<Row> {
    match era {
        Era::Modern => modern(method),
        Era::Legacy => legacy(method),
    }
}

fn modern(method: &Method) -> Option<Row> {
    Some(match method {
        Method::Discover => Row::Discovery,
        Method::ToolsList => Row::List(ListKind::Tools),
        Method::PromptsList => Row::List(ListKind::Prompts),
        Method::ResourcesList => Row::List(ListKind::Resources),
        Method::ResourceTemplatesList => Row::List(ListKind::ResourceTemplates),
        Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead | Method::Complete => Row::Target,
        Method::SubscriptionsListen => Row::Listen,
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => Row::Task,
        Method::Cancelled => Row::Exchange,
        // Gone in this era (checklist A16).
        Method::Initialize
        | Method::Initialized
        | Method::Ping
        | Method::ResourcesSubscribe
        | Method::ResourcesUnsubscribe
        | Method::SetLevel
        | Method::RootsListChanged
        | Method::TasksList
        | Method::TasksResult
        // A client answers no requests in this era, so it has no progress to tell.
        | Method::Progress => return None,
        // Said by servers.
        Method::LogMessage
        | Method::ToolsListChanged
        | Method::PromptsListChanged
        | Method::ResourcesListChanged
        | Method::ResourceUpdated
        | Method::SubscriptionAcknowledged
        | Method::ElicitationComplete
        | Method::Elicit
        | Method::CreateMessage
        | Method::RootsList
        | Method::TaskStatus
        | Method::TaskChanged => return None,
        Method::Unknown(_) => return None,
    })
}

fn legacy(method: &Method) -> Option<Row> {
    Some(match method {
        Method::Initialize | Method::Initialized | Method::Ping => Row::Discovery,
        Method::ToolsList => Row::List(ListKind::Tools),
        Method::PromptsList => Row::List(ListKind::Prompts),
        Method::ResourcesList => Row::List(ListKind::Resources),
        Method::ResourceTemplatesList => Row::List(ListKind::ResourceTemplates),
        Method::ToolsCall
        | Method::PromptsGet
        | Method::ResourcesRead
        | Method::ResourcesSubscribe
        | Method::ResourcesUnsubscribe
        | Method::Complete => Row::Target,
        Method::SetLevel | Method::RootsListChanged => Row::Session,
        Method::TasksGet | Method::TasksCancel | Method::TasksResult => Row::Task,
        Method::Cancelled | Method::Progress => Row::Exchange,
        // Came with the modern era.
        Method::Discover | Method::SubscriptionsListen | Method::TasksUpdate => return None,
        // May name the tasks of others.
        Method::TasksList => return None,
        // Said by servers.
        Method::LogMessage
        | Method::ToolsListChanged
        | Method::PromptsListChanged
        | Method::ResourcesListChanged
        | Method::ResourceUpdated
        | Method::SubscriptionAcknowledged
        | Method::ElicitationComplete
        | Method::Elicit
        | Method::CreateMessage
        | Method::RootsList
        | Method::TaskStatus
        | Method::TaskChanged => return None,
        Method::Unknown(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every known method with its row in the modern and in the legacy era.
    fn table() -> Vec<(Method, Option<Row>, Option<Row>)> {
        let discovery = Some(Row::Discovery);
        let target = Some(Row::Target);
        let session = Some(Row::Session);
        let task = Some(Row::Task);
        let exchange = Some(Row::Exchange);
        let list = |kind| Some(Row::List(kind));
        vec![
            (Method::Initialize, None, discovery),
            (Method::Initialized, None, discovery),
            (Method::Discover, discovery, None),
            (Method::Ping, None, discovery),
            (Method::ToolsList, list(ListKind::Tools), list(ListKind::Tools)),
            (Method::ToolsCall, target, target),
            (Method::PromptsList, list(ListKind::Prompts), list(ListKind::Prompts)),
            (Method::PromptsGet, target, target),
            (Method::ResourcesList, list(ListKind::Resources), list(ListKind::Resources)),
            (Method::ResourceTemplatesList, list(ListKind::ResourceTemplates), list(ListKind::ResourceTemplates)),
            (Method::ResourcesRead, target, target),
            (Method::ResourcesSubscribe, None, target),
            (Method::ResourcesUnsubscribe, None, target),
            (Method::Complete, target, target),
            (Method::SetLevel, None, session),
            (Method::SubscriptionsListen, Some(Row::Listen), None),
            (Method::Cancelled, exchange, exchange),
            (Method::Progress, None, exchange),
            (Method::RootsListChanged, None, session),
            (Method::LogMessage, None, None),
            (Method::ToolsListChanged, None, None),
            (Method::PromptsListChanged, None, None),
            (Method::ResourcesListChanged, None, None),
            (Method::ResourceUpdated, None, None),
            (Method::SubscriptionAcknowledged, None, None),
            (Method::ElicitationComplete, None, None),
            (Method::Elicit, None, None),
            (Method::CreateMessage, None, None),
            (Method::RootsList, None, None),
            (Method::TasksGet, task, task),
            (Method::TasksUpdate, task, None),
            (Method::TasksCancel, task, task),
            (Method::TasksList, None, None),
            (Method::TasksResult, None, task),
            (Method::TaskStatus, None, None),
            (Method::TaskChanged, None, None),
        ]
    }

    #[test]
    fn every_method_of_every_era_has_a_row_or_is_refused() {
        let table = table();
        for method in Method::KNOWN {
            let rows: Vec<_> = table.iter().filter(|(other, ..)| other == method).collect();
            assert_eq!(rows.len(), 1, "{method:?} stands once in the table");
            for (_, modern, legacy) in rows {
                assert_eq!(governs(method, Era::Modern), *modern, "{method:?} in the modern era");
                assert_eq!(governs(method, Era::Legacy), *legacy, "{method:?} in the legacy era");
            }
        }
        assert_eq!(table.len(), Method::KNOWN.len());
    }

    #[test]
    fn an_unknown_method_is_refused_in_every_era() {
        for name in ["", "tools/Call", "resources/delete", "rpc.discover"] {
            let method = Method::parse(name);
            assert_eq!(governs(&method, Era::Modern), None);
            assert_eq!(governs(&method, Era::Legacy), None);
        }
    }
}
