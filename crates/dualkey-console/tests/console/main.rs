//! The pages of the console, as a browser without scripts gets them.

#![allow(clippy::unwrap_used, reason = "test support may panic")]

mod create;
mod escaping;
mod list;
mod manage;
mod operator;
mod security;
mod support;
