//! Logins as through a load balancer. They go to a daemon that was ready a moment ago, and to
//! another if the connection is refused. Once its request was sent, a login is never repeated.
//! In a scaled system HAProxy does this.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use karipass_lab::api::{self, ANSWER_TIMEOUT};
use reqwest::Client;
use serde_json::{Value, json};

use crate::fleet::Member;
use crate::system::FaultSystem;

/// The address of a proxy's clients.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

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

impl LoginRecord {
    /// Whether it was neither accepted nor found wrong.
    pub fn has_no_verdict(&self) -> bool {
        !matches!(self.answer, LoginResult::Status(200 | 401))
    }
}

/// The load balancer and its clients.
#[derive(Clone)]
pub struct LoadBalancer {
    members: Vec<Arc<Member>>,
    /// The site of a proxy in front of them.
    proxy: Option<String>,
    client: Client,
}

impl LoadBalancer {
    /// The load balancer of a system, or clients of its proxy.
    pub fn new(system: &FaultSystem) -> Result<Self> {
        let fleet = &system.fleet;
        let proxy = system.front.as_ref().map(|front| front.proxy.site.clone());
        let client = api::client(&fleet.certificate())?
            .timeout(ANSWER_TIMEOUT)
            .local_address(proxy.is_some().then_some(CLIENT.into()))
            // A separate connection for each: a kept one might be closed as it is used.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { members: fleet.members().to_vec(), proxy, client })
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
        if let Some(site) = &self.proxy {
            return self.post(site, &body).await;
        }
        let count = self.members.len();
        let in_turn = (0..count).map(|index| &self.members[(turn + index) % count]);
        for member in in_turn.filter(|member| member.is_in_service()) {
            let result = self.post(member.site(), &body).await;
            if result != LoginResult::NobodyThere {
                return result;
            }
        }
        LoginResult::NobodyThere
    }

    async fn post(&self, site: &str, body: &Value) -> LoginResult {
        let url = format!("{site}/api/v1/login");
        match self.client.post(url).json(body).send().await {
            Ok(answer) => LoginResult::Status(answer.status().as_u16()),
            Err(error) if error.is_connect() => LoginResult::NobodyThere,
            Err(error) => LoginResult::Lost(format!("{site}: {error:?}")),
        }
    }
}
