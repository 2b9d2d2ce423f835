//! Logins as through a load balancer. They go to a daemon that was ready a moment ago, and to
//! another if the connection is refused. Once its request was sent, a login is never repeated.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use karipass_lab::api::{self, ANSWER_TIMEOUT};
use reqwest::Client;
use serde_json::json;

use crate::fleet::{Fleet, Member};

/// The result of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginResult {
    /// Its HTTP status.
    Status(u16),
    /// No daemon was ready, or none accepted a connection.
    NobodyThere,
    /// The request was sent, and no answer came.
    Lost(String),
}

/// A login.
#[derive(Debug, Clone)]
pub struct LoginRecord {
    pub number: String,
    pub asked: Instant,
    pub answered: Instant,
    /// Whether it must be accepted.
    pub right: bool,
    pub answer: LoginResult,
}

/// The load balancer and its clients.
#[derive(Clone)]
pub struct LoadBalancer {
    members: Vec<Arc<Member>>,
    client: Client,
}

impl LoadBalancer {
    /// A load balancer for these daemons.
    pub fn new(fleet: &Fleet) -> Result<Self> {
        let client = api::client(&fleet.certificate())?
            .timeout(ANSWER_TIMEOUT)
            // A separate connection for each: a kept one might be closed as it is used.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { members: fleet.members().to_vec(), client })
    }

    /// Logs in, each time at another daemon first.
    pub async fn log_in(
        &self,
        turn: usize,
        number: &str,
        password: &str,
        right: bool,
    ) -> LoginRecord {
        let asked = Instant::now();
        let answer = self.ask(turn, number, password).await;
        LoginRecord { number: number.to_owned(), asked, answered: Instant::now(), right, answer }
    }

    async fn ask(&self, turn: usize, number: &str, password: &str) -> LoginResult {
        let body = json!({ "number": number, "password": password });
        let count = self.members.len();
        let in_turn = (0..count).map(|index| &self.members[(turn + index) % count]);
        for member in in_turn.filter(|member| member.is_in_service()) {
            let url = format!("{}/api/v1/login", member.site());
            match self.client.post(url).json(&body).send().await {
                Ok(answer) => return LoginResult::Status(answer.status().as_u16()),
                Err(error) if error.is_connect() => {}
                Err(error) => return LoginResult::Lost(format!("{}: {error:?}", member.name)),
            }
        }
        LoginResult::NobodyThere
    }
}
