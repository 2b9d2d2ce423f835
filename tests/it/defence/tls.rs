//! W7: the versions of TLS, and a certificate that changes while connections continue.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;

use super::wire::{ASK, Tls, ask, client, plain, shaken};
use crate::site::{SiteClient, SiteDaemon};
use crate::support::{self, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn w7_tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let mounted = Mounted::new(&["one"]);
    let daemon = mounted.daemon(&support::database().await);
    let certificate = mounted.file("one/certificate.pem");
    for version in [&TLS12, &TLS13] {
        let mut stream = shaken(address(&daemon), client(&[&certificate], &[version])).unwrap();
        assert_eq!(stream.conn.protocol_version().unwrap(), version.version);
        assert_eq!(ask(&mut stream, ASK).0, 404);
    }
    // RFC 8446 §6: a fatal alert, protocol_version; a handshake's record for TLS 1.2.
    for (minor, record, rest) in
        [(0, 21, &[2, 70][..]), (1, 21, &[2, 70]), (2, 21, &[2, 70]), (3, 22, &[])]
    {
        let mut stream = plain(address(&daemon));
        stream.write_all(&hello(minor)).unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).unwrap();
        let mut content = vec![0; rest.len()];
        stream.read_exact(&mut content).unwrap();
        assert_eq!((answer[0], content.as_slice()), (record, rest), "3.{minor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_a_changed_certificate_is_loaded_and_no_connection_dropped() {
    let generations = ["one", "two"];
    let mounted = Mounted::new(&generations);
    let daemon = mounted.daemon(&support::database().await);
    let mut before = mounted.connect(&daemon, &generations);
    assert!(mounted.is_of(&before, "one"));
    assert_eq!(ask(&mut before, ASK).0, 404);
    mounted.swap("two");
    wait_until("the new certificate to be taken", async || {
        assert_eq!(ask(&mut before, ASK).0, 404, "on the connection from before");
        let mut new = mounted.connect(&daemon, &generations);
        assert_eq!(ask(&mut new, ASK).0, 404, "on a new connection");
        mounted.is_of(&new, "two")
    })
    .await;
    assert_eq!(ask(&mut before, ASK).0, 404, "afterwards");
    let ends =
        daemon.metric(&SiteClient::new(), "karipass_certificate_not_after_timestamp_seconds").await;
    assert!(ends > 1.8e9, "it ends at {ends}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w7_a_certificate_changed_for_a_bad_one_is_refused_once() {
    let generations = ["one", "two", "three"];
    let mounted = Mounted::new(&generations);
    let daemon = mounted.daemon(&support::database().await);
    // It listens before it loads the certificate.
    assert!(mounted.is_of(&mounted.connect(&daemon, &generations), "one"));
    // Another's key; then no certificate at all; then no files.
    fs::copy(mounted.file("one/key.pem"), mounted.file("two/key.pem")).unwrap();
    mounted.swap("two");
    let refusals = || daemon.log().matches(r#""level":"ERROR""#).count();
    wait_until("the wrong key to be reported", async || refusals() == 1).await;
    // In one piece: half of it would be another error.
    fs::write(mounted.file("two/nonsense"), "nonsense").unwrap();
    fs::rename(mounted.file("two/nonsense"), mounted.file("two/certificate.pem")).unwrap();
    wait_until("the nonsense to be reported", async || refusals() == 2).await;
    fs::remove_file(mounted.file("now")).unwrap();
    wait_until("the absence to be reported", async || refusals() == 3).await;
    let mut stream = mounted.connect(&daemon, &["one"]);
    assert!(mounted.is_of(&stream, "one"), "the old one stays");
    assert_eq!(ask(&mut stream, ASK).0, 404);
    mounted.swap("three");
    wait_until("the good one to be taken", async || {
        mounted.is_of(&mounted.connect(&daemon, &["one", "three"]), "three")
    })
    .await;
    assert_eq!(refusals(), 3, "each is reported once: {}", daemon.log());
}

/// A folder as an orchestrator mounts it. The two files point into `now`, which points to one of
/// several generations and is swapped as a whole.
struct Mounted(TempDir);

impl Mounted {
    fn new(generations: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for generation in generations {
            fs::create_dir(folder.path().join(generation)).unwrap();
            karipass_lab::certificate::keep_in(&folder.path().join(generation)).unwrap();
        }
        symlink(generations[0], folder.path().join("now")).unwrap();
        for file in ["certificate.pem", "key.pem"] {
            symlink(Path::new("now").join(file), folder.path().join(file)).unwrap();
        }
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn swap(&self, generation: &str) {
        symlink(generation, self.file("next")).unwrap();
        fs::rename(self.file("next"), self.file("now")).unwrap();
    }

    fn daemon(&self, database: &karipass_lab::postgres::Database) -> SiteDaemon {
        let (certificate, key) = (self.file("certificate.pem"), self.file("key.pem"));
        let variables = [
            ("KARIPASS_SITE_CERTIFICATE_FILE", certificate.to_str().unwrap()),
            ("KARIPASS_SITE_KEY_FILE", key.to_str().unwrap()),
        ];
        SiteDaemon::start(database, &variables)
    }

    /// A new connection that trusts every generation.
    fn connect(&self, daemon: &SiteDaemon, generations: &[&str]) -> Tls {
        let certificates: Vec<_> =
            generations.iter().map(|name| self.file(name).join("certificate.pem")).collect();
        let certificates: Vec<_> = certificates.iter().map(PathBuf::as_path).collect();
        shaken(address(daemon), client(&certificates, &[&TLS13, &TLS12])).unwrap()
    }

    fn is_of(&self, stream: &Tls, generation: &str) -> bool {
        let certificate = self.file(generation).join("certificate.pem");
        stream.conn.peer_certificates().unwrap()[0]
            == CertificateDer::from_pem_file(certificate).unwrap()
    }
}

fn address(daemon: &SiteDaemon) -> &str {
    daemon.base.strip_prefix("http://").unwrap()
}

/// A `ClientHello` of SSL 3.0, TLS 1.0, 1.1 or 1.2 (RFC 5246 §7.4.1.2) that TLS 1.2 could accept.
fn hello(minor: u8) -> Vec<u8> {
    // x25519 and P-256; uncompressed points; ECDSA on P-256 with SHA-256.
    let extensions: [&[u8]; 3] =
        [&[0, 10, 0, 6, 0, 4, 0, 29, 0, 23], &[0, 11, 0, 2, 1, 0], &[0, 13, 0, 4, 0, 2, 4, 3]];
    let extensions = extensions.concat();
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    // ECDHE-ECDSA with AES-128, in GCM and in CBC.
    let suites = [0, 4, 0xc0, 0x2b, 0xc0, 0x09];
    let body =
        [&[3, minor][..], &[7; 32], &[0], &suites, &[1, 0, 0, length(&extensions)], &extensions]
            .concat();
    [&[22, 3, minor.min(1), 0, length(&body) + 4, 1, 0, 0, length(&body)][..], &body].concat()
}
