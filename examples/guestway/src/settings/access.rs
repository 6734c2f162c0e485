use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
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
        let signed_out = || Redirect::to(SIGN_IN).into_response();
        let session = self.cookie.of(&parts.headers).ok_or_else(signed_out)?;
        let user = self.sessions.user(&session, self.clock.now()).await;
        user.map_err(|error| unavailable(&error))?.ok_or_else(signed_out)
    }
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
