//! Shared support of the tests.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod program;
pub(crate) mod sandbox;
pub(crate) mod secret;
