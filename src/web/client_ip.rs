//! The client's address.
//!
//! Each proxy appends the address that it was reached from to `X-Forwarded-For`. Read from the
//! right, the first address that is no trusted proxy is the client's. The client may have invented
//! the entries left of it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::problem::Problem;
use super::state::AppState;
use crate::config::Network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address, as the last trusted proxy vouches for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientIp(pub(super) IpAddr);

impl FromRequestParts<AppState> for ClientIp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Some(ConnectInfo::<SocketAddr>(address)) = parts.extensions.get() else {
            tracing::error!("the request has no client address");
            return Err(Problem::internal());
        };
        Ok(Self(from_forwarded(address.ip(), &parts.headers, state.trusted_proxies())))
    }
}

/// The client behind `peer`; `peer` itself if it is none of the `proxies`.
///
/// An entry that is no address ends the search: the last address that a proxy vouches for counts.
fn from_forwarded(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let mut entries =
        lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    while is_proxy(client) {
        let Some(next) = entries.next().and_then(address) else { break };
        client = next;
    }
    client
}

/// An address, perhaps with the port that the client came from.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let with_port = || text.parse().ok().map(|socket: SocketAddr| socket.ip());
    text.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn found(peer: &str, lines: &[&str]) -> String {
        let proxies = ["10.0.0.0/8", "2001:db8:1::/48"].map(|text| text.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        from_forwarded(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn an_address_that_is_no_proxy_is_the_client_whatever_its_headers_say() {
        assert_eq!(found("198.51.100.1", &["192.0.2.1"]), "198.51.100.1");
        assert_eq!(found("::ffff:198.51.100.1", &["10.0.0.1"]), "198.51.100.1");
        assert_eq!(found("2001:db8:2::1", &["192.0.2.1"]), "2001:db8:2::1");
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_is_the_client() {
        for (lines, client) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["192.0.2.66, 192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.66, 192.0.2.1,10.9.9.9 ,\t10.0.0.2"], "192.0.2.1"),
            (&["192.0.2.66", "192.0.2.1, 10.9.9.9", "10.0.0.2"], "192.0.2.1"),
            (&["192.0.2.1:40001"], "192.0.2.1"),
            (&["[2001:db8:2::1]:40001, 2001:db8:1::1"], "2001:db8:2::1"),
            (&["::ffff:192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1"),
        ] {
            assert_eq!(found("10.0.0.1", lines), client, "{lines:?}");
            assert_eq!(found("::ffff:10.0.0.1", lines), client, "{lines:?}");
        }
    }

    #[test]
    fn garbage_or_the_end_leaves_the_last_address_that_a_proxy_vouches_for() {
        for (lines, client) in [
            (&[][..], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["192.0.2.1, unknown"], "10.0.0.1"),
            (&["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.1", "", "10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.1,"], "10.0.0.1"),
            (&["192.0.2.1, \u{e9}, 10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.1 192.0.2.2"], "10.0.0.1"),
            (&["192.0.2.1/32"], "10.0.0.1"),
        ] {
            assert_eq!(found("10.0.0.1", lines), client, "{lines:?}");
        }
    }
}
