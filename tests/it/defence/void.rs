//! Anyone can void anyone's password, since telephone numbers are public (row 8): the way back. How
//! much it costs is in `limit`.

use domain::auth_unit::AuthUnit;
use domain::password::TemporaryPassword;
use domain::policy::temporary_password::SetOutcome;
use karipass::db::IdempotencyKey;
use karipass::hashing::Salt;

use crate::scene::Scene;
use crate::site::{self, NUMBER, RIGHT, WRONG};
use crate::support::daemon_store;
use crate::temporary_password::{SetTemporary as _, SetTemporaryPassword};

#[tokio::test(flavor = "multi_thread")]
async fn c4_the_phone_line_works_while_a_password_is_void() {
    let Scene { database, owner, service, caller } = Scene::new("line").await;
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
            .set_temporary(&SetTemporaryPassword {
                attempt: IdempotencyKey::draw(&mut rand::rng()),
                caller: number,
                contract: number,
                unit: AuthUnit::Line,
                login: number,
                phc: service.hasher.hash_for_call(password, salt).await.unwrap(),
            })
            .await;
        assert!(matches!(setting, Ok(SetOutcome::Stored)), "{setting:?}");
        assert_eq!(site::count(&owner, NUMBER).await, (0, false));
        assert_eq!(caller.log_in(&service.base, NUMBER, new).await.status, 200);
    }
}
