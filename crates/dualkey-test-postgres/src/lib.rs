//! A PostgreSQL server for tests: a real one, that the test starts itself, in a temporary folder, on a
//! socket in that folder and on no network. It ends with the process that started it, however that
//! ends.
//!
//! ```
//! use dualkey_test_postgres::Server;
//!
//! let url = Server::shared().new_database();
//! assert!(url.starts_with("postgres:///test_1?"));
//! ```
//!
//! A test binary has one server, [`Server::shared`], and a database for each test. A test that kills
//! the server has one of its own, [`Server::start`].

mod account;
mod server;

pub use server::Server;
