//! The credentials of the ARI user.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use super::BuildError;
use crate::config;

/// The `Authorization` header of new requests and connections. It can be replaced while they go on.
#[derive(Debug, Clone)]
pub struct Credentials(Arc<RwLock<HeaderValue>>);

impl Credentials {
    /// # Errors
    /// [`BuildError::Credentials`] if no header can hold them.
    pub(super) fn new(ari: &config::AriSettings) -> Result<Self, BuildError> {
        Ok(Self(Arc::new(RwLock::new(authorization(ari)?))))
    }

    /// Prepares the user and password of `ari`. The closure puts them into force.
    ///
    /// # Errors
    /// [`BuildError::Credentials`] if no header can hold them.
    pub fn prepare(
        &self,
        ari: &config::AriSettings,
    ) -> Result<impl FnOnce() + use<'_>, BuildError> {
        let header = authorization(ari)?;
        Ok(move || *self.0.write().unwrap_or_else(PoisonError::into_inner) = header)
    }

    pub(in crate::asterisk) fn header(&self) -> HeaderValue {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn authorization(ari: &config::AriSettings) -> Result<HeaderValue, BuildError> {
    let pair = Zeroizing::new(format!("{}:{}", ari.user, ari.password.expose()));
    let pair = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    let header = Zeroizing::new(format!("Basic {}", *pair));
    let mut value = HeaderValue::from_str(&header).map_err(|_| BuildError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}
