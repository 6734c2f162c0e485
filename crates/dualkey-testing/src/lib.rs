//! Support for tests with [Dualkey](https://github.com/dualkey/dualkey): a fixture of a guarded API, a
//! store and shared limits that fail on demand, and the checks that every store must pass.
//!
//! ```
//! use dualkey_scope::Requirement;
//! use dualkey_testing::Fixture;
//!
//! # pollster::block_on(async {
//! let fixture = Fixture::new(); // a partner, a token, a gate and a clock that only the test moves
//! let grant = fixture.gate.verifier().verify(&fixture.headers(), &Requirement::NONE).await.unwrap();
//! assert_eq!(grant.organization.as_str(), "acme");
//!
//! let denial = fixture.gate.verifier().verify(&http::HeaderMap::new(), &Requirement::NONE).await;
//! assert_eq!(denial.unwrap_err().code(), "api_key_missing");
//! # });
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod conformance;
mod faulty;
mod fixture;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;

pub use faulty::{Fault, FaultyLimits, FaultyStore};
pub use fixture::{Fixture, NOON};
