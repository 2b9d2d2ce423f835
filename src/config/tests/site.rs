//! The settings of `[site]`.

use super::*;

#[test]
fn w7_without_a_certificate_only_loopback() {
    let mut given = enough();
    given.extend(variables(&[("KARIPASS_SITE_LISTEN", "192.0.2.1:443")]));
    assert_eq!(errors(None, given).len(), 1);
}

#[test]
fn a_certificate_and_its_key_are_looked_at() {
    let (one, other) = (certified(), certified());
    let (certificate, key) = (one.path().join("certificate.pem"), one.path().join("key.pem"));
    assert!(load(None, tls(&certificate, &key)).is_ok());

    let found = errors(None, tls(&certificate, &other.path().join("key.pem")));
    assert_eq!(found, ["site.key_file: not the key of site.certificate_file"]);

    let nowhere = one.path().join("nowhere.pem");
    let found = errors(None, tls(&nowhere, &nowhere));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("site.certificate_file: ") && found[0].contains("nowhere.pem"));
    assert!(found[1].starts_with("site.key_file: ") && found[1].contains("nowhere.pem"));

    let found = errors(None, tls(&key, &certificate));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("no certificate in PEM"), "{found:?}");
    assert!(found[1].ends_with("no private key in PEM"), "{found:?}");

    for (file, what) in [(&certificate, "CERTIFICATE"), (&key, "PRIVATE KEY")] {
        let before = std::fs::read(file).unwrap();
        std::fs::write(file, format!("-----BEGIN {what}-----\nAAAA\n-----END {what}-----\n"))
            .unwrap();
        let found = errors(None, tls(&certificate, &key));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("not a usable"), "{found:?}");
        std::fs::write(file, before).unwrap();
    }
}

#[test]
fn proxies_are_a_list_in_the_file_and_in_the_variable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.toml");
    for (text, held) in [
        ("", &[][..]),
        ("trusted_proxies = []", &[]),
        ("trusted_proxies = \"192.0.2.1\"", &["192.0.2.1"]),
        ("trusted_proxies = [\"192.0.2.1\", \"2001:db8::/32\"]", &["192.0.2.1", "2001:db8::/32"]),
    ] {
        std::fs::write(&file, format!("[site]\n{text}\n")).unwrap();
        let held: Vec<Network> = held.iter().map(|network| network.parse().unwrap()).collect();
        assert_eq!(load(Some(&file), enough()).unwrap().site.trusted_proxies, held, "{text}");
    }
    let given = with(&[("KARIPASS_SITE_TRUSTED_PROXIES", "198.51.100.0/24, ::1")]);
    let held = ["198.51.100.0/24", "::1"].map(|network| network.parse().unwrap());
    assert_eq!(load(Some(&file), given).unwrap().site.trusted_proxies, held);

    std::fs::write(&file, "[site]\ntrusted_proxies = [\"192.0.2.1/24\", 7]\nlisten = [\"x\"]\n")
        .unwrap();
    let network = "site.trusted_proxies: not a list of addresses and networks such as 192.0.2.1 or 2001:db8::/32";
    let list = "site.listen: a list is not expected here";
    assert_eq!(errors(Some(&file), enough()), [list, network]);
}

#[test]
fn b3_one_address_has_128_connections_by_default() {
    let site = |given: &[(&str, &str)]| {
        let site = load(None, with(given)).unwrap().site;
        (site.max_connections, site.max_connections_per_address)
    };
    let (all, each) =
        ("KARIPASS_SITE_MAX_CONNECTIONS", "KARIPASS_SITE_MAX_CONNECTIONS_PER_ADDRESS");
    assert_eq!(site(&[]), (4096, 128));
    assert_eq!(site(&[(all, "1")]), (1, 1));
    assert_eq!(site(&[(all, "100"), (each, "100")]), (100, 100));
    for (given, mistake) in [
        (vec![(all, "0")], "site.max_connections: not from 1 to 65536"),
        (vec![(all, "many")], "site.max_connections: not a whole number"),
        (vec![(all, "9"), (each, "10")], "site.max_connections_per_address: not from 1 to 9"),
        (vec![(each, "0")], "site.max_connections_per_address: not from 1 to 4096"),
    ] {
        assert_eq!(errors(None, with(&given)), [mistake]);
    }
}

fn certified() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    karipass_lab::certificate::keep_in(folder.path()).unwrap();
    folder
}

fn tls(certificate: &Path, key: &Path) -> Vec<(String, String)> {
    with(&[
        ("KARIPASS_SITE_CERTIFICATE_FILE", certificate.to_str().unwrap()),
        ("KARIPASS_SITE_KEY_FILE", key.to_str().unwrap()),
    ])
}
