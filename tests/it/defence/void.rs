//! Anyone can void anyone's password, since telephone numbers are public (row 8): the way back. How
//! much it costs is in `limit`.

use domain::auth_unit::AuthUnit;
use domain::password::TemporaryPassword;
use domain::policy::temporary_password::SetOutcome;
use karipass::db::IdempotencyKey;
use karipass::db::login::{FailureVerdict, LoginAudit};
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

/// Its count was lower when the entry was compared.
#[tokio::test(flavor = "multi_thread")]
async fn b1_an_entry_that_became_the_last_one_meanwhile_voids_only_what_it_may() {
    for (kind, limit) in [("password", 10), ("temporary", 3)] {
        let (database, owner) = site::contracted(kind).await;
        let store = daemon_store(&database);
        let login = Some(NUMBER.parse().unwrap());
        let candidate = store.login_candidate(login).await.unwrap().unwrap();
        let credential = candidate.credential.unwrap();
        let count = "UPDATE credential SET failed_attempts = $1";
        owner.execute(count, &[&(limit - 1)]).await.unwrap();
        let fail = async |may_void| {
            let audit = LoginAudit {
                key: IdempotencyKey::draw(&mut rand::rng()),
                login,
                contract: login,
                address: [127, 0, 0, 1].into(),
            };
            store.count_failure(&audit, &credential, may_void).await.unwrap()
        };
        assert_eq!(fail(false).await, FailureVerdict::WouldVoid);
        assert_eq!(site::count(&owner, NUMBER).await, (limit - 1, false));
        assert!(site::audit(&owner).await.is_empty());
        assert_eq!(fail(true).await, FailureVerdict::Voided);
        assert_eq!(site::count(&owner, NUMBER).await, (limit, true));
        assert_eq!(fail(true).await, FailureVerdict::Void);
        assert_eq!(site::audit(&owner).await.len(), 3);
    }
}
