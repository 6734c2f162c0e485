//! Real servers of Redis and Valkey that a test starts in temporary folders: one node, a cluster, or a master
//! with replicas and sentinels. They end with the process that started them, even if that process is killed.
//!
//! ```
//! use dualkey_testing::redis::Server;
//!
//! let server = Server::start();
//! assert!(server.url().starts_with("redis+unix:///"));
//! ```

mod cluster;
mod engine;
mod sentinel;
mod server;

pub use cluster::Cluster;
pub use engine::Engine;
pub use sentinel::Sentinel;
pub use server::Server;
