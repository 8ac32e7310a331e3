//! Which processes run, for whom, and how many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use doorward::upstream::{LinkKey, Owner};
use tokio::time::Instant;

/// Something that a pool holds.
pub(super) trait Pooled {
    /// Whether it can be used further.
    fn is_alive(&self) -> bool;
    /// Whether somebody is using it now.
    fn is_in_use(&self) -> bool;
    /// When it was last used.
    fn last_used(&self) -> Instant;
    /// Begins its end.
    fn begin_end(&self);
}

/// Links by key: one per key, capped in all and per owner. A link of one key is never handed out for another, so that
/// nothing of one caller's reaches the next.
#[derive(Debug)]
pub(super) struct Pool<L> {
    most: usize,
    most_per_owner: usize,
    slots: Mutex<HashMap<LinkKey, Arc<Slot<L>>>>,
}

/// The place of one key's link. The inner lock is held while a link is being started, so that one start serves all who
/// ask for it meanwhile.
#[derive(Debug)]
pub(super) struct Slot<L> {
    pub(super) link: tokio::sync::Mutex<Option<Arc<L>>>,
}

/// Every place is taken by a link in use. The number is the cap that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full(pub(super) usize);

/// What a slot is worth keeping for.
enum Worth {
    /// Somebody uses its link, starts one, or is about to.
    Busy,
    /// Nobody has used its link since then.
    Idle(Instant),
    /// It holds no link that could be used.
    Nothing,
}

impl<L: Pooled> Slot<L> {
    fn worth(self: &Arc<Self>) -> Worth {
        // Whoever is about to use the link holds the slot too.
        if Arc::strong_count(self) > 1 {
            return Worth::Busy;
        }
        let Ok(link) = self.link.try_lock() else { return Worth::Busy };
        match link.as_deref() {
            Some(link) if !link.is_alive() => Worth::Nothing,
            Some(link) if link.is_in_use() => Worth::Busy,
            Some(link) => Worth::Idle(link.last_used()),
            None => Worth::Nothing,
        }
    }

    fn begin_end(&self) {
        if let Ok(link) = self.link.try_lock()
            && let Some(link) = link.as_deref()
        {
            link.begin_end();
        }
    }
}

impl<L: Pooled> Pool<L> {
    pub(super) fn new(most: usize, most_per_owner: usize) -> Self {
        Self { most, most_per_owner, slots: Mutex::default() }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<LinkKey, Arc<Slot<L>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot of a key. When a cap is met, the link that has been idle for longest makes room: of the same owner when
    /// it is the owner's cap, else one without a session or of nobody: no proven caller's session ends for another's
    /// sake. Nobody makes room for an unproven caller, whose links all count as one owner's although a
    /// proven one may have taken a session over since.
    pub(super) fn slot(&self, key: &LinkKey) -> Result<Arc<Slot<L>>, Full> {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(key) {
            return Ok(Arc::clone(slot));
        }
        let of_owner = |slots: &HashMap<LinkKey, _>| slots.keys().filter(|other| other.owner == key.owner).count();
        if slots.len() >= self.most || of_owner(&slots) >= self.most_per_owner {
            slots.retain(|_, slot| !matches!(slot.worth(), Worth::Nothing));
        }
        let proven = key.owner != Owner::Anonymous;
        if of_owner(&slots) >= self.most_per_owner
            && !(proven && make_room(&mut slots, |other| other.owner == key.owner))
        {
            return Err(Full(self.most_per_owner));
        }
        if slots.len() >= self.most && !(proven && make_room(&mut slots, |other| is_owed_nothing(other, &key.owner))) {
            return Err(Full(self.most));
        }
        let slot = Arc::new(Slot { link: tokio::sync::Mutex::new(None) });
        slots.insert(key.clone(), Arc::clone(&slot));
        Ok(slot)
    }

    /// Ends what nobody used for as long as `idle` says of its key, and forgets what is dead.
    pub(super) fn sweep(&self, idle: impl Fn(&LinkKey) -> Duration) {
        let gone: Vec<_> = {
            let mut slots = self.slots();
            slots
                .extract_if(|key, slot| match slot.worth() {
                    Worth::Busy => false,
                    Worth::Idle(since) => since.elapsed() >= idle(key),
                    Worth::Nothing => true,
                })
                .collect()
        };
        for (_, slot) in gone {
            slot.begin_end();
        }
    }

    /// Takes every link out, to be closed.
    pub(super) async fn drain(&self) -> Vec<Arc<L>> {
        let slots: Vec<_> = self.slots().drain().map(|(_, slot)| slot).collect();
        let mut links = Vec::new();
        for slot in slots {
            links.extend(slot.link.lock().await.take());
        }
        links
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.slots().len()
    }
}

/// Whether a link may make room for one of `owner`: a caller's own may, and what starts again without a loss; so may what
/// nobody has proven to be theirs.
fn is_owed_nothing(key: &LinkKey, owner: &Owner) -> bool {
    key.session.is_none() || key.owner == Owner::Anonymous || key.owner == *owner
}

fn make_room<L: Pooled>(slots: &mut HashMap<LinkKey, Arc<Slot<L>>>, may_go: impl Fn(&LinkKey) -> bool) -> bool {
    let idle = slots.iter().filter_map(|(key, slot)| match slot.worth() {
        // What starts again without a loss goes before a session.
        Worth::Idle(since) if may_go(key) => Some((key.session.is_some(), since, key)),
        Worth::Idle(_) | Worth::Busy | Worth::Nothing => None,
    });
    let oldest = idle.min_by_key(|(session, since, _)| (*session, *since)).map(|(.., key)| key.clone());
    match oldest.and_then(|key| slots.remove(&key)) {
        Some(slot) => {
            slot.begin_end();
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use doorward::identity::CallerKey;
    use doorward_wire::Version;

    use super::*;

    #[derive(Debug)]
    struct Fake {
        busy: AtomicBool,
        ended: AtomicBool,
        used: Instant,
    }

    impl Pooled for Fake {
        fn is_alive(&self) -> bool {
            !self.ended.load(Ordering::Relaxed)
        }
        fn is_in_use(&self) -> bool {
            self.busy.load(Ordering::Relaxed)
        }
        fn last_used(&self) -> Instant {
            self.used
        }
        fn begin_end(&self) {
            self.ended.store(true, Ordering::Relaxed);
        }
    }

    fn key(session: u64) -> LinkKey {
        LinkKey {
            server: "crm".parse().unwrap(),
            owner: Owner::Caller(CallerKey::new("https://issuer.test", "alice", None)),
            version: Version::V2025_11_25,
            capabilities: [0; 32],
            session: Some(session),
        }
    }

    async fn fill(pool: &Pool<Fake>, session: u64, busy: bool) -> Arc<Fake> {
        fill_at(pool, &key(session), busy).await
    }

    async fn fill_at(pool: &Pool<Fake>, key: &LinkKey, busy: bool) -> Arc<Fake> {
        let slot = pool.slot(key).unwrap();
        let fake = Arc::new(Fake { busy: AtomicBool::new(busy), ended: AtomicBool::new(false), used: Instant::now() });
        *slot.link.lock().await = Some(Arc::clone(&fake));
        fake
    }

    #[tokio::test(start_paused = true)]
    async fn one_key_has_one_slot_and_keys_share_none() {
        let pool: Pool<Fake> = Pool::new(10, 10);
        let slot = pool.slot(&key(1)).unwrap();
        assert!(Arc::ptr_eq(&slot, &pool.slot(&key(1)).unwrap()));
        assert!(!Arc::ptr_eq(&slot, &pool.slot(&key(2)).unwrap()));
        let mut other = key(1);
        other.capabilities = [1; 32];
        assert!(!Arc::ptr_eq(&slot, &pool.slot(&other).unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_cap_the_longest_idle_makes_room_and_busy_ones_stay() {
        for pool in [Pool::new(2, 10), Pool::new(10, 2)] {
            let busy = fill(&pool, 1, true).await;
            tokio::time::advance(Duration::from_secs(1)).await;
            let idle = fill(&pool, 2, false).await;
            fill(&pool, 3, true).await;
            assert!(busy.is_alive() && !idle.is_alive());
            assert_eq!(pool.slot(&key(4)).unwrap_err(), Full(2));
            assert_eq!(pool.len(), 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_makes_room_for_an_unproven_caller() {
        let pool = Pool::new(2, 10);
        let idle = fill(&pool, 1, false).await;
        fill(&pool, 2, false).await;
        let mut anonymous = key(3);
        anonymous.owner = Owner::Anonymous;
        assert_eq!(pool.slot(&anonymous).unwrap_err(), Full(2));
        assert!(idle.is_alive());
        assert!(pool.slot(&key(3)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn no_callers_session_ends_for_another_callers_sake() {
        let others = |session: Option<u64>| LinkKey {
            owner: Owner::Caller(CallerKey::new("https://issuer.test", "bob", None)),
            session,
            ..key(0)
        };
        let pool = Pool::new(2, 10);
        let older = fill(&pool, 1, false).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        let newer = fill(&pool, 2, false).await;
        assert_eq!(pool.slot(&others(Some(3))).unwrap_err(), Full(2));
        assert!(older.is_alive() && newer.is_alive());

        // One's own makes room, and so does what starts again without a loss.
        tokio::time::advance(Duration::from_secs(1)).await;
        let mut modern = key(0);
        modern.session = None;
        let sessionless = fill_at(&pool, &modern, false).await;
        assert!(!older.is_alive() && newer.is_alive());
        assert!(pool.slot(&others(Some(3))).is_ok());
        assert!(!sessionless.is_alive() && newer.is_alive());
    }

    #[tokio::test(start_paused = true)]
    async fn failed_starts_take_no_place() {
        let pool: Pool<Fake> = Pool::new(64, 16);
        for session in 0..1000 {
            let mut anonymous = key(session);
            anonymous.owner = Owner::Anonymous;
            drop(pool.slot(&anonymous).unwrap());
        }
        pool.sweep(|_| Duration::from_secs(3600));
        assert_eq!(pool.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_ended_takes_no_place_from_anybody() {
        let pool = Pool::new(2, 10);
        fill(&pool, 1, true).await;
        fill(&pool, 2, true).await.begin_end();
        let mut anonymous = key(3);
        anonymous.owner = Owner::Anonymous;
        assert!(pool.slot(&anonymous).is_ok());
        fill(&pool, 4, false).await.begin_end();
        pool.sweep(|_| Duration::from_secs(3600));
        assert_eq!(pool.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_somebody_is_about_to_use_is_not_taken_away() {
        let pool: Pool<Fake> = Pool::new(1, 1);
        let held = pool.slot(&key(1)).unwrap();
        assert_eq!(pool.slot(&key(2)).unwrap_err(), Full(1));
        drop(held);
        assert!(pool.slot(&key(2)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn idle_links_end_and_dead_ones_are_forgotten() {
        let pool = Pool::new(10, 10);
        let idle = fill(&pool, 1, false).await;
        let busy = fill(&pool, 2, true).await;
        pool.sweep(|_| Duration::from_secs(60));
        assert_eq!(pool.len(), 2);
        tokio::time::advance(Duration::from_secs(60)).await;
        pool.sweep(|_| Duration::from_secs(60));
        assert!(!idle.is_alive() && busy.is_alive());
        assert_eq!(pool.len(), 1);
        assert_eq!(pool.drain().await.len(), 1);
    }
}
