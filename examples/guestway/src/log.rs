use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use dualkey::Denial;

/// Logs each request with its outcome. It logs the route and not the path, since a path may contain a
/// misplaced secret.
pub(crate) async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let start = Instant::now();
    let response = next.run(request).await;
    tracing::info!(
        %method,
        route = route.as_ref().map_or("none", MatchedPath::as_str),
        status = response.status().as_u16(),
        refused = response.extensions().get::<Denial>().map(Denial::code),
        micros = start.elapsed().as_micros(),
        "answered",
    );
    response
}
