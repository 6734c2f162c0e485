//! Shared support of the tests.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) mod api;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod program;
pub(crate) mod sandbox;
pub(crate) mod secret;

/// A name that no other token has, of this process or of another.
pub(crate) fn unique_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);

    format!("Tests {} of process {}", NUMBER.fetch_add(1, Ordering::Relaxed), process::id())
}
