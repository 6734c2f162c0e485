//! A real PostgreSQL server that a test starts in a temporary folder. It listens on a socket in that
//! folder and on no network, except for one with TLS. It ends with the process that started it, even if that process is killed.
//!
//! ```
//! use dualkey_testing::postgres::Server;
//!
//! let url = Server::shared().new_database();
//! assert!(url.starts_with("postgres:///test_1?"));
//! ```
//!
//! A test binary has one server, [`Server::shared`], and a database for each test. A test that kills
//! the server starts its own with [`Server::start`].

mod account;
mod server;

pub use server::Server;
