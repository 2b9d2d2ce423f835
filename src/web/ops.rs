//! The operators' listener: plain HTTP, on loopback by default (table `A`).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

use super::middleware;
use super::problem::Problem;
use crate::db::Db;
use crate::db::migrate::mismatch;

/// Names what is not ready besides the database, one line each.
pub type ReadinessCheck = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// What the handlers share.
#[derive(Clone)]
struct OpsState {
    store: Db,
    faults: ReadinessCheck,
    metrics: PrometheusHandle,
}

/// `/livez`, `/readyz` and `/metrics`.
pub fn router(store: Db, faults: ReadinessCheck, metrics: PrometheusHandle) -> Router {
    let routes = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render));
    let render = Arc::new(|_: &Uri, problem: Problem| problem.into_response());
    middleware::apply(routes, None, render).with_state(OpsState { store, faults, metrics })
}

/// What is not ready, one line each; empty if the daemon is ready.
pub async fn readiness_problems(store: &Db, faults: &ReadinessCheck) -> Vec<String> {
    let store = match store.schema_version().await {
        Ok(found) => match mismatch(found) {
            None => store.write_failure().await,
            mismatch => mismatch,
        },
        Err(error) => Some(error.to_string()),
    };
    let store = store.map(|store| format!("store: {store}"));
    store.into_iter().chain(faults()).collect()
}

/// 200 if the daemon is ready; otherwise 503 with one line for each problem.
async fn readyz(State(operators): State<OpsState>) -> (StatusCode, String) {
    let problems = readiness_problems(&operators.store, &operators.faults).await;
    if problems.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n")
}

async fn render(State(operators): State<OpsState>) -> String {
    operators.metrics.run_upkeep();
    operators.metrics.render()
}
