use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use dualkey::{Console, Operator, Verifier};
use tower_http::csrf::CsrfLayer;

use super::access::Access;
use super::cookie::SessionCookie;
use super::frame::framed;
use super::links::{PARTNERS, SIGN_IN, SIGN_OUT, STYLE, SiteUrl, TOKENS};
use super::sessions::Sessions;
use super::sign_in::{confirm, sign_in, sign_out, signed_out, style};
use crate::log::log;

/// The pages, for browsers that reach the server at this address.
pub fn settings(verifier: Verifier, sessions: Sessions, site: &SiteUrl) -> Router {
    let registry = verifier.registry().clone();
    let cookie = SessionCookie::new(site);
    let access = Access { sessions, cookie, clock: Arc::clone(registry.clock()) };
    let (visitor, staff) = (access.clone(), access.clone());
    let console = Console::builder(registry, move |parts| visitor.clone().visitor(parts))
        .api_url(site.as_str())
        .example_path("/v1/organization")
        .partner_contact("support@guestway.io")
        .frame(framed);
    let operator =
        Operator::builder(verifier, move |parts| staff.clone().staff(parts)).frame(framed);
    let sign_in = Router::new()
        .route(SIGN_IN, get(signed_out).post(sign_in))
        .route(SIGN_OUT, post(sign_out))
        .layer(CsrfLayer::new())
        // It changes nothing, and the check would log its path.
        .route(&format!("{SIGN_IN}/{{code}}"), get(confirm))
        .layer(map_response(no_store))
        .route(STYLE, get(style))
        .layer(map_response(protect))
        .with_state(access);
    Router::new()
        .nest(TOKENS, console.build().into_router())
        .nest(PARTNERS, operator.build().into_router())
        .merge(sign_in)
        .layer(from_fn(log))
}

async fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The pages of the sign-in have no script. Under `no-referrer`, browsers send `Origin: null` with a form,
/// which the cross-site check refuses.
async fn protect(mut response: Response) -> Response {
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                  frame-ancestors 'none'";
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
