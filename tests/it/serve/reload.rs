//! Secrets on disk: who may read them, and how `SIGHUP` reloads them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use karipass::auth::{Audience, Seals};
use karipass::clock;
use karipass::hashing::Keys;
use karipass_fake_asterisk::FakeReply;
use serde_json::json;

use super::Whole;
use crate::scene::change;
use crate::site::{KEYS, NUMBER, RIGHT};
use crate::support::{self, KARIPASS, Ran, end_daemon_connections, run, wait_until};

/// The new key of a rotation, and its id in stored hashes.
const NEW_KEY: &str = "new AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const OF_NEW_KEY: &str =
    "SELECT count(*) FROM credential WHERE password_hash LIKE '%,keyid=bmV3$%'";

#[tokio::test(flavor = "multi_thread")]
async fn r_serve_refuses_secrets_that_others_can_read() {
    let database = support::database().await;
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(folder.path(), 0o755);
    let (keys, password) = (folder.path().join("hash.keys"), folder.path().join("ari.password"));
    fs::write(&keys, KEYS).unwrap();
    fs::write(&password, "unused").unwrap();
    // An invalid listener: with good secrets this is the error that ends it.
    let serve = |group_readable: &str| -> Ran {
        let mut command = database.karipass(Path::new(KARIPASS));
        command
            .arg("serve")
            .env_remove("KARIPASS_HASHING_KEYS")
            .env_remove("KARIPASS_ARI_PASSWORD");
        command.env("KARIPASS_HASHING_KEYS_FILE", &keys);
        command.env("KARIPASS_ARI_PASSWORD_FILE", &password);
        command.env("KARIPASS_SECRETS_GROUP_READABLE", group_readable);
        run(command
            .env("KARIPASS_SITE_LISTEN", "127.77.0.1:1")
            .env("KARIPASS_OPERATORS_LISTEN", "192.0.2.1:1"))
    };
    for (keys_mode, password_mode, group_readable, named) in [
        (0o644, 0o600, "false", &["hashing.keys_file"][..]),
        (0o644, 0o604, "true", &["hashing.keys_file", "ari.password_file"]),
        (0o640, 0o600, "false", &["hashing.keys_file"]),
        (0o640, 0o640, "true", &[]),
        (0o600, 0o400, "false", &[]),
    ] {
        mode(&keys, keys_mode);
        mode(&password, password_mode);
        let ran = serve(group_readable);
        assert_eq!(ran.status, 1, "{ran:?}");
        for key in ["hashing.keys_file", "ari.password_file"] {
            let is_named = ran.err.lines().any(|line| line.contains(&format!("{key}: ")));
            assert_eq!(is_named, named.contains(&key), "{keys_mode:o} {password_mode:o}: {ran:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_sighup_reads_keys_and_passwords_again_and_ends_nothing() {
    let (postgres, database) = support::stoppable_cluster().await;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let [keys, password, url] =
        ["hash.keys", "ari.password", "database.url"].map(|name| folder.path().join(name));
    fs::write(&keys, KEYS).unwrap();
    fs::write(&password, "former").unwrap();
    fs::write(&url, &database.daemon_url).unwrap();
    let mut whole = Whole::on(
        database.clone(),
        &[
            ("KARIPASS_HASHING_KEYS_FILE", keys.to_str().unwrap()),
            ("KARIPASS_ARI_PASSWORD_FILE", password.to_str().unwrap()),
            ("KARIPASS_DATABASE_URL_FILE", url.to_str().unwrap()),
        ],
    )
    .await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", whole.daemon.child().id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    // An error changes nothing: no key, and another password beside it.
    fs::write(&keys, "nonsense").unwrap();
    fs::write(&password, "too early").unwrap();
    whole.hang_up();
    // Read by now: the next change is for another signal.
    wait_until("the error", async || {
        let metrics = whole.client.get(&format!("{}/metrics", whole.daemon.operators)).await;
        metrics.body.contains("karipass_reloads_total{outcome=\"refused\"} 1\n")
    })
    .await;
    fs::write(&keys, format!("{NEW_KEY}\n{KEYS}")).unwrap();
    fs::write(&password, "latter").unwrap();
    let role = database.daemon_url.split("password=").nth(1).unwrap().split(' ').next().unwrap();
    fs::write(&url, database.daemon_url.replace(role, "latter")).unwrap();
    let superuser = postgres.superuser(&database.name).await.unwrap();
    superuser.batch_execute("ALTER ROLE karipass PASSWORD 'latter'").await.unwrap();
    let former = "Basic a2FyaXBhc3M6Zm9ybWVy";
    let requests = whole.fake.requests();
    assert!(requests.iter().all(|request| request.authorization.as_deref() == Some(former)));
    whole.hang_up();
    let latter = "Basic a2FyaXBhc3M6bGF0dGVy";
    whole.fake.on("GET", "/sounds", FakeReply::With(200, json!([])));
    wait_until("the new password of ARI", async || {
        let requests = whole.fake.requests();
        requests.iter().any(|request| request.authorization.as_deref() == Some(latter))
    })
    .await;
    // The old sessions use PostgreSQL's old password; those of the line and of the site.
    end_daemon_connections(&superuser).await;
    let answer = whole.client.log_in(&whole.daemon.base, NUMBER, RIGHT).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let of_new_key = Seals::new(&Keys::parse(NEW_KEY).unwrap());
    let opened = of_new_key.open(&answer.token(), Audience::Api, clock::wall_clock());
    assert!(opened.is_some(), "the new key seals tokens");
    let renewed = async || superuser.query_one(OF_NEW_KEY, &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(renewed().await, 1, "a good login renews the hash with the new key");
    whole.fake.call_up_to_confirmation("new.1", NUMBER).await;
    whole.fake.press("new.1", "12345678");
    whole.fake.wait_for_playback("new.1", "completed").await;
    assert_eq!(renewed().await, 1, "the phone hashes with the new key");
    let back = format!("ALTER ROLE karipass PASSWORD '{role}'");
    superuser.batch_execute(&back).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r_sighup_replaces_everything_or_nothing_and_names_the_mistake() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    karipass_lab::certificate::keep_in(folder.path()).unwrap();
    let path = |name: &str| folder.path().join(name);
    let database = support::database().await;
    let good = |password: &str| {
        fs::write(path("hash.keys"), KEYS).unwrap();
        fs::write(path("ari.password"), password).unwrap();
        fs::write(path("database.url"), &database.daemon_url).unwrap();
        fs::write(path("common"), "abcd1234").unwrap();
    };
    good("former");
    let certificate_key = fs::read(path("key.pem")).unwrap();
    let files = [
        ("KARIPASS_HASHING_KEYS_FILE", path("hash.keys")),
        ("KARIPASS_ARI_PASSWORD_FILE", path("ari.password")),
        ("KARIPASS_DATABASE_URL_FILE", path("database.url")),
        ("KARIPASS_SITE_COMMON_PASSWORDS_FILE", path("common")),
        ("KARIPASS_SITE_CERTIFICATE_FILE", path("certificate.pem")),
        ("KARIPASS_SITE_KEY_FILE", path("key.pem")),
    ];
    let variables: Vec<(&str, &str)> =
        files.iter().map(|(name, path)| (*name, path.to_str().unwrap())).collect();
    let mut whole = Whole::on(database.clone(), &variables).await;
    let proofs = |whole: &Whole| -> Vec<Option<String>> {
        whole.fake.requests().into_iter().map(|request| request.authorization).collect()
    };
    let former = Some("Basic a2FyaXBhc3M6Zm9ybWVy".to_owned());
    for (count, (file, key)) in (1..).zip([
        ("hash.keys", "hashing.keys: "),
        ("database.url", "database.url: "),
        ("common", "site.common_passwords_file: "),
        ("key.pem", "site.key_file: "),
    ]) {
        good("latter");
        fs::write(path(file), "short").unwrap();
        whole.hang_up();
        wait_until("the refusal", async || {
            let metrics = whole.client.get(&format!("{}/metrics", whole.daemon.operators)).await;
            let refused = format!("karipass_reloads_total{{outcome=\"refused\"}} {count}\n");
            metrics.body.contains(&refused)
        })
        .await;
        assert!(whole.daemon.log().contains(key), "{key} is not named: {}", whole.daemon.log());
        let before = proofs(&whole).len();
        wait_until("another request", async || proofs(&whole).len() > before).await;
        assert!(proofs(&whole).iter().all(|proof| *proof == former), "after {key}");
    }
    fs::write(path("key.pem"), certificate_key).unwrap();
    whole.hang_up();
    let latter = Some("Basic a2FyaXBhc3M6bGF0dGVy".to_owned());
    wait_until("the new password of ARI", async || proofs(&whole).contains(&latter)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_the_list_of_common_passwords_is_read_again_at_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("common");
    fs::write(&list, "abcd1234\n").unwrap();
    let variables = [("KARIPASS_SITE_COMMON_PASSWORDS_FILE", list.to_str().unwrap())];
    let mut whole = Whole::on(support::database().await, &variables).await;
    let token = whole.client.log_in(&whole.daemon.base, NUMBER, RIGHT).await.token();
    let base = whole.daemon.base.clone();
    let client = whole.client.clone();
    let status = async |new: &str| change(&client, &base, &token, [RIGHT, new, new]).await.status;
    assert_eq!(status("abcd1234").await, 422);
    fs::write(&list, "efgh5678\n").unwrap();
    whole.hang_up();
    wait_until("the reload", async || {
        let metrics = whole.client.get(&format!("{}/metrics", whole.daemon.operators)).await;
        metrics.body.contains("karipass_reloads_total{outcome=\"done\"} 1\n")
    })
    .await;
    assert_eq!(status("efgh5678").await, 422);
    assert_eq!(status("abcd1234").await, 200);
}
