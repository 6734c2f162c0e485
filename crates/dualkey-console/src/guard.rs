use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use maud::html;
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::assets::{SCRIPT, STYLE};
use crate::security::protect;
use crate::shell::{Shell, View};

/// The router with what every page has: the assets, the refusal of cross-site requests, and the fields of
/// [`protect`].
pub(crate) fn guarded(pages: Router, shell: Arc<Shell>) -> Router {
    let policy = shell.policy.header();
    let page = move |request: Request, next: axum::middleware::Next| {
        let shell = Arc::clone(&shell);
        async move {
            let (parts, body) = request.into_parts();
            let links = shell.links(&parts);
            let response = next.run(Request::from_parts(parts, body)).await;
            if response.extensions().get::<ProtectionError>().is_none() {
                return response;
            }
            shell.render(&links, None, cross_site())
        }
    };
    pages
        .layer(CsrfLayer::new())
        .layer(from_fn(page))
        .route(&STYLE.path(), get(async || STYLE.response()))
        .route(&SCRIPT.path(), get(async || SCRIPT.response()))
        .layer(map_response(move |response: Response| {
            let policy = policy.clone();
            async move { protect(response, policy) }
        }))
}

/// The answer to a form of another site.
fn cross_site() -> View {
    let body = html! {
        h1 { "Refused" }
        p { "The form was sent from another site. Nothing was changed." }
    };
    View::new("Refused", body).with_status(StatusCode::FORBIDDEN)
}
