//! The operator's name for the audit (`D3`). It is not authenticated.

use std::process::Command;

const MAX_CHARACTERS: usize = 100;

pub(super) fn parse_name(typed: &str) -> Result<String, String> {
    let is_name = !typed.trim().is_empty()
        && typed.chars().count() <= MAX_CHARACTERS
        && !typed.contains(char::is_control);
    if is_name {
        Ok(typed.to_owned())
    } else {
        Err(format!("not a name of 1 to {MAX_CHARACTERS} characters"))
    }
}

/// The system user: the one before `sudo`, or else this process's own.
pub(super) fn system_user() -> String {
    let before_sudo = std::env::var("SUDO_USER").ok().and_then(|user| parse_name(&user).ok());
    let own = || {
        let output = Command::new("id").arg("-un").output().ok()?;
        parse_name(String::from_utf8(output.stdout).ok()?.trim()).ok()
    };
    before_sudo.or_else(own).unwrap_or_else(|| "unknown".to_owned())
}
