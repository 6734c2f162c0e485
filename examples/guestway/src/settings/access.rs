use std::sync::Arc;

use axum::extract::OriginalUri;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use dualkey::{Clock, Staff, Visitor};

use super::cookie::SessionCookie;
use super::frame::page;
use super::links::SIGN_IN;
use super::sessions::{Sessions, User};

/// Who is signed in.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) sessions: Sessions,
    pub(crate) cookie: SessionCookie,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Access {
    /// The visitor of an organization's token page, or the way to the sign-in.
    pub(crate) async fn visitor(self, parts: Parts) -> Result<Visitor, Response> {
        let User { actor, organization, may_edit } = self.user(&parts).await?;
        let organization = organization.ok_or_else(|| forbidden("an organization's users"))?;
        Ok(Visitor { actor, organization, may_edit })
    }

    /// The operator, or the way to the sign-in.
    pub(crate) async fn staff(self, parts: Parts) -> Result<Staff, Response> {
        let User { actor, organization, may_edit } = self.user(&parts).await?;
        match organization {
            None => Ok(Staff { actor, may_edit }),
            Some(_) => Err(forbidden("operators")),
        }
    }

    async fn user(&self, parts: &Parts) -> Result<User, Response> {
        let signed_out = || self.signed_out(parts);
        let session = self.cookie.of(&parts.headers).ok_or_else(signed_out)?;
        let user = self.sessions.user(&session, self.clock.now()).await;
        user.map_err(|error| unavailable(&error))?.ok_or_else(signed_out)
    }

    /// The way to the sign-in, which leads to the page afterwards.
    fn signed_out(&self, parts: &Parts) -> Response {
        let sign_in = Redirect::to(SIGN_IN);
        match wanted(parts) {
            Some(page) => ([(SET_COOKIE, self.cookie.keep_page(page))], sign_in).into_response(),
            None => sign_in.into_response(),
        }
    }
}

/// The bytes of a page's path and query that are kept. Browsers keep cookies of 4096 bytes (RFC 6265bis §5.6).
const MAX_PAGE: usize = 3_500;

/// The page that was asked for, if it can be opened again and a cookie can hold it.
fn wanted(parts: &Parts) -> Option<&str> {
    let OriginalUri(uri) = parts.extensions.get()?;
    let page = uri.path_and_query()?.as_str();
    let fits = page.len() <= MAX_PAGE && page.is_ascii() && !page.contains(';');
    (parts.method == Method::GET && fits).then_some(page)
}

fn forbidden(whose: &str) -> Response {
    let text = format!("This page is for {whose}. Sign in with a link of theirs.");
    page(StatusCode::FORBIDDEN, "No access", &text, None)
}

pub(crate) fn unavailable(error: &sqlx::Error) -> Response {
    tracing::error!(%error, "the database of sessions failed");
    let text = "The database does not answer. Nothing was changed; try again in a moment.";
    page(StatusCode::SERVICE_UNAVAILABLE, "Not available", text, None)
}
