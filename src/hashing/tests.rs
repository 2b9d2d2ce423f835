use std::sync::mpsc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::JoinHandle;

use super::*;

const ONE: &str = "k1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const TWO: &str = "k2 AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const WEAK: Cost = Cost { memory_kib: 8 * 1024, passes: 1, lanes: 1 };

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

fn hasher(keys: &str, cost: Cost) -> Hasher {
    Hasher::start(Keys::parse(keys).unwrap(), cost, &Dummy::draw(&mut rng())).unwrap()
}

fn temporary() -> TemporaryPassword {
    TemporaryPassword::try_from(&b"12345678"[..]).unwrap()
}

async fn hashed(hasher: &Hasher) -> PhcString {
    hasher.hash_for_call(temporary(), Salt::draw(&mut rng())).await.unwrap()
}

async fn check(hasher: &Hasher, typed: &str, stored: Option<&PhcString>) -> Verification<Renewed> {
    let typed = SubmittedPassword::from(typed.to_owned());
    let salt = Some(Salt::draw(&mut rng()));
    hasher.verify_for_login(typed, stored.cloned(), salt, HERE).await.unwrap()
}

#[tokio::test]
async fn c7_a_hash_is_keyed_argon2id_in_a_phc_string() {
    let hasher = hasher(ONE, Cost::LIVE);
    let stored = hashed(&hasher).await;
    let prefix = "$argon2id$v=19$m=19456,t=2,p=1,keyid=azE$";
    assert!(stored.expose().starts_with(prefix), "{}", stored.expose());
    let right = check(&hasher, "12345678", Some(&stored)).await;
    assert!(matches!(right, Verification::Match(None)), "{right:?}");
    let wrong = check(&hasher, "12345679", Some(&stored)).await;
    assert!(matches!(wrong, Verification::Mismatch), "{wrong:?}");
}

#[tokio::test]
async fn c7_the_stored_hash_verifies_nothing_without_its_key() {
    let stored = hashed(&hasher(ONE, WEAK)).await;
    let same_id = hasher(&ONE.replace("AAAA", "BBBB"), WEAK);
    let wrong = check(&same_id, "12345678", Some(&stored)).await;
    assert!(matches!(wrong, Verification::Mismatch), "{wrong:?}");
    let no_id = check(&hasher(TWO, WEAK), "12345678", Some(&stored)).await;
    assert!(matches!(no_id, Verification::Unverifiable(_)), "{no_id:?}");
}

#[tokio::test]
async fn c7_a_weaker_hash_or_one_of_another_key_is_renewed_when_the_password_is_right() {
    let both = hasher(&format!("{TWO}\n{ONE}"), Cost::LIVE);
    let of_old_key = hashed(&hasher(ONE, Cost::LIVE)).await;
    let weak = hashed(&hasher(TWO, WEAK)).await;
    for stored in [of_old_key, weak] {
        let wrong = check(&both, "12345679", Some(&stored)).await;
        assert!(matches!(wrong, Verification::Mismatch), "{wrong:?}");
        let Verification::Match(Some(renewed)) = check(&both, "12345678", Some(&stored)).await
        else {
            panic!("not renewed: {}", stored.expose());
        };
        let again = check(&both, "12345678", Some(&renewed)).await;
        assert!(matches!(again, Verification::Match(None)), "{again:?}");
    }
}

#[tokio::test]
async fn w2_without_a_hash_the_dummy_is_compared_and_matches_no_password() {
    let checked = check(&hasher(ONE, WEAK), "12345678", None).await;
    assert!(matches!(checked, Verification::Mismatch), "{checked:?}");
}

#[tokio::test]
async fn a_stored_hash_and_no_hash_look_the_same() {
    let hasher = hasher(ONE, WEAK);
    for stored in [
        "",
        "12345678",
        "$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=4294967295,t=1,p=1,keyid=azE$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=8192,t=1,p=1,keyid=azE$AAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let checked = check(&hasher, "12345678", Some(&stored.to_owned().into())).await;
        assert!(matches!(checked, Verification::Unverifiable(_)), "{stored}: {checked:?}");
    }
}

/// No worker serves its logins until a test starts one.
fn without_login_workers() -> Hasher {
    let argon = Argon::new(Keys::parse(ONE).unwrap(), WEAK, &Dummy::draw(&mut rng())).unwrap();
    let (argon, pools) = (Arc::new(argon), Arc::new(WorkerPools::new()));
    pool::spawn(&pools.calls, Worker::Ordinary, working(&argon)).unwrap();
    Hasher { pools, argon }
}

/// Logins with a wrong password, begun and waiting: as many as the queue holds.
async fn full_of_logins(
    hasher: &Hasher,
) -> Vec<JoinHandle<Result<Verification<Renewed>, HashError>>> {
    let logins = 0..LOGIN_QUEUE;
    let logins = logins.map(|_| tokio::spawn(login(hasher.clone(), None, HERE))).collect();
    while hasher.pools.logins.waiting() < LOGIN_QUEUE {
        tokio::task::yield_now().await;
    }
    logins
}

async fn login(
    hasher: Hasher,
    stored: Option<PhcString>,
    from: IpAddr,
) -> Result<Verification<Renewed>, HashError> {
    hasher.verify_for_login("12345678".to_owned().into(), stored, None, from).await
}

fn let_a_worker_at_the_logins(hasher: &Hasher) {
    pool::spawn(&hasher.pools.logins, Worker::Ordinary, working(&hasher.argon)).unwrap();
}

#[tokio::test]
async fn once_logins_are_refused_all_that_wait_get_an_error_and_calls_do_not() {
    let hasher = without_login_workers();
    let waiting = full_of_logins(&hasher).await;
    hasher.refuse_logins();
    for login in waiting {
        let answer = login.await.unwrap();
        assert!(matches!(answer, Err(HashError::Busy)), "{answer:?}");
    }
    let late = login(hasher.clone(), None, ELSEWHERE).await;
    assert!(matches!(late, Err(HashError::Busy)), "{late:?}");
    hashed(&hasher).await;
}

#[tokio::test]
async fn a_flood_of_logins_is_refused_beyond_the_bound_and_does_not_delay_a_call() {
    let hasher = without_login_workers();
    let flood = full_of_logins(&hasher).await;
    for _ in 0..LOGIN_QUEUE {
        let beyond = login(hasher.clone(), None, HERE).await;
        assert!(matches!(beyond, Err(HashError::Busy)), "{beyond:?}");
        assert!(matches!(hasher.admit_login(HERE), Err(HashError::Busy)));
    }
    let stored = hashed(&hasher).await;
    assert_eq!(hasher.pools.logins.waiting(), LOGIN_QUEUE);
    for login in flood {
        login.abort();
        assert!(login.await.unwrap_err().is_cancelled());
    }
    // All queued jobs are abandoned now: the next login does not wait for them.
    let before = hasher.operations();
    let next = tokio::spawn(login(hasher.clone(), Some(stored), HERE));
    while hasher.pools.logins.waiting() != 1 {
        tokio::task::yield_now().await;
    }
    let_a_worker_at_the_logins(&hasher);
    let next = next.await.unwrap();
    assert!(matches!(next, Ok(Verification::Match(None))), "{next:?}");
    assert_eq!(hasher.operations() - before, 1);
}

#[tokio::test]
async fn r_in_a_flood_another_network_finds_room_and_has_the_next_turn() {
    let hasher = without_login_workers();
    let stored = hashed(&hasher).await;
    let mut flood = full_of_logins(&hasher).await;
    assert!(matches!(hasher.admit_login(HERE), Err(HashError::Busy)));
    assert!(hasher.admit_login(ELSEWHERE).is_ok());
    let next = tokio::spawn(login(hasher.clone(), Some(stored), ELSEWHERE));
    // One login of the flood was displaced.
    let displaced = futures_util::future::select_all(flood.drain(..)).await;
    assert!(matches!(displaced.0, Ok(Err(HashError::Busy))), "{:?}", displaced.0);
    assert_eq!(hasher.pools.logins.waiting(), LOGIN_QUEUE);
    // One login of the flood is ahead of it.
    let (permit, permits) = mpsc::channel();
    let work = working(&hasher.argon);
    let permitted = move |job: &pool::Work| permits.recv().map_or((), |()| work(job));
    pool::spawn(&hasher.pools.logins, Worker::Ordinary, permitted).unwrap();
    for _ in 0..2 {
        permit.send(()).unwrap();
    }
    let next = tokio::time::timeout(Duration::from_mins(1), next).await.unwrap().unwrap();
    assert!(matches!(next, Ok(Verification::Match(None))), "{next:?}");
    displaced.2.iter().for_each(JoinHandle::abort);
}
