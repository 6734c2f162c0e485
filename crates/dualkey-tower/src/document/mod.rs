//! Completes an OpenAPI document with what the guards of a router require and respond: the page
//! [`openapi`](crate::openapi) describes the result.

mod components;
mod headers;
mod mismatch;
mod operation;
mod problem;
mod refusals;
mod responses;
mod router;
mod security;

pub use mismatch::OpenApiMismatch;
