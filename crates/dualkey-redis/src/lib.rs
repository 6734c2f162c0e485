//! Rate limits and daily quotas that many machines share, in Redis or Valkey.
//!
//! [`RedisLimits`] implements [`SharedLimits`](dualkey_store::SharedLimits) on one node, on a cluster, or on the
//! master that sentinels monitor.
//!
//! ```
//! use dualkey_limit::LimitPolicy;
//! use dualkey_redis::RedisLimits;
//! use dualkey_store::{PartnerId, SharedCall, SharedLimits, SharedTake};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = dualkey_testing::redis::Server::start();
//! # let url = server.url();
//! let limits = RedisLimits::new(&url)?; // such as redis://localhost
//! let policy = LimitPolicy::default(); // 5 a second, bursts up to 10, 10,000 a day
//! let call = SharedCall::new(PartnerId::from_bytes([1; 16]), &policy);
//!
//! assert_eq!(limits.take(call, &SharedTake::permits(10)).await?.granted, [1]);
//! let refused = limits.take(call, &SharedTake::permits(10)).await?;
//! assert_eq!(refused.granted, [0]);
//! assert_eq!(refused.standing.used(), 10);
//! # Ok(())
//! # }
//! ```
//!
//! # Rights
//!
//! A user of an access control list needs these, on the keys of the prefix:
//!
//! | user | rights |
//! | --- | --- |
//! | of one node | `+evalsha +eval +get +set +time` |
//! | of the nodes of a cluster | these, and `+asking +cluster\|slots` |
//! | of a master and its replicas with Sentinel | those of one node, and `+role` |
//! | of the sentinels | `+sentinel\|get-master-addr-by-name`, without keys |
//!
//! [`RedisLimits::check`] needs `+info` on the nodes too, and a database other than 0 `+select`.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod address;
mod check;
mod cluster;
mod connection;
mod connector;
#[cfg(test)]
mod differential;
mod failure;
mod limits;
mod node;
mod script;
mod sentinel;
mod slot;
mod tls;
mod topology;

pub use check::{ServerReport, ServerWarning};
pub use limits::RedisLimits;
