//! The API and the program. Its tests share one binary, which links once and lets waiting tests
//! overlap.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

#[cfg(unix)]
mod commands;
mod connections;
mod edits;
mod lists;
#[cfg(unix)]
mod metrics;
mod organizations;
#[cfg(unix)]
mod program;
mod reference;
#[cfg(unix)]
mod running;
mod scopes;
#[cfg(unix)]
mod settings;
#[path = "../support/mod.rs"]
mod support;
