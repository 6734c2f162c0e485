//! The layer, the router and the route table, as their users call them.

#![allow(clippy::unwrap_used, reason = "test support may panic")]

mod catalogues;
mod fields;
#[cfg(feature = "axum")]
mod guarded_router;
mod layer;
mod nested;
#[cfg(feature = "openapi")]
mod openapi;
#[cfg(feature = "openapi")]
mod openapi_examples;
#[cfg(feature = "axum")]
mod optional;
mod real_server;
mod refusals;
mod route_table;
mod secrecy;
mod spans;
mod support;
