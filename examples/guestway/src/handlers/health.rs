use std::future::{Ready, ready};

use axum::Json;
use dualkey::Verifier;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{Problem, RequestProblem};

/// The state of the program.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
}

/// Whether the program runs
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Health",
    responses((status = 200, description = "It runs", body = Health, example = json!(Health { status: "ok" }))),
)]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether requests may be sent
///
/// A load balancer sends none before all credentials are read, nor while the database is away.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Health",
    responses(
        (status = 200, description = "It is ready", body = Health, example = json!(Health { status: "ready" })),
        (
            status = 503,
            description = "It is not ready",
            body = RequestProblem<'_>,
            content_type = "application/problem+json",
            example = json!(Problem::not_ready().members()),
        ),
    ),
)]
pub(crate) fn readiness(
    verifier: Verifier,
) -> impl Fn() -> Ready<Result<Json<Health>, Problem>> + Clone + Send + Sync + 'static {
    move || {
        let answer = || Json(Health { status: "ready" });
        ready(verifier.is_ready().then(answer).ok_or_else(Problem::not_ready))
    }
}
