//! What a store promises, whichever one it is.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward_identity::session::{SessionId, SessionLog, SessionRecord};
use doorward_identity::{CallerKey, TokenLog, TokenRecord};
use doorward_policy::CatalogueLog;
use doorward_store::{DatabaseError, MemoryStore, SqliteStore};
use doorward_wire::Version;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_785_196_800 + seconds)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn token(id: &str, issued: u64) -> TokenRecord {
    TokenRecord {
        id: id.to_owned(),
        subject: "alice".to_owned(),
        client: "ci'; DROP TABLE tokens; --".to_owned(),
        roles: set(&["Admin", "a \"quoted\", role"]),
        scopes: set(&[]),
        resource: "https://mcp.example.com/mcp".to_owned(),
        issued_at: at(issued),
        expires_at: at(issued + 3_600),
        revoked_at: None,
    }
}

fn session(n: u8, owner: Option<CallerKey>) -> SessionRecord {
    SessionRecord {
        digest: SessionId::new([n; 32]).digest(),
        server: "crm".parse().unwrap(),
        owner,
        opened_at: at(0),
        last_used: at(u64::from(n)),
        expires_at: at(86_400),
        version: Version::V2025_11_25,
    }
}

fn alice() -> CallerKey {
    CallerKey::new("https://idp.example.com", "alice", Some("inspector"))
}

fn bob() -> CallerKey {
    CallerKey::new("https://idp.example.com", "bob", None)
}

/// A database in a private directory of its own.
struct Database {
    _temp: tempfile::TempDir,
    path: PathBuf,
}

impl Database {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("doorward.db");
        Self { _temp: temp, path }
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path).await.unwrap()
    }
}

/// Runs one promise against both stores.
macro_rules! promises {
    ($($(#[$meta:meta])* $name:ident($store:ident) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn promise($store: &(impl TokenLog + SessionLog + CatalogueLog)) $body

            #[tokio::test]
            async fn in_memory() {
                promise(&MemoryStore::new()).await;
            }

            #[tokio::test]
            async fn in_sqlite() {
                let database = Database::new();
                promise(&database.open().await).await;
            }
        }
    )+};
}

promises! {
    a_token_is_read_back_as_it_was_written(store) {
        let record = TokenRecord { revoked_at: Some(at(9)), ..token("t", 0) };
        TokenLog::insert(store, &record).await.unwrap();
        assert_eq!(TokenLog::list(store).await.unwrap(), [record]);
    }

    a_token_id_is_taken_once(store) {
        store.insert(&token("t", 0)).await.unwrap();
        let refused = store.insert(&TokenRecord { subject: "mallory".to_owned(), ..token("t", 0) }).await.unwrap_err();
        assert_eq!(refused.to_string(), "the token's id is taken");
        assert_eq!(TokenLog::list(store).await.unwrap()[0].subject, "alice");
    }

    tokens_are_listed_newest_first(store) {
        for (id, issued) in [("a", 5), ("b", 7), ("c", 6), ("d", 7)] {
            store.insert(&token(id, issued)).await.unwrap();
        }
        let ids: Vec<_> = TokenLog::list(store).await.unwrap().into_iter().map(|token| token.id).collect();
        assert_eq!(ids, ["d", "b", "c", "a"]);
    }

    revoking_again_keeps_the_first_time(store) {
        store.insert(&token("t", 0)).await.unwrap();
        assert_eq!(store.revoke("t", at(5)).await.unwrap().unwrap().revoked_at, Some(at(5)));
        assert_eq!(store.revoke("t", at(9)).await.unwrap().unwrap().revoked_at, Some(at(5)));
        assert_eq!(store.revoke("other", at(9)).await.unwrap(), None);
    }

    tk_29_revoked_tokens_are_told_until_nobody_could_accept_them(store) {
        store.insert(&token("alive", 0)).await.unwrap();
        store.insert(&token("revoked", 0)).await.unwrap();
        store.revoke("revoked", at(1)).await.unwrap();
        let expiry = 3_600;
        for now in [0, expiry, expiry + 300] {
            assert_eq!(store.revoked(at(now)).await.unwrap(), [("revoked".to_owned(), at(expiry))], "{now}");
        }
        assert_eq!(store.revoked(at(expiry + 301)).await.unwrap(), []);
    }

    a_session_is_read_back_as_it_was_written(store) {
        let records = [session(3, Some(alice())), session(2, Some(bob())), session(1, None)];
        for record in &records {
            SessionLog::open(store, record).await.unwrap();
        }
        assert_eq!(SessionLog::list(store).await.unwrap(), records, "the last used first");
    }

    a_session_id_is_taken_once(store) {
        SessionLog::open(store, &session(1, Some(alice()))).await.unwrap();
        let refused = SessionLog::open(store, &session(1, Some(bob()))).await.unwrap_err();
        assert_eq!(refused.to_string(), "the session's id is taken");
        assert_eq!(SessionLog::list(store).await.unwrap(), [session(1, Some(alice()))]);
    }

    an_anonymous_session_is_adopted_once(store) {
        let (anonymous, owned) = (session(1, None), session(2, Some(bob())));
        SessionLog::open(store, &anonymous).await.unwrap();
        SessionLog::open(store, &owned).await.unwrap();
        assert!(store.adopt(&anonymous.digest, &alice()).await.unwrap());
        assert!(!store.adopt(&anonymous.digest, &bob()).await.unwrap());
        assert!(!store.adopt(&owned.digest, &alice()).await.unwrap());
        assert!(!store.adopt(&[0; 32], &alice()).await.unwrap());
        let owners: Vec<_> = SessionLog::list(store).await.unwrap().into_iter().map(|session| session.owner).collect();
        assert_eq!(owners, [Some(bob()), Some(alice())]);
    }

    a_touch_moves_the_last_use_forward_alone(store) {
        let record = session(1, None);
        SessionLog::open(store, &record).await.unwrap();
        store.touch(&record.digest, at(100)).await.unwrap();
        store.touch(&record.digest, at(50)).await.unwrap();
        store.touch(&[0; 32], at(50)).await.unwrap();
        assert_eq!(SessionLog::list(store).await.unwrap()[0].last_used, at(100));
    }

    a_session_is_closed_once(store) {
        let record = session(1, Some(alice()));
        SessionLog::open(store, &record).await.unwrap();
        assert_eq!(SessionLog::close(store, &record.digest, at(5)).await.unwrap(), Some(record.clone()));
        assert_eq!(SessionLog::close(store, &record.digest, at(6)).await.unwrap(), None);
        assert_eq!(SessionLog::list(store).await.unwrap(), []);
    }

    a_catalogue_replaces_the_last_one_of_its_server(store) {
        let (crm, ops) = ("crm".parse().unwrap(), "ops".parse().unwrap());
        assert_eq!(store.load(&crm).await.unwrap(), None);
        store.save(&crm, "{\"a\":1}").await.unwrap();
        store.save(&crm, "{\"a\":2}").await.unwrap();
        store.save(&ops, "{}").await.unwrap();
        assert_eq!(store.load(&crm).await.unwrap().as_deref(), Some("{\"a\":2}"));
    }
}

#[tokio::test]
async fn everything_survives_reopening() {
    let database = Database::new();
    let store = database.open().await;
    store.insert(&token("t", 0)).await.unwrap();
    store.revoke("t", at(5)).await.unwrap();
    SessionLog::open(&store, &session(1, Some(alice()))).await.unwrap();
    store.save(&"crm".parse().unwrap(), "{}").await.unwrap();
    store.close().await;
    let store = database.open().await;
    assert_eq!(TokenLog::list(&store).await.unwrap()[0].revoked_at, Some(at(5)));
    assert_eq!(store.revoked(at(6)).await.unwrap().len(), 1);
    assert_eq!(SessionLog::list(&store).await.unwrap(), [session(1, Some(alice()))]);
    assert_eq!(store.load(&"crm".parse().unwrap()).await.unwrap().as_deref(), Some("{}"));
}

#[tokio::test]
async fn what_a_command_revokes_beside_a_running_node_is_seen_at_once() {
    let database = Database::new();
    let (node, command) = (database.open().await, database.open().await);
    node.insert(&token("t", 0)).await.unwrap();
    assert!(command.revoke("t", at(5)).await.unwrap().is_some());
    assert_eq!(node.revoked(at(6)).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_revoke_at_once_all_see_one_time() {
    let database = Database::new();
    let stores = [database.open().await, database.open().await];
    stores[0].insert(&token("t", 0)).await.unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move { store.revoke("t", at(n as u64)).await.unwrap().unwrap().revoked_at })
        })
        .collect();
    let mut times = BTreeSet::new();
    for task in tasks {
        times.insert(task.await.unwrap());
    }
    assert_eq!(times.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_anonymous_session_goes_to_one_of_many_who_come_at_once() {
    let database = Database::new();
    let store = database.open().await;
    let record = session(1, None);
    SessionLog::open(&store, &record).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let store = store.clone();
            let owner = CallerKey::new("https://idp.example.com", &format!("caller {n}"), None);
            tokio::spawn(async move { store.adopt(&record.digest, &owner).await.unwrap() })
        })
        .collect();
    let mut adopted = 0;
    for task in tasks {
        adopted += usize::from(task.await.unwrap());
    }
    assert_eq!(adopted, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_open_a_new_database_at_once_all_succeed() {
    let database = Database::new();
    let opened = futures::future::join_all((0..8).map(|_| {
        let path = database.path.clone();
        tokio::spawn(async move { SqliteStore::open(&path).await.map(|_| ()) })
    }));
    for opened in opened.await {
        opened.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_sweep_forgets_what_is_long_over() {
    let database = Database::new();
    let store = database.open().await;
    store.insert(&token("old", 0)).await.unwrap();
    store.insert(&token("new", 100)).await.unwrap();
    SessionLog::open(&store, &session(1, None)).await.unwrap();
    let month = 30 * 86_400;
    store.sweep(at(3_600 + month + 1)).await.unwrap();
    let ids: Vec<_> = TokenLog::list(&store).await.unwrap().into_iter().map(|token| token.id).collect();
    assert_eq!(ids, ["new"]);
    assert_eq!(SessionLog::list(&store).await.unwrap(), []);
}

fn modes(directory: &Path) -> Vec<(String, u32)> {
    let mut modes: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o7777)
        })
        .collect();
    modes.sort();
    modes
}

#[tokio::test]
async fn every_file_of_the_database_is_for_its_owner_alone() {
    let database = Database::new();
    let store = database.open().await;
    store.insert(&token("t", 0)).await.unwrap();
    let names = ["doorward.db", "doorward.db-shm", "doorward.db-wal"];
    assert_eq!(modes(database.path.parent().unwrap()), names.map(|name| (name.to_owned(), 0o600)));
}

#[tokio::test]
async fn a_database_that_others_can_read_is_refused_with_the_fix() {
    let database = Database::new();
    database.open().await.close().await;
    fs::set_permissions(&database.path, Permissions::from_mode(0o644)).unwrap();
    let refused = SqliteStore::open(&database.path).await.unwrap_err().to_string();
    assert!(refused.contains("is open to other users (mode 0644): run `chmod 600"), "{refused}");
}

#[tokio::test]
async fn er_11_a_file_that_is_no_database_is_refused_and_kept() {
    let database = Database::new();
    fs::write(&database.path, "not a database, and longer than a header of one has to be".repeat(100)).unwrap();
    fs::set_permissions(&database.path, Permissions::from_mode(0o600)).unwrap();
    let before = fs::read(&database.path).unwrap();
    let refused = SqliteStore::open(&database.path).await.unwrap_err();
    assert!(matches!(refused, DatabaseError::Unusable { .. }), "{refused}");
    assert_eq!(fs::read(&database.path).unwrap(), before);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_kept() {
    let database = Database::new();
    database.open().await.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&database.path);
    let raw = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("INSERT INTO migrations (version) VALUES (99)").execute(&raw).await.unwrap();
    raw.close().await;
    let refused = SqliteStore::open(&database.path).await.unwrap_err().to_string();
    assert!(refused.contains("has form 99, and this version knows forms up to 1"), "{refused}");
}

#[tokio::test]
async fn er_11_a_lost_database_fails_and_says_nothing_of_what_was_asked() {
    let database = Database::new();
    let store = database.open().await;
    store.close().await;
    let lost = store.revoke("canary", at(0)).await.unwrap_err().to_string();
    assert!(lost.starts_with("the database failed: ") && !lost.contains("canary"), "{lost}");
    assert!(store.revoked(at(0)).await.is_err());
}
