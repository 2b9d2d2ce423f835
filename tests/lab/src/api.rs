//! The settings site's API, for a subscriber's own program.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::{Certificate, Client, ClientBuilder};
use serde_json::{Value, json};

/// The time-out of a request, unless the site is flooded: only a fault takes as long.
pub const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// What makes a client that trusts this certificate (PEM) and nothing else, and waits for ever.
pub fn client(certificate: &Path) -> Result<ClientBuilder> {
    // Another part of this process may have chosen it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let pem = fs::read(certificate).with_context(|| certificate.display().to_string())?;
    Ok(Client::builder().tls_certs_only([Certificate::from_pem(&pem)?]).no_proxy())
}

/// One site's API.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    client: Client,
}

impl Api {
    /// Of the site at `site`, such as `https://localhost:8443`.
    pub fn new(site: &str, client: ClientBuilder) -> Result<Self> {
        Ok(Self { base: format!("{site}/api/v1"), client: client.build()? })
    }

    /// `POST /api/v1/login`: status and body.
    pub async fn log_in(&self, number: &str, password: &str) -> reqwest::Result<(u16, Value)> {
        let body = json!({ "number": number, "password": password });
        let answer = self.client.post(format!("{}/login", self.base)).json(&body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// `POST /api/v1/PATH` in the session of this token: status and body.
    pub async fn post(
        &self,
        path: &str,
        token: &str,
        body: &Value,
    ) -> reqwest::Result<(u16, Value)> {
        let request = self.client.post(format!("{}/{path}", self.base)).bearer_auth(token);
        let answer = request.json(body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}
