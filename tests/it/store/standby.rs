//! Several hosts: a primary that is lost, its standby promoted, without a restart of the daemon.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use karipass::clock;
use karipass::store::Setting;
use karipass::unit::Unit;
use karipass_lab::postgres::{Durability, Postgres, Replication, Shutdown};
use libtest_mimic::Trial;

use super::scene::{CONTRACT, FIRST, OTHER, Scene, number, temporary};
use crate::world::{KARIPASS, World, store_at, trial};

/// By when the promoted standby is used.
const USED_WITHIN: Duration = Duration::from_secs(15);

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![trial(world, "p15_the_primary_lost_the_promoted_standby_is_used", promoted)]
}

async fn promoted(_world: Arc<World>) {
    for replication in [Replication::Asynchronous, Replication::Synchronous] {
        let primary = Postgres::temporary(Durability::Fast).await.unwrap();
        let database = primary.migrated("karipass", Path::new(KARIPASS)).await.unwrap();
        let standby = primary.standby(replication).await.unwrap();
        let scene = Scene::in_database(database.clone()).await;
        let store = store_at(&database.or_at(standby.socket_folder()).daemon_url);
        let new = temporary(CONTRACT, Unit::Line, CONTRACT);
        assert_eq!(store.set_temporary(&new).await.unwrap(), Setting::Stored);
        if replication == Replication::Asynchronous {
            primary.caught_up().await.unwrap();
        }
        primary.stop(Shutdown::Kill).unwrap();
        assert!(store.contract_of(number(FIRST)).await.is_err(), "the standby is read-only");
        standby.promote().await.unwrap();
        let lost = clock::now();
        while store.set_temporary(&temporary(OTHER, Unit::Line, OTHER)).await.is_err() {
            assert!(lost.elapsed() < USED_WITHIN);
        }
        drop(scene);
        let after = Scene {
            owner: database.at(standby.socket_folder()).owner().await.unwrap(),
            database,
            store,
        };
        assert_eq!(after.logins().await, [CONTRACT, OTHER]);
    }
}
