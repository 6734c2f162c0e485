//! The guarantees of `SqlStore`, on real SQLite files and a real PostgreSQL server.

#![allow(clippy::unwrap_used, reason = "test support may panic")]

mod bound;
mod cancelled;
mod conformance;
mod corrupted;
mod durable;
mod failover;
mod feed;
mod forms;
mod full;
mod migrations;
mod outage;
mod pooler;
mod replaced;
mod restart;
mod runtime;
mod schemas;
mod secrecy;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod usage;
mod verifiers;
