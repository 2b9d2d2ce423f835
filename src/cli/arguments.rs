//! Arguments of several commands.

use std::process::Command;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use domain::phone_number::{InvalidPhoneNumber, PhoneNumber};

/// The longest name of an operator, in characters.
const MAX_NAME: usize = 100;

/// Who gives the command, for the audit (`D3`). It is not authenticated.
#[derive(Debug, clap::Args)]
pub(super) struct OperatorArgument {
    /// The operator's name for the audit. Default: the system user.
    #[arg(long, global = true, value_name = "NAME", value_parser = parse_name)]
    by: Option<String>,
}

impl OperatorArgument {
    /// The name given, or the system user's.
    pub(super) fn name(&self) -> String {
        self.by.clone().unwrap_or_else(system_user)
    }
}

fn parse_name(typed: &str) -> Result<String, String> {
    let is_name = !typed.trim().is_empty()
        && typed.chars().count() <= MAX_NAME
        && !typed.contains(char::is_control);
    if is_name {
        Ok(typed.to_owned())
    } else {
        Err(format!("not a name of 1 to {MAX_NAME} characters"))
    }
}

/// The system user: the one before `sudo`, or else this process's own.
fn system_user() -> String {
    let before_sudo = std::env::var("SUDO_USER").ok().and_then(|user| parse_name(&user).ok());
    let own = || {
        let output = Command::new("id").arg("-un").output().ok()?;
        parse_name(String::from_utf8(output.stdout).ok()?.trim()).ok()
    };
    before_sudo.or_else(own).unwrap_or_else(|| "unknown".to_owned())
}

/// Parses a time: local, or with its offset from UTC.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(timestamp) = text.parse() {
        return Ok(timestamp);
    }
    let local: DateTime = text.parse().map_err(|_| "not a date or time".to_owned())?;
    let zoned = local.to_zoned(TimeZone::system()).map_err(|error| error.to_string())?;
    Ok(zoned.timestamp())
}

/// Parses a telephone number, with or without hyphens.
pub(super) fn parse_number(typed: &str) -> Result<PhoneNumber, InvalidPhoneNumber> {
    PhoneNumber::from_typed(typed)
}
