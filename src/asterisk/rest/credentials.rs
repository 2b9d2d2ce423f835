//! As whom Asterisk is spoken to.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use super::SetUpError;
use crate::config;

/// The `Authorization` header of the configured user.
///
/// # Errors
/// [`SetUpError::Credentials`]
fn authorization(ari: &config::Ari) -> Result<HeaderValue, SetUpError> {
    let pair = STANDARD.encode(format!("{}:{}", ari.user, ari.password.expose()));
    let mut value =
        HeaderValue::from_str(&format!("Basic {pair}")).map_err(|_| SetUpError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The `Authorization` of new requests and connections; it can be replaced while they go on.
#[derive(Debug, Clone)]
pub struct Credentials(Arc<RwLock<HeaderValue>>);

impl Credentials {
    /// # Errors
    /// [`SetUpError::Credentials`]
    pub(crate) fn new(ari: &config::Ari) -> Result<Self, SetUpError> {
        Ok(Self(Arc::new(RwLock::new(authorization(ari)?))))
    }

    /// Takes user and password of `ari` from now on.
    ///
    /// # Errors
    /// [`SetUpError::Credentials`]; nothing changes then.
    pub fn replace(&self, ari: &config::Ari) -> Result<(), SetUpError> {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = authorization(ari)?;
        Ok(())
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
