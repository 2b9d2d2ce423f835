//! `make call`: a scripted subscriber calls the system of `make run`, sets a temporary password,
//! and logs in with it. Prints what was heard, keyed and answered as it happens.

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use karipass_lab::api::{self, ANSWER_TIMEOUT, Api};
use karipass_lab::asterisk::{CARRIER, SET_UP_NUMBER};
use karipass_lab::sounds;
use karipass_lab::subscriber::{Caller, Line};
use serde_json::Value;

use crate::run::SharedOptions;

/// The call's purpose, and the addresses of the system.
#[derive(Debug, Clone, clap::Args)]
pub struct CallOptions {
    /// The calling number, as the carrier asserts it
    #[arg(long, env = "CALLER", default_value = "0612345600")]
    pub caller: String,
    /// What to key at the menu: 1 line, 2 number, 3 admin/user
    #[arg(long, env = "UNIT", default_value = "1")]
    pub unit: String,
    /// The number to key where one is asked for [default: the calling number]
    #[arg(long, env = "NUMBER")]
    pub number: Option<String>,
    #[command(flatten)]
    pub shared: SharedOptions,
}

/// Calls, and then logs in.
///
/// # Errors
/// The call did not end with a password set, or the site refused it.
pub async fn call(options: &CallOptions) -> Result<()> {
    let SharedOptions { https_port, var_dir, .. } = &options.shared;
    let certificate = var_dir.join("karipass/certificate.pem");
    let site = format!("https://localhost:{https_port}");
    let client = api::client(&certificate).context("is `make run` running?")?;
    let api = Api::new(&site, client.timeout(ANSWER_TIMEOUT))?;
    let password = format!("{:08}", rand::random_range(0..100_000_000_u32));
    let (owned, keyed) = (options.clone(), password.clone());
    let login_number = tokio::task::spawn_blocking(move || set(&owned, &keyed)).await??;
    println!("\nPOST {site}/api/v1/login  number {login_number}, password {}", hidden(&password));
    let (status, mut answer) = api.log_in(&login_number, &password).await?;
    if let Some(token) = answer.get_mut("token") {
        *token = Value::from("•••");
    }
    println!("{status} {answer:#}");
    ensure!(status == 200, "the site refused the login");
    Ok(())
}

/// A number in national digits, as it is keyed.
fn national(number: &str) -> String {
    let bare = number.replace('-', "");
    bare.strip_prefix("+81").map_or(bare.clone(), |rest| format!("0{rest}"))
}

/// Sets the password by phone; returns the login number that was read out.
fn set(options: &CallOptions, password: &str) -> Result<String> {
    let CallOptions { caller, unit, number, .. } = options;
    let number = format!("{}#", national(number.as_ref().unwrap_or(caller)));
    let line = Line::new(([127, 0, 0, 1], options.shared.sip_port).into(), SET_UP_NUMBER);
    let begin = Instant::now();
    let print = |what: &str| println!("{:6.1} s  {what}", begin.elapsed().as_secs_f64());
    print(&format!("{caller} calls {SET_UP_NUMBER} through the carrier at {CARRIER}"));
    let called = Caller::asserted(caller).call(&line);
    let mut subscriber = called.context("is `make run` running?")?;
    let mut read_out = String::new();
    while let Some(heard) = subscriber.listen()? {
        if let Some(digit) = heard.strip_prefix("digits/") {
            read_out.push_str(digit);
            continue;
        }
        let login_number = std::mem::take(&mut read_out);
        print(&format!("hears   {login_number}{}", words(&heard)));
        let keys: &str = match heard.as_str() {
            "menu" => unit,
            "enter-number" => &number,
            "set-password" | "register-password" | "confirm-password" => password,
            "completed" => {
                subscriber.expect_hangup()?;
                print("is hung up on");
                return Ok(login_number);
            }
            "invalid" => {
                subscriber.hang_up()?;
                print("hangs up");
                bail!("what was keyed is not right for this caller");
            }
            _ => continue,
        };
        subscriber.key_password(keys)?;
        let shown = if keys == password { hidden(password) } else { keys.to_owned() };
        print(&format!("keys    {shown}"));
    }
    print("is hung up on");
    bail!("no password was set")
}

fn words(name: &str) -> &'static str {
    let found = sounds::words().find(|(sound, _)| *sound == name);
    found.map_or("(a sound that is not the guidance's)", |(_, words)| words)
}

fn hidden(password: &str) -> String {
    "•".repeat(password.len())
}
