use axum::body::Body;
use axum::response::{Html, IntoResponse as _, Response};
use http::header::LOCATION;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use crate::assets::{SCRIPT, STYLE};
use crate::frame::{Frame, PageContent, plain_frame};
use crate::links::Links;
use crate::security::Policy;

/// What the routers of this crate have in common: the frame of pages, the policy and the base path.
#[derive(Clone)]
pub(crate) struct Shell {
    pub(crate) frame: Frame,
    pub(crate) policy: Policy,
    /// `None`: the path at which the router is nested.
    pub(crate) base_path: Option<String>,
    /// The origins to which a form may redirect.
    pub(crate) form_targets: Vec<String>,
}

impl Default for Shell {
    fn default() -> Self {
        Self {
            frame: plain_frame(),
            policy: Policy::strict(),
            base_path: None,
            form_targets: Vec::new(),
        }
    }
}

/// A page, without its frame.
pub(crate) struct View {
    pub(crate) status: StatusCode,
    /// The part of the title before the name of the product's page.
    pub(crate) title: String,
    pub(crate) body: Markup,
    /// Whether the body has the one live region.
    has_live_region: bool,
}

impl View {
    pub(crate) fn new(title: impl Into<String>, body: Markup) -> Self {
        Self { status: StatusCode::OK, title: title.into(), body, has_live_region: false }
    }

    /// The same page, whose body has the live region in a place of its own.
    pub(crate) fn with_live_region(self) -> Self {
        Self { has_live_region: true, ..self }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl Shell {
    pub(crate) fn links(&self, parts: &Parts) -> Links {
        self.base_path.as_deref().map_or_else(|| Links::of_request(parts), Links::new)
    }

    /// Whether browsers follow the redirect of a form to this URL. The page has no link for it then.
    pub(crate) fn is_form_target(&self, url: &str) -> bool {
        self.form_targets.iter().any(|origin| {
            url.strip_prefix(origin).is_some_and(|path| path.is_empty() || path.starts_with('/'))
        })
    }

    pub(crate) fn render(&self, links: &Links, actor: Option<&str>, view: View) -> Response {
        let head = html! {
            link rel="stylesheet" href=(links.below(&STYLE.path()));
            script src=(links.below(&SCRIPT.path())) defer {}
        };
        let body = html! {
            div.dk {
                div.dk-sheet {
                    (view.body)
                    @if !view.has_live_region { p.dk-status role="status" {} }
                }
            }
        };
        let content = PageContent {
            title: view.title,
            head: head.into_string(),
            body: body.into_string(),
            actor: actor.map(str::to_owned),
        };
        (view.status, Html((self.frame)(&content))).into_response()
    }
}

/// 303 to a URL of this router (RFC 9110 §15.4.4).
pub(crate) fn see_other(url: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::from_str(url).expect("links are percent-encoded");
    response.headers_mut().insert(LOCATION, location);
    response
}
