//! `karipass check` as an operator runs it: one line for each finding, and the exit status.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use karipass::check::{Finding, Severity, database};
use karipass_fake_asterisk::{FakeAsterisk, FakeReply};
use karipass_lab::postgres::Database;
use serde_json::{Value, json};

use crate::support::{self, KARIPASS, Ran, daemon_db, operator_db, run};

#[tokio::test(flavor = "multi_thread")]
async fn r_check_names_a_database_that_was_never_migrated() {
    let empty = support::cluster().empty().await.unwrap();
    let findings = database::check(&operator_db(&empty)).await;
    assert_eq!(counts(&findings), (1, 0), "{findings:?}");
    assert!(findings[0].message.contains("karipass migrate"), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_check_names_every_privilege_that_the_daemon_lacks() {
    let database = support::database().await;
    let owner = database.owner().await.unwrap();
    let db = daemon_db(&database);
    // All that the schema grants.
    let granted = "
        SELECT privilege_type, relname::text FROM pg_class, aclexplode(relacl)
        WHERE grantee = 'karipass_daemon'::regrole AND relkind = 'r'
        UNION ALL
        SELECT privilege_type || ' (' || attname || ')', attrelid::regclass::text
        FROM pg_attribute, aclexplode(attacl) WHERE grantee = 'karipass_daemon'::regrole";
    let granted = owner.query(granted, &[]).await.unwrap();
    assert!(granted.len() > 30, "{granted:?}");
    for row in granted {
        let (privilege, table): (String, String) = (row.get(0), row.get(1));
        let sql = format!("REVOKE {privilege} ON {table} FROM karipass_daemon");
        owner.batch_execute(&sql).await.unwrap();
        let findings = database::check(&db).await;
        let named = format!("lacks {privilege} on {table}:");
        let is_named = counts(&findings) == (1, 0) && findings[0].message.contains(&named);
        assert!(is_named, "{named} {findings:?}");
        let sql = format!("GRANT {privilege} ON {table} TO karipass_daemon");
        owner.batch_execute(&sql).await.unwrap();
    }
    assert_eq!(database::check(&db).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_check_warns_of_a_daemon_with_the_owners_privileges() {
    let findings = database::check(&operator_db(&support::database().await)).await;
    assert_eq!(counts(&findings), (0, 5), "{findings:?}");
}

/// The settings of the daemon's own sessions count.
#[tokio::test(flavor = "multi_thread")]
async fn r_check_names_settings_that_log_hashes() {
    let database = support::database().await;
    let superuser = support::cluster().superuser(&database.name).await.unwrap();
    let role = format!("ALTER ROLE karipass IN DATABASE {}", database.name);
    let preload = "session_preload_libraries = 'auto_explain'";
    for (set, errors, warnings) in [
        (&["log_statement = 'all'"][..], &[][..], 0),
        (
            &["log_error_verbosity = 'default'"],
            &["log_error_verbosity is default", "log_statement is all"],
            0,
        ),
        (&["log_parameter_max_length = 0"], &["log_error_verbosity is default"], 0),
        (&["log_error_verbosity = 'terse'", preload, "auto_explain.log_min_duration = 0"], &[], 1),
    ] {
        for set in set {
            superuser.batch_execute(&format!("{role} SET {set}")).await.unwrap();
        }
        let found = database::check(&daemon_db(&database)).await;
        assert_eq!(counts(&found), (errors.len(), warnings), "{found:?}");
        for words in errors {
            assert!(found.iter().any(|it| it.message.contains(words)), "{words}: {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_check_names_each_part_that_is_down_and_exits_with_1() {
    let database = support::database().await;
    let ran = check(&database, "host=/nowhere dbname=karipass", "http://127.0.0.1:1");
    assert_eq!((ran.status, ran.out.lines().count()), (1, 3), "{ran:?}");
    for part in ["error: database: ", "error: ARI at http://127.0.0.1:1", "set ari.config_dir"] {
        assert!(ran.out.contains(part), "{part:?} is not in {ran:?}");
    }
    let not_ari = FakeAsterisk::start().await.unwrap();
    let ran = check(&database, &database.daemon_url, not_ari.url());
    assert_eq!((ran.status, ran.out.lines().count()), (1, 2), "{ran:?}");
    assert!(ran.out.starts_with("error: there is no ARI at "), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_check_names_the_asterisk_of_each_finding() {
    let (one, other) = (FakeAsterisk::start().await.unwrap(), FakeAsterisk::start().await.unwrap());
    one.on(
        "GET",
        "/asterisk/info",
        FakeReply::With(200, json!({ "system": { "version": "18.0.0" } })),
    );
    let database = support::database().await;
    let ran = |arguments: &[&str]| {
        let mut command = database.karipass(Path::new(KARIPASS));
        command.args(arguments).env_remove("KARIPASS_ARI_USER").env_remove("KARIPASS_ARI_PASSWORD");
        for (place, fake) in [(1, &one), (2, &other)] {
            command.env(format!("KARIPASS_ARI_{place}_URL"), fake.url());
            command.env(format!("KARIPASS_ARI_{place}_USER"), "karipass");
            command.env(format!("KARIPASS_ARI_{place}_PASSWORD"), "unused");
        }
        run(&mut command)
    };
    let names = [&one, &other].map(|fake| fake.url().strip_prefix("http://").unwrap());
    let ran_plainly = ran(&["check"]);
    assert_eq!(ran_plainly.status, 1, "{ran_plainly:?}");
    for expected in [
        format!("error: {}: Asterisk 18.0.0 is too old", names[0]),
        format!("error: {}: there is no ARI at ", names[1]),
    ] {
        let count = ran_plainly.out.lines().filter(|line| line.starts_with(&expected)).count();
        assert_eq!(count, 1, "{expected}: {ran_plainly:?}");
    }
    let messages: Vec<Value> = ran(&["--json", "check"])
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].clone())
        .collect();
    let is_named = |message: &Value| {
        names.iter().any(|name| message.as_str().unwrap().starts_with(&format!("{name}: ")))
    };
    assert!(messages.len() > 2 && messages.iter().all(is_named), "{messages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_check_names_a_certificate_that_has_expired_or_soon_will() {
    let database = support::database().await;
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let (now, day) = (SystemTime::from(karipass::clock::wall_clock()), Duration::from_hours(24));
    for (ends, expected) in [
        (now - day, "error: site.certificate_file: the certificate expired at "),
        (now + 13 * day, "warning: site.certificate_file: the certificate expires at "),
        (now + 15 * day, ""),
    ] {
        karipass_lab::certificate::make_in(folder.path(), ends).unwrap();
        let mut command = database.karipass(Path::new(KARIPASS));
        command.arg("check").env("KARIPASS_ARI_URL", "http://127.0.0.1:1");
        command.env("KARIPASS_SITE_CERTIFICATE_FILE", &certificate);
        let ran = run(command.env("KARIPASS_SITE_KEY_FILE", &key));
        assert_eq!(ran.out.contains("site.certificate_file"), !expected.is_empty(), "{ran:?}");
        assert!(ran.out.contains(expected), "{ends:?}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_check_warns_of_an_operators_listener_that_other_machines_reach() {
    let database = support::database().await;
    for (listen, is_warned_of) in
        [("0.0.0.0:9464", true), ("[::]:9464", true), ("127.0.0.1:1", false), ("[::1]:1", false)]
    {
        let mut command = database.karipass(Path::new(KARIPASS));
        command.arg("check").env("KARIPASS_ARI_URL", "http://127.0.0.1:1");
        let ran = run(command.env("KARIPASS_OPERATORS_LISTEN", listen));
        let warning = format!("warning: operators.listen: {listen} ");
        assert_eq!(ran.out.contains(&warning), is_warned_of, "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_check_warns_of_a_public_site_without_a_name_or_somebody_to_ask() {
    let database = support::database().await;
    let folder = tempfile::tempdir().unwrap();
    karipass_lab::certificate::keep_in(folder.path()).unwrap();
    let company = ("KARIPASS_SITE_COMPANY", "電話の会社");
    let support = ("KARIPASS_SITE_SUPPORT_NUMBER", "0120123456");
    let page = ("KARIPASS_SITE_CONTACT_URL", "https://example.jp/contact");
    for (listen, given, expected) in [
        ("0.0.0.0:8443", &[][..], [true, true]),
        ("[::]:8443", &[company], [false, true]),
        ("0.0.0.0:8443", &[support], [true, false]),
        ("0.0.0.0:8443", &[company, page], [false, false]),
        ("127.0.0.1:8443", &[], [false, false]),
    ] {
        let mut command = database.karipass(Path::new(KARIPASS));
        command.arg("check").env("KARIPASS_ARI_URL", "http://127.0.0.1:1");
        command.env("KARIPASS_SITE_LISTEN", listen).envs(given.iter().copied());
        command.env("KARIPASS_SITE_CERTIFICATE_FILE", folder.path().join("certificate.pem"));
        let ran = run(command.env("KARIPASS_SITE_KEY_FILE", folder.path().join("key.pem")));
        let found = ["warning: site.company: ", "warning: site.support_number, site.contact_url: "];
        assert_eq!(found.map(|words| ran.out.contains(words)), expected, "{given:?}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_check_names_every_secret_that_everybody_can_read() {
    let database = support::database().await;
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("hash.keys");
    fs::write(&keys, crate::site::KEYS).unwrap();
    let file = folder.path().join("karipass.toml");
    fs::write(&file, "[ari]\npassword = \"unused\"\n").unwrap();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for (folders, keys_mode, file_mode, expected) in [
        (0o755, 0o644, 0o640, &["hashing.keys_file: "][..]),
        (0o755, 0o600, 0o644, &["ari.password: "]),
        (0o711, 0o604, 0o644, &["hashing.keys_file: ", "ari.password: "]),
        (0o755, 0o640, 0o600, &[]),
        (0o700, 0o644, 0o644, &[]),
    ] {
        mode(folder.path(), folders);
        mode(&keys, keys_mode);
        mode(&file, file_mode);
        let mut command = database.karipass(Path::new(KARIPASS));
        command.arg("--config").arg(&file).arg("check").env_remove("KARIPASS_ARI_PASSWORD");
        command.env_remove("KARIPASS_HASHING_KEYS").env("KARIPASS_HASHING_KEYS_FILE", &keys);
        let ran = run(command.env("KARIPASS_ARI_URL", "http://127.0.0.1:1"));
        let named = ran.out.lines().filter(|line| line.ends_with("chmod o-rwx")).count();
        assert_eq!((ran.status, named), (1, expected.len()), "{ran:?}");
        assert!(expected.iter().all(|key| ran.out.contains(&format!("error: {key}"))), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_an_operators_command_reads_no_more_than_it_needs() {
    let database = support::database().await;
    let ran = |arguments: &[&str], owner: &str| {
        let mut command = database.karipass(Path::new(KARIPASS));
        command.args(arguments).env_remove("KARIPASS_HASHING_KEYS").env_remove("KARIPASS_ARI_USER");
        command
            .env_remove("KARIPASS_DATABASE_URL")
            .env("KARIPASS_DATABASE_URL_FILE", "/nowhere/url");
        command.env("KARIPASS_HASHING_KEYS_FILE", "/nowhere/keys");
        command.env("KARIPASS_SITE_CERTIFICATE_FILE", "/nowhere/certificate");
        run(command.env("KARIPASS_DATABASE_OWNER_URL", owner))
    };
    for arguments in [&["migrate"][..], &["contracts", "list"], &["audit"]] {
        let well = ran(arguments, &database.owner_url);
        assert_eq!((well.status, well.err.as_str()), (0, ""), "{arguments:?}");
        let wrong = ran(arguments, "nonsense");
        let expected = "database.owner_url: not a PostgreSQL connection string\n";
        assert_eq!((wrong.status, wrong.err.as_str()), (1, expected), "{arguments:?}");
    }
    for command in ["check", "serve"] {
        let ran = ran(&[command], "nonsense");
        assert_eq!(ran.status, 1, "{command}");
        for key in [
            "database.owner_url: ",
            "database.url_file: ",
            "hashing.keys_file: ",
            "ari.user: ",
            "site.certificate_file and site.key_file: ",
        ] {
            assert!(ran.err.contains(key), "{command} does not name {key}: {}", ran.err);
        }
    }
}

fn check(database: &Database, url: &str, ari: &str) -> Ran {
    let mut command = database.karipass(Path::new(KARIPASS));
    run(command.arg("check").env("KARIPASS_DATABASE_URL", url).env("KARIPASS_ARI_URL", ari))
}

/// The numbers of errors and warnings.
fn counts(findings: &[Finding]) -> (usize, usize) {
    let errors = findings.iter().filter(|it| it.severity == Severity::Error).count();
    (errors, findings.len() - errors)
}
