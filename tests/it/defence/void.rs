//! Anyone can void anyone's password, since telephone numbers are public (row 8): how much
//! that costs, and the way back.

use std::sync::Arc;

use karipass::hashing::Salt;
use karipass::password::TemporaryPassword;
use karipass::store::{AttemptId, SetTemporary, Setting};
use karipass::unit::Unit;
use libtest_mimic::Trial;

use crate::site::{self, Caller, NUMBER, RIGHT, Service, WRONG};
use crate::world::{World, daemon_store, trial};

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![
        trial(world, "c2_one_address_cannot_void_one_password_after_the_other", one_address),
        trial(world, "c4_the_phone_line_works_while_a_password_is_void", by_phone),
    ]
}

async fn one_address(world: Arc<World>) {
    let database = world.database().await;
    let owner = database.owner().await.unwrap();
    site::contract(&owner, "number").await;
    let service = Service::start(&database, &[("KARIPASS_LOGIN_LIMIT", "12")]).await;
    let caller = Caller::new();
    let mut answers = Vec::new();
    for login in ["0612345601", "0612345602"] {
        site::credential(&owner, login, "password").await;
        for _ in 0..10 {
            answers.push(caller.log_in(&service.base, login, WRONG).await.status);
        }
    }
    assert_eq!((&answers[..12], &answers[12..]), (&[401; 12][..], &[429; 8][..]));
    assert_eq!(site::count(&owner, "0612345601").await, (10, true));
    assert_eq!(site::count(&owner, "0612345602").await, (2, false), "the second stays good");
    let subscriber = Caller::from([127, 0, 0, 2]);
    assert_eq!(subscriber.log_in(&service.base, "0612345602", RIGHT).await.status, 200);
}

async fn by_phone(world: Arc<World>) {
    let database = world.database().await;
    let owner = database.owner().await.unwrap();
    site::contract(&owner, "line").await;
    let service = Service::start(&database, &[]).await;
    let caller = Caller::new();
    let store = daemon_store(&database);
    for (kind, limit, new) in [("password", 10, "59260718"), ("temporary", 3, "70815926")] {
        site::credential(&owner, NUMBER, kind).await;
        for _ in 0..limit {
            assert_eq!(caller.log_in(&service.base, NUMBER, WRONG).await.status, 401);
        }
        assert_eq!(site::count(&owner, NUMBER).await, (limit, true));
        assert_eq!(caller.log_in(&service.base, NUMBER, RIGHT).await.status, 401);
        let password = TemporaryPassword::try_from(new.as_bytes()).unwrap();
        let salt = Salt::draw(&mut rand::rng());
        let number = NUMBER.parse().unwrap();
        let setting = store
            .set_temporary(&SetTemporary {
                attempt: AttemptId::draw(&mut rand::rng()),
                caller: number,
                contract: number,
                unit: Unit::Line,
                login: number,
                phc: service.hasher.hash_for_call(password, salt).await.unwrap(),
            })
            .await;
        assert!(matches!(setting, Ok(Setting::Stored)), "{setting:?}");
        assert_eq!(site::count(&owner, NUMBER).await, (0, false));
        assert_eq!(caller.log_in(&service.base, NUMBER, new).await.status, 200);
    }
}
