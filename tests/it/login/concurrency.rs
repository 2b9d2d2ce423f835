//! C3: whatever is sent at once, the answers are those of some order of sending it one by one.
//!
//! To the database, two sites of this process are like two daemons: neither knows the other's
//! counts. Their hashes are cheap, so that verdicts collide.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::scene::Scene;
use crate::site::{self, NUMBER, RIGHT, Service, SiteClient, WRONG};

/// Posts released together in a round.
const POSTS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn c3_a_hundred_posts_at_once_are_answered_as_if_one_by_one_fifty_times() {
    let Scene { database, owner, client, .. } = Scene::new("line").await;
    let services = [Service::patient(&database).await, Service::patient(&database).await];
    let bases = services.each_ref().map(|service| service.base.as_str());
    for number in 0..50 {
        let (kind, limit) = if number % 2 == 0 { ("temporary", 3) } else { ("password", 10) };
        // All wrong, a few right ones, evenly mixed, a few wrong ones, all right.
        let right = [0, 3, POSTS / 2, POSTS - 5, POSTS][number / 2 % 5];
        site::credential(&owner, NUMBER, kind).await;
        let round = one_round(&client, &owner, &bases, [right, POSTS - right], limit).await;
        assert!(round.is_serial(), "round {number}: {round:?}");
        if right == 0 {
            assert_eq!((round.counted, round.void), (limit, true), "round {number}: {round:?}");
        }
        if right == POSTS {
            assert_eq!((round.accepted, round.failures), (POSTS, 0), "round {number}: {round:?}");
        }
        let afterwards = client.log_in(bases[number % 2], NUMBER, RIGHT).await.status;
        assert_eq!(afterwards, if round.void { 401 } else { 200 }, "round {number}: {round:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c3_of_a_thousand_right_ones_at_once_all_succeed() {
    let (database, owner) = site::contracted("temporary").await;
    let services = [Service::patient(&database).await, Service::patient(&database).await];
    let bases = services.each_ref().map(|service| service.base.as_str());
    // Both ends of a thousand connections are files of this process.
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let round = one_round(&SiteClient::new(), &owner, &bases, [1000, 0], 3).await;
    assert_eq!((round.accepted, round.failures, round.void), (1000, 0, false), "{round:?}");
}

/// The result of a round.
#[derive(Debug)]
struct Round {
    right: usize,
    wrong: usize,
    limit: usize,
    accepted: usize,
    counted: usize,
    failures: usize,
    void: bool,
}

impl Round {
    /// Whether some order of the posts has these answers, this count and this end.
    fn is_serial(&self) -> bool {
        let &Self { right, wrong, limit, accepted, counted, failures, void } = self;
        let between_successes = limit - 1;
        if void {
            // The last `limit` counted ones are consecutive at the end, the others between
            // successes.
            failures == limit && counted >= limit && counted - limit <= accepted * between_successes
        } else {
            accepted == right
                && counted == wrong
                && failures <= between_successes.min(counted)
                && counted - failures <= accepted * between_successes
        }
    }
}

async fn one_round(
    client: &SiteClient,
    owner: &Client,
    bases: &[&str; 2],
    [right, wrong]: [usize; 2],
    limit: usize,
) -> Round {
    let count = right + wrong;
    owner.batch_execute("TRUNCATE audit_log").await.unwrap();
    let together = Arc::new(Barrier::new(count));
    let mut posts = JoinSet::new();
    for index in 0..count {
        let (client, together) = (client.clone(), Arc::clone(&together));
        let base = bases[index % 2].to_owned();
        // Spread evenly among the others, and over the services.
        let is_right = index * 37 % count < right;
        posts.spawn(async move {
            together.wait().await;
            let password = if is_right { RIGHT } else { WRONG };
            (is_right, client.log_in(&base, NUMBER, password).await.status)
        });
    }
    let mut accepted = 0;
    for (is_right, status) in posts.join_all().await {
        match (is_right, status) {
            (true, 200) => accepted += 1,
            (true | false, 401) => {}
            (_, status) => panic!("answered {status}, right: {is_right}"),
        }
    }
    let counted = site::audit(owner).await.iter().filter(|(_, outcome)| outcome == "wrong").count();
    let (failures, void) = site::count(owner, NUMBER).await;
    let failures = usize::try_from(failures).unwrap();
    Round { right, wrong, limit, accepted, counted, failures, void }
}
