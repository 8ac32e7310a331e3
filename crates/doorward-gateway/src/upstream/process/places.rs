//! How many processes run: in all, and for one owner. A process keeps its place until it has ended, not only until it
//! was told to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use doorward::upstream::Owner;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pool::Full;

/// The places of one server's processes.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_per_owner: usize,
    all: Arc<Semaphore>,
    /// Of owners who have a process or wait for a place, and of some who had.
    owners: Mutex<HashMap<Owner, Weak<Semaphore>>>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _in_all: OwnedSemaphorePermit,
    _of_owner: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(most: usize, most_per_owner: usize) -> Self {
        Self { most, most_per_owner, all: Arc::new(Semaphore::new(most)), owners: Mutex::default() }
    }

    /// Waits for a place for `patience` at most.
    pub(super) async fn take(&self, owner: &Owner, patience: std::time::Duration) -> Result<Place, Full> {
        let deadline = tokio::time::Instant::now() + patience;
        // The owner's own first: who waits for that keeps nobody else from a place.
        let of_owner = tokio::time::timeout_at(deadline, self.of(owner).acquire_owned()).await;
        let Ok(Ok(of_owner)) = of_owner else { return Err(Full(self.most_per_owner)) };
        let in_all = tokio::time::timeout_at(deadline, Arc::clone(&self.all).acquire_owned()).await;
        let Ok(Ok(in_all)) = in_all else { return Err(Full(self.most)) };
        Ok(Place { _in_all: in_all, _of_owner: of_owner })
    }

    fn of(&self, owner: &Owner) -> Arc<Semaphore> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = owners.get(owner).and_then(Weak::upgrade) {
            return places;
        }
        // Places taken and waited for keep theirs alive, so this holds no more owners than there are of those.
        owners.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(self.most_per_owner));
        owners.insert(owner.clone(), Arc::downgrade(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorward::identity::CallerKey;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn owner(subject: &str) -> Owner {
        Owner::Caller(CallerKey::new("https://issuer.test", subject, None))
    }

    #[tokio::test(start_paused = true)]
    async fn one_owner_can_not_hold_every_place_whatever_is_still_ending() {
        let places = Places::new(3, 2);
        let _first = places.take(&owner("alice"), PATIENCE).await.unwrap();
        let second = places.take(&owner("alice"), PATIENCE).await.unwrap();
        assert_eq!(places.take(&owner("alice"), PATIENCE).await.unwrap_err(), Full(2));
        let _other = places.take(&owner("bob"), PATIENCE).await.unwrap();
        assert_eq!(places.take(&owner("carol"), PATIENCE).await.unwrap_err(), Full(3));
        drop(second);
        assert!(places.take(&owner("carol"), PATIENCE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn owners_without_a_process_are_forgotten() {
        let places = Places::new(3, 2);
        let _kept = places.take(&owner("alice"), PATIENCE).await.unwrap();
        for number in 0..100 {
            drop(places.take(&owner(&number.to_string()), PATIENCE).await.unwrap());
        }
        assert!(places.owners.lock().unwrap().len() <= 2);
    }
}
