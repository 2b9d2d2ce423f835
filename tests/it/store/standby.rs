//! Several hosts: a primary that is lost, its standby promoted, without a restart of the daemon.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use karipass::store::{Setting, Store, StoreError};
use karipass::unit::Unit;
use karipass::{clock, rules};
use karipass_lab::postgres::{Database, Durability, Postgres, Replication, Shutdown};
use libtest_mimic::Trial;

use super::scene::{CONTRACT, FIRST, OTHER, Scene, number, temporary};
use crate::world::{KARIPASS, World, store_at, trial};

/// By when the promoted standby is used.
const USED_WITHIN: Duration = Duration::from_secs(15);
/// What a busy machine may add to a time limit.
const SLACK: Duration = Duration::from_secs(2);

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![
        trial(world, "p15_the_primary_lost_the_promoted_standby_is_used", promoted),
        trial(world, "p15_nothing_is_confirmed_that_a_synchronous_standby_has_not", synchronous),
        trial(world, "p15_a_host_that_does_not_answer_is_passed_over", silent),
        trial(world, "p15_a_host_that_is_read_only_or_away_is_passed_over", away),
    ]
}

/// A primary with a scene in it, a standby, and the daemon's store that knows both.
struct Pair {
    primary: Postgres,
    standby: Postgres,
    database: Database,
    store: Store,
}

impl Pair {
    async fn new(replication: Replication) -> Self {
        let primary = Postgres::temporary(Durability::Fast).await.unwrap();
        let database = primary.migrated("karipass", Path::new(KARIPASS)).await.unwrap();
        Scene::in_database(database.clone()).await;
        let standby = primary.standby(replication).await.unwrap();
        let store = store_at(&database.or_at(standby.socket_folder()).daemon_url);
        Self { primary, standby, database, store }
    }

    /// Sees what the standby has.
    async fn after(&self) -> Scene {
        let database = self.database.at(self.standby.socket_folder());
        Scene { owner: database.owner().await.unwrap(), database, store: self.store.clone() }
    }
}

async fn promoted(_world: Arc<World>) {
    for replication in [Replication::Asynchronous, Replication::Synchronous] {
        let pair = Pair::new(replication).await;
        let set = async |login: &str| {
            pair.store.set_temporary(&temporary(login, Unit::Line, login)).await
        };
        // A pool full of connections to the primary.
        let looks = (0..4).map(|_| pair.store.contract_of(number(FIRST)));
        futures_util::future::try_join_all(looks).await.unwrap();
        assert_eq!(set(CONTRACT).await.unwrap(), Setting::Stored);
        if replication == Replication::Asynchronous {
            pair.primary.caught_up().await.unwrap();
        }
        pair.primary.stop(Shutdown::Kill).unwrap();
        let lost = clock::now();
        pair.standby.promote().await.unwrap();
        while set(OTHER).await.is_err() {
            assert!(lost.elapsed() < USED_WITHIN);
        }
        assert!(pair.store.contract_of(number(FIRST)).await.unwrap().is_some());
        assert_eq!(pair.after().await.logins().await, [CONTRACT, OTHER]);
    }
}

async fn synchronous(_world: Arc<World>) {
    let pair = Pair::new(Replication::Synchronous).await;
    pair.standby.stop(Shutdown::Kill).unwrap();
    let new = temporary(CONTRACT, Unit::Line, CONTRACT);
    let began = clock::now();
    let error = pair.store.set_temporary(&new).await.unwrap_err();
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error:?}");
    assert!(began.elapsed() < rules::STORE_WITHIN + SLACK, "{:?}", began.elapsed());
    pair.standby.start().unwrap();
    let other = temporary(OTHER, Unit::Line, OTHER);
    assert_eq!(pair.store.set_temporary(&other).await.unwrap(), Setting::Stored);
    pair.primary.stop(Shutdown::Kill).unwrap();
    pair.standby.promote().await.unwrap();
    assert!(pair.after().await.logins().await.contains(&OTHER.to_owned()));
}

async fn silent(world: Arc<World>) {
    let scene = Scene::new(&world).await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    // It accepts, and never says a word.
    let _silent = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    let first = scene.database.at(folder.path()).or_at(world.postgres.socket_folder());
    let last = scene.database.or_at(folder.path());
    for database in [first, last] {
        let store = store_at(&database.daemon_url);
        // Each look wants a connection of its own.
        let began = clock::now();
        let looks = (0..8).map(|_| store.contract_of(number(FIRST)));
        let found = futures_util::future::try_join_all(looks).await.unwrap();
        assert!(found.iter().all(Option::is_some));
        assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
        let new = temporary(CONTRACT, Unit::Line, CONTRACT);
        assert_eq!(store.set_temporary(&new).await.unwrap(), Setting::Stored);
    }
    let alone = store_at(&scene.database.at(folder.path()).daemon_url);
    let began = clock::now();
    alone.contract_of(number(FIRST)).await.unwrap_err();
    assert!(began.elapsed() < rules::STORE_WITHIN + SLACK, "{:?}", began.elapsed());
}

async fn away(_world: Arc<World>) {
    let pair = Pair::new(Replication::Asynchronous).await;
    let nobody = tempfile::tempdir_in("/tmp").unwrap();
    let both = pair.database.at(nobody.path()).or_at(pair.standby.socket_folder());
    let all = both.or_at(pair.primary.socket_folder());
    let new = temporary(CONTRACT, Unit::Line, CONTRACT);
    assert_eq!(store_at(&all.daemon_url).set_temporary(&new).await.unwrap(), Setting::Stored);
    let error = store_at(&both.daemon_url).set_temporary(&new).await.unwrap_err();
    assert!(matches!(error, StoreError::NotSent(_)), "{error:?}");
}
