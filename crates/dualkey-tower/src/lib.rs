//! Dualkey as a [`tower`] layer: requests pass with a [`Grant`] in their extensions, or are answered
//! with a refusal that says what to do.
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
//! let answer = guarded.oneshot(Request::new(Full::<Bytes>::default())).await?;
//! assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! # What a refusal holds
//!
//! A problem (RFC 9457) with the denial's [code](Denial::code), `WWW-Authenticate` where credentials
//! are at fault, `Retry-After` where waiting helps, and `Cache-Control: no-store`. The [`Denial`]
//! itself is in the response's extensions, for a layer outside to log or to count. The answer can be
//! [rewritten](MapRefusal) as a whole. Whatever was charged is told in the `RateLimit` fields, on
//! refusals and on answers of the service alike.
//!
//! [`tower`]: https://docs.rs/tower

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod challenge;
mod fields;
mod future;
mod gate;
mod layer;
mod problem;
mod quota;
mod refusal;
#[cfg(feature = "axum")]
mod routes;
mod service;
mod text;

pub use body::GuardBody;
pub use dualkey_verify::{Denial, Grant, Verifier};
pub use fields::RateLimitFields;
pub use future::GuardFuture;
pub use gate::Gate;
pub use layer::GuardLayer;
pub use refusal::{GrpcRefusals, MapRefusal};
#[cfg(feature = "axum")]
pub use routes::{RouteGuard, RouteTable};
pub use service::Guard;
