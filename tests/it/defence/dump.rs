//! A copied database: the value of a dump without the key (`docs/security.md`, "Copies, and
//! listening on the way").

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use tokio_postgres::Client;

use crate::scene::{Scene, change};
use crate::site::{self, NUMBER, RIGHT, WRONG};
use crate::support::daemon_db;

/// The subscriber's own password.
const NEW: &str = "abcd1234";
/// [`site::KEYS`], decoded.
const KEY: &[u8] = &[0; 32];

#[tokio::test(flavor = "multi_thread")]
async fn c7_a_dump_verifies_nothing_and_holds_no_hash_of_an_ended_credential() {
    let Scene { database, owner, service, client } = Scene::new("admin_user").await;
    let [live, void, late, swept] = [NUMBER, "0612345601", "0612345602", "0612345699"];
    let add = "INSERT INTO phone_number VALUES ($1, $2, true)";
    owner.execute(add, &[&swept, &live]).await.unwrap();
    for login_number in [live, void, late, swept] {
        site::credential(&owner, login_number, "temporary").await;
    }
    let dump = everything(&owner).await;
    assert_eq!(hashes(&dump).len(), 4);
    assert!(hashes(&dump).iter().all(|hash| verifies(hash, RIGHT, Some(KEY))));
    // Used once for its purpose.
    let temporary = client.log_in(&service.base, live, RIGHT).await.token();
    let token = change(&client, &service.base, &temporary, [RIGHT, NEW, NEW]).await.token();
    for _ in 0..3 {
        assert_eq!(client.log_in(&service.base, void, WRONG).await.status, 401);
    }
    // Older than 24 hours: deleted at an attempt to use it, and by the clean-up.
    for login_number in [late, swept] {
        site::age(&owner, login_number, "24 hours").await;
    }
    assert_eq!(client.log_in(&service.base, late, RIGHT).await.status, 401);
    daemon_db(&database).sweep().await.unwrap();
    let dump = everything(&owner).await;
    let [left] = hashes(&dump)[..] else { panic!("{:?}", hashes(&dump)) };
    assert!(!verifies(left, NEW, None), "the password alone verifies it");
    assert!(!verifies(left, NEW, Some(&[1; 32])), "any key verifies it");
    assert!(verifies(left, NEW, Some(KEY)), "the key is what is needed");
    for (what, secret) in [
        ("password", RIGHT),
        ("password", NEW),
        ("token", &temporary),
        ("token", &token),
        ("key", "AAAAAAAA"),
    ] {
        assert!(!dump.contains(secret), "a {what} is in the dump");
    }
}

/// Every row of every table, as text.
async fn everything(owner: &Client) -> String {
    let sql = "SELECT schema_to_xml('public', true, false, '')::text";
    owner.query_one(sql, &[]).await.unwrap().get(0)
}

/// The hashes in a dump.
fn hashes(dump: &str) -> Vec<&str> {
    let begun = dump.match_indices("$argon2").map(|(at, _)| &dump[at..]);
    begun.map(|rest| rest.split('<').next().unwrap()).collect()
}

/// Whether `phc` is the hash of `password` under this key, or under none.
fn verifies(phc: &str, password: &str, key: Option<&[u8]>) -> bool {
    let phc: PasswordHash = phc.parse().unwrap();
    let params = Params::try_from(&phc).unwrap();
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let argon = match key {
        Some(key) => Argon2::new_with_secret(key, algorithm, version, params).unwrap(),
        None => Argon2::new(algorithm, version, params),
    };
    let mut bytes = vec![0; phc.hash.unwrap().len()];
    argon.hash_password_into(password.as_bytes(), phc.salt.unwrap().as_ref(), &mut bytes).unwrap();
    bytes == phc.hash.unwrap().as_bytes()
}
