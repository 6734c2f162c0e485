//! Dualkey as a [`tower`] layer. A request passes with a [`Grant`] in its extensions, or is answered with
//! a refusal that tells the caller what to do.
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
//! | one tower service, or all routes of a router | [`Gate::require`], a [`GuardLayer`] |
#![cfg_attr(feature = "axum", doc = "| axum, with a requirement per route | [`GuardedRouter`] |")]
#![cfg_attr(
    not(feature = "axum"),
    doc = "| axum, with a requirement per route | `GuardedRouter`, with the feature `axum` |"
)]
//! | gRPC, or another service whose paths are its routes | [`RouteTable`] |
//! | a framework that is not built on tower | [`Gate::refusal_response`] and its neighbours |
//!
//! # What a refusal holds
//!
//! Problem details (RFC 9457) with the denial's [code](Denial::code), `WWW-Authenticate` where
//! credentials are at fault, `Retry-After` where waiting helps, and `Cache-Control: no-store`. The
//! [`Denial`] is in the response's extensions, where an outer layer can log or count it. A
//! [`MapRefusal`] can replace the whole response. The `RateLimit` fields are on every response to a
//! request that was charged, whether it was refused or served.
//!
//! [`tower`]: https://docs.rs/tower

#![cfg_attr(docsrs, feature(doc_cfg))]

mod gate;
mod guard;
#[cfg(feature = "axum")]
mod guarded_router;
mod response;
mod route_table;

pub use dualkey_verify::{Denial, Grant, Verifier};
pub use gate::Gate;
pub use guard::{Guard, GuardBody, GuardFuture, GuardLayer};
#[cfg(feature = "axum")]
pub use guarded_router::GuardedRouter;
pub use response::{GrpcRefusals, MapRefusal, RateLimitFields};
pub use route_table::{RouteGuard, RouteTable};

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
