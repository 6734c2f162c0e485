//! The verifier, as its users call it.

#![allow(clippy::unwrap_used, reason = "test support may panic")]

mod credentials;
mod decisions;
#[cfg(feature = "axum")]
mod extract;
mod last_partner;
mod lookups;
#[cfg(feature = "metrics")]
mod metrics;
mod recheck;
mod secrecy;
mod shared;
mod spans;
mod support;
mod warm_up;
mod warnings;
