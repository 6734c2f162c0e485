use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use dualkey_limit::Timestamp;
use dualkey_store::{Registry, RegistryError};
use http::header::{LOCATION, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::links::Links;
use crate::settings::Settings;
use crate::shell::{Shell, View};
use crate::site::Site;

/// A request of a visitor whom the access function admitted.
pub(crate) struct Context<S: Site = Settings> {
    pub(crate) settings: Arc<S>,
    pub(crate) links: Links,
    pub(crate) visitor: S::Visitor,
    pub(crate) now: Timestamp,
    parts: Parts,
}

/// A request that the access function did not admit, with its response.
pub(crate) struct Refused<S: Site = Settings> {
    settings: Arc<S>,
    pub(crate) links: Links,
    response: Response,
}

impl<S: Site> FromRequestParts<Arc<S>> for Context<S> {
    type Rejection = Refused<S>;

    async fn from_request_parts(parts: &mut Parts, settings: &Arc<S>) -> Result<Self, Refused<S>> {
        let (settings, links) = (Arc::clone(settings), settings.shell().links(parts));
        match (settings.access())(parts.clone()).await {
            Ok(visitor) => {
                let now = settings.registry().clock().now();
                Ok(Self { settings, links, visitor, now, parts: parts.clone() })
            }
            Err(response) => Err(Refused { settings, links, response }),
        }
    }
}

impl<S: Site> Context<S> {
    pub(crate) fn render(&self, view: View) -> Response {
        self.settings.shell().render(&self.links, Some(S::actor(&self.visitor)), view)
    }

    /// The registry with the visitor as the actor.
    pub(crate) fn registry(&self) -> Result<Registry, RegistryError> {
        self.settings.registry().with_actor(S::actor(&self.visitor))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl<S: Site> Refused<S> {
    /// Whether a page with a link answers a form better than the response.
    pub(crate) fn asks_to_sign_in(&self) -> bool {
        asks_to_sign_in(self.settings.shell(), &self.response)
    }

    /// The response of the access function.
    pub(crate) fn into_inner(self) -> Response {
        self.response
    }

    /// A page instead of the response, with its cookies.
    pub(crate) fn render(self, view: View) -> Response {
        let response = self.settings.shell().render(&self.links, None, view);
        with_cookies(response, self.response.headers())
    }
}

/// After a GET, the response of the access function is the answer.
impl<S: Site> IntoResponse for Refused<S> {
    fn into_response(self) -> Response {
        self.into_inner()
    }
}

/// Whether a response asks to sign in: 401, or a redirect. A browser does not follow the redirect of a form
/// to an origin that `form-action` does not list (CSP 3 §6.4.2), and loses what was typed.
pub(crate) fn asks_to_sign_in(shell: &Shell, response: &Response) -> bool {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    match location.filter(|_| response.status().is_redirection()) {
        Some(location) => !shell.is_form_target(location),
        None => response.status() == StatusCode::UNAUTHORIZED,
    }
}

pub(crate) fn with_cookies(mut response: Response, headers: &HeaderMap) -> Response {
    for cookie in headers.get_all(SET_COOKIE) {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    response
}

/// The id in the path of a token's pages. The paths that the router is nested at may have parameters too.
#[derive(Debug)]
pub(crate) struct PathId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let parameters = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let pairs = parameters.map(|Path(pairs)| pairs).unwrap_or_default();
        let id = pairs.into_iter().rev().find(|(name, _)| name == PATH_ID);
        Ok(Self(id.map(|(_, id)| id).unwrap_or_default()))
    }
}

/// The name of the parameter in the routes.
const PATH_ID: &str = "dualkey_id";
