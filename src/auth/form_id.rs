//! The id of a form that was shown: 256 random bits in its page and nowhere else.
//!
//! A wrong password is counted under a MAC of the credential and the password, whose key is the
//! form's id. The same form sent again has the same MAC, and counts once (`C2`). Another password
//! has another one, and so has the same password at a new credential. Without the page the
//! MAC reveals nothing about the password.

use super::client_secret::ClientSecret;
use crate::keys::hmac;
use domain::change::EntryKey;
use domain::credential::CredentialId;
use domain::password::SubmittedPassword;

const DOMAIN: &[u8] = b"karipass form entry v1";

/// Separates the key of a whole form from those of its entries.
const FORM: &[u8] = b"karipass form v1";

/// See [`FormId`].
#[derive(Debug)]
pub enum FormPurpose {}

/// The id of a form: 256 random bits that stand in the page alone.
pub type FormId = ClientSecret<FormPurpose>;

impl FormId {
    /// The key under which this password counts at this credential.
    #[must_use]
    pub fn entry_key(&self, credential: CredentialId, typed: &SubmittedPassword) -> EntryKey {
        self.key(&[DOMAIN, &credential.0.to_be_bytes(), typed.expose()])
    }

    /// The key under which the form is kept once it has changed a password.
    #[must_use]
    pub fn change_key(&self) -> EntryKey {
        self.key(&[FORM])
    }

    fn key(&self, parts: &[&[u8]]) -> EntryKey {
        let mac = hmac(self.bytes(), parts);
        let mut key = EntryKey([0; 16]);
        key.0.iter_mut().zip(mac).for_each(|(byte, of_mac)| *byte = of_mac);
        key
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn c2_only_the_same_form_with_the_same_password_at_the_same_credential_has_the_same_key() {
        let mut rng = StdRng::seed_from_u64(1);
        let (form, other) = (FormId::draw(&mut rng), FormId::draw(&mut rng));
        let typed = |text: &str| SubmittedPassword::from(text.to_owned());
        let key = form.entry_key(CredentialId(1), &typed("48151623"));
        let again: FormId = form.expose().parse().unwrap();
        assert_eq!(again.entry_key(CredentialId(1), &typed("48151623")), key);
        for another in [
            form.entry_key(CredentialId(1), &typed("48151624")),
            form.entry_key(CredentialId(1), &typed("48151623 ")),
            form.entry_key(CredentialId(2), &typed("48151623")),
            other.entry_key(CredentialId(1), &typed("48151623")),
            form.change_key(),
        ] {
            assert_ne!(another, key);
        }
        assert_eq!(again.change_key(), form.change_key());
        assert_ne!(other.change_key(), form.change_key());
        assert!("".parse::<FormId>().is_err());
        assert_eq!(format!("{form:?}"), "ClientSecret(…)");
    }
}
