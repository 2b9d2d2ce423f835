//! The daemon as a process: its log, TLS, the operators' listener.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use karipass::metrics;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::scene;
use crate::site::{self, Certified, NUMBER, RIGHT, SiteClient, SiteDaemon, WRONG};
use crate::support;

/// A valid new password, and an invalid one.
const NEW: &str = "Xq7secret";
const REJECTED: &str = "Zz9_rejected_secret";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_at_trace() {
    let (database, owner) = site::contracted("temporary").await;
    let client = SiteClient::new();
    let keys = format!("new BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\n{}", site::KEYS);
    for format in ["text", "json"] {
        site::credential(&owner, NUMBER, "temporary").await;
        let trace = [
            ("KARIPASS_LOG_FILTER", "trace,tokio_postgres::query=trace"),
            ("KARIPASS_LOG_FORMAT", format),
            ("KARIPASS_HASHING_KEYS", &keys),
        ];
        let daemon = SiteDaemon::start(&database, &trace);
        let token = client.log_in(&daemon.base, NUMBER, RIGHT).await.token();
        client.session(&daemon.base, &token).await;
        client.log_in(&daemon.base, "0612345699", RIGHT).await;
        client.log_in(&daemon.base, NUMBER, WRONG).await;
        let url = format!("{}/api/v1/login?password={RIGHT}", daemon.base);
        client.get(&url).await;
        let sent = client.http().post(&url).header("content-type", "application/json");
        client.send(sent.body(format!(r#"{{"number":"{NUMBER}","password":{RIGHT}}}"#))).await;
        let typed = [RIGHT, NEW, NEW];
        scene::change(&client, &daemon.base, &token, [WRONG, NEW, NEW]).await;
        let changed = scene::change(&client, &daemon.base, &token, typed).await.token();
        scene::change(&client, &daemon.base, &changed, [NEW, REJECTED, REJECTED]).await;
        for password in [WRONG, NEW] {
            let given = [(NUMBER, password)];
            let unit = scene::change_unit(&client, &daemon.base, &changed, "admin_user", &given);
            assert_eq!(unit.await.status == 200, password == NEW);
        }
        owner.batch_execute("UPDATE contract SET unit = 'line'").await.unwrap();
        let last = client.log_in(&daemon.base, NUMBER, NEW).await.token();
        client.log_out(&daemon.base, &last).await;
        let sql = "SELECT password_hash FROM credential WHERE login_number = $1";
        let phc: String = owner.query_one(sql, &[&NUMBER]).await.unwrap().get(0);
        let hash = phc.rsplit('$').next().unwrap();
        let metrics = client.get(&format!("{}/metrics", daemon.operators)).await.body;
        let log = daemon.log();
        assert!(log.contains("127.0.0.1") && log.contains("outcome"), "{log}");
        for (what, secret) in [
            ("password", RIGHT),
            ("wrong password", WRONG),
            ("new password", NEW),
            ("rejected password", REJECTED),
            ("token", &token),
            ("token", &changed),
            ("hash", hash),
            ("key", "AAAAAAAA"),
            ("key", "BBBBBBBB"),
            ("number", NUMBER),
            ("number", "0612345699"),
        ] {
            let line = log.lines().chain(metrics.lines()).find(|line| line.contains(secret));
            assert_eq!(line, None, "a {what} is shown");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_with_a_certificate_the_site_speaks_tls_and_nothing_else() {
    let (database, _) = site::contracted("temporary").await;
    let certified = Certified::new();
    let certificate = &certified.certificate;
    let variables = [&certified.variables()[..], &[("KARIPASS_SITE_HSTS_SUBDOMAINS", "true")]];
    let daemon = SiteDaemon::start(&database, &variables.concat());
    let base = daemon.base.replace("http://", "https://");
    let client = SiteClient::trusting(&std::fs::read(certificate).unwrap());
    let answer = client.log_in(&base, NUMBER, RIGHT).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["strict-transport-security"], "max-age=63072000; includeSubDomains");
    let address = daemon.base.trim_start_matches("http://");
    assert_eq!(agreed(address, certificate, &["h2", "http/1.1"]), "http/1.1");
    let refused = agreed(address, certificate, &["h2"]);
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    let stranger = SiteClient::new();
    assert!(stranger.http().get(&base).send().await.is_err(), "nobody vouches for it");
    let plain = stranger.http().get(format!("{}/api/v1/openapi.json", daemon.base)).send().await;
    assert!(plain.is_err(), "plain HTTP is answered: {plain:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_operators_see_every_problem_with_readiness() {
    let (postgres, database) = support::stoppable_cluster().await;
    let daemon = SiteDaemon::start(&database, &[]);
    let client = SiteClient::new();
    let ask = async |path: &str| client.get(&format!("{}{path}", daemon.operators)).await;
    assert_eq!(ask("/livez").await.status, 200);
    let ready = ask("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("ARI") && !ready.body.contains("database: "), "{ready:?}");
    postgres.stop(karipass_lab::postgres::ShutdownMode::Fast).unwrap();
    let ready = ask("/readyz").await;
    assert!(ready.status == 503 && ready.body.contains("database: "), "{ready:?}");
    assert_eq!(ask("/livez").await.status, 200);
    postgres.start().unwrap();
    assert!(!ask("/readyz").await.body.contains("database: "));
    let owner = database.owner().await.unwrap();
    let known = karipass::db::migrate::program_version();
    let later = "INSERT INTO refinery_schema_history VALUES (999, 'later', '', '')";
    owner.batch_execute(later).await.unwrap();
    assert!(!ask("/readyz").await.body.contains("database: "));
    let earlier = format!("DELETE FROM refinery_schema_history WHERE version >= {known}");
    owner.batch_execute(&earlier).await.unwrap();
    let ready = ask("/readyz").await;
    let problem =
        format!("database: the database has version {}, this program needs {known}", known - 1);
    assert!(ready.status == 503 && ready.body.contains(&problem), "{ready:?}");
    let metrics = ask("/metrics").await;
    assert_eq!(metrics.status, 200);
    every_metric_is_known_and_has_help(&metrics.body);
    assert_eq!(ask("/nothing").await.status, 404);
}

fn every_metric_is_known_and_has_help(exported: &str) {
    let types = exported.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let types: Vec<_> = types.collect();
    assert!(types.len() >= 5, "{exported}");
    for (name, kind) in types {
        let known = metrics::ALL.iter().find(|(known, _, _)| *known == name);
        let (_, known, help) = known.unwrap_or_else(|| panic!("{name} is not in src/metrics.rs"));
        assert_eq!(format!("{known:?}").to_lowercase(), kind, "{name}");
        assert!(exported.contains(&format!("# HELP {name} {help}\n")), "{name} has no help");
    }
}

/// The protocol that the site chooses from those offered (ALPN, RFC 7301), or the error.
fn agreed(address: &str, certificate: &Path, offered: &[&str]) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let mut config =
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = "127.0.0.1".try_into().unwrap();
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            return error.to_string();
        }
    }
    String::from_utf8_lossy(connection.alpn_protocol().unwrap()).into_owned()
}
