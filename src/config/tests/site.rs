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
fn r_one_address_has_128_connections_by_default() {
    let site = |given: &[(&str, &str)]| {
        let site = load(None, with(given)).unwrap().site;
        (site.max_connections, site.max_connections_per_address)
    };
    let (all, each) =
        ("KARIPASS_SITE_MAX_CONNECTIONS", "KARIPASS_SITE_MAX_CONNECTIONS_PER_ADDRESS");
    assert_eq!(site(&[]), (4096, 128));
    assert_eq!(site(&[(all, "1")]), (1, 1));
    assert_eq!(site(&[(all, "100"), (each, "100")]), (100, 100));
    for (given, error) in [
        (vec![(all, "0")], "site.max_connections: not from 1 to 65536"),
        (vec![(all, "many")], "site.max_connections: not a whole number"),
        (vec![(all, "9"), (each, "10")], "site.max_connections_per_address: not from 1 to 9"),
        (vec![(each, "0")], "site.max_connections_per_address: not from 1 to 4096"),
    ] {
        assert_eq!(errors(None, with(&given)), [error]);
    }
}

#[test]
fn c5_a_list_of_common_passwords_is_bounded_and_has_one_at_least() {
    let folder = tempfile::tempdir().unwrap();
    let (list, file) = (folder.path().join("list"), folder.path().join("karipass.toml"));
    std::fs::write(&file, "[site]\ncommon_passwords_file = \"list\"\n").unwrap();
    assert!(load(None, enough()).unwrap().site.common_passwords.is_empty());
    std::fs::write(&list, "abcd1234\n12345678\nPassword1\n").unwrap();
    let common = load(Some(&file), enough()).unwrap().site.common_passwords;
    assert!(common.len() == 2 && common.contains(b"password1"), "{common:?}");
    for (content, error) in [
        (Some(String::new()), "no line is a password of 8 to 12 letters and digits"),
        (Some("12345678\n".to_owned()), "no line is a password of 8 to 12 letters and digits"),
        (Some("abcd1234\n".repeat(2 * 1024 * 1024)), "larger than 16 MiB"),
        (None, "No such file"),
    ] {
        match content {
            Some(content) => std::fs::write(&list, content).unwrap(),
            None => std::fs::remove_file(&list).unwrap(),
        }
        let found = errors(Some(&file), enough());
        let begin = format!("site.common_passwords_file: {}: {error}", list.display());
        assert!(found.len() == 1 && found[0].starts_with(&begin), "{found:?}");
    }
}

#[test]
fn a_telephone_in_the_browser_is_for_a_site_on_loopback_alone() {
    let socket = ("KARIPASS_DEMONSTRATION_PHONE_SOCKET", "/run/phone.sock");
    assert!(load(None, enough()).unwrap().phone_socket.is_none());
    let config = load(None, with(&[socket])).unwrap();
    assert_eq!(config.phone_socket.unwrap(), Path::new("/run/phone.sock"));
    let folder = certified();
    let mut given = tls(&folder.path().join("certificate.pem"), &folder.path().join("key.pem"));
    given.extend(variables(&[socket, ("KARIPASS_SITE_LISTEN", "0.0.0.0:443")]));
    let error = "demonstration.phone_socket: only where site.listen is on loopback";
    assert_eq!(errors(None, given), [error]);
    let given = with(&[socket, ("KARIPASS_SITE_TRUSTED_PROXIES", "127.0.0.1")]);
    let error = "demonstration.phone_socket: not behind site.trusted_proxies";
    assert_eq!(errors(None, given), [error]);
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

#[test]
fn w10_an_accent_colour_that_is_too_pale_is_refused_with_its_contrast() {
    let color = |color| load(None, with(&[("KARIPASS_SITE_ACCENT_COLOR", color)]));
    assert_eq!(color("#767676").unwrap().site.identity.accent_color.to_string(), "#767676");
    let refused = [
        (
            "#777777",
            "site.accent_color: the contrast with white is 4.47:1, at least 4.5:1 is required",
        ),
        (
            "#ffd43d",
            "site.accent_color: the contrast with white is 1.42:1, at least 4.5:1 is required",
        ),
        ("gold", "site.accent_color: not a colour such as #0017c1"),
    ];
    for (given, error) in refused {
        assert_eq!(color(given).unwrap_err().0, [error]);
    }
}

#[test]
fn w10_a_vulnerability_is_reported_by_mail_web_or_telephone() {
    const KEY: &str = "KARIPASS_SITE_SECURITY_CONTACT";
    let contact = |contact| load(None, with(&[(KEY, contact)]));
    for given in ["mailto:security@example.com", "https://example.com/report", "tel:+81-1-2345"] {
        let config = contact(given).unwrap();
        assert_eq!(config.site.identity.security_contact.unwrap().as_str(), given);
    }
    let error = "site.security_contact: neither mailto:, https:// nor tel:";
    assert_eq!(contact("http://example.com/report").unwrap_err().0, [error]);
}

#[test]
fn w10_a_logo_is_svg_or_png_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logo");
    let logo = |content: &[u8]| {
        std::fs::write(&file, content).unwrap();
        load(None, with(&[("KARIPASS_SITE_LOGO_FILE", file.to_str().unwrap())]))
            .map(|config| config.site.identity.logo.unwrap().format)
            .map_err(|errors| errors.0.join(" "))
    };
    assert_eq!(logo(b"<?xml version=\"1.0\"?><svg/>"), Ok(LogoFormat::Svg));
    assert_eq!(logo(b"\x89PNG\r\n\x1a\nIHDR"), Ok(LogoFormat::Png));
    assert!(logo(b"GIF89a").unwrap_err().ends_with(": neither SVG nor PNG"));
    assert!(logo(&vec![b' '; 256 * 1024 + 1]).unwrap_err().ends_with(": larger than 256 KiB"));
}

#[test]
fn w10_the_identity_is_read_and_its_mistakes_are_named() {
    let given = [
        ("KARIPASS_SITE_NAME", "電話の設定"),
        ("KARIPASS_SITE_COMPANY", "電話会社"),
        ("KARIPASS_SITE_HELP_URL", "https://example.jp/help"),
        ("KARIPASS_SITE_SUPPORT_NUMBER", "0120123456"),
        ("KARIPASS_SITE_SUPPORT_HOURS", "9時から17時まで"),
        ("KARIPASS_SITE_NOTICES", "一つ目, 二つ目"),
        ("KARIPASS_SITE_NAME_EN", "Telephone settings"),
        ("KARIPASS_SITE_CONTACT_URL_EN", "https://example.jp/en/contact"),
    ];
    let identity = load(None, with(&given)).unwrap().site.identity;
    let SiteIdentity { japanese, english, support_number, .. } = identity;
    assert_eq!(
        (japanese.name.as_deref(), japanese.company.as_deref()),
        (Some("電話の設定"), Some("電話会社"))
    );
    assert_eq!(japanese.links.help.as_ref().unwrap().as_str(), "https://example.jp/help");
    assert_eq!(support_number.unwrap().as_str(), "0120123456");
    assert_eq!(japanese.support_hours.as_deref(), Some("9時から17時まで"));
    assert_eq!(japanese.notices, ["一つ目", "二つ目"]);
    assert_eq!((english.name.as_deref(), english.company), (Some("Telephone settings"), None));
    let links = english.links.or(&japanese.links);
    let shown = [links.help, links.contact].map(|url| url.unwrap().to_string());
    assert_eq!(shown, ["https://example.jp/help", "https://example.jp/en/contact"]);
    for (key, value, error) in [
        ("KARIPASS_SITE_NAME", " ", "site.name: empty"),
        ("KARIPASS_SITE_TERMS_URL", "terms", "site.terms_url: not a URL"),
        (
            "KARIPASS_SITE_TERMS_URL",
            "ftp://example.jp",
            "site.terms_url: neither https:// nor http://",
        ),
        ("KARIPASS_SITE_SUPPORT_HOURS", "24", "site.support_hours: needs site.support_number"),
        (
            "KARIPASS_SITE_SUPPORT_HOURS_EN",
            "24",
            "site.support_hours_en: needs site.support_number",
        ),
        ("KARIPASS_SITE_COMPANY_EN", "", "site.company_en: empty"),
    ] {
        assert_eq!(errors(None, with(&[(key, value)])), [error]);
    }
}
