//! Whose media a call has: compares where Asterisk sends its audio with the networks of its trunk.
//!
//! SIP over UDP can be forged in a carrier's name. But the forger needs its own media, to send
//! keys and to hear prompts. So the daemon hangs up a call whose media lie outside its trunk's
//! networks, for the endpoints in `call.media_networks` (`P1`).

use std::net::IpAddr;

use crate::config::MediaNetwork;

/// Whose media a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// The trunk's, or those of an endpoint without configured networks.
    Own,
    /// Not known yet. The call came without an SDP offer, and its SDP answer comes with the ACK
    /// (RFC 3261 §13.2.1). Or Asterisk does not say which endpoint's call it is.
    Unknown,
    /// They lie outside the trunk's networks.
    Foreign,
}

/// Judges the media that an endpoint's call sends to `destination`.
pub(super) fn judge(
    networks: &[MediaNetwork],
    endpoint: &str,
    destination: Option<IpAddr>,
) -> Media {
    if endpoint.is_empty() {
        return Media::Unknown;
    }
    let mut own = networks.iter().filter(|network| network.endpoint == endpoint).peekable();
    if own.peek().is_none() {
        return Media::Own;
    }
    match destination {
        None => Media::Unknown,
        Some(address) if own.any(|network| network.network.contains(address)) => Media::Own,
        Some(_) => Media::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_only_an_endpoint_with_networks_is_bound_to_them() {
        let networks = ["carrier=192.0.2.0/24", "carrier=2001:db8::/32", "other=198.51.100.7"];
        let networks = networks.map(|text| text.parse().unwrap());
        for (endpoint, destination, media) in [
            ("carrier", Some("192.0.2.9"), Media::Own),
            ("carrier", Some("::ffff:192.0.2.9"), Media::Own),
            ("carrier", Some("2001:db8::9"), Media::Own),
            ("carrier", Some("198.51.100.7"), Media::Foreign),
            ("other", Some("198.51.100.7"), Media::Own),
            ("other", Some("192.0.2.9"), Media::Foreign),
            ("other", None, Media::Unknown),
            ("telephone", Some("203.0.113.1"), Media::Own),
            ("telephone", None, Media::Own),
            ("", Some("192.0.2.9"), Media::Unknown),
            ("", None, Media::Unknown),
        ] {
            let address = destination.map(|address| address.parse().unwrap());
            assert_eq!(judge(&networks, endpoint, address), media, "{endpoint} {destination:?}");
        }
    }
}
