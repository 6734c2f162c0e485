//! The guard of actix, beside the layer of tower.

#![allow(clippy::unwrap_used, reason = "test support may panic")]

mod denials;
mod nested;
mod optional;
mod requests;
mod spans;
mod support;
