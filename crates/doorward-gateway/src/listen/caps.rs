//! How many connections are open, in all and per address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Counts open connections and refuses those over a cap. The map is bounded by the cap on all connections.
#[derive(Clone, Debug)]
pub(crate) struct Caps {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    most: usize,
    most_per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why a connection was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The node has as many connections as it may.
    Node,
    /// This address has as many connections as it may.
    Address,
}

impl Caps {
    pub(crate) fn new(most: usize, most_per_address: usize) -> Self {
        Self { shared: Arc::new(Shared { most, most_per_address, open: Mutex::default() }) }
    }

    /// Takes a place for one connection. `exempt` addresses (a configured proxy, behind which many people sit) count
    /// towards the node's cap alone.
    pub(crate) fn admit(&self, address: IpAddr, exempt: bool) -> Result<Place, Full> {
        let key = (!exempt).then(|| bucket(address));
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.shared.most {
            return Err(Full::Node);
        }
        if let Some(key) = key {
            let taken = open.by_address.entry(key).or_insert(0);
            if *taken >= self.shared.most_per_address {
                return Err(Full::Address);
            }
            *taken += 1;
        }
        open.all += 1;
        Ok(Place { shared: Arc::clone(&self.shared), key })
    }

    /// Whether more than three quarters of the places are taken: idle connections then go sooner.
    pub(crate) fn is_crowded(&self) -> bool {
        let open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all > self.shared.most / 4 * 3
    }
}

/// One connection's place; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    shared: Arc<Shared>,
    key: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(key) = self.key {
            let left = open.by_address.get(&key).map_or(0, |taken| taken.saturating_sub(1));
            if left == 0 {
                open.by_address.remove(&key);
            } else {
                open.by_address.insert(key, left);
            }
        }
    }
}

/// Whoever has one IPv6 address has the other 2^64 of its network too.
fn bucket(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn hd_11_an_address_may_not_take_more_than_its_share() {
        let caps = Caps::new(10, 2);
        let first = caps.admit(ip("192.0.2.1"), false).unwrap();
        let _second = caps.admit(ip("::ffff:192.0.2.1"), false).unwrap();
        assert_eq!(caps.admit(ip("192.0.2.1"), false).unwrap_err(), Full::Address);
        let _other = caps.admit(ip("192.0.2.2"), false).unwrap();
        drop(first);
        assert!(caps.admit(ip("192.0.2.1"), false).is_ok());
    }

    #[test]
    fn hd_11_one_ipv6_network_is_one_address() {
        let caps = Caps::new(10, 1);
        let _held = caps.admit(ip("2001:db8::1"), false).unwrap();
        assert_eq!(caps.admit(ip("2001:db8::ffff:1"), false).unwrap_err(), Full::Address);
        assert!(caps.admit(ip("2001:db8:0:1::1"), false).is_ok());
    }

    #[test]
    fn hd_11_the_node_has_a_cap_of_its_own_that_binds_proxies_too() {
        let caps = Caps::new(2, 1);
        let _one = caps.admit(ip("10.0.0.1"), true).unwrap();
        let _two = caps.admit(ip("10.0.0.1"), true).unwrap();
        assert!(caps.is_crowded());
        assert_eq!(caps.admit(ip("10.0.0.1"), true).unwrap_err(), Full::Node);
        assert_eq!(caps.admit(ip("10.0.0.9"), false).unwrap_err(), Full::Node);
    }

    #[test]
    fn places_that_are_given_back_leave_nothing_behind() {
        let caps = Caps::new(100, 50);
        let held: Vec<_> = (0..40).map(|_| caps.admit(ip("192.0.2.7"), false).unwrap()).collect();
        drop(held);
        let open = caps.shared.open.lock().unwrap();
        assert_eq!((open.all, open.by_address.len()), (0, 0));
    }
}
