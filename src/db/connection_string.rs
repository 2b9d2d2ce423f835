//! A PostgreSQL connection string, with `sslmode` and `sslrootcert` as libpq understands them.
//!
//! `tokio-postgres` supports `disable`, `prefer` and `require`. This module adds the two modes that
//! verify a certificate, and passes them on as `require`.

use std::path::{Path, PathBuf};

use rustls::ClientConfig;
use tokio_postgres::config::{Host, SslMode};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::config::{Encryption, Secret, is_this_machine};
use crate::tls::{self, Verify};

/// Looks at a connection string, and at the files that it names.
///
/// # Errors
/// Why it cannot be used, without any part of the text.
pub fn check_connection_string(url: &Secret) -> Result<Encryption, String> {
    let parsed = ConnectionString::parse(url.expose())?;
    parsed.tls()?;
    let is_optional = parsed.may_be_unencrypted();
    Ok(if is_optional { Encryption::Optional } else { Encryption::Guaranteed })
}

/// A parsed connection string.
#[derive(Debug)]
pub(super) struct ConnectionString {
    /// Everything except certificates.
    pub(super) config: tokio_postgres::Config,
    verify: Verify,
    ca_file: Option<PathBuf>,
}

impl ConnectionString {
    /// Reads `key=value …` or `postgresql://…`.
    ///
    /// # Errors
    /// The reason, without any part of the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Split { rest, mode, ca_file } = Split::from_text(text);
        let mut config: tokio_postgres::Config =
            rest.parse().map_err(|_| "not a PostgreSQL connection string".to_owned())?;
        let ca_file = ca_file.map(PathBuf::from);
        if ca_file.as_deref().is_some_and(Path::is_relative) {
            return Err("sslrootcert: not an absolute path".to_owned());
        }
        let (mode, verify) = match mode.as_deref() {
            Some("disable") => (SslMode::Disable, Verify::Nothing),
            None | Some("prefer") => (SslMode::Prefer, Verify::Nothing),
            Some("require") if ca_file.is_none() => (SslMode::Require, Verify::Nothing),
            Some("require" | "verify-ca") => (SslMode::Require, Verify::Authority),
            Some("verify-full") => (SslMode::Require, Verify::AuthorityAndName),
            Some(_) => {
                let known = "disable, prefer, require, verify-ca or verify-full";
                return Err(format!("sslmode: not {known}"));
            }
        };
        config.ssl_mode(mode);
        Ok(Self { config, verify, ca_file })
    }

    /// The TLS settings that `sslmode` and `sslrootcert` ask for.
    ///
    /// # Errors
    /// Why the certificate authorities cannot be used.
    pub(super) fn tls(&self) -> Result<ClientConfig, String> {
        let mut client = tls::client(self.verify, self.ca_file.as_deref())
            .map_err(|error| format!("sslrootcert: {error}"))?;
        client.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(client)
    }

    /// Whether a connection to another machine may be unencrypted.
    fn may_be_unencrypted(&self) -> bool {
        if self.config.get_ssl_mode() == SslMode::Require {
            return false;
        }
        let (hosts, addresses) = (self.config.get_hosts(), self.config.get_hostaddrs());
        // An address takes the place of a name and of a socket.
        let is_elsewhere = |place: usize| match (hosts.get(place), addresses.get(place)) {
            (_, Some(address)) => !address.is_loopback(),
            (Some(Host::Tcp(name)), None) => !is_this_machine(name),
            (Some(Host::Unix(_)) | None, None) => false,
        };
        (0..hosts.len().max(addresses.len())).any(is_elsewhere)
    }
}

/// A connection string without `sslmode` and `sslrootcert`.
struct Split {
    rest: Zeroizing<String>,
    mode: Option<String>,
    ca_file: Option<String>,
}

impl Split {
    fn from_text(text: &str) -> Self {
        let mut split = Self { rest: Zeroizing::default(), mode: None, ca_file: None };
        let is_url = text.starts_with("postgresql://") || text.starts_with("postgres://");
        // Invalid text stays as it is: the parser rejects it.
        let rest = if is_url {
            split.split_url(text)
        } else {
            split.split_words(text).unwrap_or_else(|| text.to_owned())
        };
        split.rest = Zeroizing::new(rest);
        split
    }

    fn try_take(&mut self, key: &str, value: &str) -> bool {
        match key {
            "sslmode" => self.mode = Some(value.to_owned()),
            "sslrootcert" => self.ca_file = Some(value.to_owned()),
            _ => return false,
        }
        true
    }

    /// The parameters follow the first `?` after the password.
    fn split_url(&mut self, text: &str) -> String {
        let host = text.find('@').unwrap_or_default();
        let question = text.get(host..).and_then(|rest| rest.find('?'));
        let Some((before, parameters)) =
            question.and_then(|question| text.split_at_checked(host + question + 1))
        else {
            return text.to_owned();
        };
        let decoded = |pair: &str| {
            // A plus is a plus here.
            let pair = Zeroizing::new(pair.replace('+', "%2B"));
            let pair = form_urlencoded::parse(pair.as_bytes()).next();
            pair.map(|(key, value)| (key.into_owned(), Zeroizing::new(value.into_owned())))
        };
        let mut kept = Vec::new();
        for pair in parameters.split('&') {
            if !decoded(pair).is_some_and(|(key, value)| self.try_take(&key, &value)) {
                kept.push(pair);
            }
        }
        format!("{before}{}", kept.join("&"))
    }

    fn split_words(&mut self, text: &str) -> Option<String> {
        // As long as its value doubled and quoted, so that no part is left where it grew.
        let mut kept = String::with_capacity(3 * text.len());
        for (key, value) in words(text)? {
            if !self.try_take(&key, &value) {
                kept.push_str(&key);
                kept.push_str("='");
                for letter in value.chars() {
                    kept.extend(matches!(letter, '\\' | '\'').then_some('\\'));
                    kept.push(letter);
                }
                kept.push_str("' ");
            }
        }
        Some(kept)
    }
}

/// Splits `key = value …`. A value may be quoted, and `\` escapes the next character.
fn words(text: &str) -> Option<Vec<(String, Zeroizing<String>)>> {
    let mut letters = text.chars().peekable();
    let mut words = Vec::new();
    loop {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        if letters.peek().is_none() {
            return Some(words);
        }
        let mut key = String::new();
        while let Some(letter) = letters.next_if(|it| !it.is_whitespace() && *it != '=') {
            key.push(letter);
        }
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        letters.next_if_eq(&'=')?;
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        let is_quoted = letters.next_if_eq(&'\'').is_some();
        let mut value = Zeroizing::new(String::with_capacity(text.len()));
        loop {
            match letters.next() {
                Some('\\') => value.push(letters.next()?),
                Some('\'') if is_quoted => break,
                Some(letter) if !is_quoted && letter.is_whitespace() => break,
                Some(letter) => value.push(letter),
                None if is_quoted || value.is_empty() => return None,
                None => break,
            }
        }
        words.push((key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ConnectionString {
        ConnectionString::parse(text).unwrap()
    }

    #[test]
    fn r_both_forms_of_a_connection_string_set_the_verification() {
        for (mode, verify) in [
            ("sslmode=require", Verify::Nothing),
            ("sslmode=require sslrootcert=/ca.pem", Verify::Authority),
            ("sslmode=verify-ca sslrootcert=/ca.pem", Verify::Authority),
            ("sslmode = 'verify-full' sslrootcert='/ca.pem'", Verify::AuthorityAndName),
            ("sslmode=verify-full", Verify::AuthorityAndName),
        ] {
            let words =
                parse(&format!("host=db {mode} user=u password='s e=c\\'r\\\\et' dbname=d"));
            let mode = mode.replace(" = ", "=").replace(' ', "&").replace('\'', "");
            let url = parse(&format!("postgresql://u:s%20e=c'r%5Cet@db/d?{mode}"));
            for it in [words, url] {
                assert_eq!(it.verify, verify, "{mode}");
                assert_eq!(it.config.get_ssl_mode(), SslMode::Require, "{mode}");
                assert_eq!(it.config.get_password(), Some(b"s e=c'r\\et".as_slice()));
                assert_eq!(it.config.get_dbname(), Some("d"));
                assert_eq!(it.ca_file.is_some(), mode.contains("sslrootcert"));
            }
        }
        let url =
            parse("postgresql://u:who?sslmode=verify-ca@db?connect_timeout=7&sslmode=disable");
        assert_eq!(url.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(url.config.get_password(), Some(b"who?sslmode=verify-ca".as_slice()));
        assert_eq!(url.config.get_connect_timeout().unwrap().as_secs(), 7);
        let quoted = parse("host=db password='x sslmode=verify-ca' user=u");
        assert_eq!(quoted.config.get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn r_an_invalid_connection_string_is_rejected_without_quoting_it() {
        for (text, said) in [
            ("host=db sslmode=verify", "sslmode: not disable, prefer, require, verify-ca or"),
            ("host=db sslmode=allow", "sslmode: not disable"),
            ("host=db sslrootcert=ca.pem", "sslrootcert: not an absolute path"),
            ("host=db password='secret", "not a PostgreSQL connection string"),
            ("host=db password=secret nonsense=1", "not a PostgreSQL connection string"),
            ("secret", "not a PostgreSQL connection string"),
        ] {
            let error = ConnectionString::parse(text).unwrap_err();
            assert!(error.starts_with(said) && !error.contains("secret"), "{text}: {error}");
        }
        let error =
            parse("host=db sslmode=verify-full sslrootcert=/nowhere.pem").tls().unwrap_err();
        assert!(error.starts_with("sslrootcert: /nowhere.pem: "), "{error}");
    }

    #[test]
    fn r_a_remote_connection_is_unencrypted_only_if_no_tls_is_demanded() {
        for here in [
            "host=/run/postgresql",
            "host=localhost",
            "host=127.0.0.1",
            "host=::1",
            "postgresql://u@[::1]/d",
            "hostaddr=127.0.0.2",
            "host=db hostaddr=127.0.0.1",
            "host=/run/postgresql,localhost",
            "host=/run/postgresql hostaddr=127.0.0.1",
            "host=/run/postgresql,db hostaddr=127.0.0.1,::1",
            "postgresql:///d?host=/run/postgresql",
            "host=db sslmode=require",
            "host=/run/postgresql hostaddr=192.0.2.1 sslmode=require",
            "host=db sslmode=verify-full",
            "postgresql://u@db/d?sslmode=verify-ca",
        ] {
            assert!(!parse(here).may_be_unencrypted(), "{here}");
        }
        for there in [
            "host=db",
            "host=db sslmode=prefer",
            "host=db sslmode=disable",
            "host=/run/postgresql,192.0.2.1",
            "hostaddr=192.0.2.1",
            "hostaddr=127.0.0.1,192.0.2.1",
            "host=localhost hostaddr=192.0.2.1",
            "host=/run/postgresql hostaddr=192.0.2.1",
            "host=/run/postgresql,/run/postgresql hostaddr=::1,2001:db8::1",
            "host=/run/postgresql,localhost,db hostaddr=127.0.0.1,127.0.0.1,192.0.2.1",
            "postgresql:///d?host=/run/postgresql&hostaddr=192.0.2.1",
            "postgresql://u@%2Frun%2Fpostgresql/d?hostaddr=192.0.2.1",
            "postgresql://u@localhost/d?hostaddr=192.0.2.1",
            "postgresql://u@localhost,db/d",
            "postgresql://u@localhost/d?host=db",
            "postgresql://u@localhost.example/d",
        ] {
            assert!(parse(there).may_be_unencrypted(), "{there}");
        }
    }
}
