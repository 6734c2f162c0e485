//! Rate limits and daily quotas, decided in one atomic step.
//!
//! A [`LimitPolicy`] is a rate with a burst and, optionally, a daily quota. A caller spends *permits*.
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
//! | to limit | take |
//! | --- | --- |
//! | one thing | [`Meter`]: 16 bytes, no lock |
//! | one thing per key | [`Limiter`]: states in a bounded map |
//! | in a store of your own | [`LimitState`]: a pure function of state, policy and time |
//!
//! # What is promised
//!
//! - **The bound.** In every span of time `T`, at most `burst + rate × T` permits are granted, and on
//!   each calendar day at most the quota. Both are decided together: a permit is spent from both or
//!   from neither, and nothing is ever given back.
//! - **No starvation.** Whoever keeps asking gets `rate × T`, less at most a millionth, at every rate.
//! - **An exact wait.** Asking again after `retry_after` succeeds if nobody else asked; asking one
//!   nanosecond earlier does not.
//! - **Any clock.** Time may stand still or run backwards. State that lies ahead of the clock is taken
//!   as written now, so a clock that jumped ahead and came back locks nobody out.
//!
//! The daily quota is a counter that starts again at midnight, not a second bucket, which would admit
//! nearly twice the quota on its first day. The price: two full quotas can be spent around midnight.

mod bucket;
mod clock;
#[cfg(feature = "keyed")]
mod limiter;
mod meter;
mod outcome;
mod policy;
mod rate;
mod state;
mod timestamp;
mod word;

pub use clock::{Clock, FakeClock, SystemClock};
#[cfg(feature = "keyed")]
pub use limiter::{AtCapacity, Limiter};
pub use meter::Meter;
pub use outcome::{Outcome, Refusal, Standing};
pub use policy::{InvalidPolicy, LimitPolicy};
pub use rate::Rate;
pub use state::LimitState;
pub use timestamp::Timestamp;
