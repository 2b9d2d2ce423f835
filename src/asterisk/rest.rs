//! Commands to Asterisk: ARI's REST side over a few kept-alive HTTP connections.
//!
//! Asterisk closes an idle connection after 15 s, so none is kept idle for that long. Every request
//! has a deadline, since an Asterisk that is locked up accepts and never answers. Asterisk obeys
//! the requests of one connection in order and knows no order between two, so whoever needs an
//! order awaits one answer before the next request.

mod credentials;
mod error;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;
use url::{Url, form_urlencoded};

pub use credentials::Credentials;
pub use error::{RestError, SetUpError};

use error::unanswered;

use super::event::{Slot, WANTED, wire_id, written_identity};
use crate::metrics::{ARI_QUEUE_DURATION, ARI_REQUEST_DURATION, ARI_REQUEST_ERRORS};
use crate::{clock, config};
use domain::phone_number::PhoneNumber;

/// Shorter than Asterisk's `session_keep_alive` of 15 s.
const IDLE: Duration = Duration::from_secs(10);
/// Idle connections kept.
const IDLE_CONNECTIONS: usize = 8;
/// Requests under way at once; Asterisk's `sessionlimit` is 100 by default, for everyone.
const AT_ONCE: usize = 48;

/// How often a playback that cannot be stopped yet is tried again.
const REFUSED_STOPS: u32 = 7;
/// After how long at first; twice as long each time, a quarter of a second in all.
const STOP_AGAIN: Duration = Duration::from_millis(2);

/// The language of the sounds, by name of their folder in Asterisk.
pub(crate) const LANGUAGE: &str = "ja";

/// Asterisk's REST side.
#[derive(Debug)]
pub(crate) struct Rest {
    client: Client,
    base: Url,
    pub(crate) credentials: Credentials,
    at_once: Semaphore,
}

/// One request; the name is for the metrics.
struct Request<'a> {
    name: &'static str,
    method: Method,
    path: &'a [&'a str],
    query: Option<&'a str>,
    body: Option<serde_json::Value>,
    /// Whether [`RestError::Gone`] is the answer that is hoped for, and no error.
    hopes_for_none: bool,
}

impl<'a> Request<'a> {
    fn new(name: &'static str, method: Method, path: &'a [&'a str]) -> Self {
        Self { name, method, path, query: None, body: None, hopes_for_none: false }
    }
}

impl Rest {
    /// `deadline` is for each request, its answer's body included.
    ///
    /// # Errors
    /// [`SetUpError`]
    pub(crate) fn new(ari: &config::Ari, deadline: Duration) -> Result<Self, SetUpError> {
        // A client that is built with TLS support asks for a provider even if it never needs one.
        let _another_is_as_good = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .retry(reqwest::retry::never())
            .http1_only()
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .timeout(deadline)
            .redirect(reqwest::redirect::Policy::none());
        let client = match ari.tls().map_err(SetUpError::Tls)? {
            Some(tls) => client.tls_backend_preconfigured(tls),
            None => client,
        };
        let client = client.build().map_err(SetUpError::Client)?;
        let mut base = ari.url.clone();
        base.path_segments_mut().map_err(|()| SetUpError::Url)?.pop_if_empty().push("ari");
        let credentials = Credentials::new(ari)?;
        Ok(Self { client, base, credentials, at_once: Semaphore::new(AT_ONCE) })
    }

    /// Answers a channel.
    pub(crate) async fn answer(&self, channel: &str) -> Result<(), RestError> {
        let path = ["channels", channel, "answer"];
        self.send(Request::new("answer", Method::POST, &path)).await
    }

    /// Queues one playback of `sounds` behind what plays.
    ///
    /// Asterisk would play twice what is asked for twice under one id, so a request that may or may
    /// not have arrived is looked for before it is repeated, once.
    pub(crate) async fn play(
        &self,
        channel: &str,
        playback: &str,
        sounds: &[&str],
    ) -> Result<(), RestError> {
        let path = ["channels", channel, "play", playback];
        let media = format!("lang={LANGUAGE}&media=sound:{}", sounds.join(",sound:"));
        let request =
            || Request { query: Some(&media), ..Request::new("play", Method::POST, &path) };
        match self.send(request()).await {
            Err(RestError::OutcomeUnknown(_)) if !self.is_playing(playback).await? => {
                self.send(request()).await
            }
            Err(RestError::OutcomeUnknown(_)) => Ok(()),
            other => other,
        }
    }

    async fn is_playing(&self, playback: &str) -> Result<bool, RestError> {
        let path = ["playbacks", playback];
        match self.send(Request::new("playback", Method::GET, &path)).await {
            Ok(()) => Ok(true),
            Err(RestError::Gone) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Stops a playback, playing or queued; that it is over already is as good.
    ///
    /// Asterisk marks a sound as playing a moment before it can be stopped, and refuses meanwhile
    /// (500): a refusal is answered by asking again.
    pub(crate) async fn stop(&self, playback: &str) -> Result<(), RestError> {
        let path = ["playbacks", playback];
        let (mut refusals, mut pause) = (0, STOP_AGAIN);
        loop {
            match self.twice(|| Request::new("stop", Method::DELETE, &path)).await {
                Err(RestError::Refused(StatusCode::INTERNAL_SERVER_ERROR))
                    if refusals < REFUSED_STOPS =>
                {
                    refusals += 1;
                    sleep(pause).await;
                    pause *= 2;
                }
                other => return other,
            }
        }
    }

    /// Stops all that may be queued on a channel in these slots; one after the other, so that no
    /// call has more than one place among the requests under way.
    pub(crate) async fn clear(
        &self,
        channel: &str,
        slots: impl IntoIterator<Item = Slot>,
    ) -> Result<(), RestError> {
        for slot in slots {
            self.stop(&wire_id(channel, slot)).await?;
        }
        Ok(())
    }

    /// The first to claim an offered call gets it; says whether it was this application.
    pub(crate) async fn claim(&self, channel: &str, app: &str) -> Result<bool, RestError> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("channelId", channel)
            .append_pair("application", app)
            .finish();
        let request = Request::new("claim", Method::POST, &["events", "claim"]);
        let request = Request { query: Some(&query), hopes_for_none: true, ..request };
        match self.send(request).await {
            Ok(()) => Ok(true),
            Err(RestError::Gone) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets a channel go on in the dialplan; that it has gone already is as good. Done twice, it would take
    /// the channel from the application that has it next.
    pub(crate) async fn send_on(&self, channel: &str) -> Result<(), RestError> {
        let path = ["channels", channel, "continue"];
        match self.send(Request::new("continue", Method::POST, &path)).await {
            Err(RestError::Gone) => Ok(()),
            other => other,
        }
    }

    /// The caller's number that the dialplan has written on a channel, if it vouches for one.
    pub(crate) async fn identity(&self, channel: &str) -> Result<Option<PhoneNumber>, RestError> {
        match self.variable("identity", channel, "KARIPASS_IDENTITY").await {
            Ok(value) => Ok(written_identity(channel, &value)),
            Err(RestError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A channel's endpoint, and where its audio is sent to, once that is known.
    pub(crate) async fn media(&self, channel: &str) -> Result<(String, Option<IpAddr>), RestError> {
        let both = "EVAL(${CHANNEL(endpoint)}/${CHANNEL(rtp,dest)})";
        let value = self.variable("media", channel, both).await?;
        let (endpoint, destination) = value.rsplit_once('/').unwrap_or((&value, ""));
        let destination = destination.parse().ok().filter(|to: &SocketAddr| to.port() != 0);
        Ok((endpoint.to_owned(), destination.map(|to| to.ip())))
    }

    /// A channel's variable, or what a function of the dialplan says of it.
    async fn variable(
        &self,
        request: &'static str,
        channel: &str,
        variable: &str,
    ) -> Result<String, RestError> {
        #[derive(Deserialize)]
        struct Variable {
            value: String,
        }
        let path = ["channels", channel, "variable"];
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("variable", variable)
            .finish();
        let ask = || self.get::<Variable>(request, &path, Some(&query));
        let told = match ask().await {
            Err(error) if error.may_pass() => ask().await,
            answered => answered,
        };
        told.map(|Variable { value }| value)
    }

    /// Has Asterisk take a channel out of the application in so long from now, in whole seconds; it goes
    /// on at the dialplan's `T`. While something plays Asterisk does not answer.
    pub(crate) async fn limit(&self, channel: &str, time: Duration) -> Result<(), RestError> {
        let path = ["channels", channel, "variable"];
        let query = format!("variable=TIMEOUT(absolute)&value={}", time.as_secs());
        let request = Request::new("limit", Method::POST, &path);
        self.send(Request { query: Some(&query), ..request }).await
    }

    /// Hangs a channel up; that it has gone already is as good.
    pub(crate) async fn hang_up(&self, channel: &str) -> Result<(), RestError> {
        let path = ["channels", channel];
        self.twice(|| Request::new("hang_up", Method::DELETE, &path)).await
    }

    /// For what may be done twice and is then still done once.
    async fn twice<'a>(&self, request: impl Fn() -> Request<'a>) -> Result<(), RestError> {
        let again = match self.send(request()).await {
            Err(error) if error.may_pass() => self.send(request()).await,
            answered => answered,
        };
        match again {
            Err(RestError::Gone) => Ok(()),
            other => other,
        }
    }

    /// The channels in the application; none if nobody holds it and no channel is in it.
    pub(crate) async fn channels_in(&self, app: &str) -> Result<Option<Vec<String>>, RestError> {
        #[derive(Deserialize)]
        struct Application {
            channel_ids: Vec<String>,
        }
        match self.get::<Application>("application", &["applications", app], None).await {
            Ok(application) => Ok(Some(application.channel_ids)),
            Err(RestError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks Asterisk to send only the events in [`WANTED`].
    pub(crate) async fn filter_events(&self, app: &str) -> Result<(), RestError> {
        let wanted: Vec<_> = WANTED.iter().map(|kind| json!({ "type": kind })).collect();
        let path = ["applications", app, "eventFilter"];
        let request = Request::new("event_filter", Method::PUT, &path);
        self.send(Request { body: Some(json!({ "allowed": wanted })), ..request }).await
    }

    /// The sounds that Asterisk has in [`LANGUAGE`], each with its formats; in another language it
    /// would play them without a word of it.
    pub(crate) async fn sounds(&self) -> Result<Vec<(String, Vec<String>)>, RestError> {
        #[derive(Deserialize)]
        struct Sound {
            id: String,
            formats: Vec<Format>,
        }
        #[derive(Deserialize)]
        struct Format {
            format: String,
        }
        let query = format!("lang={LANGUAGE}");
        let sounds: Vec<Sound> = self.get("sounds", &["sounds"], Some(&query)).await?;
        let named = |formats: Vec<Format>| formats.into_iter().map(|it| it.format).collect();
        Ok(sounds.into_iter().map(|sound| (sound.id, named(sound.formats))).collect())
    }

    /// Whether a module is loaded and runs.
    pub(crate) async fn is_running(&self, module: &str) -> Result<bool, RestError> {
        #[derive(Deserialize)]
        struct Module {
            status: String,
        }
        match self.get::<Module>("module", &["asterisk", "modules", module], None).await {
            Ok(Module { status }) => Ok(status == "Running"),
            Err(RestError::Gone) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether Asterisk still gets at its channels, which a lock-up would prevent.
    pub(crate) async fn probe(&self) -> Result<(), RestError> {
        let path = ["channels", "karipass-probe"];
        let request = Request::new("probe", Method::GET, &path);
        match self.send(Request { hopes_for_none: true, ..request }).await {
            Err(RestError::Gone) => Ok(()),
            other => other,
        }
    }

    /// Reads a document.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        name: &'static str,
        path: &[&str],
        query: Option<&str>,
    ) -> Result<T, RestError> {
        let _place = self.place().await;
        let request = Request { query, ..Request::new(name, Method::GET, path) };
        let answer = self.answered(request).await?;
        answer.json().await.map_err(|error| RestError::NotUnderstood(error.without_url()))
    }

    async fn send(&self, request: Request<'_>) -> Result<(), RestError> {
        let _place = self.place().await;
        let answer = self.answered(request).await?;
        // A connection whose answer has not been read to its end is not kept.
        answer.bytes().await.map_err(unanswered)?;
        Ok(())
    }

    /// Waits for a place, in the order of asking. Each request under way ends within its deadline,
    /// so the wait ends too: what has not been sent is neither lost nor made again.
    async fn place(&self) -> Option<SemaphorePermit<'_>> {
        let began = clock::now();
        let place = self.at_once.acquire().await;
        metrics::histogram!(ARI_QUEUE_DURATION).record(began.elapsed());
        place.ok()
    }

    /// Sends a request, waits for its status and counts.
    async fn answered(&self, request: Request<'_>) -> Result<Response, RestError> {
        let (name, hopes_for_none, began) = (request.name, request.hopes_for_none, clock::now());
        let result = self.status_of(request).await;
        let seconds = clock::now().saturating_duration_since(began).as_secs_f64();
        metrics::histogram!(ARI_REQUEST_DURATION, "request" => name).record(seconds);
        if let Err(error) = &result
            && !(hopes_for_none && matches!(error, RestError::Gone))
        {
            let error = error.as_str();
            metrics::counter!(ARI_REQUEST_ERRORS, "request" => name, "error" => error).increment(1);
        }
        result
    }

    async fn status_of(&self, request: Request<'_>) -> Result<Response, RestError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(request.path);
        }
        url.set_query(request.query);
        let mut builder = self.client.request(request.method, url);
        builder = builder.header(AUTHORIZATION, self.credentials.header());
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let answer = builder.send().await.map_err(unanswered)?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
                let _rest_of_the_answer = answer.bytes().await;
                Err(RestError::Gone)
            }
            status => {
                let _rest_of_the_answer = answer.bytes().await;
                Err(RestError::Refused(status))
            }
        }
    }
}
