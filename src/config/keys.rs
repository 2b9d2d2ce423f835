//! Names of keys: their environment variables, and those of earlier versions. An old key is an
//! error that names the new one.

/// The prefix of every environment variable.
pub(super) const PREFIX: &str = "KARIPASS_";

/// Old keys and their new names. `[[ari]]` tables have a place in between, as in `ari.2.etc`.
const RENAMED: [(&str, &str); 15] = [
    ("ari.etc", "ari.config_dir"),
    ("ari.sounds", "ari.sounds_dir"),
    ("audit.keep_days", "audit.retention_days"),
    ("call.first_digit_s", "call.first_digit_timeout_s"),
    ("call.inter_digit_s", "call.inter_digit_timeout_s"),
    ("call.limit_s", "call.max_duration_s"),
    ("call.most", "call.max_concurrent"),
    ("database.connections", "database.max_connections"),
    ("log.json", "log.format"),
    ("session.idle_s", "session.idle_timeout_s"),
    ("site.connections", "site.max_connections"),
    ("site.connections_by_address", "site.max_connections_per_address"),
    ("site.proxies", "site.trusted_proxies"),
    ("stop.calls_s", "shutdown.call_grace_s"),
    ("stop.notice_s", "shutdown.drain_s"),
];

/// The environment variable of a key.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// The new name of an old key or variable.
pub(super) fn new_name(unknown: &str) -> Option<String> {
    // No key contains a digit.
    let place: String = unknown.chars().filter(char::is_ascii_digit).collect();
    let placed = |key: &str| match place.as_str() {
        "" => key.to_owned(),
        place => key.replacen('.', &format!(".{place}."), 1),
    };
    RENAMED.into_iter().find_map(|(old, new)| {
        let (old, new) = (placed(old), placed(new));
        if unknown == old {
            return Some(new);
        }
        (unknown == variable_of(&old)).then(|| variable_of(&new))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::load;

    #[test]
    fn an_old_key_is_refused_with_its_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("karipass.toml");
        for (old, new) in RENAMED {
            let (section, name) = old.split_once('.').unwrap();
            std::fs::write(&file, format!("[{section}]\n{name} = 1\n")).unwrap();
            let errors = load(Some(&file), []).unwrap_err().0;
            assert!(errors.contains(&format!("{old}: renamed to {new}")), "{errors:?}");
            let (old, new) = (variable_of(old), variable_of(new));
            let errors = load(None, [(old.clone(), "1".to_owned())]).unwrap_err().0;
            assert!(errors.contains(&format!("{old}: renamed to {new}")), "{errors:?}");
        }
    }

    #[test]
    fn an_old_key_of_one_of_several_asterisks_keeps_its_place() {
        assert_eq!(new_name("ari.2.etc").as_deref(), Some("ari.2.config_dir"));
        let new = new_name("KARIPASS_ARI_12_SOUNDS");
        assert_eq!(new.as_deref(), Some("KARIPASS_ARI_12_SOUNDS_DIR"));
        assert_eq!(new_name("ari.config_dir"), None);
        assert_eq!(new_name("KARIPASS_TYPO"), None);
    }
}
