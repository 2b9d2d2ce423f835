//! Endpoints of `pjsip.conf` that would take a stranger's word for who is calling (`P1`).

use std::collections::BTreeSet;

use super::Finding;
use super::conf::{Conf, Section};
use super::doors::{Door, Doors};
use super::files::is_of;
use super::identify::{self, KnownBy};

/// The words of the mapping of endpoints that is followed, in `sorcery.conf`.
const IN_PJSIP_CONF: [&str; 2] = ["config", "pjsip.conf"];
/// How an endpoint is known unless it says otherwise: by the name in From, too.
const IDENTIFY_BY: &str = "username,ip";

/// Judges every endpoint whose context leads to the line, and anonymous ones wherever they lead.
pub(super) fn judge(pjsip: &Conf, doors: &Doors) -> Vec<Finding> {
    let mut findings = Vec::new();
    for endpoint in pjsip.sections.iter().filter(|section| is_of(section, "endpoint")) {
        let context = endpoint.value("context").unwrap_or("default");
        let told = |mistake| {
            format!("pjsip.conf: endpoint {} (context {context}) {mistake}", endpoint.name)
        };
        let doors: Vec<Door> = doors.get(context).into_iter().flatten().copied().collect();
        if is_anonymous(endpoint) {
            findings.push(if doors.is_empty() {
                Finding::Doubtful(told("takes calls from anybody, though not to the line"))
            } else {
                Finding::Wrong(told("takes calls from anybody"))
            });
            continue;
        }
        let mistakes = doors.into_iter().flat_map(|door| match door {
            Door::Asserted | Door::Vouched => trunk(pjsip, endpoint),
            Door::Phone => telephone(pjsip, endpoint),
        });
        // Several doors may find the same.
        let mistakes: BTreeSet<&str> = mistakes.collect();
        findings.extend(mistakes.into_iter().map(|mistake| Finding::Wrong(told(mistake))));
    }
    findings
}

/// Says where else endpoints come from: `pjsip_wizard.conf`, and what `sorcery.conf` maps them to.
pub(super) fn elsewhere(wizard: &Conf, sorcery: &Conf) -> Vec<Finding> {
    let unjudged = |what: &str| {
        Finding::Doubtful(format!(
            "{what} is not looked at: whose word its endpoints take was not judged"
        ))
    };
    let mut findings = Vec::new();
    if wizard.sections.iter().any(|section| is_of(section, "wizard")) {
        findings.push(unjudged("pjsip_wizard.conf"));
    }
    let mappings = sorcery.named("res_pjsip").flat_map(|section| &section.entries);
    for (_, to) in mappings.filter(|(name, _)| name.eq_ignore_ascii_case("endpoint")) {
        let words = to.split(',').map(str::trim).take(IN_PJSIP_CONF.len());
        if !words.eq(IN_PJSIP_CONF) {
            findings.push(unjudged(&format!("sorcery.conf: endpoint = {to}")));
        }
    }
    findings
}

const BY_NAME: &str = "is known by its name in From or in a digest too, which anybody can write: identify_by = ip is missing";
const BY_FROM: &str =
    "is known by From alone, which anybody can write: it has no identify section with match";
const BY_WORDS: &str = "is known by what anybody can write: its identify section has match_header or match_request_uri";
const BY_WIDE_NETWORK: &str = "is known by an address that nearly anybody may have: match of its identify section is wider than /8 (IPv6: /16)";

fn trunk(pjsip: &Conf, endpoint: &Section) -> Vec<&'static str> {
    let mut mistakes: Vec<_> = unproved(pjsip, endpoint, BY_FROM).into_iter().collect();
    if !endpoint.is_true("trust_id_inbound") {
        mistakes.push("has no trust_id_inbound: the line believes nothing that it asserts");
    }
    mistakes
}

fn telephone(pjsip: &Conf, endpoint: &Section) -> Vec<&'static str> {
    let mut mistakes = Vec::new();
    if !endpoint.value("callerid").is_some_and(has_number) {
        mistakes.push("has no number in callerid: the line knows nobody by it");
    }
    if endpoint.is_true("trust_id_inbound") {
        mistakes.push("has trust_id_inbound: a telephone says itself who it is");
    }
    mistakes.extend(unproved(pjsip, endpoint, "has no auth: anybody can be this telephone"));
    mistakes
}

/// Whether a `callerid` such as `"Taro" <0612345600>` or `0612345600` holds more than a name.
fn has_number(callerid: &str) -> bool {
    let bracketed = callerid.rsplit_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
    let number = bracketed.map_or(callerid, |(number, _)| number);
    let is_part = |letter: char| letter.is_ascii_digit() || "+- ()".contains(letter);
    number.contains(|letter: char| letter.is_ascii_digit()) && number.chars().all(is_part)
}

/// What lets others be this endpoint, if anything; `unknown` is said of one that is known by nothing.
fn unproved(pjsip: &Conf, endpoint: &Section, unknown: &'static str) -> Option<&'static str> {
    if endpoint.value("auth").is_some_and(|auth| !auth.is_empty()) {
        return None;
    }
    match identify::known_by(pjsip, &endpoint.name) {
        KnownBy::Address => is_known_by_name(endpoint).then_some(BY_NAME),
        KnownBy::WideNetwork => Some(BY_WIDE_NETWORK),
        KnownBy::Words => Some(BY_WORDS),
        KnownBy::Nothing => Some(unknown),
    }
}

fn is_known_by_name(endpoint: &Section) -> bool {
    let ways = endpoint.value("identify_by").unwrap_or(IDENTIFY_BY);
    let by_name = ["username", "auth_username"];
    ways.split(',').any(|way| by_name.iter().any(|it| way.trim().eq_ignore_ascii_case(it)))
}

/// The endpoint of whoever is not known (`res_pjsip_endpoint_identifier_anonymous`).
fn is_anonymous(endpoint: &Section) -> bool {
    endpoint.name == "anonymous" || endpoint.name.starts_with("anonymous@")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let conf = Conf::of(text);
        let door = |context: &str, door| (context.to_owned(), BTreeSet::from([door]));
        let doors = Doors::from([
            door("asserted", Door::Asserted),
            door("vouched", Door::Vouched),
            door("phones", Door::Phone),
        ]);
        let text = |finding| match finding {
            Finding::Wrong(text) | Finding::Doubtful(text) => text,
        };
        judge(&conf, &doors).into_iter().map(text).collect()
    }

    const IDENTIFIED: &str = "\n[x]\ntype=identify\nendpoint=x\nmatch=192.0.2.1\n";

    #[test]
    fn p1_a_trunk_is_known_by_its_address_alone_or_by_its_password() {
        for (endpoint, word) in [
            ("context=asserted\ntrust_id_inbound=yes\nidentify_by=ip", None),
            ("context=vouched\ntrust_id_inbound=yes\nidentify_by = ip", None),
            ("context=vouched\ntrust_id_inbound=yes\nauth=x", None),
            ("context=elsewhere", None),
            ("context=asserted\ntrust_id_inbound=yes", Some("identify_by")),
            ("context=vouched\ntrust_id_inbound=yes\nidentify_by=ip,username", Some("identify_by")),
            (
                "context=vouched\ntrust_id_inbound=yes\nidentify_by=ip,auth_username",
                Some("identify_by"),
            ),
            ("context=asserted\nidentify_by=ip", Some("trust_id_inbound")),
            ("context=vouched\nidentify_by=ip", Some("trust_id_inbound")),
        ] {
            let found = told(&format!("[x]\ntype=endpoint\n{endpoint}{IDENTIFIED}"));
            assert_eq!(found.len(), usize::from(word.is_some()), "{endpoint}: {found:?}");
            assert!(found.iter().all(|it| it.contains(word.unwrap())), "{endpoint}: {found:?}");
        }
        let found =
            told("[x]\ntype=endpoint\ncontext=vouched\ntrust_id_inbound=yes\nidentify_by=ip\n");
        assert!(found.len() == 1 && found[0].contains("no identify section"), "{found:?}");
    }

    #[test]
    fn p1_an_identify_section_is_a_proof_only_where_it_names_addresses_of_its_own() {
        let (nothing, words, wide) = (&["no identify section", "no auth"], "match_header", "/8");
        for (identify, is_told) in [
            ("match=192.0.2.1", None),
            ("match=192.0.2.0/24,sip.carrier.example", None),
            ("match=sip.carrier.example\nmatch=2001:db8::/32", None),
            ("match=!0.0.0.0/0,192.0.2.1", None),
            ("", Some(&nothing[..])),
            ("match=", Some(&nothing[..])),
            ("match=!192.0.2.1", Some(&nothing[..])),
            ("match_header=X-Carrier: x", Some(&[words])),
            ("match=192.0.2.1\nmatch_header=X-Carrier: x", Some(&[words])),
            ("match=192.0.2.1\nmatch_request_uri=sip:x@y", Some(&[words])),
            ("match=0.0.0.0/0", Some(&[wide])),
            ("match=192.0.2.1, ::/0", Some(&[wide])),
            ("match=0.0.0.0/0.0.0.0\nmatch=192.0.2.1", Some(&[wide])),
            ("match=192.0.2.1\n[i]\ntype=identify\nendpoint=x\nmatch=0.0.0.0/0", Some(&[wide])),
        ] {
            for context in ["vouched\ntrust_id_inbound=yes", "phones\ncallerid=<0612345600>"] {
                let found = told(&format!(
                    "[x]\ntype=endpoint\nidentify_by=ip\ncontext={context}\n\
                     [x]\ntype=identify\nendpoint=x\n{identify}\n"
                ));
                assert_eq!(found.len(), usize::from(is_told.is_some()), "{identify}: {found:?}");
                let is_named = |it: &String| is_told.unwrap().iter().any(|word| it.contains(word));
                assert!(found.iter().all(is_named), "{identify}: {found:?}");
            }
        }
    }

    #[test]
    fn p1_a_telephone_has_a_fixed_identity_and_a_password() {
        for (endpoint, word) in [
            ("auth=x\ncallerid=<0612345600>", None),
            ("auth=x", Some("callerid")),
            ("auth=x\ncallerid=\"Taro\" <>", Some("callerid")),
            ("auth=x\ncallerid=\"Room 5\" <>", Some("callerid")),
            ("auth=x\ncallerid=Room 5", Some("callerid")),
            ("auth=x\ncallerid=\"<5>\" <room>", Some("callerid")),
            ("auth=x\ncallerid=<0612345600", Some("callerid")),
            ("auth=x\ncallerid=\"Room 5\" <+81 (6) 1234-5600>", None),
            ("auth=x\ncallerid=06-1234-5600", None),
            ("auth=x\ncallerid=<0612345600>\ntrust_id_inbound=yes", Some("trust_id_inbound")),
            ("callerid=<0612345600>", Some("no auth")),
            (
                "callerid=<0612345600>\n[i]\ntype=identify\nendpoint=x\nmatch=192.0.2.5",
                Some("identify_by"),
            ),
            (
                "callerid=<0612345600>\nidentify_by=ip\n\
                 [i]\ntype=identify\nendpoint=x\nmatch=192.0.2.5",
                None,
            ),
        ] {
            let found = told(&format!("[x]\ntype=endpoint\ncontext=phones\n{endpoint}\n"));
            assert_eq!(found.len(), usize::from(word.is_some()), "{endpoint}: {found:?}");
            assert!(found.iter().all(|it| it.contains(word.unwrap())), "{endpoint}: {found:?}");
        }
    }

    #[test]
    fn p1_an_anonymous_endpoint_is_wrong_where_it_leads_to_the_line_and_doubtful_elsewhere() {
        let found = |text: &str| {
            let doors = Doors::from([
                ("vouched".to_owned(), BTreeSet::from([Door::Vouched])),
                ("elsewhere".to_owned(), BTreeSet::new()),
            ]);
            judge(&Conf::of(text), &doors)
        };
        for context in ["elsewhere", "unknown"] {
            let found = found(&format!("[anonymous]\ntype=endpoint\ncontext={context}\n"));
            assert!(
                matches!(&found[..], [Finding::Doubtful(text)] if text.contains("anybody")),
                "{found:?}"
            );
        }
        let found_on_line = found("[anonymous@site.example]\ntype=endpoint\ncontext=vouched\n");
        assert!(
            matches!(&found_on_line[..], [Finding::Wrong(text)] if text.contains("anybody")),
            "{found_on_line:?}"
        );
        assert_eq!(found("[anonymous](!)\ntype=endpoint\n[x](anonymous)\ncontext=elsewhere"), []);
    }

    #[test]
    fn p1_an_endpoint_that_is_found_the_same_by_two_doors_is_named_once() {
        let conf = Conf::of(&format!("[x]\ntype=endpoint\ncontext=both{IDENTIFIED}"));
        let both = BTreeSet::from([Door::Vouched, Door::Asserted]);
        assert_eq!(judge(&conf, &Doors::from([("both".to_owned(), both)])).len(), 2);
    }

    #[test]
    fn p1_endpoints_that_stand_elsewhere_are_told() {
        for (wizard, told) in [
            ("", 0),
            ("[t](!)\ntype=wizard\n", 0),
            ("[x]\nremote_hosts=192.0.2.1\n", 0),
            ("[t](!)\ntype=wizard\n[x](t)\n[y](t)\n", 1),
        ] {
            assert_eq!(elsewhere(&Conf::of(wizard), &Conf::default()).len(), told, "{wizard}");
        }
        for (sorcery, told) in [
            ("[res_pjsip]\nendpoint=config,pjsip.conf,criteria=type=endpoint\n", 0),
            ("[res_pjsip]\nendpoint/cache=memory_cache,expire_on_reload=yes\n", 0),
            ("[res_pjsip]\naor=realtime,ps_aors\n", 0),
            ("[another]\nendpoint=realtime,ps_endpoints\n", 0),
            ("[res_pjsip]\nendpoint=config, pjsip.conf\nendpoint => realtime,ps_endpoints\n", 1),
            ("[res_pjsip]\nendpoint=config,others.conf\nendpoint=memory\n", 2),
        ] {
            assert_eq!(elsewhere(&Conf::default(), &Conf::of(sorcery)).len(), told, "{sorcery}");
        }
    }
}
