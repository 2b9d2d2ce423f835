//! Other programs that receive keyed digits from Asterisk, and their network addresses.

use std::net::IpAddr;
use std::path::Path;

use url::Url;

use super::conf::{Conf, Section};
use super::finding::Finding;

/// The bit of AMI's class of keyed digits.
const DTMF: i64 = 1 << 8;
/// AMI's other classes, less those that are for other purposes than a PBX's own tools.
const OTHER_CLASSES: &str =
    "system,call,log,verbose,command,agent,user,config,reporting,cdr,dialplan,originate,message";

/// Checks AMI: its address, and users of both files that receive keyed digits.
pub(super) fn managers(manager: &Conf, users: &Conf) -> Vec<Finding> {
    if !manager.first("general").is_some_and(|general| general.is_true("enabled")) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let bound = manager.value("general", "bindaddr").unwrap_or("0.0.0.0");
    if !is_loopback(bound) {
        let message = format!(
            "manager.conf: AMI listens on {bound} without TLS: use bindaddr = 127.0.0.1, and \
             tlsbindaddr for other machines"
        );
        let lines = format!("{}\nbindaddr = 127.0.0.1", manager.heading("general"));
        findings.push(Finding::error(message).remedied_in(manager, lines));
    }
    findings.extend(people(manager).filter_map(|user| reader(manager, user, user.value("read")?)));
    findings.extend(people(users).filter(|user| has_manager(users, user)).filter_map(|user| {
        // Without `read` a user of this file has every class.
        let classes = user.value("read").or_else(|| users.value("general", "read"));
        reader(users, user, classes.unwrap_or("all"))
    }));
    findings
}

/// A user that receives keyed digits.
fn reader(conf: &Conf, user: &Section, classes: &str) -> Option<Finding> {
    let (file, name) = (&conf.file, &user.name);
    reads_digits(classes).then(|| {
        let message = format!(
            "{file}: AMI's user {name} receives every keyed digit: remove all and dtmf from read"
        );
        let lines = format!("[{name}](+)\nread = {}", without_digits(classes));
        Finding::error(message).remedied_in(conf, lines)
    })
}

fn people(conf: &Conf) -> impl Iterator<Item = &Section> {
    let sections = conf.sections.iter();
    sections.filter(|it| !it.is_template && !it.name.eq_ignore_ascii_case("general"))
}

/// Whether a user of `users.conf` is one of AMI.
fn has_manager(users: &Conf, user: &Section) -> bool {
    let by_default = || users.first("general").is_some_and(|it| it.is_true("hasmanager"));
    user.is_true("hasmanager") || user.value("hasmanager").is_none() && by_default()
}

/// `classes` is such as `call,dtmf`, or the classes' bits as a number.
fn reads_digits(classes: &str) -> bool {
    let bits = classes.trim().parse::<i64>();
    bits.is_ok_and(|bits| bits & DTMF != 0) || classes.split(',').any(shows_digits)
}

fn shows_digits(class: &str) -> bool {
    ["all", "dtmf"].iter().any(|it| class.trim().eq_ignore_ascii_case(it))
}

/// The same without those that show digits.
fn without_digits(classes: &str) -> String {
    let named = || classes.split(',').map(str::trim);
    let is_all = |class: &str| class.eq_ignore_ascii_case("all");
    if named().any(|class| is_all(class) || class.parse::<i64>().is_ok()) {
        return OTHER_CLASSES.to_owned();
    }
    named().filter(|class| !shows_digits(class)).collect::<Vec<_>>().join(",")
}

/// Users of ARI besides `user`. Each of them may subscribe to every event of every call.
pub(super) fn ari_users(ari: &Conf, user: &str) -> Vec<Finding> {
    let others = ari.sections.iter().filter(|it| it.has_type("user") && it.name != user);
    let warning = |name: &str| {
        Finding::warning(format!(
            "ari.conf: user {name} can receive every keyed digit, as ari.user does: is it needed?"
        ))
    };
    others.map(|other| warning(&other.name)).collect()
}

/// Connections that Asterisk makes to programs of ARI. Each of them may subscribe too, and receives
/// the events of its applications in any case.
pub(super) fn ari_connections(ari: &Conf, clients: &Conf, app: &str) -> Vec<Finding> {
    let outbound = ari.sections.iter().filter(|it| it.has_type("outbound_websocket"));
    outbound.map(|connection| connection_finding(connection, clients, app)).collect()
}

fn connection_finding(connection: &Section, clients: &Conf, app: &str) -> Finding {
    let client = connection.value("websocket_client_id").unwrap_or_default();
    let mut clients = clients.sections.iter().filter(|it| it.has_type("websocket_client"));
    let client = clients.find(|it| it.name == client);
    let uri = client.and_then(|client| client.value("uri")).unwrap_or("an unknown server");
    let uri = if is_in_the_clear(uri) { format!("{uri} in the clear") } else { uri.to_owned() };
    let apps = connection.value("apps").unwrap_or_default();
    let has_line = apps.split(',').any(|it| it.trim() == app);
    let name = &connection.name;
    if connection.is_true("subscribe_all") || has_line {
        Finding::error(format!("ari.conf: connection {name} sends every keyed digit to {uri}"))
    } else {
        Finding::warning(format!(
            "ari.conf: connection {name} to {uri} can receive every keyed digit, as ari.user \
             does: is it needed?"
        ))
    }
}

/// Whether it leads to another machine without TLS.
fn is_in_the_clear(uri: &str) -> bool {
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "ws");
    url.is_some_and(|url| !url.host_str().is_some_and(is_loopback))
}

/// Checks whether other machines reach Asterisk's HTTP server without TLS.
pub(super) fn http_address(http: &Conf) -> Option<Finding> {
    let is_enabled = http.first("general").is_some_and(|general| general.is_true("enabled"));
    let bound = http.value("general", "bindaddr").filter(|bound| !is_loopback(bound))?;
    is_enabled.then(|| {
        let message = format!(
            "http.conf: ARI listens on {bound} without TLS: use bindaddr = 127.0.0.1, and \
             tlsbindaddr for other machines"
        );
        let lines = format!("{}\nbindaddr = 127.0.0.1", http.heading("general"));
        Finding::error(message).remedied_in(http, lines)
    })
}

/// Whether `hep.conf` keeps SIP away from a capture server.
pub(super) fn captures_no_sip(config_dir: &Path) -> bool {
    let Some(hep) = Conf::read(config_dir, "hep.conf") else { return true };
    let general = hep.first("general");
    hep.unread.is_empty()
        && general.is_some_and(|it| it.value("enabled").is_some() && !it.is_true("enabled"))
}

/// Whether this is an address of the loopback interface, perhaps with a port or a prefix length.
pub(super) fn is_loopback(bound: &str) -> bool {
    let bound = bound.trim();
    let host = match bound.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None if bound.matches(':').count() == 1 => bound.split(':').next(),
        None => Some(bound),
    };
    let host = host.and_then(|host| host.split('/').next()).unwrap_or_default();
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn r_a_loopback_address_is_recognised_in_every_form() {
        for here in [
            "127.0.0.1",
            "127.0.0.1:8088",
            "::1",
            "[::1]:8088",
            "localhost",
            " 127.1.2.3 ",
            "127.0.0.0/8",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for there in ["0.0.0.0", "0.0.0.0:8088", "::", "[::]:8088", "192.0.2.1", "pbx", ""] {
            assert!(!is_loopback(there), "{there}");
        }
    }

    #[test]
    fn r_users_of_another_file_that_receive_digits_over_ami_are_found() {
        let manager = Conf::parse("[general]\nenabled = yes\nbindaddr = 127.0.0.1\n");
        let found = |users: &str| managers(&manager, &Conf::parse(users)).len();
        for (users, count) in [
            ("[general]\nhasmanager = yes\n[a]\nsecret = x\n[b]\nhasmanager = no\n", 1),
            ("[a]\nhasmanager = yes\n", 1),
            ("[a]\nhasmanager = yes\nread = call,dtmf\n", 1),
            ("[general]\nread = call\n[a]\nhasmanager = yes\n", 0),
            ("[general]\nread = all\n[a]\nhasmanager = yes\nread = call\n", 0),
            ("[general]\nhasmanager = no\n[a]\nsecret = x\n", 0),
            ("[a](!)\nhasmanager = yes\n", 0),
            ("", 0),
        ] {
            assert_eq!(found(users), count, "{users}");
        }
        let disabled = Conf::parse("[general]\nenabled = no\n");
        assert_eq!(managers(&disabled, &Conf::parse("[a]\nhasmanager = yes\n")), []);
    }

    #[test]
    fn r_connections_that_asterisk_makes_to_other_programs_of_ari_are_found() {
        let ari = |entries: &str| {
            format!("[out]\ntype = outbound_websocket\nwebsocket_client_id = far\n{entries}\n")
        };
        let client = |uri: &str| format!("[far]\ntype = websocket_client\nuri = {uri}\n");
        let (away, here) = (client("ws://203.0.113.9:8000/x"), client("ws://127.0.0.1:8000/x"));
        let encrypted = client("wss://far.example/x");
        for (entries, client, severity, words) in [
            ("subscribe_all = yes", &away, Severity::Error, "203.0.113.9:8000/x in the clear"),
            ("apps = other, karipass", &away, Severity::Error, "every keyed digit"),
            ("apps = other", &away, Severity::Warning, "x in the clear can receive"),
            ("apps = other", &here, Severity::Warning, "127.0.0.1:8000/x can receive"),
            ("apps = other", &encrypted, Severity::Warning, "far.example/x can receive"),
            ("subscribe_all = no", &String::new(), Severity::Warning, "an unknown server"),
        ] {
            let found =
                ari_connections(&Conf::parse(&ari(entries)), &Conf::parse(client), "karipass");
            assert!(
                matches!(&found[..], [one] if one.severity == severity
                    && one.message.contains("out") && one.message.contains(words)),
                "{entries} {client}: {found:?}"
            );
        }
        let none =
            ari_connections(&Conf::parse("[x]\ntype = user\n"), &Conf::parse(""), "karipass");
        assert_eq!(none, []);
    }

    #[test]
    fn r_ami_classes_that_include_digits_are_found() {
        for classes in ["all", "call, DTMF", "-1", "256"] {
            assert!(reads_digits(classes), "{classes}");
        }
        for classes in ["", OTHER_CLASSES, "255", "no"] {
            assert!(!reads_digits(classes), "{classes}");
        }
        assert_eq!(without_digits("call, DTMF,cdr"), "call,cdr");
        assert_eq!(without_digits("dtmf"), "");
        for all in ["all", "call,all", "-1"] {
            assert_eq!(without_digits(all), OTHER_CLASSES);
        }
    }
}
