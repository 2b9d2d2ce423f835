//! The operators' listener: plain HTTP, on loopback by default (`R`).

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

/// Names everything that is not ready, except the database, one line each.
pub type ReadinessCheck = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// What the handlers share.
#[derive(Clone)]
struct OpsState {
    db: Db,
    readiness: ReadinessCheck,
    metrics: PrometheusHandle,
}

/// `/livez`, `/readyz` and `/metrics`.
pub fn router(db: Db, readiness: ReadinessCheck, metrics: PrometheusHandle) -> Router {
    let routes = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render));
    let render = Arc::new(|_: &Uri, problem: Problem| problem.into_response());
    middleware::apply(routes, None, render).with_state(OpsState { db, readiness, metrics })
}

/// Everything that is not ready, one line each; empty if the daemon is ready.
pub async fn readiness_problems(db: &Db, readiness: &ReadinessCheck) -> Vec<String> {
    let problem = match db.schema_version().await {
        Ok(found) => match mismatch(found) {
            None => db.write_failure().await,
            mismatch => mismatch,
        },
        Err(error) => Some(error.to_string()),
    };
    let problem = problem.map(|problem| format!("database: {problem}"));
    problem.into_iter().chain(readiness()).collect()
}

/// 200 if the daemon is ready; otherwise 503 with one line for each problem.
async fn readyz(State(state): State<OpsState>) -> (StatusCode, String) {
    let problems = readiness_problems(&state.db, &state.readiness).await;
    if problems.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n")
}

async fn render(State(state): State<OpsState>) -> String {
    state.metrics.run_upkeep();
    state.metrics.render()
}
