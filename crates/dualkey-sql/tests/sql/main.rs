//! What a store in a database promises, on real files of SQLite and a real server of PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod bound;
mod cancelled;
mod conformance;
mod corrupted;
mod durable;
mod feed;
mod full;
mod migrations;
mod outage;
mod runtime;
mod schemas;
mod secrecy;
mod support;
mod usage;
mod verifiers;
