//! Who else is told what callers key, and from where Asterisk can be reached.

use std::net::IpAddr;
use std::path::Path;

use super::Finding;
use super::conf::Conf;

/// Users of AMI who are told of keyed digits, and an AMI that other machines reach
/// (`manager.conf`).
pub(super) fn managers(manager: &Conf) -> Vec<Finding> {
    if !manager.named("general").any(|general| general.is_true("enabled")) {
        return Vec::new();
    }
    let bound = manager.value("general", "bindaddr").unwrap_or("0.0.0.0");
    let is_open = !is_loopback(bound);
    let open = is_open.then(|| {
        Finding::Wrong(format!(
            "manager.conf: AMI listens on {bound} in the clear: bindaddr = 127.0.0.1, and tlsbindaddr for others"
        ))
    });
    let users = manager.sections.iter();
    let users = users.filter(|it| !it.is_template && !it.name.eq_ignore_ascii_case("general"));
    let told = users.filter(|user| user.value("read").is_some_and(reads_digits)).map(|user| {
        Finding::Wrong(format!(
            "manager.conf: user {} is told every keyed digit: no all and no dtmf in read",
            user.name
        ))
    });
    open.into_iter().chain(told).collect()
}

/// Classes such as `call,dtmf`, or their bits as a number.
fn reads_digits(classes: &str) -> bool {
    const DTMF: i64 = 1 << 8;
    let bits = classes.trim().parse::<i64>();
    let mut classes = classes.split(',').map(str::trim);
    bits.is_ok_and(|bits| bits & DTMF != 0)
        || classes.any(|class| ["all", "dtmf"].iter().any(|it| class.eq_ignore_ascii_case(it)))
}

/// Users of ARI besides `user`, who can have every event of every call.
pub(super) fn users(ari: &Conf, user: &str) -> Vec<Finding> {
    let others = ari.sections.iter().filter(|it| it.has_type("user") && it.name != user);
    let told = |name: &str| {
        Finding::Doubtful(format!(
            "ari.conf: user {name} can be told every keyed digit, as ari.user is: is it needed?"
        ))
    };
    others.map(|other| told(&other.name)).collect()
}

/// An address of Asterisk's HTTP server that other machines reach in the clear.
pub(super) fn addresses(http: &Conf) -> Option<Finding> {
    let is_enabled = http.named("general").any(|general| general.is_true("enabled"));
    let bound = http.value("general", "bindaddr").filter(|bound| !is_loopback(bound))?;
    is_enabled.then(|| {
        Finding::Wrong(format!(
            "http.conf: ARI listens on {bound} in the clear: bindaddr = 127.0.0.1, and tlsbindaddr for others"
        ))
    })
}

/// Whether `etc` says that no SIP is copied to a capture server.
pub(super) fn captures_nothing(etc: &Path) -> bool {
    let Some(hep) = Conf::read(etc, "hep.conf") else { return true };
    let mut general = hep.named("general");
    hep.unread.is_empty()
        && general.any(|it| it.value("enabled").is_some() && !it.is_true("enabled"))
}

/// Whether this address, perhaps with a port or a prefix behind it, is of this machine alone.
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
    use super::*;

    #[test]
    fn r_addresses_of_this_machine_are_told_from_others() {
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
    fn r_classes_that_tell_digits_are_found() {
        for classes in ["all", "call, DTMF", "-1", "256"] {
            assert!(reads_digits(classes), "{classes}");
        }
        for classes in ["", "system,call,log,verbose,agent,user,config", "255", "no"] {
            assert!(!reads_digits(classes), "{classes}");
        }
    }
}
