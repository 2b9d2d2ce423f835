//! The INVITEs of the tests with their expected results.

use super::*;

const PAI: &str = "P-Asserted-Identity: <sip:+81612345600@carrier.example;user=phone>\r\n";

fn pai(value: &str) -> String {
    format!("P-Asserted-Identity: {value}\r\n")
}

pub fn asserted() -> Vec<InviteCase> {
    let forms = [
        "<sip:+81612345600@x>",
        "<sip:0612345600@x>",
        "<sip:0081612345600@x>",
        "<sip:06-1234-5600@x>",
        "<sip:+81-6-1234-5600;npdi@x;user=phone>",
        "<sips:0612345600@x:5061>",
        "sip:0612345600@x",
        "<tel:+81612345600>",
        "<tel:06-1234-5600;phone-context=+81>",
        "tel:06-1234-5600;Phone-Context=+81",
        "<sip:0612345600;phone-context=%2B81@x;user=phone>",
        "<sip:%2B81612345600@x>",
        "<sip:%2b81-6-1234-5600@x;user=phone>",
        "<tel:%2B81612345600>",
        "<sip:0612345600@x>, <tel:+81612345600>",
        "\"Taro, \\\"T\\\" <x>\" <sip:0612345600@x>, \"a\" \"b\" <tel:+81612345600>",
        "\"Taro\" <sip:+81612345600@x>",
        "\"0611111111 <sip:0622222222@x>, \\\"\" <sip:0612345600@x>",
        "<sip:someone@x>, <tel:+81612345600>",
        "<sip:someone@x>, \"Taro@x; y=z\" <tel:+81612345600>",
        "<sip:0612345600@x>;y=z",
    ];
    let mut cases: Vec<InviteCase> = forms
        .iter()
        .map(|form| InviteCase::new(CARRIER, pai(form), trusted("0612345600")))
        .collect();
    let two = pai("<sip:someone@x>") + pai("<tel:+81612345600>").as_str();
    cases.push(InviteCase::new(CARRIER, two, trusted("0612345600")));
    let same = pai("<sip:0612345600@x>") + pai("<tel:+81612345600>").as_str();
    cases.push(InviteCase::new(CARRIER, same, trusted("0612345600")));
    cases.push(InviteCase::new(PLAIN, pai("<sip:81612345600@x>"), trusted("0612345600")));
    cases.push(InviteCase::new(CARRIER, pai("<tel:+819012345678>"), trusted("09012345678")));
    let worthless = [
        "<sip:81612345600@x>",
        "<sip:someone@x>",
        "<sip:+1612345600@x>",
        "<sip:0112345600x@x>",
        "<sip:06+12345600@x>",
        "<sip:0612345600>",
        "<tel:>",
        "<http:0612345600@x>",
        "\"0612345600\"",
        "${SET_UP_NUMBER}",
        "\" = \" ) , (",
        "<sip:someone@x>;y=\"<sip:0612345600@x>\"",
        "<sip:someone@x>;y=\"<sip:0612345600@x>\";z",
        "<sip:someone@x>;y=<sip:0612345600@x>",
        "sip:someone@x;y=\"<sip:0612345600@x>\"",
        "sip:someone@x;y=<sip:0612345600@x>",
        "sip:someone@x;y=\"z\" <sip:0612345600@x>",
        "",
    ];
    cases.extend(
        worthless.iter().map(|form| InviteCase::new(CARRIER, pai(form), verdict("untrusted"))),
    );
    cases
}

pub fn doubtful() -> Vec<InviteCase> {
    let good = "<sip:0612345600@x>";
    let beside = [
        "<sip:0612345601@x>",
        "<tel:+81612345601>",
        "<tel:+1612345600>",
        "<sip:1001@x>",
        "<tel:+81612345600@x>",
        "<tel:someone@x>",
        "\"unfinished <sip:0612345600@x>",
        "<http:x>",
    ];
    let mut cases = Vec::new();
    for other in beside {
        let lists = [format!("{good}, {other}"), format!("{other}, {good}")];
        cases.extend(lists.map(|list| InviteCase::new(CARRIER, pai(&list), verdict("untrusted"))));
        let headers = [pai(good) + pai(other).as_str(), pai(other) + pai(good).as_str()];
        cases.extend(headers.map(|two| InviteCase::new(CARRIER, two, verdict("untrusted"))));
    }
    let later = pai(good).repeat(3) + pai("<sip:0612345601@x>").as_str();
    cases.push(InviteCase::new(CARRIER, later, verdict("untrusted")));
    cases.push(InviteCase::new(CARRIER, pai(good).repeat(5), verdict("untrusted")));
    for foreign in [
        "<tel:0612345600;phone-context=+1>",
        "tel:0612345600;phone-context=+1",
        "<tel:0612345600;isub=1;PHONE-CONTEXT=+1>",
        "<tel:0612345600;phone-context=house.example>",
        "<sip:0612345600;phone-context=+1@x;user=phone>",
        "<sip:0612345600@x;user=phone;phone-context=%2B1>",
        "<sip:0612345600;phone-context@x>",
        "<sip:06\"@a\"12345600@x>",
        "<sip:%30612345600@x>",
        "<tel:0612345600;phone%2dcontext=+1>",
        "<tel:0612345600;phone-contex%74=+1>",
        "<tel:0612345600@x>",
        "tel:+81612345600@x",
        "<tel:0612345600;phone-context=+81@x>",
        "<tel:0612345600@x;phone-context=+81>",
        "<TEL:0612345600@x@y>",
        "<tel:0612345600>;y=z@x",
        "<tel:someone@x>",
    ] {
        cases.push(InviteCase::new(CARRIER, pai(foreign), verdict("untrusted")));
    }
    cases
}

/// Text that ends a function or an application early, and continues as dialplan.
pub fn hostile() -> Vec<InviteCase> {
    let mut cases = Vec::new();
    for dialled in [
        "066)%3AStasis(karipass,trusted,0612345699",
        "0664806430)%3AStasis(karipass,trusted,0612345699",
        "0664806430)%3A0%3A10",
        "186)%3A0664806430",
        "184066480)%3AHangup(",
        "0664806430%7D)%3A",
        "0664806430%22",
    ] {
        for caller in [CARRIER, PHONE] {
            cases.push(InviteCase::new(caller, PAI, Disposition::Refused(484)).dialled(dialled));
        }
    }
    for user in [
        "0612345600)%3A0%3A10",
        "x)%3A0612345600",
        "0612345600%7D)%3A0%3A10",
        "${SET_UP_NUMBER}",
        "0612345600%22%20=%20%22",
    ] {
        cases.push(InviteCase::new(CARRIER, pai(&format!("<sip:{user}@x>")), verdict("untrusted")));
    }
    let from = "<sip:0612345600)%3A0%3A10@x>";
    cases.push(InviteCase::new(VOUCHING, "", verdict("untrusted")).claiming(from));
    for (header, verdict_of_it) in [
        ("Privacy: id):9:9", "withheld"),
        ("Privacy: id)", "withheld"),
        ("Diversion: x):9", "untrusted"),
        ("Diversion: \" | 1 = 1 | \"", "untrusted"),
        ("Referred-By: x):9:9", "untrusted"),
        ("History-Info: <sip:x@y;cause=302>):99", "untrusted"),
    ] {
        let headers = format!("{PAI}{header}\r\n");
        cases.push(InviteCase::new(CARRIER, headers, verdict(verdict_of_it)));
    }
    let named = "\"a):0:0\" <sip:0612345600@x>";
    cases.push(InviteCase::new(CARRIER, pai(named), trusted("0612345600")));
    cases.extend(hostile_expressions());
    cases
}

/// Text that ends a string where it stands in an expression, and goes on as one. An expression
/// calls any function of the dialplan.
fn hostile_expressions() -> Vec<InviteCase> {
    let apps = "Apps: KARIPASS_APPS=karipass,trusted,0612345699,\"\r\n";
    let mut cases = Vec::new();
    for call_id in [
        "\"|SET(PJSIP_HEADER(read,Apps))|\"",
        "\" = \"\" | SET(PJSIP_HEADER(read,Apps)) | \"",
        "\" | 1 = 1 | \"",
        "\"",
        "${SET(KARIPASS_CALLER=0612345699)}",
        "$[1]]?",
    ] {
        let with_id = |case| InviteCase { call_id, ..case };
        cases.push(with_id(InviteCase::new(PHONE, apps, trusted("0612345601"))));
        cases.push(with_id(InviteCase::new(
            CARRIER,
            format!("{PAI}{apps}"),
            trusted("0612345600"),
        )));
        cases.push(with_id(InviteCase::new(CARRIER, apps, verdict("untrusted"))));
    }
    cases
}

/// Asterisk reads a header of more than 4 KB as if it were not there.
pub fn oversized() -> Vec<InviteCase> {
    let filling = "x".repeat(5_000);
    let mut cases = vec![InviteCase {
        via: format!(";maddr=127.0.0.66;x={filling}"),
        ..InviteCase::new(CARRIER, PAI, verdict("untrusted"))
    }];
    for header in [
        format!("Diversion: <sip:0612345699@x>;x={filling}"),
        format!("Referred-By: <sip:0612345699@x>;x={filling}"),
        format!("History-Info: <sip:0612345699@x;cause=302>;x={filling}"),
        format!("P-Asserted-Identity: <sip:0612345601@x>;x={filling}"),
        format!("X-Long: {filling}"),
    ] {
        cases.push(InviteCase::new(CARRIER, format!("{PAI}{header}\r\n"), verdict("untrusted")));
        cases.push(InviteCase::new(PHONE, format!("{header}\r\n"), verdict("untrusted")));
    }
    let private = format!("{PAI}Privacy: id;{filling}\r\n");
    cases.push(InviteCase::new(CARRIER, private, verdict("withheld")));
    let filling = "x".repeat(3_000);
    let long = format!("History-Info: <sip:0612345699@x>;x={filling}\r\n").repeat(3);
    let moved = format!("{PAI}{long}History-Info: <sip:0612345699@x;cause=302>\r\n");
    cases.push(InviteCase::new(CARRIER, moved, verdict("untrusted")));
    let private = format!("Privacy: none{}none\r\n", " ".repeat(3_000)).repeat(2);
    let private = format!("{PAI}{private}Privacy: id\r\n");
    cases.push(InviteCase::new(CARRIER, private, verdict("withheld")));
    cases
}

/// By `maddr` (RFC 3261 §18.2.2) the answer to a forged call goes to the forger.
pub fn answered_elsewhere() -> Vec<InviteCase> {
    let mut cases = Vec::new();
    for (via, verdict_of_it) in [
        (";rport", trusted("0612345600")),
        (";maddr=127.0.0.66", verdict("untrusted")),
        (";rport;MAddr=127.0.0.66;ttl=1", verdict("untrusted")),
    ] {
        cases.push(InviteCase {
            via: via.to_owned(),
            ..InviteCase::new(CARRIER, PAI, verdict_of_it)
        });
    }
    cases
}

pub fn passed_on() -> Vec<InviteCase> {
    let history = "History-Info: <sip:0612345699@x>;index=1\r\n";
    let mut cases = vec![
        InviteCase::new(CARRIER, format!("{PAI}{history}"), trusted("0612345600")),
        InviteCase::new(CARRIER, PAI.to_owned() + history.repeat(5).as_str(), verdict("untrusted")),
    ];
    for header in [
        "Diversion: <sip:0612345699@x>",
        "Referred-By: <sip:0612345699@x>",
        "b: <sip:0612345699@x>",
        "History-Info: <sip:0612345699@x;CAUSE=302>;index=1.1",
    ] {
        cases.push(InviteCase::new(CARRIER, format!("{PAI}{header}\r\n"), verdict("untrusted")));
    }
    for (parameters, expected) in [
        (";user=phone", trusted("0612345600")),
        (";user=phone;cause=302", verdict("untrusted")),
        (";Cause=486", verdict("untrusted")),
    ] {
        cases.push(InviteCase { parameters, ..InviteCase::new(CARRIER, PAI, expected) });
    }
    cases
}

pub fn bare_from() -> Vec<InviteCase> {
    let remote_party = "Remote-Party-ID: <sip:0612345600@x>;party=calling\r\n";
    vec![
        InviteCase::new(CARRIER, "", verdict("untrusted")),
        InviteCase::new(CARRIER, remote_party, verdict("untrusted")),
        InviteCase::new(PLAIN, "", verdict("untrusted")),
        InviteCase::new(STRANGER, PAI, Disposition::Refused(401)),
        InviteCase::new(STRANGER, PAI, Disposition::Refused(401)).claiming("<sip:carrier@x>"),
        InviteCase::new(STRANGER, PAI, Disposition::Refused(401)).claiming("<sip:vouching@x>"),
    ]
}

pub fn vouched() -> Vec<InviteCase> {
    vec![
        InviteCase::new(VOUCHING, "", trusted("0699999999")),
        InviteCase::new(VOUCHING, PAI, trusted("0699999999")),
        InviteCase::new(VOUCHING, "", trusted("0612345600"))
            .claiming("\"0611111111\" <sip:+81612345600@x>"),
        InviteCase::new(VOUCHING, "", verdict("untrusted")).claiming("<sip:someone@x>"),
        InviteCase::new(VOUCHING, "", trusted("0612345600")).claiming("<tel:+81612345600>"),
        InviteCase::new(VOUCHING, "", trusted("0699999999"))
            .claiming("<sip:0699999999@x>;y=\"<sip:0612345600@x>\""),
    ]
}

pub fn telephone() -> Vec<InviteCase> {
    vec![
        InviteCase::new(PHONE, "", trusted("0612345601")),
        InviteCase::new(PHONE, PAI, trusted("0612345601")),
        InviteCase::new(PHONE, "Privacy: id\r\n", verdict("withheld")),
    ]
}

pub fn withheld() -> Vec<InviteCase> {
    let private = |value: &str| format!("{PAI}Privacy: {value}\r\n");
    let anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    vec![
        InviteCase::new(CARRIER, private("id"), verdict("withheld")),
        InviteCase::new(CARRIER, private("ID;critical"), verdict("withheld")),
        InviteCase::new(CARRIER, private("user"), verdict("withheld")),
        InviteCase::new(CARRIER, private("none"), trusted("0612345600")),
        InviteCase::new(CARRIER, private("none") + "Privacy: none\r\n", trusted("0612345600")),
        InviteCase::new(CARRIER, private("none") + "Privacy: id\r\n", verdict("withheld")),
        InviteCase::new(CARRIER, private("none;id"), verdict("withheld")),
        InviteCase::new(
            CARRIER,
            private("none") + "Privacy: none\r\n".repeat(3).as_str(),
            trusted("0612345600"),
        ),
        InviteCase::new(
            CARRIER,
            private("none") + "Privacy: none\r\n".repeat(4).as_str(),
            verdict("withheld"),
        ),
        InviteCase::new(CARRIER, private("id, none"), verdict("withheld")),
        InviteCase::new(PHONE, "Privacy: none\r\nPrivacy: user\r\n", verdict("withheld")),
        InviteCase::new(CARRIER, PAI, verdict("withheld")).claiming(anonymous),
        InviteCase::new(CARRIER, "", verdict("withheld")).claiming(anonymous),
        InviteCase::new(PHONE, private("user;id"), verdict("withheld")).claiming(anonymous),
        InviteCase::new(VOUCHING, "Privacy: id\r\n", verdict("withheld")),
        InviteCase::new(VOUCHING, "", verdict("withheld")).claiming(anonymous),
    ]
}

pub fn dialled() -> Vec<InviteCase> {
    let case = |dialled, expected| InviteCase::new(CARRIER, PAI, expected).dialled(dialled);
    let mut cases: Vec<InviteCase> =
        ["0664806430", "06-6480-6430", "+81664806430", "+81-6-6480-6430", "0081664806430"]
            .into_iter()
            .map(|dialled| case(dialled, trusted("0612345600")))
            .collect();
    let prefixed = ["1860664806430", "186-06-6480-6430", "18-60664806430", "186+81664806430"];
    cases.extend(prefixed.map(|dialled| case(dialled, trusted("0612345600"))));
    for dialled in ["1840664806430", "184-06-6480-6430", "184+81-6-6480-6430"] {
        cases.push(case(dialled, verdict("withheld")));
        cases.push(InviteCase::new(PHONE, "", verdict("withheld")).dialled(dialled));
    }
    cases.extend([
        InviteCase::new(PHONE, "", trusted("0612345601")).dialled("186-06-6480-6430"),
        case("1850664806430", Disposition::Refused(484)),
        case("1860664806431", Disposition::Refused(404)),
        case("186", Disposition::Refused(484)),
        case("0664806431", Disposition::Refused(404)),
        case("066480643", Disposition::Refused(404)),
        case("06648064300", Disposition::Refused(404)),
        case("81664806430", Disposition::Refused(484)),
        case("1", Disposition::Refused(484)),
        case("someone", Disposition::Refused(404)),
        InviteCase::new(PHONE, "", Disposition::Refused(404)).dialled("0664806431"),
    ]);
    cases
}
