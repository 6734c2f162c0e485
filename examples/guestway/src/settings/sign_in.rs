use axum::Form;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::access::{Access, unavailable};
use super::frame::page;
use super::links::{PARTNERS, SIGN_IN, TOKENS};

#[derive(Deserialize)]
pub(crate) struct SignIn {
    code: String,
}

/// Where a link comes from.
pub(crate) async fn signed_out() -> Response {
    let form = html! {
        p { code { "guestway admin sign-in --organization ORG" } }
    };
    let text = "You are signed out. To sign in, open a link that this command prints. It is good once, for ten minutes.";
    page(StatusCode::OK, "Sign in", text, Some(&form))
}

/// The page of a link. It spends nothing, since programs that scan mail open links too.
pub(crate) async fn confirm(Path(code): Path<String>) -> Response {
    let form = html! {
        form method="post" action=(SIGN_IN) {
            input type="hidden" name="code" value=(code);
            button autofocus { "Sign in" }
        }
    };
    let text = "The link can be used once. A session lasts twelve hours.";
    page(StatusCode::OK, "Sign in to Guestway", text, Some(&form))
}

/// Spends a link, and leads to the page that was asked for before, if it is one of the user's.
pub(crate) async fn sign_in(
    State(access): State<Access>,
    headers: HeaderMap,
    Form(SignIn { code }): Form<SignIn>,
) -> Response {
    match access.sessions.sign_in(&code, access.clock.now()).await {
        Ok(Some((session, user))) => {
            let home = if user.organization.is_some() { TOKENS } else { PARTNERS };
            let page = access.cookie.page_of(&headers).filter(|page| is_below(home, page));
            let cookies = [access.cookie.set(&session), access.cookie.forget_page()];
            let cookies = AppendHeaders(cookies.map(|cookie| (SET_COOKIE, cookie)));
            (cookies, Redirect::to(page.as_deref().unwrap_or(home))).into_response()
        }
        Ok(None) => {
            let text = "A link is good once, for ten minutes. Ask for a new one.";
            page(StatusCode::GONE, "This link cannot be used any more", text, None)
        }
        Err(error) => unavailable(&error),
    }
}

fn is_below(home: &str, page: &str) -> bool {
    page.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// Ends the session.
pub(crate) async fn sign_out(State(access): State<Access>, headers: HeaderMap) -> Response {
    if let Some(session) = access.cookie.of(&headers)
        && let Err(error) = access.sessions.sign_out(&session).await
    {
        return unavailable(&error);
    }
    ([(SET_COOKIE, access.cookie.clear())], Redirect::to(SIGN_IN)).into_response()
}

pub(crate) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../assets/guestway.css"))
}
