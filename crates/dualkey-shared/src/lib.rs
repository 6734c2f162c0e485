//! Limits that many machines share, as each process of them sees it.
//!
//! A store of [`SharedLimits`](dualkey_store::SharedLimits) decides for all processes. [`SharedLimiter`] calls
//! it as rarely as it can: concurrent callers of one partner go in one call, a refusal is remembered until
//! waiting may help, and a process that asks often leases permits and spends them in memory. While the store
//! does not answer, [`OutagePolicies`] decide.
//!
//! ```
//! use std::sync::Arc;
//!
//! use dualkey_limit::{Clock, FakeClock, LimitPolicy, Timestamp};
//! use dualkey_shared::{PartnerLimits, SharedLimiter};
//! use dualkey_store::{MemorySharedLimits, PartnerId};
//!
//! # pollster::block_on(async {
//! let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_700_000_000)));
//! let store = Arc::new(MemorySharedLimits::new(clock.clone()));
//! let policy = LimitPolicy::default(); // 5 a second, burst 10
//! let id = PartnerId::from_bytes([1; 16]);
//!
//! // Two processes.
//! let limiters = [0, 1].map(|_| SharedLimiter::new(store.clone(), clock.clone()));
//! let partners = [0, 1].map(|n: usize| limiters[n].partner(id));
//! for n in 0..10 {
//!     assert!(limiters[n % 2].take(&partners[n % 2], &policy, 1).await?.is_allowed());
//! }
//! let refused = limiters[0].take(&partners[0], &policy, 1).await?;
//! assert_eq!(refused.retry_after(), Some(std::time::Duration::from_millis(200)));
//! # Ok::<(), dualkey_shared::Away>(())
//! # }).unwrap();
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod call;
mod counts;
mod limiter;
pub mod node;
mod outage;
mod partner;

pub use counts::SharedCounts;
pub use limiter::{Away, SharedLimiter, Take};
pub use outage::{InvalidOutagePolicy, OutagePolicies, OutagePolicy};
pub use partner::{PartnerLimits, PendingTake};
