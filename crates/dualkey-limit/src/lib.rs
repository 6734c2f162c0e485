//! Rate limits and daily quotas, decided in one atomic step.
//!
//! A [`LimitPolicy`] is a rate with a burst and, optionally, a daily quota. Each request takes *permits*.
//!
//! ```
//! use std::time::Duration;
//! use dualkey_limit::{LimitPolicy, Meter, Timestamp};
//!
//! let policy = LimitPolicy::default(); // 5 a second, bursts up to 10, 10,000 a day
//! let meter = Meter::new();
//! let now = Timestamp::from_secs(1_700_000_000);
//!
//! for _ in 0..10 {
//!     assert!(meter.take(&policy, now, 1).is_allowed());
//! }
//! let refused = meter.take(&policy, now, 1);
//! assert_eq!(refused.retry_after(), Some(Duration::from_millis(200))); // to the nanosecond
//! ```
//!
//! | to limit | use |
//! | --- | --- |
//! | one caller | [`Meter`]: 32 bytes, lock-free while the day's count fits its word |
//! | many callers by key | [`Limiter`]: a bounded concurrent map of states |
//! | callers whose state is stored elsewhere | [`LimitState`]: a pure function of state, policy and time |
//!
//! # Guarantees
//!
//! - **The bound.** In every window `T`, at most `burst + rate × T` permits are granted, and on each
//!   calendar day at most the quota. Both are decided in one step: a permit is spent from both or from
//!   neither, without a rollback. Where policies take turns, the largest burst and the fastest rate count.
//! - **An exact count.** The day's permits are counted exactly under every policy and its changes.
//! - **No starvation.** A caller that takes every permit it can gets `rate × T`, less at most a
//!   millionth, at every rate.
//! - **An exact wait.** If no other take comes in between, the same request succeeds after `retry_after`
//!   and fails one nanosecond earlier.
//! - **Any clock.** The clock may stop or run backwards: the bucket stands still until the clock has
//!   caught up. A state more than 100 ms ahead of the clock counts as written now, so no caller is locked out
//!   by a clock that jumped ahead and was set back. The quota of a day holds for every clock that does
//!   not go back over midnight by more than 100 ms: one that does begins the next day again. A permit that is
//!   granted after the first of a day counts to this day, also if its time is of the day before.
//! - **A clock without a system call.** [`SystemClock`] never runs backwards within a thread, and by
//!   microseconds between threads, which is less than what the bucket tolerates.
//!
//! The daily quota is a counter that restarts at midnight, so two full quotas can be spent around
//! midnight. A second bucket in its place would admit nearly twice the quota on its first day.
#![warn(clippy::arithmetic_side_effects)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bucket;
mod clock;
#[cfg(feature = "keyed")]
mod limiter;
mod meter;
mod outcome;
mod policy;
mod rate;
mod state;
mod system_clock;
mod timestamp;
mod word;

pub use clock::{Clock, FakeClock};
#[cfg(feature = "keyed")]
pub use limiter::{AtCapacity, Limiter};
pub use meter::Meter;
pub use outcome::{Outcome, Refusal, Remaining, Standing};
pub use policy::{InvalidPolicy, LimitPolicy};
pub use rate::Rate;
pub use state::LimitState;
pub use system_clock::SystemClock;
pub use timestamp::Timestamp;

#[cfg(all(doctest, feature = "keyed"))]
#[doc = include_str!("../README.md")]
struct Readme;
