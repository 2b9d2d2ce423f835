//! Endpoints of `pjsip.conf` in whose name others may call, and what `call.media_networks` needs
//! against it.

use super::Finding;
use super::conf::{Conf, Section};
use super::doors::Doors;
use super::files::is_of;
use super::identify::addresses;
use super::listeners::is_loopback;
use crate::config::MediaNetwork;

/// Judges the endpoints that lead to the line.
pub(super) fn judge(pjsip: &Conf, doors: &Doors, networks: &[MediaNetwork]) -> Vec<Finding> {
    let endpoints = pjsip.sections.iter().filter(|section| is_of(section, "endpoint"));
    let endpoints: Vec<&Section> = endpoints.collect();
    let is_open = pjsip.sections.iter().any(takes_udp_from_others);
    let forged = endpoints.iter().filter(|it| is_open && leads_to_line(it, doors));
    let forged = forged.filter(|it| it.value("auth").is_none_or(str::is_empty));
    let forged = forged.filter(|it| addresses(pjsip, &it.name).any(|it| !is_loopback(it)));
    let forged = forged.map(|it| {
        format!(
            "pjsip.conf: endpoint {} is known by its address, which others can forge over UDP: let it \
             come over TLS or TCP, or see to it that nobody else can send from there",
            it.name
        )
    });
    let mut names: Vec<&str> = networks.iter().map(|it| it.endpoint.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let bound = names.into_iter().filter_map(|name| match endpoints.iter().find(|it| it.name == name) {
        None => Some(format!("call.media_networks: pjsip.conf has no endpoint {name}")),
        Some(endpoint) if !endpoint.is_true("rtp_symmetric") => Some(format!(
            "pjsip.conf: endpoint {name} has no rtp_symmetric: keys from outside call.media_networks are taken"
        )),
        Some(_) => None,
    });
    forged.chain(bound).map(Finding::Doubtful).collect()
}

fn leads_to_line(endpoint: &Section, doors: &Doors) -> bool {
    let doors = doors.get(endpoint.value("context").unwrap_or("default"));
    doors.is_some_and(|doors| !doors.is_empty())
}

/// Whether this is a transport over UDP, as one is by default, that other machines reach.
fn takes_udp_from_others(section: &Section) -> bool {
    let protocol = section.value("protocol").unwrap_or("udp");
    is_of(section, "transport")
        && protocol.eq_ignore_ascii_case("udp")
        && !section.value("bind").is_some_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::doors::Door;
    use super::*;

    const TRUNK: &str = "[carrier]\ntype=endpoint\ncontext=trunk\n";

    fn found(text: &str, networks: &[&str]) -> Vec<String> {
        let doors = [("trunk", Door::Asserted), ("from", Door::Vouched), ("phones", Door::Phone)];
        let doors = doors.map(|(context, door)| (context.to_owned(), BTreeSet::from([door])));
        let networks: Vec<_> = networks.iter().map(|text| text.parse().unwrap()).collect();
        let findings = judge(&Conf::of(text), &Doors::from(doors), &networks);
        let text = |finding| match finding {
            Finding::Doubtful(text) => text,
            Finding::Wrong(text) => panic!("{text}"),
        };
        findings.into_iter().map(text).collect()
    }

    #[test]
    fn p1_an_endpoint_known_by_its_address_over_udp_is_doubtful() {
        let identify =
            |address: &str| format!("[i]\ntype=identify\nendpoint=carrier\nmatch={address}\n");
        let transport = |lines: &str| format!("[t]\ntype=transport\n{lines}\n");
        let (away, everywhere) = (identify("192.0.2.1"), transport("bind=0.0.0.0"));
        for (text, is_doubtful) in [
            (format!("{TRUNK}{away}{everywhere}"), true),
            (format!("{}{away}{everywhere}", TRUNK.replace("trunk", "from")), true),
            (format!("{TRUNK}{away}{}", transport("protocol=udp\nbind=192.0.2.9:5060")), true),
            (format!("{TRUNK}{}{everywhere}", identify("127.0.0.2,192.0.2.0/24")), true),
            (format!("{TRUNK}{away}{}", transport("protocol=tls\nbind=0.0.0.0:5061")), false),
            (format!("{TRUNK}{away}{}", transport("protocol=tcp\nbind=0.0.0.0")), false),
            (format!("{TRUNK}{away}{}", transport("bind=127.0.0.1:5060")), false),
            (format!("{TRUNK}{}{everywhere}", identify("127.0.0.2")), false),
            (format!("{TRUNK}auth=x\n{away}{everywhere}"), false),
            (format!("{}{away}{everywhere}", TRUNK.replace("trunk", "phones")), true),
            (format!("{}{away}{everywhere}", TRUNK.replace("trunk", "elsewhere")), false),
        ] {
            let found = found(&text, &[]);
            assert_eq!(found.len(), usize::from(is_doubtful), "{text}: {found:?}");
            assert!(found.iter().all(|it| it.contains("forge")), "{found:?}");
        }
    }

    #[test]
    fn p1_networks_of_media_need_their_endpoint_and_symmetric_rtp() {
        let symmetric = format!("{TRUNK}rtp_symmetric=yes\n");
        assert_eq!(found(&symmetric, &["carrier=192.0.2.1", "carrier=192.0.2.2"]), [""; 0]);
        for (text, networks, word) in [
            (symmetric.as_str(), &["carier=192.0.2.1", "carier=192.0.2.2"][..], "no endpoint"),
            (TRUNK, &["carrier=192.0.2.1"], "rtp_symmetric"),
        ] {
            let found = found(text, networks);
            assert!(matches!(&found[..], [text] if text.contains(word)), "{found:?}");
        }
    }
}
