//! What the tests have in common.
#![allow(dead_code, reason = "each file of tests uses its part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod desk;
pub(crate) mod program;
pub(crate) mod secret;
