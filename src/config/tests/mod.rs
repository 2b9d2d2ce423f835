//! Errors are found and named, and valid values are read.

mod site;

use domain::dialog;

use super::*;
use crate::settings::{CHECKS, load, load_for_operator};

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn enough() -> Vec<(String, String)> {
    variables(&[
        ("KARIPASS_ARI_USER", "karipass"),
        ("KARIPASS_ARI_PASSWORD", "ari-secret"),
        ("KARIPASS_DATABASE_URL", "host=/run dbname=karipass password=db-secret"),
        ("KARIPASS_HASHING_KEYS", "k1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ])
}

fn errors(file: Option<&Path>, variables: Vec<(String, String)>) -> Vec<String> {
    load(file, variables).unwrap_err().0
}

#[test]
fn defaults_are_the_rules() {
    let config = load(None, enough()).unwrap();
    assert_eq!(config.call.first_digit_timeout, rules::FIRST_DIGIT_TIMEOUT);
    assert_eq!(config.session.idle_timeout, rules::SESSION_IDLE_TIMEOUT);
    assert_eq!(config.login.limit.map(u32::from), Some(rules::LOGIN_POINTS_PER_MINUTE));
    assert_eq!(config.site.listen.port(), 8443);
}

#[test]
fn every_setting_of_the_sample_is_valid_and_only_its_files_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.toml");
    std::fs::write(&file, sample()).unwrap();
    let errors = errors(Some(&file), Vec::new());
    let (missing, others): (Vec<_>, Vec<_>) =
        errors.iter().partition(|error| error.contains("No such file"));
    assert!(!missing.is_empty(), "{errors:#?}");
    // Two of the settings exclude each other.
    assert_eq!(others, ["demonstration.phone_socket: not behind site.trusted_proxies"]);
}

#[test]
fn every_setting_is_in_the_sample() {
    let sample: toml::Table = sample().parse().unwrap();
    let mut reader = Reader::new(None, enough());
    read(&mut reader, &CHECKS).unwrap();
    assert!(reader.keys.len() > 45, "{:?}", reader.keys);
    let is_missing = |key: &&String| {
        let (section, name) = key.split_once('.').unwrap();
        let section = sample.get(section).and_then(toml::Value::as_table);
        // A secret is in the sample as itself or as its file.
        let secret = name.strip_suffix("_file").unwrap_or(name);
        let names = [name, secret, &format!("{secret}_file")];
        !section.is_some_and(|section| names.iter().any(|name| section.contains_key(*name)))
    };
    let missing: Vec<_> = reader.keys.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The sample with its commented-out settings in force.
fn sample() -> String {
    let text = include_str!("../../../docs/karipass.toml");
    let is_setting = |text: &&str| text.starts_with(|letter: char| letter.is_ascii_lowercase());
    let lines = text.lines().map(|line| line.strip_prefix('#').filter(is_setting).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn variables_win_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.toml");
    std::fs::write(&file, "[ari]\napp = \"file\"\n[login]\nlimit = 5\n").unwrap();
    let mut given = enough();
    given.extend(variables(&[("KARIPASS_LOGIN_LIMIT", "off")]));
    let config = load(Some(&file), given).unwrap();
    assert_eq!(config.ari[0].app, "file");
    assert_eq!(config.login.limit, None);
}

#[test]
fn r_a_remote_connection_is_unencrypted_only_if_the_configuration_says_so() {
    let with = |more: &[(&str, &str)]| {
        let mut given = enough();
        given.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
        given.extend(variables(more));
        given
    };
    let remote = "host=db dbname=karipass password=db-secret";
    for (key, more) in [
        ("database.url", ("KARIPASS_DATABASE_URL", remote)),
        ("database.owner_url", ("KARIPASS_DATABASE_OWNER_URL", remote)),
        ("ari.url", ("KARIPASS_ARI_URL", "http://pbx.example:8088")),
        ("ari.url", ("KARIPASS_ARI_URL", "http://192.0.2.1:8088")),
        ("tracing.endpoint", ("KARIPASS_TRACING_ENDPOINT", "http://collector.example:4318")),
    ] {
        let found = errors(None, with(&[more]));
        let error = format!("{key}: the connection to another machine is not encrypted");
        assert!(found.len() == 1 && found[0].starts_with(&error), "{found:?}");
        let insecure = ["DATABASE", "ARI", "TRACING"].map(|it| format!("KARIPASS_{it}_INSECURE"));
        let [database, ari, tracing] = insecure.each_ref().map(|name| (name.as_str(), "true"));
        load(None, with(&[more, database, ari, tracing])).unwrap();
        let by_operator = load_for_operator(None, with(&[more]));
        assert_eq!(by_operator.is_err(), key.starts_with("database"), "{more:?}");
    }
    let encrypted = format!("{remote} sslmode=require");
    for more in [
        ("KARIPASS_DATABASE_URL", encrypted.as_str()),
        ("KARIPASS_ARI_URL", "https://pbx.example:8089"),
        ("KARIPASS_ARI_URL", "http://[::1]:8088"),
        ("KARIPASS_ARI_URL", "http://localhost:8088"),
        ("KARIPASS_TRACING_ENDPOINT", "http://127.0.0.1:4318"),
        ("KARIPASS_TRACING_ENDPOINT", "https://collector.example:4318"),
    ] {
        load(None, with(&[more])).unwrap();
    }
    let nowhere = ("KARIPASS_ARI_CA_FILE", "/nowhere.pem");
    let found = errors(None, with(&[("KARIPASS_ARI_URL", "https://pbx:8089"), nowhere]));
    assert!(found[0].starts_with("ari.ca_file: /nowhere.pem: "), "{found:?}");
    let collector = ("KARIPASS_TRACING_ENDPOINT", "https://collector.example:4318");
    let nowhere = ("KARIPASS_TRACING_CA_FILE", "/nowhere.pem");
    let found = errors(None, with(&[collector, nowhere]));
    assert!(found[0].starts_with("tracing.ca_file: /nowhere.pem: "), "{found:?}");
    let unknown = format!("{remote} sslmode=verify-ca sslrootcert=/nowhere.pem");
    let found = errors(None, with(&[("KARIPASS_DATABASE_URL", &unknown)]));
    assert!(found[0].starts_with("database.url: sslrootcert: /nowhere.pem: "), "{found:?}");
}

#[test]
fn r_variables_of_a_container_platform_are_not_settings() {
    let mut given = enough();
    given.extend(variables(&[
        ("KARIPASS_SERVICE_HOST", "10.96.0.7"),
        ("KARIPASS_PORT", "tcp://10.96.0.7:8443"),
        ("KARIPASS_PORT_8443_TCP_ADDR", "10.96.0.7"),
    ]));
    load(None, given.clone()).unwrap();
    given.extend(variables(&[("KARIPASS_SERVICE_HOSTS", "10.96.0.7")]));
    assert_eq!(errors(None, given), ["KARIPASS_SERVICE_HOSTS: no such setting"]);
}

#[test]
fn a_secret_comes_from_a_file_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.toml");
    std::fs::write(folder.path().join("ari.secret"), "from-a-file\n").unwrap();
    std::fs::write(&file, "[ari]\npassword_file = \"ari.secret\"\n").unwrap();
    let given = enough().into_iter().filter(|(name, _)| name != "KARIPASS_ARI_PASSWORD");
    let config = load(Some(&file), given).unwrap();
    assert_eq!(config.ari[0].password.expose(), "from-a-file");
}

#[test]
fn every_error_is_reported_at_once_and_no_value_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.toml");
    std::fs::write(
        &file,
        "[ari]\nurl = \"secret-nonsense\"\npasword = \"secret\"\n[call]\nmax_duration_s = -1\n[site]\nlisten = \"0.0.0.0:1\"\n",
    )
    .unwrap();
    let found = errors(Some(&file), variables(&[("KARIPASS_LOGIN_LIMITT", "secret")]));
    for key in [
        "ari.url",
        "ari.pasword",
        "ari.user",
        "ari.password",
        "call.max_duration_s",
        "site.listen",
        "database.url",
        "hashing.keys",
        "KARIPASS_LOGIN_LIMITT",
    ] {
        assert!(found.iter().any(|line| line.starts_with(key)), "{key} is not named: {found:?}");
    }
    assert!(!found.concat().contains("secret"), "{found:?}");
}

#[test]
fn where_something_is_missing_and_no_file_is_named_the_error_says_how_to_name_one() {
    let is_asked_for = |found: &[String]| found.iter().any(|it| it.starts_with("KARIPASS_CONFIG:"));
    assert!(is_asked_for(&errors(None, variables(&[]))));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.toml");
    std::fs::write(&file, "").unwrap();
    assert!(!is_asked_for(&errors(Some(&file), variables(&[]))));
    // A wrong value is not missing.
    let mut wrong = enough();
    wrong.extend(variables(&[("KARIPASS_LOGIN_LIMIT", "nonsense")]));
    assert!(!is_asked_for(&errors(None, wrong)));
}

#[test]
fn several_asterisks_are_a_list_and_variables_name_them_by_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.toml");
    let table = |port: u16| {
        format!(
            "[[ari]]\nurl = \"http://127.0.0.1:{port}\"\nuser = \"u{port}\"\npassword = \"p\"\n"
        )
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut given: Vec<_> =
        enough().into_iter().filter(|(name, _)| !name.starts_with("KARIPASS_ARI")).collect();
    std::fs::write(&file, table(1) + table(2).as_str()).unwrap();
    given.push(pair("KARIPASS_ARI_2_USER", "other"));
    let config = load(Some(&file), given.clone()).unwrap();
    let users: Vec<&str> = config.ari.iter().map(|ari| ari.user.as_str()).collect();
    assert_eq!(users, ["u1", "other"]);

    std::fs::write(&file, table(1) + table(1).as_str()).unwrap();
    let found = errors(Some(&file), given.clone());
    assert_eq!(found, ["ari.2.url: a duplicate of an Asterisk and application above"]);

    std::fs::write(&file, table(1)).unwrap();
    let found = errors(Some(&file), given.clone());
    assert!(found[0].starts_with("ari.2.password: missing"), "{found:?}");
    given.push(pair("KARIPASS_ARI_USER", "whose"));
    let found = errors(Some(&file), given);
    assert!(found.iter().any(|line| line.starts_with("KARIPASS_ARI_USER")), "{found:?}");
}

#[test]
fn the_url_of_ari_has_no_password_query_or_fragment() {
    for url in ["http://127.0.0.1:8088", "http://[::1]:8088/prefix/"] {
        assert!(load(None, with(&[("KARIPASS_ARI_URL", url)])).is_ok(), "{url}");
    }
    let error = "ari.url: must not contain user, password, query or fragment: \
                   use ari.user and ari.password";
    for url in [
        "http://user:secret@127.0.0.1:8088",
        "http://user@127.0.0.1:8088",
        "http://:secret@127.0.0.1:8088",
        "http://127.0.0.1:8088/?api_key=user:secret",
        "http://127.0.0.1:8088?",
        "http://127.0.0.1:8088/#secret",
    ] {
        assert_eq!(errors(None, with(&[("KARIPASS_ARI_URL", url)])), [error], "{url}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", load(None, enough()).unwrap());
    for secret in ["ari-secret", "db-secret", "AAAA"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn with(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut given = enough();
    given.extend(variables(pairs));
    given
}

#[test]
fn r_an_address_beside_a_socket_counts_as_another_machine() {
    for url in [
        "host=/run/postgresql hostaddr=192.0.2.1 user=u",
        "postgresql://u@%2Frun%2Fpostgresql/d?hostaddr=192.0.2.1",
    ] {
        let given = with(&[("KARIPASS_DATABASE_OWNER_URL", url)]);
        let found = errors(None, given.clone());
        let error = "database.owner_url: the connection to another machine is not encrypted";
        assert!(found.len() == 1 && found[0].starts_with(error), "{url}: {found:?}");
        let insecure = variables(&[("KARIPASS_DATABASE_INSECURE", "true")]);
        load(None, given.into_iter().chain(insecure)).unwrap();
    }
}

#[test]
fn an_invalid_value_is_described_in_plain_words() {
    for (variable, value, error) in [
        ("KARIPASS_ARI_URL", "x", "ari.url: not a URL"),
        ("KARIPASS_SITE_LISTEN", "x", "site.listen: not an address such as 127.0.0.1:8443"),
        ("KARIPASS_LOG_FORMAT", "x", "log.format: not auto, text or json"),
        ("KARIPASS_LOG_FILTER", "a=b=c", "log.filter: not a filter such as info or karipass=debug"),
        ("KARIPASS_SITE_SET_UP_NUMBER", "x", "site.set_up_number: not a national telephone number"),
        ("KARIPASS_DATABASE_MAX_CONNECTIONS", "x", "database.max_connections: not a whole number"),
        ("KARIPASS_DATABASE_MAX_CONNECTIONS", "0", "database.max_connections: not from 1 to 1000"),
        (
            "KARIPASS_DATABASE_MAX_CONNECTIONS",
            "1001",
            "database.max_connections: not from 1 to 1000",
        ),
        (
            "KARIPASS_DATABASE_OWNER_URL",
            "x",
            "database.owner_url: not a PostgreSQL connection string",
        ),
    ] {
        assert_eq!(errors(None, with(&[(variable, value)])), [error]);
    }
    let given = enough().into_iter().filter(|(name, _)| name != "KARIPASS_DATABASE_URL");
    let given = given.chain(variables(&[("KARIPASS_DATABASE_URL", "postgres//secret")]));
    let found = errors(None, given.collect());
    assert_eq!(found, ["database.url: not a PostgreSQL connection string"]);
}

#[test]
fn seconds_are_bound() {
    for (variable, key, max) in [
        ("KARIPASS_CALL_FIRST_DIGIT_TIMEOUT_S", "call.first_digit_timeout_s", 60),
        ("KARIPASS_CALL_INTER_DIGIT_TIMEOUT_S", "call.inter_digit_timeout_s", 60),
        ("KARIPASS_CALL_MAX_DURATION_S", "call.max_duration_s", dialog::MAX_CALL_LIMIT.as_secs()),
        ("KARIPASS_SHUTDOWN_CALL_GRACE_S", "shutdown.call_grace_s", 86400),
        (
            "KARIPASS_SESSION_IDLE_TIMEOUT_S",
            "session.idle_timeout_s",
            rules::MAX_SESSION_LIFETIME.as_secs(),
        ),
    ] {
        assert!(load(None, with(&[(variable, &max.to_string())])).is_ok());
        for value in ["1e19", "inf", "NaN", "0", "1e-30", &(max + 1).to_string()] {
            assert_eq!(
                errors(None, with(&[(variable, value)])),
                [format!("{key}: not a positive number of seconds, {max} at most")]
            );
        }
    }
}

#[test]
fn calls_have_two_minutes_to_finish_and_the_site_five_seconds_or_none() {
    let stop = load(None, enough()).unwrap().shutdown;
    assert_eq!((stop.call_grace.as_secs(), stop.drain.as_secs()), (120, 5));
    let notice = |value| with(&[("KARIPASS_SHUTDOWN_DRAIN_S", value)]);
    assert!(load(None, notice("0")).unwrap().shutdown.drain.is_zero());
    for value in ["-1", "86401", "x"] {
        let error = "shutdown.drain_s: not a number of seconds from 0 to 86400";
        assert_eq!(errors(None, notice(value)), [error]);
    }
}

#[test]
fn an_unreadable_file_hides_no_other_error_and_adds_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.toml");
    std::fs::write(&file, "[ari]\nuser = \n").unwrap();
    let given = [
        ("KARIPASS_SITE_LISTEN", "192.0.2.1:443"),
        ("KARIPASS_SITE_KEY_FILE", "key.pem"),
        ("KARIPASS_TYPO", "1"),
    ];
    let found = errors(Some(&file), variables(&given));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with(&format!("{}:2: ", file.display())), "{found:?}");
    assert_eq!(found[1], "KARIPASS_TYPO: no such setting");
    let found = errors(Some(&folder.path().join("none.toml")), Vec::new());
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_callers_and_a_trunks_share_are_of_all_calls() {
    let shares = |variables: &[(&str, &str)]| {
        load(None, with(variables)).map(|config| {
            let call = config.call;
            (call.max_concurrent, call.max_per_caller, call.max_per_trunk, call.max_without_number)
        })
    };
    assert_eq!(shares(&[]).unwrap(), (250, 5, 225, 25));
    assert_eq!(shares(&[("KARIPASS_CALL_MAX_CONCURRENT", "3")]).unwrap(), (3, 3, 3, 1));
    assert_eq!(shares(&[("KARIPASS_CALL_MAX_PER_TRUNK", "250")]).unwrap(), (250, 5, 250, 25));
    for key in ["call.max_per_caller", "call.max_per_trunk", "call.max_without_number"] {
        let variable = format!("KARIPASS_{}", key.replace('.', "_").to_uppercase());
        for value in ["0", "251"] {
            let errors = shares(&[(&variable, value)]).unwrap_err();
            assert_eq!(errors.0, [format!("{key}: not from 1 to 250")]);
        }
    }
}

#[test]
fn networks_of_media_are_a_list() {
    let networks = |text: &str| {
        load(None, with(&[("KARIPASS_CALL_MEDIA_NETWORKS", text)]))
            .map(|config| config.call.media_networks.len())
    };
    assert_eq!(networks("").unwrap(), 0);
    assert_eq!(networks("carrier=192.0.2.0/24, carrier=2001:db8::/32").unwrap(), 2);
    assert!(
        networks("192.0.2.0/24").unwrap_err().0[0].starts_with("call.media_networks: not a list")
    );
}
