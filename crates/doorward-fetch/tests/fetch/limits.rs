//! How often and how much at once (CI-12).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward_fetch::{Ask, Budget, FetchError, FetchPolicy, Fetcher, Network, PolicyError};
use tokio::net::TcpStream;

use crate::support::*;

#[tokio::test]
async fn ci_12_a_source_that_asks_too_often_is_told_when_to_come_back() {
    let mut world = World::new(json("{}")).await;
    world.policy.budget = Budget { burst: 3, every: Duration::from_secs(3_600) };
    let fetcher = world.fetcher();
    for _ in 0..3 {
        assert!(get(&fetcher, "https://idp.test/").await.is_ok());
    }
    for _ in 0..100 {
        let Err(FetchError::TooOften { retry_after }) = get(&fetcher, "https://idp.test/").await else {
            panic!("the budget is used up")
        };
        assert!(retry_after <= Duration::from_secs(3_600) && retry_after > Duration::from_secs(3_000));
    }
    assert_eq!(world.server.connections(), 3, "nothing was sent for the others");
    assert_eq!(world.network.resolved().len(), 3);
    // Another source, another budget (of 20, at most a few share the cell).
    let sources: Vec<String> = (0..20).map(|number| format!("other {number}")).collect();
    let mut passed = 0;
    for source in &sources {
        passed += usize::from(fetcher.get(&Ask { source, ..ask("https://idp.test/") }).await.is_ok());
    }
    assert!(passed >= 15, "{passed}");
}

#[tokio::test]
async fn ci_12_a_url_that_is_refused_costs_nothing() {
    let mut world = World::new(json("{}")).await;
    world.policy.budget = Budget { burst: 1, every: Duration::from_secs(3_600) };
    let fetcher = world.fetcher();
    for _ in 0..10 {
        assert!(is_refused(&get(&fetcher, "http://idp.test/").await));
    }
    assert!(get(&fetcher, "https://idp.test/").await.is_ok());
}

/// A network whose names keep one waiting until a gate is opened.
struct Gated {
    inner: Arc<TestNetwork>,
    gate: tokio::sync::watch::Receiver<bool>,
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl Network for Gated {
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let _ = self.gate.clone().wait_for(|open| *open).await;
        self.inner.resolve(name).await
    }

    async fn connect(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        self.inner.connect(address).await
    }
}

#[tokio::test]
async fn ci_12_only_so_many_fetches_are_under_way_at_once() {
    let mut world = World::new(json("{}")).await;
    world.policy.max_concurrent = 2;
    let (open, gate) = tokio::sync::watch::channel(false);
    let network = Arc::new(Gated { inner: Arc::clone(&world.network), gate, asked: AtomicUsize::new(0) });
    let fetcher = Arc::new(Fetcher::on(world.policy.clone(), Arc::clone(&network) as _).expect("fetcher"));
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let fetcher = Arc::clone(&fetcher);
            tokio::spawn(async move {
                let source = number.to_string();
                fetcher.get(&Ask { source: &source, ..ask("https://idp.test/") }).await
            })
        })
        .collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(network.asked.load(Ordering::Relaxed), 2, "the others wait for a place");
    open.send(true).expect("open");
    for task in tasks {
        assert!(task.await.expect("joined").is_ok());
    }
}

#[test]
fn a_policy_without_any_room_is_refused() {
    let nothing: [fn(&mut FetchPolicy); 4] = [
        |policy| policy.max_bytes = 0,
        |policy| policy.timeout = Duration::ZERO,
        |policy| policy.max_concurrent = 0,
        |policy| policy.budget.burst = 0,
    ];
    for change in nothing {
        let mut policy = FetchPolicy::default();
        change(&mut policy);
        assert!(matches!(Fetcher::new(policy), Err(PolicyError::NoLimit(_))));
    }
}
