//! How many at once.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keyed::Keyed;
use super::{Account, TooFast};

/// Counts what each account has open. Holds an entry only while something is, so it is as bounded as that.
pub(crate) struct Slots {
    cap: Option<NonZeroU32>,
    what: &'static str,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken(Mutex<HashMap<Account, u32>>);

impl Slots {
    pub(super) fn new(cap: Option<NonZeroU32>, what: &'static str) -> Self {
        Self { cap, what, taken: Arc::default() }
    }

    /// Takes a slot, or says which cap is met.
    pub(super) fn take(&self, account: &Account, bytes: Option<Arc<Keyed<Account>>>) -> Result<Slot, &'static str> {
        let Some(cap) = self.cap else {
            return Ok(Slot::free(bytes, account.clone()));
        };
        let mut taken = self.taken.lock();
        let count = taken.entry(account.clone()).or_insert(0);
        if *count >= cap.get() {
            return Err(self.what);
        }
        *count += 1;
        drop(taken);
        Ok(Slot { taken: Mutex::new(Some(Arc::clone(&self.taken))), bytes, account: account.clone() })
    }
}

impl Taken {
    fn lock(&self) -> MutexGuard<'_, HashMap<Account, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, account: &Account) {
        let mut taken = self.lock();
        if let Some(count) = taken.get_mut(account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(account);
            }
        }
    }
}

/// The place that one call or stream takes, given back when this is dropped. It must live as long as the exchange.
#[must_use = "the place is given back when this is dropped"]
pub struct Slot {
    taken: Mutex<Option<Arc<Taken>>>,
    bytes: Option<Arc<Keyed<Account>>>,
    account: Account,
}

impl Slot {
    pub(super) fn free(bytes: Option<Arc<Keyed<Account>>>, account: Account) -> Self {
        Self { taken: Mutex::default(), bytes, account }
    }

    /// Gives the place back early, for an exchange of which only the memory remains. A second time does nothing.
    pub fn release(&self) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(taken) = taken {
            taken.give_back(&self.account);
        }
    }

    /// Counts bytes that went to or came for the caller against the byte budget.
    ///
    /// # Errors
    ///
    /// When the budget is used up. The bytes are then not counted, and should not be handed on.
    pub fn spend(&self, bytes: usize) -> Result<(), TooFast> {
        let Some(budget) = &self.bytes else {
            return Ok(());
        };
        // More than 4 GiB at once fits no budget, which is counted in as many bits.
        match NonZeroU32::new(u32::try_from(bytes).unwrap_or(u32::MAX)) {
            Some(bytes) => budget.many(&self.account, bytes).map_err(|wait| TooFast::new("bytes", wait)),
            None => Ok(()),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_slot_is_free_again_and_leaves_nothing_behind() {
        let slots = Slots::new(NonZeroU32::new(2), "requests");
        let (one, two) = (slots.take(&Account::Nobody, None), slots.take(&Account::Nobody, None));
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(slots.take(&Account::Nobody, None).err(), Some("requests"));
        drop(one);
        let again = slots.take(&Account::Nobody, None);
        assert!(again.is_ok());
        drop((two, again));
        assert!(slots.taken.lock().is_empty());
    }

    #[test]
    fn accounts_do_not_share_a_cap() {
        let slots = Slots::new(NonZeroU32::new(1), "requests");
        let address = Account::Address("192.0.2.1".parse().expect("an address"));
        let _one = slots.take(&Account::Nobody, None).expect("free");
        assert!(slots.take(&address, None).is_ok());
    }
}
