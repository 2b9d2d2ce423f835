//! Variables that container platforms set for services whose names begin with `karipass`.
//!
//! Kubernetes sets them in every container of a namespace: `KARIPASS_SERVICE_HOST` and
//! `KARIPASS_PORT=tcp://…` for a service `karipass`, `KARIPASS_DB_…` for `karipass-db`.

use std::net::IpAddr;

/// Whether a variable is one of them, by its name and its value.
pub(super) fn is_set_by_platform(name: &str, value: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    let is_address = || value.parse::<IpAddr>().is_ok();
    let is_port = || value.parse::<u16>().is_ok();
    (1..words.len()).any(|place| match words.get(place..).unwrap_or_default() {
        ["SERVICE", "HOST"] => is_address(),
        ["SERVICE", "PORT", ..] => is_port(),
        ["PORT"] => is_endpoint(value),
        ["PORT", port, protocol, rest @ ..] => {
            let is_one = port.parse::<u16>().is_ok() && is_protocol(protocol);
            is_one
                && match rest {
                    [] => is_endpoint(value),
                    ["ADDR"] => is_address(),
                    ["PORT"] => value == *port,
                    ["PROTO"] => is_protocol(value),
                    _ => false,
                }
        }
        _ => false,
    })
}

/// Such as `tcp://10.0.0.1:8443`.
fn is_endpoint(value: &str) -> bool {
    value
        .split_once("://")
        .is_some_and(|(protocol, rest)| is_protocol(protocol) && !rest.is_empty())
}

fn is_protocol(name: &str) -> bool {
    ["tcp", "udp", "sctp"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_variables_of_a_platform_differ_from_typing_errors() {
        for (name, value) in [
            ("KARIPASS_PORT", "tcp://10.96.0.7:8443"),
            ("KARIPASS_SERVICE_HOST", "10.96.0.7"),
            ("KARIPASS_SERVICE_HOST", "fd00::7"),
            ("KARIPASS_SERVICE_PORT", "8443"),
            ("KARIPASS_SERVICE_PORT_HTTPS", "8443"),
            ("KARIPASS_SERVICE_PORT_SITE_TLS", "8443"),
            ("KARIPASS_PORT_8443_TCP", "tcp://10.96.0.7:8443"),
            ("KARIPASS_PORT_8443_TCP_ADDR", "10.96.0.7"),
            ("KARIPASS_PORT_8443_TCP_PORT", "8443"),
            ("KARIPASS_PORT_8443_TCP_PROTO", "tcp"),
            ("KARIPASS_PORT_5060_UDP", "udp://10.96.0.7:5060"),
            ("KARIPASS_DB_SERVICE_HOST", "10.96.0.8"),
            ("KARIPASS_DB_PORT_5432_TCP_ADDR", "10.96.0.8"),
        ] {
            assert!(is_set_by_platform(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("KARIPASS_PORT", "8443"),
            ("KARIPASS_SITE_PORT", "8443"),
            ("KARIPASS_SERVICE_HOST", "karipass.example"),
            ("KARIPASS_SERVICE", "10.96.0.7"),
            ("KARIPASS_SERVICE_PORTS", "8443"),
            ("KARIPASS_PORT_8443_TCP_HOST", "10.96.0.7"),
            ("KARIPASS_PORT_8443_TCP_PORT", "8444"),
            ("KARIPASS_PORT_HTTPS", "tcp://10.96.0.7:8443"),
            ("KARIPASS_DATABASE_HOST", "10.96.0.7"),
            ("KARIPASS_LOGIN_LIMITT", "30"),
        ] {
            assert!(!is_set_by_platform(name, value), "{name}={value}");
        }
    }
}
