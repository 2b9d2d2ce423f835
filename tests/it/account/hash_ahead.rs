//! The hash of a temporary password, computed while its caller confirms it.

use domain::auth_unit::AuthUnit;
use domain::dialog::NewTemporaryPassword;
use domain::password::TemporaryPassword;
use domain::policy::temporary_password::SetOutcome;
use tokio::sync::oneshot;

use crate::scene::Scene;
use crate::site::{NUMBER, RIGHT, WRONG};

fn temporary(digits: &str) -> TemporaryPassword {
    TemporaryPassword::try_from(digits.as_bytes()).unwrap()
}

/// The contract number has confirmed these digits for its line.
fn confirmed(digits: &str) -> NewTemporaryPassword {
    let number = NUMBER.parse().unwrap();
    NewTemporaryPassword {
        caller: number,
        contract_number: number,
        unit: AuthUnit::Line,
        login_number: number,
        password: temporary(digits),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_password_is_hashed_before_it_is_confirmed_and_stored_after() {
    let scene = Scene::new("line").await;
    let auth = scene.auth();
    let (sender, hashed) = oneshot::channel();
    let hash = auth.hash_ahead(temporary(RIGHT), |_| sender.send(()).unwrap());
    hashed.await.unwrap();
    assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 401);
    let outcome = auth.set_temporary(confirmed(RIGHT), hash).await.unwrap();
    assert_eq!(outcome, SetOutcome::Stored);
    assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 200);
}

/// On one thread, which cannot begin the hash before this test drops it.
#[tokio::test]
async fn p8_a_hash_that_is_dropped_is_never_made() {
    let scene = Scene::new("line").await;
    let before = scene.service.hasher.operations();
    let (sender, hashed) = oneshot::channel();
    drop(scene.auth().hash_ahead(temporary(RIGHT), |_| sender.send(()).unwrap()));
    assert!(hashed.await.is_err());
    assert_eq!(scene.service.hasher.operations(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_the_hash_of_another_password_is_refused_and_stores_nothing() {
    let scene = Scene::new("line").await;
    let auth = scene.auth();
    let hash = auth.hash_ahead(temporary(WRONG), |_| ());
    assert!(auth.set_temporary(confirmed(RIGHT), hash).await.is_err());
    for password in [RIGHT, WRONG] {
        assert_eq!(scene.log_in(NUMBER, password).await.status, 401);
    }
}
