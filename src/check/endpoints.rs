//! Endpoints of `pjsip.conf` whose callers the line believes (`P1`). Can others call in their name?
//! Do their digits and media arrive as the line needs them?
//!
//! The dialplan believes an endpoint that has `trust_id_inbound`, or a number in `callerid`. How a
//! call gets from an endpoint to the line is followed in `dialplan`.

use domain::phone_number::PhoneNumber;

use super::conf::{Conf, Section};
use super::finding::Finding;
use super::listeners::is_loopback;
use crate::config::MediaNetwork;

/// A transport where there is none, as in installing.md.
const TRANSPORT: &str = "\
[transport-udp]
type = transport
protocol = udp
bind = 0.0.0.0:5060

";
/// A trunk where there is none, as in installing.md.
const TRUNK: &str = "\
[carrier]
type = endpoint
context = karipass-trunk
disallow = all
allow = ulaw,alaw
direct_media = no
allow_transfer = no
timers = no
dtmf_mode = auto
identify_by = ip
trust_id_inbound = yes
rtp_symmetric = yes
message_context = karipass-no-messages

[carrier]
type = identify
endpoint = carrier
match = 192.0.2.10";
/// What a trunk needs whose callers are believed.
const TRUSTED: &str = "\
identify_by = ip
trust_id_inbound = yes
rtp_symmetric = yes
dtmf_mode = auto
message_context = karipass-no-messages";

/// Why a stranger's call can pass for an endpoint's, where one line prevents it.
const BY_NAME: &str = "it is identified by its name in From as well: set identify_by = ip";
/// Asterisk's default of `identify_by`.
const DEFAULT_IDENTIFY_BY: &str = "username,ip";

/// Checks the endpoints of `pjsip` and what `call.media_networks` says of them.
pub(super) fn check(pjsip: &Conf, networks: &[MediaNetwork]) -> Vec<Finding> {
    let endpoints: Vec<&Section> =
        pjsip.sections.iter().filter(|section| section.has_type("endpoint")).collect();
    let believed: Vec<&Section> =
        endpoints.iter().copied().filter(|endpoint| is_believed(endpoint)).collect();
    if believed.is_empty() {
        return vec![none_is_believed(pjsip)];
    }
    let mut findings = Vec::new();
    for endpoint in &believed {
        if let Some(reason) = impersonation(pjsip, endpoint) {
            let message =
                format!("pjsip.conf: anyone can call as endpoint {}: {reason}", endpoint.name);
            let error = Finding::error(message);
            findings.push(if reason == BY_NAME {
                error.remedied_in(pjsip, further(endpoint, "identify_by = ip"))
            } else {
                error
            });
        } else if is_forgeable(pjsip, endpoint) {
            findings.push(Finding::warning(format!(
                "pjsip.conf: endpoint {} is identified by its address, which can be forged over \
                 UDP: use TLS or TCP, or a network that nobody else can send into",
                endpoint.name
            )));
        }
    }
    findings.extend(fixed_dtmf_mode(pjsip, &believed));
    findings.extend(media(pjsip, &endpoints, networks));
    findings
}

/// No endpoint is believed whose calls reach the line.
pub(super) fn none_is_believed(pjsip: &Conf) -> Finding {
    let trunks: Vec<String> = trunks(pjsip).map(|trunk| further(trunk, TRUSTED)).collect();
    let has_transport = pjsip.sections.iter().any(|section| section.has_type("transport"));
    let transport = if has_transport { "" } else { TRANSPORT };
    let lines = if trunks.is_empty() { format!("{transport}{TRUNK}") } else { trunks.join("\n\n") };
    Finding::warning(
        "pjsip.conf: no endpoint that may call the line has trust_id_inbound or a subscriber's \
         number in callerid: every caller hears not-available, unless endpoints are configured \
         elsewhere (not examined). A trunk whose carrier asserts the caller needs",
    )
    .remedied_in(pjsip, lines)
}

/// A trunk reaches the line, but what it asserts does not count.
pub(super) fn not_believed(pjsip: &Conf, trunk: &Section) -> Finding {
    Finding::warning(format!(
        "pjsip.conf: callers of trunk {} hear not-available. If its carrier asserts them, it needs",
        trunk.name
    ))
    .remedied_in(pjsip, further(trunk, TRUSTED))
}

fn trunks(pjsip: &Conf) -> impl Iterator<Item = &Section> {
    let endpoints = pjsip.sections.iter().filter(|section| section.has_type("endpoint"));
    endpoints.filter(move |endpoint| is_trunk(pjsip, endpoint))
}

/// Whether it is known by its address alone.
pub(super) fn is_trunk(pjsip: &Conf, endpoint: &Section) -> bool {
    !has_auth(endpoint) && !addresses(pjsip, endpoint).is_empty()
}

pub(super) fn is_believed(endpoint: &Section) -> bool {
    is_trusted(endpoint) || has_number(endpoint)
}

/// Whether its asserted identities are believed.
pub(super) fn is_trusted(endpoint: &Section) -> bool {
    endpoint.is_true("trust_id_inbound")
}

/// Whether `callerid`, such as `"Taro" <0612345600>`, holds a subscriber's number. The number of an
/// extension, such as `<201>`, is none.
pub(super) fn has_number(endpoint: &Section) -> bool {
    let callerid = endpoint.value("callerid").unwrap_or_default();
    let number = callerid.rsplit('<').next().unwrap_or_default().trim_end_matches('>');
    PhoneNumber::from_typed(number).is_ok()
}

/// Lines that add to an endpoint; other sections may have its name.
pub(super) fn further(endpoint: &Section, lines: &str) -> String {
    format!("[{}](+type=endpoint)\n{lines}", endpoint.name)
}

/// Why a stranger's call can pass for this endpoint's, if it can.
fn impersonation(pjsip: &Conf, endpoint: &Section) -> Option<&'static str> {
    if has_auth(endpoint) {
        return None;
    }
    let accepts_words = identify_sections(pjsip, endpoint).any(|section| {
        ["match_header", "match_request_uri"].iter().any(|name| section.value(name).is_some())
    });
    if accepts_words {
        return Some("its identify section accepts a header or request URI that anyone can write");
    }
    let addresses = addresses(pjsip, endpoint);
    if addresses.is_empty() {
        return Some("it has neither auth nor an identify section with match");
    }
    if addresses.iter().any(|address| address.ends_with("/0") || address.ends_with("/0.0.0.0")) {
        return Some("its identify section matches every address");
    }
    let ways = endpoint.value("identify_by").unwrap_or(DEFAULT_IDENTIFY_BY);
    let by_name = ways.split(',').any(|way| {
        ["username", "auth_username"].iter().any(|name| way.trim().eq_ignore_ascii_case(name))
    });
    by_name.then_some(BY_NAME)
}

/// Whether only a sender address over UDP proves this endpoint.
fn is_forgeable(pjsip: &Conf, endpoint: &Section) -> bool {
    !has_auth(endpoint)
        && pjsip.sections.iter().any(is_open_udp_transport)
        && addresses(pjsip, endpoint).iter().any(|address| !is_loopback(address))
}

/// Whether it proves itself by a password.
pub(super) fn has_auth(endpoint: &Section) -> bool {
    endpoint.value("auth").is_some_and(|auth| !auth.is_empty())
}

/// The addresses and networks that identify this endpoint.
pub(super) fn addresses<'a>(pjsip: &'a Conf, endpoint: &Section) -> Vec<&'a str> {
    identify_sections(pjsip, endpoint)
        .flat_map(|section| section.values("match"))
        .flat_map(|value| value.split(','))
        .map(str::trim)
        // An exclamation mark excludes an address from the others.
        .filter(|address| !address.is_empty() && !address.starts_with('!'))
        .collect()
}

fn identify_sections<'a>(pjsip: &'a Conf, endpoint: &Section) -> impl Iterator<Item = &'a Section> {
    let sections = pjsip.sections.iter().filter(|section| section.has_type("identify"));
    sections.filter(move |section| section.value("endpoint") == Some(&endpoint.name))
}

/// Whether other machines reach this section's transport over UDP, which is the default protocol.
fn is_open_udp_transport(section: &Section) -> bool {
    let protocol = section.value("protocol").unwrap_or("udp");
    section.has_type("transport")
        && protocol.eq_ignore_ascii_case("udp")
        && !section.value("bind").is_some_and(is_loopback)
}

/// With `auto` Asterisk hears digits as RFC 4733 events where these are offered, and as tones
/// otherwise.
fn fixed_dtmf_mode(pjsip: &Conf, believed: &[&Section]) -> Option<Finding> {
    let is_auto = |endpoint: &Section| {
        endpoint.value("dtmf_mode").is_some_and(|mode| mode.eq_ignore_ascii_case("auto"))
    };
    let fixed: Vec<&Section> =
        believed.iter().copied().filter(|endpoint| !is_auto(endpoint)).collect();
    let names: Vec<&str> = fixed.iter().map(|endpoint| endpoint.name.as_str()).collect();
    let lines: Vec<String> = fixed.iter().map(|it| further(it, "dtmf_mode = auto")).collect();
    (!fixed.is_empty()).then(|| {
        Finding::warning(format!(
            "pjsip.conf: endpoint {} has no dtmf_mode = auto: the digits of callers without \
             RFC 4733 are not heard",
            names.join(", ")
        ))
        .remedied_in(pjsip, lines.join("\n\n"))
    })
}

/// What `call.media_networks` needs of the endpoints that it names.
fn media(pjsip: &Conf, endpoints: &[&Section], networks: &[MediaNetwork]) -> Vec<Finding> {
    let mut names: Vec<&str> = networks.iter().map(|it| it.endpoint.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut findings = Vec::new();
    for name in names {
        match endpoints.iter().find(|endpoint| endpoint.name == name) {
            None => findings.push(Finding::warning(format!(
                "call.media_networks: pjsip.conf has no endpoint {name}"
            ))),
            Some(endpoint) if !endpoint.is_true("rtp_symmetric") => {
                let message = format!(
                    "pjsip.conf: endpoint {name} has no rtp_symmetric: digits from outside \
                     call.media_networks are accepted"
                );
                let lines = further(endpoint, "rtp_symmetric = yes");
                findings.push(Finding::warning(message).remedied_in(pjsip, lines));
            }
            Some(_) => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    /// A trunk with every setting that the line needs.
    const TRUNK: &str =
        "[carrier]\ntype=endpoint\ntrust_id_inbound=yes\nidentify_by=ip\ndtmf_mode=auto\n";
    const PHONE: &str = "[phone]\ntype=endpoint\ncallerid=<0612345600>\ndtmf_mode=auto\n";

    fn found(text: &str, networks: &[&str]) -> Vec<Finding> {
        let networks: Vec<_> = networks.iter().map(|text| text.parse().unwrap()).collect();
        check(&Conf::parse(text), &networks)
    }

    fn is_one(found: &[Finding], severity: Severity, word: &str) -> bool {
        matches!(found, [one] if one.severity == severity && one.message.contains(word))
    }

    fn identify(endpoint: &str, lines: &str) -> String {
        format!("[i]\ntype=identify\nendpoint={endpoint}\n{lines}\n")
    }

    #[test]
    fn p1_a_trusted_endpoint_is_known_by_its_address_alone_or_by_its_password() {
        let trunk = |lines: &str| format!("{TRUNK}{}", identify("carrier", lines));
        for (text, reason) in [
            (trunk("match=192.0.2.1"), None),
            (trunk("match=192.0.2.0/24,sip.carrier.example"), None),
            (trunk("match=!0.0.0.0/0,192.0.2.1"), None),
            (format!("{TRUNK}auth=x"), None),
            (TRUNK.to_owned(), Some("neither auth nor")),
            (trunk(""), Some("neither auth nor")),
            (trunk("match="), Some("neither auth nor")),
            (trunk("match=!192.0.2.1"), Some("neither auth nor")),
            (format!("{TRUNK}{}", identify("other", "match=192.0.2.1")), Some("neither auth nor")),
            (trunk("match_header=X-Carrier: x"), Some("header")),
            (trunk("match=192.0.2.1\nmatch_request_uri=sip:x@y"), Some("request URI")),
            (trunk("match=192.0.2.1, ::/0"), Some("every address")),
            (trunk("match=0.0.0.0/0.0.0.0"), Some("every address")),
            (trunk("match=192.0.2.1").replace("identify_by=ip\n", ""), Some("identify_by = ip")),
            (
                trunk("match=192.0.2.1").replace("by=ip", "by=ip, auth_username"),
                Some("identify_by = ip"),
            ),
            (format!("{PHONE}auth=phone"), None),
            (PHONE.to_owned(), Some("neither auth nor")),
            (PHONE.replace("[phone]", "[anonymous]"), Some("endpoint anonymous")),
            (format!("{PHONE}{}", identify("phone", "match=192.0.2.5")), Some("identify_by = ip")),
        ] {
            let found = found(&text, &[]);
            match reason {
                None => assert_eq!(found, [], "{text}"),
                Some(reason) => {
                    assert!(is_one(&found, Severity::Error, reason), "{text}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn p1_an_endpoint_known_by_its_address_over_udp_is_a_warning() {
        let identified = |address: &str| identify("carrier", &format!("match={address}"));
        let transport = |lines: &str| format!("[t]\ntype=transport\n{lines}\n");
        let (away, everywhere) = (identified("192.0.2.1"), transport("bind=0.0.0.0"));
        for (text, is_warned_of) in [
            (format!("{TRUNK}{away}{everywhere}"), true),
            (format!("{TRUNK}{away}{}", transport("protocol=udp\nbind=192.0.2.9:5060")), true),
            (format!("{TRUNK}{}{everywhere}", identified("127.0.0.2,192.0.2.0/24")), true),
            (format!("{TRUNK}{away}{}", transport("protocol=tls\nbind=0.0.0.0:5061")), false),
            (format!("{TRUNK}{away}{}", transport("protocol=tcp\nbind=0.0.0.0")), false),
            (format!("{TRUNK}{away}{}", transport("bind=127.0.0.1:5060")), false),
            (format!("{TRUNK}{}{everywhere}", identified("127.0.0.2")), false),
            (format!("{TRUNK}auth=x\n{away}{everywhere}"), false),
        ] {
            let found = found(&text, &[]);
            assert_eq!(found.len(), usize::from(is_warned_of), "{text}: {found:?}");
            assert!(!is_warned_of || is_one(&found, Severity::Warning, "forge"), "{found:?}");
        }
    }

    #[test]
    fn a_pjsip_conf_without_a_believed_endpoint_is_a_warning() {
        for text in [
            "",
            "[x](!)\ntype=endpoint\ntrust_id_inbound=yes\n",
            "[x]\ntype=endpoint\ntrust_id_inbound=no\ncallerid=\"Room 5\" <>\n",
            "[x]\ntype=endpoint\ncallerid=Taro\n",
            "[x]\ntype=endpoint\ncallerid=Taro <201>\n",
        ] {
            let found = found(text, &[]);
            assert!(is_one(&found, Severity::Warning, "not-available"), "{text}: {found:?}");
        }
    }

    #[test]
    fn the_lines_for_a_trunk_are_those_of_the_document() {
        let document = include_str!("../../docs/installing.md");
        for (text, lines) in [
            ("", format!("{TRANSPORT}{}", super::TRUNK)),
            ("[t]\ntype=transport\n", super::TRUNK.to_owned()),
            (
                &format!("[carrier]\ntype=endpoint\n{}", identify("carrier", "match=192.0.2.1")),
                format!("[carrier](+type=endpoint)\n{TRUSTED}"),
            ),
        ] {
            let found = found(text, &[]);
            assert_eq!(found[0].remedy.as_ref().unwrap().lines, lines, "{text}");
            assert!(document.contains(&lines), "{lines}");
        }
    }

    #[test]
    fn a_believed_endpoint_that_hears_digits_in_one_way_is_a_warning() {
        let text = format!("{TRUNK}auth=x\n{PHONE}auth=y\n[other]\ntype=endpoint\n");
        assert_eq!(found(&text, &[]), []);
        for mode in ["", "dtmf_mode=rfc4733", "dtmf_mode=auto_info", "dtmf_mode=info"] {
            let found = found(&text.replace("dtmf_mode=auto", mode), &[]);
            assert!(is_one(&found, Severity::Warning, "carrier, phone"), "{mode}: {found:?}");
        }
    }

    #[test]
    fn p1_networks_of_media_need_their_endpoint_and_symmetric_rtp() {
        let trunk = format!("{TRUNK}auth=x\n");
        let symmetric = format!("{trunk}rtp_symmetric=yes\n");
        assert_eq!(found(&symmetric, &["carrier=192.0.2.1", "carrier=192.0.2.2"]), []);
        for (text, networks, word) in [
            (&symmetric, &["carier=192.0.2.1", "carier=192.0.2.2"][..], "no endpoint"),
            (&trunk, &["carrier=192.0.2.1"], "rtp_symmetric"),
        ] {
            let found = found(text, networks);
            assert!(is_one(&found, Severity::Warning, word), "{found:?}");
        }
    }
}
