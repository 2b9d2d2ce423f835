//! A change of the unit of a contract with a thousand numbers (`U4`), at the full cost of their
//! passwords' hashes, beside bare hashing on all cores.

use std::time::Instant;

use anyhow::{Result, ensure};
use karipass::auth::Audience;
use karipass_lab::api;
use reqwest::header::COOKIE;
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;

use crate::accounts::Accounts;
use crate::figure::Figure;
use crate::login_load::hashes_a_second;
use crate::system::{BenchSystem, PASSWORD, callers};

const NUMBERS: i32 = 1_000;
/// Adds numbers to the contract until it has so many.
const ADD: &str = "
    INSERT INTO phone_number (number, contract_number, has_service)
    SELECT '06' || (55550000 + n), number, true FROM contract, generate_series(2, $1) AS n";
/// Gives them the contract number's password.
const COPY: &str = "
    INSERT INTO credential (login_number, kind, password_hash, set_at)
    SELECT number, kind, password_hash, set_at FROM phone_number, credential
    WHERE login_number = contract_number AND number <> contract_number";

/// The time from the request to its answer, and the size of the page with the form.
pub fn measure() -> Result<Vec<Figure>> {
    let subscribers = callers(1);
    let system = BenchSystem::start(&subscribers, &[])?;
    let accounts = Accounts::create(&system)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let passwords = runtime.block_on(enlarge(&system))?;
    let cookie = accounts.begin_session(&subscribers[0], Audience::Pages)?;
    let token = accounts.begin_session(&subscribers[0], Audience::Api)?;
    let (form, seconds) = runtime.block_on(async {
        let client = api::client(&system.daemon.certificate())?.build()?;
        let site = system.daemon.site();
        let form = client.get(format!("{site}/unit/line"));
        let form = form.header(COOKIE, format!("__Host-karipass={cookie}")).send().await?;
        let form = form.text().await?;
        // A change is made from the choices that its session has seen.
        let unit = format!("{site}/api/v1/unit");
        client.get(&unit).bearer_auth(&token).send().await?.error_for_status()?;
        let change = json!({ "unit": "line", "passwords": passwords });
        let change = client.post(&unit).bearer_auth(&token).json(&change);
        let began = Instant::now();
        change.send().await?.error_for_status()?;
        anyhow::Ok((form, began.elapsed().as_secs_f64()))
    })?;
    let fields = i32::try_from(form.matches("type=\"password\"").count())?;
    ensure!(fields == NUMBERS, "the form has {fields} fields");
    let hashing = f64::from(NUMBERS) / hashes_a_second()?;
    Ok(vec![
        Figure::new("unit change, 1,000 numbers", seconds, "s").with_baseline(hashing),
        Figure::new("the page with its form", f64::from(u32::try_from(form.len())?) / 1e3, "kB"),
    ])
}

/// Makes the only contract a large one under the number unit. Returns its passwords by number.
async fn enlarge(system: &BenchSystem) -> Result<Map<String, Value>> {
    let owner = system.database.owner().await?;
    owner.execute(ADD, &[&NUMBERS]).await?;
    owner.execute(COPY, &[]).await?;
    owner.execute("UPDATE contract SET unit = 'number'", &[]).await?;
    let numbers = owner.query("SELECT number FROM phone_number", &[]).await?;
    Ok(numbers.iter().map(|row| (row.get(0), PASSWORD.into())).collect())
}
