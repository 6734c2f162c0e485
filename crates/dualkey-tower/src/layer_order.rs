//! Which layers belong outside of a guard, and which inside.
//!
//! A request passes the layers from the outside to the inside, and its response from the inside to the
//! outside. From the outside:
//!
//! | layer | why it is there |
//! | --- | --- |
//! | tracing, request ids | They record refusals too. The credentials are not redacted yet: such a layer must not log header fields. The page [`request_log`](crate::request_log) has an example. |
//! | timeouts, limits of connections, of bodies, and per address | They bound what strangers can cause. A guard does not limit requests that reach no partner. |
//! | CORS | A preflight has no credentials, so a guard refuses it, and a page reads the response of another origin, also a refusal, only with the fields of CORS. |
//! | gRPC-Web | It may also stand inside: [`GrpcRefusals`](crate::GrpcRefusals) answers its callers with their own content type. |
//! | compression | It changes the bodies of responses, also of refusals. |
//! | **the guard of a router**, such as "any token" | |
//! | layers that read the [`Grant`](crate::Grant) | An outer layer finds the [`Decision`](crate::Decision) or the [`Denial`](crate::Denial) in the extensions of the response. |
//! | **the guard of a route**, with its scope and cost | The request is charged once (see [`Decision`](crate::Decision)). |
//! | retries, caches of responses | A request is charged once, however often the inner service is called for it. A cache of responses outside of a guard would serve them to strangers. |
//!
//! The layer that is added last to an axum `Router` is the outermost; in a `tower::ServiceBuilder` it is the
//! first.
//!
//! # CORS
//!
//! A browser asks with a preflight whether a page may send the credentials, and shows a script only the fields
//! that a response exposes. [`Gate::cors_allowed_headers`](crate::Gate::cors_allowed_headers) and
//! [`Gate::cors_exposed_headers`](crate::Gate::cors_exposed_headers) name both for a layer such as
//! `tower_http::cors::CorsLayer`:
//!
//! ```text
//! let cors = CorsLayer::new()
//!     .allow_origin(origin)
//!     .allow_headers(gate.cors_allowed_headers())
//!     .expose_headers(gate.cors_exposed_headers());
//! let app = guarded_router.into_router().layer(cors);
//! ```
//!
//! A page that holds a token shows it to everyone who can read the page. This is for tokens that a person
//! enters, not for tokens in the source.
