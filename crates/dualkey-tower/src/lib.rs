//! Dualkey as a [`tower`] layer. The layer passes a request on with a [`Grant`] in its extensions, or
//! responds with a refusal that names the cause and the remedy.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use dualkey_scope::{Catalogue, Requirement};
//! use dualkey_store::Registry;
//! use dualkey_token::Prefix;
//! use dualkey_tower::Gate;
//! use dualkey_verify::Verifier;
//! use tower::{Layer as _, ServiceExt as _, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
//! let gate = Gate::new(Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw"))));
//!
//! let hello = service_fn(async |_: Request<Full<Bytes>>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let guarded = gate.require(Requirement::NONE).layer(hello);
//!
//! let response = guarded.oneshot(Request::new(Full::<Bytes>::default())).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! # Which type guards what
//!
//! | service | guard |
//! | --- | --- |
//! | one tower service, or all routes of a router | the [`GuardLayer`] of [`Gate::require`] |
#![cfg_attr(feature = "axum", doc = "| axum, with a requirement per route | [`GuardedRouter`] |")]
#![cfg_attr(
    not(feature = "axum"),
    doc = "| axum, with a requirement per route | `GuardedRouter`, with the feature `axum` |"
)]
//! | gRPC, or another service whose paths are its routes | [`RouteTable`] |
//! | a framework that is not built on tower | [`GuardRule::decide`], [`Gate::refusal_response`] and [`Gate::insert_rate_limit_fields`] |
//!
//! Guards of one gate may be nested, such as "any token" on a router and a scope on a route: a request is
//! charged once, the highest cost of them (see [`Decision`]). The page [`layer_order`] lists which other layers
//! belong outside and inside, among them CORS, and the page [`request_log`] shows how to log who calls.
//!
#![cfg_attr(
    feature = "openapi",
    doc = "[`GuardedRouter::document`] completes an OpenAPI document with what the guards require and respond: \
           see the page [`openapi`]."
)]
#![cfg_attr(
    not(feature = "openapi"),
    doc = "With the feature `openapi`, `GuardedRouter::document` completes an OpenAPI document."
)]
//!
//! # The content of a refusal
//!
//! A refusal has problem details (RFC 9457) with the denial's [code](Denial::code), and
//! `Cache-Control: no-store`. It has `WWW-Authenticate` if the credentials are missing, invalid or
//! insufficient, and `Retry-After` if the same request can succeed later. Its extensions contain the
//! [`Denial`], which an outer layer can log or count. A [`MapRefusal`] can replace the whole response.
//!
//! Every response to a request that was charged has the `RateLimit` fields, whether the request was
//! served or refused. The outermost guard writes them last, and its [`Decision`] is in the extensions of the
//! response.
//!
//! [`tower`]: https://docs.rs/tower

#![cfg_attr(docsrs, feature(doc_cfg))]

mod decision;
#[cfg(feature = "openapi")]
mod document;
mod gate;
mod guard;
#[cfg(feature = "axum")]
mod guarded_router;
pub mod layer_order;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod request_log;
mod response;
mod route_table;

pub use decision::Decision;
#[cfg(feature = "openapi")]
pub use document::OpenApiMismatch;
pub use dualkey_verify::{Denial, Grant, Verifier};
pub use gate::Gate;
pub use guard::{Guard, GuardBody, GuardFuture, GuardLayer, GuardRule};
#[cfg(feature = "axum")]
pub use guarded_router::GuardedRouter;
pub use response::{GrpcRefusals, MapRefusal, RateLimitFields};
pub use route_table::{RouteGuard, RouteTable};

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
