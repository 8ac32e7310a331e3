//! Who owns which task, so that nobody else can ask for it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use doorward_wire::ServerName;

use crate::decide::Permit;
use crate::principal::Owner;

/// How many tasks one owner may have at one server. One more drops the owner's oldest.
const MAX_OF_OWNER: usize = 256;

/// How many tasks are remembered in all.
const MAX_TASKS: usize = 65_536;

/// The longest that a task is remembered.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest id of a task, in bytes.
const MAX_ID: usize = 1024;

/// The tasks that permitted calls began (checklist A60, B20).
///
/// A task is found only by its owner: two owners may each have a task of the same id, and neither can see whether
/// the other does. It is kept in memory alone, so after a restart a task is unknown to its owner too.
#[derive(Debug, Default)]
pub struct TaskRegistry {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    owners: HashMap<(ServerName, Owner), VecDeque<Task>>,
    count: usize,
}

#[derive(Debug)]
struct Task {
    id: Box<str>,
    tool: Arc<str>,
    until: SystemTime,
}

/// A task that can't be remembered, so that its owner could never ask for it. The call should answer with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskRefused {
    /// The call is not one that may begin a task: only calls of tools do.
    #[error("only a call of a tool can begin a task")]
    NotATool,
    /// The id is empty or endless.
    #[error("the id of a task is 1 to {MAX_ID} bytes")]
    BadId,
    /// Too many tasks are open.
    #[error("too many tasks are open; try again when some have ended")]
    Full,
}

impl TaskRegistry {
    /// Remembers a task that the server made of a permitted call, for as long as the server keeps it, or for a day.
    ///
    /// # Errors
    ///
    /// When the call was no call of a tool, the id is not usable, or there is no room.
    pub fn register(
        &self,
        permit: &Permit,
        id: &str,
        lifetime: Option<Duration>,
        now: SystemTime,
    ) -> Result<(), TaskRefused> {
        let tool = permit.tool().ok_or(TaskRefused::NotATool)?;
        let owner = permit.principal().owner();
        self.insert(permit.server().clone(), owner, id, tool, lifetime, now)
    }

    fn insert(
        &self,
        server: ServerName,
        owner: Owner,
        id: &str,
        tool: &str,
        lifetime: Option<Duration>,
        now: SystemTime,
    ) -> Result<(), TaskRefused> {
        if id.is_empty() || id.len() > MAX_ID {
            return Err(TaskRefused::BadId);
        }
        let age = lifetime.map_or(MAX_AGE, |lifetime| lifetime.min(MAX_AGE));
        let until = now.checked_add(age).ok_or(TaskRefused::BadId)?;
        let mut state = self.lock();
        if state.count >= MAX_TASKS {
            state.sweep(now);
        }
        let full = state.count >= MAX_TASKS;
        let State { owners, count } = &mut *state;
        let key = (server, owner);
        if full && !owners.contains_key(&key) {
            return Err(TaskRefused::Full);
        }
        let tasks = owners.entry(key).or_default();
        let before = tasks.len();
        tasks.retain(|task| *task.id != *id);
        if full || tasks.len() >= MAX_OF_OWNER {
            tasks.pop_front();
        }
        tasks.push_back(Task { id: id.into(), tool: tool.into(), until });
        *count = count.saturating_sub(before).saturating_add(tasks.len());
        Ok(())
    }

    /// The tool that began a task of this owner.
    pub(crate) fn tool(&self, server: &ServerName, owner: &Owner, id: &str, now: SystemTime) -> Option<Arc<str>> {
        let state = self.lock();
        let tasks = state.owners.get(&(server.clone(), owner.clone()))?;
        let task = tasks.iter().find(|task| *task.id == *id && task.until > now)?;
        Some(Arc::clone(&task.tool))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sweep(&mut self, now: SystemTime) {
        self.owners.retain(|_, tasks| {
            tasks.retain(|task| task.until > now);
            !tasks.is_empty()
        });
        self.count = self.owners.values().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use doorward_identity::CallerKey;

    use super::*;

    fn server() -> ServerName {
        "crm".parse().expect("a name")
    }

    fn owner(subject: &str) -> Owner {
        Owner::Caller(CallerKey::new("https://issuer.example", subject, None))
    }

    fn insert(registry: &TaskRegistry, who: &Owner, id: &str, now: SystemTime) -> Result<(), TaskRefused> {
        registry.insert(server(), who.clone(), id, "report", Some(Duration::from_secs(60)), now)
    }

    #[test]
    fn a_task_is_found_by_its_owner_alone_and_only_while_it_lives() {
        let registry = TaskRegistry::default();
        let now = SystemTime::UNIX_EPOCH;
        insert(&registry, &owner("ann"), "1", now).expect("room");
        let find = |who: &Owner, id, now| registry.tool(&server(), who, id, now);
        assert_eq!(find(&owner("ann"), "1", now).as_deref(), Some("report"));
        assert_eq!(find(&owner("bob"), "1", now), None);
        assert_eq!(find(&Owner::Anonymous, "1", now), None);
        assert_eq!(find(&owner("ann"), "2", now), None);
        assert_eq!(find(&owner("ann"), "1", now + Duration::from_secs(60)), None);
        let other: ServerName = "ops".parse().expect("a name");
        assert_eq!(registry.tool(&other, &owner("ann"), "1", now), None);
    }

    #[test]
    fn one_owner_can_not_crowd_out_others() {
        let registry = TaskRegistry::default();
        let now = SystemTime::UNIX_EPOCH;
        insert(&registry, &owner("ann"), "hers", now).expect("room");
        for id in 0..10 * MAX_OF_OWNER {
            insert(&registry, &owner("bob"), &id.to_string(), now).expect("his oldest goes");
        }
        assert_eq!(registry.lock().count, 1 + MAX_OF_OWNER);
        assert!(registry.tool(&server(), &owner("ann"), "hers", now).is_some());
        assert!(registry.tool(&server(), &owner("bob"), "0", now).is_none());
    }

    #[test]
    fn memory_is_bounded_and_swept() {
        let registry = TaskRegistry::default();
        let now = SystemTime::UNIX_EPOCH;
        for index in 0..MAX_TASKS {
            insert(&registry, &owner(&index.to_string()), "t", now).expect("room");
        }
        assert_eq!(insert(&registry, &owner("late"), "t", now), Err(TaskRefused::Full));
        assert_eq!(insert(&registry, &owner("0"), "u", now), Ok(()), "an owner may trade an old one for a new one");
        assert_eq!(registry.lock().count, MAX_TASKS);
        assert_eq!(insert(&registry, &owner("late"), "t", now + Duration::from_secs(61)), Ok(()));
        assert_eq!(registry.lock().count, 1);
    }

    #[test]
    fn ids_are_bounded() {
        let registry = TaskRegistry::default();
        for id in ["", &"x".repeat(MAX_ID + 1)] {
            assert_eq!(insert(&registry, &owner("ann"), id, SystemTime::UNIX_EPOCH), Err(TaskRefused::BadId));
        }
    }
}
