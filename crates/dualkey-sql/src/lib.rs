//! Partners and tokens in a database: SQLite or PostgreSQL.
//!
//! [`SqlStore`] is a [`Store`](dualkey_store::Store) that keeps what it acknowledges, and that
//! several processes may share: each hears at once of what another changed.
//!
//! ```
//! use std::sync::Arc;
//! use dualkey_limit::SystemClock;
//! use dualkey_scope::Catalogue;
//! use dualkey_sql::SqlStore;
//! use dualkey_store::{NewToken, Registry};
//! use dualkey_token::Prefix;
//!
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("dualkey-sql-docs-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let address = format!("sqlite:{}/gate.db", folder.display());
//! let store = Arc::new(SqlStore::connect(&address).await?); // sqlite:gate.db, postgres://…
//! let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
//! let registry = Registry::new(catalogue, Prefix::new("gw"), store, Arc::new(SystemClock));
//!
//! let (organization, name) = ("acme".into(), "Zapier - production".into());
//! let scopes = vec!["guests:read".into()];
//! let token = NewToken { organization, name, scopes, expires_at: None };
//! registry.issue_token(token).await?;
//!
//! let elsewhere = SqlStore::connect(&address).await?; // another process, say
//! # use dualkey_store::{Page, TokenStore as _};
//! assert_eq!(elsewhere.tokens(&"acme".into(), Page::first(10)).await?.len(), 1);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! # Which one
//!
//! **SQLite** for one machine: nothing to install, and no server to keep. Processes on that machine may
//! share the file; a network's file system is no place for it. **PostgreSQL** for many machines, or
//! where the program has one already: its tables can go beside the program's own, in a schema that
//! [`SqlOptions::with_schema`] names, and into its pool ([`SqlOptions::from_postgres_pool`]). Both run the same
//! statements and keep the same promises, and what is read from memory costs the same.
//!
//! The tables are made and brought up to date when a store is opened. They are for people to read too:
//! `select name, hint, last_used_at from dualkey_tokens where organization = 'acme'`.
//!
//! # What is promised
//!
//! Of each promise, the test is in `tests/sql`, or beside the source.
//!
//! | promise | test |
//! | --- | --- |
//! | The contract of the ports, the same on both databases. | `conformance.rs` |
//! | What is acknowledged is there after `kill -9`. | `durable.rs`, and `feed.rs` for a server |
//! | A bound on tokens is exact under concurrent issuers. | `bound.rs` |
//! | What one process revokes, another refuses: within 250 ms in PostgreSQL, and in SQLite within 200 ms (the poll interval) and the time of one read. | `feed.rs`, `verifiers.rs` |
//! | A database that went away and came back needs no restart of anything. | `feed.rs`, `outage.rs` |
//! | Each verb ends within its deadline, and an error says what is wrong, without secrets. | `outage.rs`, `secrecy.rs` |
//! | A change happens wholly or not at all, also if its caller leaves. | `cancelled.rs` |
//! | A full disk does no damage. | `full.rs` |
//! | Usage adds up and uses move forwards, whoever else writes, 10,000 at once. | `usage.rs` |
//! | Rows changed by hand are errors, no panics. | `corrupted.rs` |
//! | Several processes may start at once on a new database, or on one of an older version; one of a newer version is refused. | `migrations.rs` |
//! | No statement reads a whole table, but for the two whose answer is one. | `src/plans.rs` |
//! | No text of a token is written. | `secrecy.rs` |
//!
//! # What is up to you
//!
//! - Usage and last uses are counted in memory and written behind: spawn [`Verifier::run_write_behind`].
//! - PostgreSQL keeps what it acknowledges unless `synchronous_commit` is off.
//! - `LISTEN` does not pass a connection pooler in transaction mode. Changes are then found by looking,
//!   once a second: see [`SqlOptions::with_poll_interval`].
//! - Restoring an older state of the database brings back what was revoked since. Restart all processes
//!   after that, and revoke again.
//!
//! [`Verifier::run_write_behind`]: https://docs.rs/dualkey-verify/latest/dualkey_verify/struct.Verifier.html#method.run_write_behind

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("dualkey-sql needs a database: turn on the feature `sqlite` or `postgres`");

mod audit;
mod dialect;
mod error;
mod feed;
mod limits;
mod migrate;
mod mutation;
mod options;
mod partners;
#[cfg(test)]
mod plans;
#[cfg(feature = "postgres")]
mod postgres;
mod row;
mod session;
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statement;
mod store;
mod tokens;
mod value;
mod wake;

pub use error::SqlError;
pub use options::SqlOptions;
pub use store::SqlStore;
