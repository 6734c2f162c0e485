//! Partners and tokens in a database: SQLite or PostgreSQL.
//!
//! [`SqlStore`] is a persistent [`Store`](dualkey_store::Store). Several processes can share one
//! database. A change feed invalidates their caches after another process has changed a partner or a token.
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
//! registry.issue_token(NewToken::new("acme", "Zapier - production", ["guests:read"])).await?;
//!
//! let other = SqlStore::connect(&address).await?; // in another process
//! # use dualkey_store::{Page, TokenStore as _};
//! assert_eq!(other.tokens(&"acme".into(), Page::first(10)).await?.len(), 1);
//! assert_eq!(other.tokens(&"other".into(), Page::first(10)).await?.len(), 0);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! # SQLite or PostgreSQL
//!
//! **SQLite** is for one machine, and needs no server. Several processes on that machine can share the
//! file, which must not be on a network file system.
//!
//! **PostgreSQL** is for several machines, or for a program that already uses it. The tables can be in a
//! schema of the program's database ([`SqlOptions::with_schema`]), and the store can use the program's
//! pool ([`SqlOptions::from_postgres_pool`]).
//!
//! Both databases support the same operations with the same guarantees. A request that is decided from the
//! cache does not use the database.
//!
//! Opening a store creates or migrates its tables. Operators can query them:
//! `select name, hint, last_used_at from dualkey_tokens where organization = 'acme'`.
//!
//! # Guarantees
//!
//! Each guarantee has a test, in `tests/sql` or in `src`.
//!
//! | guarantee | test |
//! | --- | --- |
//! | Both databases fulfil the contract of the storage traits. | `conformance.rs` |
//! | Acknowledged changes survive `kill -9`. | `durable.rs`, and `restart.rs` for a server |
//! | The maximum of tokens per organization is exact under concurrent issuers. | `bound.rs` |
//! | A token revoked in one process is refused in the others: within 250 ms in PostgreSQL, and in SQLite within 200 ms (the poll interval) plus one read. | `feed.rs`, `verifiers.rs` |
//! | The feed reads while other work uses the whole pool. | `feed.rs` |
//! | After an outage of the database, no process needs a restart. | `restart.rs`, `outage.rs` |
//! | After a restore, and after a failover to a replica that lagged, everything cached is read again, even if the database reaches the same revision with another change. | `feed.rs`, `failover.rs` |
//! | A SQLite file that was replaced is noticed before the next operation, and followed. Beside the log of the old file it is refused, until that log is removed. | `replaced.rs` |
//! | Each operation ends within its timeout, and its error names the cause, without secrets. | `outage.rs`, `secrecy.rs` |
//! | A change is atomic, also when its future is dropped. | `cancelled.rs` |
//! | A full disk does no damage. | `full.rs` |
//! | Usage adds up and last uses only move forward under concurrent writers, 10,000 rows at once. | `usage.rs` |
//! | Rows that were changed by hand cause errors, never panics. | `corrupted.rs` |
//! | Several processes can start at once on a new database or on one of an older version. A newer version is refused. | `migrations.rs` |
//! | No statement scans a whole table, except the two that return one. | `src/plans.rs` |
//! | A store works through Debian's pgbouncer in session mode, and is refused in the other modes. | `pooler.rs` |
//! | `sslmode=verify-full` refuses another name or root, and a connection in clear is logged. | `tls.rs` |
//! | The plain text of a token is never written. | `secrecy.rs` |
//! | No error and no event quotes a password of an address. | `secrecy.rs`, `src/address.rs` |
//!
//! # Operation
//!
//! - Usage and last uses are counted in memory and written later, by [`Verifier::run_write_behind`]. The
//!   program must spawn it.
//! - PostgreSQL loses acknowledged changes in a crash if `synchronous_commit` is off.
//! - With the feature `tls`, a connection to PostgreSQL is encrypted where the server offers it. Only
//!   `sslmode=verify-full` in the address checks the server's name and certificate (`sslrootcert`, or the
//!   roots of the system). A TCP connection in clear is logged as a warning, unless `sslmode=disable` is set.
//! - A connection pooler has to be in session mode, since prepared statements and `LISTEN` belong to a session.
//!   One that shares sessions between clients, such as pgbouncer in transaction mode, is refused with
//!   [`SqlError::SharedSessions`] when a store is opened.
//! - A migration can create tables anew. A role that only uses the tables needs its rights on them again.
//! - A restored backup, and a replica that lagged, contain tokens that were revoked later. Revoke them again.
//!   Running processes follow without a restart.
//! - Do not replace a SQLite file that is in use. SQLite applies the write-ahead log beside a file to it, even
//!   one of another file: stop all processes first, or restore with the backup API of SQLite.
//!
//! [`Verifier::run_write_behind`]: https://docs.rs/dualkey-verify/latest/dualkey_verify/struct.Verifier.html#method.run_write_behind

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("dualkey-sql requires the feature `sqlite` or `postgres`");

mod address;
mod audit;
mod batch;
mod connect;
mod dialect;
#[cfg(feature = "postgres")]
mod encryption;
mod error;
mod feed;
#[cfg(feature = "sqlite")]
mod file;
mod issue;
#[cfg(feature = "postgres")]
mod listen;
mod migrate;
mod mutation;
mod options;
mod partners;
#[cfg(test)]
mod plans;
#[cfg(feature = "postgres")]
mod pooler;
mod position;
#[cfg(feature = "postgres")]
mod postgres;
mod row;
mod session;
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statement;
mod store;
mod task;
mod tokens;
mod usage;
mod value;
mod wake;

pub use address::Address;
pub use error::SqlError;
pub use options::SqlOptions;
pub use store::SqlStore;

#[cfg(all(doctest, feature = "sqlite", feature = "postgres"))]
#[doc = include_str!("../README.md")]
struct Readme;
