//! Requests to Asterisk over ARI's REST side.

mod credentials;
mod error;
mod http;

use std::fmt::{self, Display};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::sleep;
use url::form_urlencoded;

pub use credentials::Credentials;
pub(crate) use error::ErrorChain;
pub use error::{BuildError, RestError};
use http::{Http, Request};

use super::events::{CallerIdentity, SUBSCRIBED_EVENTS, Slot, parse_identity, wire_id};
use crate::config;
use domain::dialog::prompt::Prompt;

/// How often the stop of a playback is tried again if Asterisk refuses it.
const MAX_STOP_RETRIES: u32 = 7;
/// Before the first retry; twice as long each time, a quarter of a second in all.
const STOP_RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// The language of the sounds, which is also the name of their folder in Asterisk.
pub(super) const LANGUAGE: &str = "ja";

/// The REST interface of one Asterisk.
#[derive(Debug)]
pub(crate) struct Rest {
    http: Http,
    pub(super) credentials: Credentials,
}

impl Rest {
    /// `deadline` is for each request, its answer's body included.
    ///
    /// # Errors
    /// If the configured URL, user, password or certificate authorities cannot be used.
    pub(crate) fn new(ari: &config::AriSettings, deadline: Duration) -> Result<Self, BuildError> {
        let credentials = Credentials::new(ari)?;
        Ok(Self { http: Http::new(ari, credentials.clone(), deadline)?, credentials })
    }

    pub(super) async fn answer(&self, channel: &str) -> Result<(), RestError> {
        let path = ["channels", channel, "answer"];
        self.http.send(&Request::new("answer", Method::POST, &path)).await
    }

    /// Queues one playback of these prompts behind what plays.
    ///
    /// Asterisk would play a repeated request a second time, under the same id. So a request
    /// without an answer is repeated once, and only if Asterisk does not know the playback.
    pub(super) async fn play(
        &self,
        channel: &str,
        playback: &str,
        prompts: &[Prompt],
    ) -> Result<(), RestError> {
        let path = ["channels", channel, "play", playback];
        let query = PlaybackQuery(prompts);
        let request = Request::new("play", Method::POST, &path);
        let request = Request { query: Some(&query), ..request };
        match self.http.send(&request).await {
            Err(RestError::OutcomeUnknown(_)) if !self.is_playing(playback).await? => {
                self.http.send(&request).await
            }
            Err(RestError::OutcomeUnknown(_)) => Ok(()),
            other => other,
        }
    }

    async fn is_playing(&self, playback: &str) -> Result<bool, RestError> {
        let path = ["playbacks", playback];
        exists(self.http.send(&Request::new("playback", Method::GET, &path)).await)
    }

    /// Stops a playback, playing or queued. A playback that has ended is no error.
    ///
    /// Asterisk marks a sound as playing a moment before it can be stopped, and refuses a stop
    /// meanwhile with 500. Then the stop is tried again.
    pub(crate) async fn stop(&self, playback: &str) -> Result<(), RestError> {
        let path = ["playbacks", playback];
        let request = Request::new("stop", Method::DELETE, &path);
        let (mut retries, mut delay) = (0, STOP_RETRY_INTERVAL);
        loop {
            match self.http.retry_once(&request).await {
                Err(RestError::Refused(StatusCode::INTERNAL_SERVER_ERROR))
                    if retries < MAX_STOP_RETRIES =>
                {
                    retries += 1;
                    sleep(delay).await;
                    delay *= 2;
                }
                other => return other,
            }
        }
    }

    /// Stops the playbacks in these slots, one after the other, so that one call occupies only one
    /// request slot.
    pub(super) async fn stop_all(
        &self,
        channel: &str,
        slots: impl IntoIterator<Item = Slot>,
    ) -> Result<(), RestError> {
        for slot in slots {
            self.stop(&wire_id(channel, slot)).await?;
        }
        Ok(())
    }

    /// Claims an offered call; `false` if another daemon was first.
    pub(super) async fn claim(&self, channel: &str, app: &str) -> Result<bool, RestError> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("channelId", channel)
            .append_pair("application", app)
            .finish();
        let request = Request::new("claim", Method::POST, &["events", "claim"]);
        let request = Request { query: Some(&query), expects_not_found: true, ..request };
        exists(self.http.send(&request).await)
    }

    /// Continues a channel in the dialplan. A channel that is gone is no error.
    ///
    /// The request is never repeated: a second one would take the channel from the application that
    /// has it next.
    pub(super) async fn continue_in_dialplan(&self, channel: &str) -> Result<(), RestError> {
        let path = ["channels", channel, "continue"];
        exists(self.http.send(&Request::new("continue", Method::POST, &path)).await).map(|_| ())
    }

    /// The caller's identity that the dialplan has written on a channel.
    pub(super) async fn identity(&self, channel: &str) -> Result<CallerIdentity, RestError> {
        match self.variable("identity", channel, "KARIPASS_IDENTITY").await {
            Ok(value) => Ok(parse_identity(channel, &value)),
            Err(RestError::NotFound) => Ok(CallerIdentity::default()),
            Err(error) => Err(error),
        }
    }

    /// A channel's endpoint, and where its audio is sent, once Asterisk knows that.
    pub(super) async fn media(&self, channel: &str) -> Result<(String, Option<IpAddr>), RestError> {
        let both = "EVAL(${CHANNEL(endpoint)}/${CHANNEL(rtp,dest)})";
        let value = self.variable("media", channel, both).await?;
        let (endpoint, destination) = value.rsplit_once('/').unwrap_or((&value, ""));
        let destination = destination.parse().ok().filter(|to: &SocketAddr| to.port() != 0);
        Ok((endpoint.to_owned(), destination.map(|to| to.ip())))
    }

    /// A channel variable, or the value of a dialplan function.
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
        let get = || self.get::<Variable>(request, &path, Some(&query));
        let answer = match get().await {
            Err(error) if error.is_transient() => get().await,
            answer => answer,
        };
        answer.map(|variable| variable.value)
    }

    /// Sets a channel's time limit from now on, in whole seconds. After it the dialplan continues
    /// at `T`. While something plays Asterisk does not answer.
    pub(super) async fn set_time_limit(
        &self,
        channel: &str,
        limit: Duration,
    ) -> Result<(), RestError> {
        let path = ["channels", channel, "variable"];
        let query = format!("variable=TIMEOUT(absolute)&value={}", limit.as_secs());
        let request = Request::new("limit", Method::POST, &path);
        self.http.send(&Request { query: Some(&query), ..request }).await
    }

    /// Hangs up a channel. A channel that is gone is no error.
    pub(super) async fn hang_up(&self, channel: &str) -> Result<(), RestError> {
        let path = ["channels", channel];
        self.http.retry_once(&Request::new("hang_up", Method::DELETE, &path)).await
    }

    /// The channels in the application; `None` if no program is connected for it and no channel is
    /// in it.
    pub(super) async fn channels_in(&self, app: &str) -> Result<Option<Vec<String>>, RestError> {
        #[derive(Deserialize)]
        struct Application {
            channel_ids: Vec<String>,
        }
        match self.get::<Application>("application", &["applications", app], None).await {
            Ok(application) => Ok(Some(application.channel_ids)),
            Err(RestError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Subscribes to [`SUBSCRIBED_EVENTS`] alone.
    pub(super) async fn filter_events(&self, app: &str) -> Result<(), RestError> {
        let allowed: Vec<_> =
            SUBSCRIBED_EVENTS.iter().map(|kind| json!({ "type": kind })).collect();
        let path = ["applications", app, "eventFilter"];
        let request = Request::new("event_filter", Method::PUT, &path);
        self.http.send(&Request { body: Some(&json!({ "allowed": allowed })), ..request }).await
    }

    /// The sounds that Asterisk has in [`LANGUAGE`], each with its formats. Asterisk plays a sound
    /// in another language without a warning.
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
        let names = |formats: Vec<Format>| formats.into_iter().map(|it| it.format).collect();
        Ok(sounds.into_iter().map(|sound| (sound.id, names(sound.formats))).collect())
    }

    /// Whether a module is loaded and runs.
    pub(super) async fn is_running(&self, module: &str) -> Result<bool, RestError> {
        #[derive(Deserialize)]
        struct Module {
            status: String,
        }
        match self.get::<Module>("module", &["asterisk", "modules", module], None).await {
            Ok(Module { status }) => Ok(status == "Running"),
            Err(RestError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks for a channel that does not exist. An Asterisk whose channels are locked up does not
    /// answer.
    pub(crate) async fn ping(&self) -> Result<(), RestError> {
        let path = ["channels", "karipass-probe"];
        let request = Request::new("probe", Method::GET, &path);
        exists(self.http.send(&Request { expects_not_found: true, ..request }).await).map(|_| ())
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        name: &'static str,
        path: &[&str],
        query: Option<&str>,
    ) -> Result<T, RestError> {
        let query = query.as_ref().map(|query| query as &(dyn Display + Sync));
        self.http.get(&Request { query, ..Request::new(name, Method::GET, path) }).await
    }
}

/// The query of a playback, which has a hundred sounds.
struct PlaybackQuery<'a>(&'a [Prompt]);

impl Display for PlaybackQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lang={LANGUAGE}&media=")?;
        for (index, sound) in self.0.iter().flat_map(Prompt::media).enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}sound:{sound}")?;
        }
        Ok(())
    }
}

/// Turns [`RestError::NotFound`] into `false`.
fn exists(answer: Result<(), RestError>) -> Result<bool, RestError> {
    match answer {
        Ok(()) => Ok(true),
        Err(RestError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}
