//! A few kept-alive HTTP connections to one Asterisk.
//!
//! - Asterisk closes a connection after 15 s without a request, so an idle one is dropped sooner.
//! - Every request has a deadline, because an Asterisk that is locked up accepts and never answers.
//! - Asterisk keeps the order of requests on one connection only. A caller who needs an order
//!   awaits each answer before the next request.

use std::fmt::Display;
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::error::from_transport;
use super::{BuildError, Credentials, RestError};
use crate::metrics::{ARI_QUEUE_DURATION, ARI_REQUEST_DURATION, ARI_REQUEST_ERRORS};
use crate::{clock, config, tls};

/// Shorter than Asterisk's `session_keep_alive` of 15 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_IDLE_CONNECTIONS: usize = 8;
/// Asterisk's `sessionlimit` is 100 by default, for all its clients.
const MAX_CONCURRENT_REQUESTS: usize = 48;

#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    base: Url,
    credentials: Credentials,
    request_slots: Semaphore,
}

/// One request; the name is for metrics.
pub(super) struct Request<'a> {
    pub(super) name: &'static str,
    pub(super) method: Method,
    pub(super) path: &'a [&'a str],
    /// Written only when the request is sent.
    pub(super) query: Option<&'a (dyn Display + Sync)>,
    pub(super) body: Option<&'a serde_json::Value>,
    /// [`RestError::NotFound`] is a usual answer and not counted as an error.
    pub(super) expects_not_found: bool,
}

impl<'a> Request<'a> {
    pub(super) fn new(name: &'static str, method: Method, path: &'a [&'a str]) -> Self {
        Self { name, method, path, query: None, body: None, expects_not_found: false }
    }
}

impl Http {
    pub(super) fn new(
        ari: &config::AriSettings,
        credentials: Credentials,
        deadline: Duration,
    ) -> Result<Self, BuildError> {
        let settings = tls::client_for(&ari.url, ari.ca_file.as_deref());
        let client = tls::http_client(deadline, settings.map_err(BuildError::Tls)?)
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .build()
            .map_err(BuildError::Client)?;
        let mut base = ari.url.clone();
        base.path_segments_mut().map_err(|()| BuildError::Url)?.pop_if_empty().push("ari");
        let request_slots = Semaphore::new(MAX_CONCURRENT_REQUESTS);
        Ok(Self { client, base, credentials, request_slots })
    }

    pub(super) async fn send(&self, request: &Request<'_>) -> Result<(), RestError> {
        let _slot = self.acquire_slot().await;
        // On the heap, so that a call which sends nothing keeps no room for it.
        let sent = Box::pin(async {
            let answer = self.execute_timed(request).await?;
            // A connection is kept only if its answer has been read to the end.
            answer.bytes().await.map_err(from_transport)
        });
        sent.await.map(drop)
    }

    /// Sends a request that may be carried out twice, again if its outcome is unknown. Treats
    /// [`RestError::NotFound`] as success.
    pub(super) async fn retry_once(&self, request: &Request<'_>) -> Result<(), RestError> {
        let answer = match self.send(request).await {
            Err(error) if error.is_transient() => self.send(request).await,
            answer => answer,
        };
        match answer {
            Err(RestError::NotFound) => Ok(()),
            other => other,
        }
    }

    /// Decodes the answer to a GET as JSON.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, RestError> {
        let _slot = self.acquire_slot().await;
        let sent = Box::pin(async {
            let answer = self.execute_timed(request).await?;
            answer.json().await.map_err(|error| RestError::UnexpectedResponse(error.without_url()))
        });
        sent.await
    }

    /// Waits for a request slot, first come, first served. Every request has a deadline, so the
    /// wait ends.
    async fn acquire_slot(&self) -> Option<SemaphorePermit<'_>> {
        let began = clock::now();
        let slot = self.request_slots.acquire().await;
        metrics::histogram!(ARI_QUEUE_DURATION)
            .record(clock::now().saturating_duration_since(began));
        slot.ok()
    }

    /// Sends a request, waits for its status, and records time and errors.
    async fn execute_timed(&self, request: &Request<'_>) -> Result<Response, RestError> {
        let name = request.name;
        let began = clock::now();
        let result = self.execute(request).await;
        let seconds = clock::now().saturating_duration_since(began).as_secs_f64();
        metrics::histogram!(ARI_REQUEST_DURATION, "request" => name).record(seconds);
        if let Err(error) = &result
            && !(request.expects_not_found && matches!(error, RestError::NotFound))
        {
            let error = error.as_str();
            metrics::counter!(ARI_REQUEST_ERRORS, "request" => name, "error" => error).increment(1);
        }
        result
    }

    async fn execute(&self, request: &Request<'_>) -> Result<Response, RestError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(request.path);
        }
        url.set_query(request.query.map(ToString::to_string).as_deref());
        let mut builder = self.client.request(request.method.clone(), url);
        builder = builder.header(AUTHORIZATION, self.credentials.header());
        if let Some(body) = request.body {
            builder = builder.json(body);
        }
        let answer = builder.send().await.map_err(from_transport)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let _ = answer.bytes().await; // read to the end, so that the connection is kept
        Err(match status {
            StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
                RestError::NotFound
            }
            status => RestError::Refused(status),
        })
    }
}
