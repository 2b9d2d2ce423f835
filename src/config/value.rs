//! Types of values that are parsed from text.

use std::net::SocketAddr;
use std::str::FromStr;

use url::Url;

use super::network::{MediaNetwork, Network};
use domain::phone_number::PhoneNumber;

/// A value that is parsed from text, with a description for errors.
pub(super) trait ConfigValue: FromStr {
    /// A description of a valid value. It follows `not` in an error.
    const DESCRIPTION: &str;
}

impl ConfigValue for String {
    const DESCRIPTION: &str = "a text";
}

impl ConfigValue for bool {
    const DESCRIPTION: &str = "true or false";
}

impl ConfigValue for usize {
    const DESCRIPTION: &str = "a whole number";
}

impl ConfigValue for SocketAddr {
    const DESCRIPTION: &str = "an address such as 127.0.0.1:8443";
}

impl ConfigValue for Url {
    const DESCRIPTION: &str = "a URL";
}

impl ConfigValue for PhoneNumber {
    const DESCRIPTION: &str = "a national telephone number";
}

impl ConfigValue for Network {
    const DESCRIPTION: &str = "a list of addresses and networks such as 192.0.2.1 or 2001:db8::/32";
}

impl ConfigValue for MediaNetwork {
    const DESCRIPTION: &str = "a list of endpoints and their networks such as carrier=192.0.2.0/24";
}
