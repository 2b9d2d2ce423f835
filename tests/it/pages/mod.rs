//! The settings site's pages over HTTP, as a browser without script would use them.

pub mod browser;
mod done_twice;
mod ends;
mod errors;
mod forms;
mod history;
mod identity;
mod idle;
mod language;
mod log_in;
mod many;
mod one_try;
mod passwords;
mod scripts;
mod sessions;
mod unit_words;
mod units;

use tokio_postgres::Client;

use crate::site::{self, Service};

/// A site before [`site::contracted`], and the owner.
async fn service(kind: &str) -> (Service, Client) {
    let (database, owner) = site::contracted(kind).await;
    (Service::start(&database, &[]).await, owner)
}
