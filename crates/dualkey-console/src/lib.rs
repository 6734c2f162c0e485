//! The token page of an API with [Dualkey](https://docs.rs/dualkey), as an axum router that a program nests
//! under its own sessions.
//!
//! ```
//! use axum::Router;
//! use axum::body::Body;
//! use axum::response::{IntoResponse as _, Redirect};
//! use dualkey_console::{Console, Visitor};
//! use dualkey_scope::Catalogue;
//! use dualkey_store::Registry;
//! use dualkey_token::Prefix;
//! use http::Request;
//! use tower::ServiceExt as _;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
//! let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
//! let console = Console::builder(registry, async |parts: http::request::Parts| {
//!     if parts.headers.get("cookie").is_none() { // the program's own session check
//!         return Err(Redirect::to("/sign-in").into_response());
//!     }
//!     Ok(Visitor { actor: "alice".into(), organization: "acme".into(), may_edit: true })
//! });
//! let app = Router::new().nest("/settings/api-access", console.build().into_router());
//!
//! let page = Request::get("/settings/api-access");
//! let signed_in = page.header("cookie", "session=1").body(Body::empty())?;
//! assert_eq!(app.clone().oneshot(signed_in).await?.status(), 200);
//! let signed_out = Request::get("/settings/api-access").body(Body::empty())?;
//! assert_eq!(app.oneshot(signed_out).await?.headers()["location"], "/sign-in");
//! # Ok(())
//! # }
//! ```
//!
//! [`Console`] is for the members of an organization, [`Operator`] for those who run the API. Neither has
//! sessions: a function of the program finds the visitor of each request.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod assets;
mod chip;
mod console;
mod context;
mod draft;
mod expiry;
mod fields;
mod frame;
mod guard;
mod links;
mod markup;
mod operator;
mod organization;
mod pages;
mod problem;
mod security;
mod settings;
mod shell;
mod site;
mod times;
mod trail;
mod visitor;

pub use console::{Console, ConsoleBuilder};
pub use frame::PageContent;
pub use operator::{Operator, OperatorBuilder, Staff};
pub use visitor::{TokenChange, Visitor};
