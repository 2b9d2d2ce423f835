//! The settings site's API, as a subscriber's own program would use it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};

const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// A client that trusts one site's own certificate and nothing else.
#[derive(Debug, Clone)]
pub struct Api {
    site: String,
    client: Client,
}

impl Api {
    /// Of the site at `site`, such as `https://localhost:8443`, with its certificate in PEM.
    pub fn new(site: &str, certificate: &Path) -> Result<Self> {
        // Another part of this process may have chosen it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pem = fs::read(certificate).with_context(|| certificate.display().to_string())?;
        let client = Client::builder()
            .tls_certs_only([Certificate::from_pem(&pem)?])
            .timeout(ANSWERED_WITHIN)
            .no_proxy()
            .build()?;
        Ok(Self { site: site.to_owned(), client })
    }

    /// `POST /api/v1/login`: status and body.
    pub async fn login(&self, number: &str, password: &str) -> Result<(u16, Value)> {
        let url = format!("{}/api/v1/login", self.site);
        let body = json!({ "number": number, "password": password });
        let answer = self.client.post(url).json(&body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}
