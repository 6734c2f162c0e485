//! From two headers to a [`Grant`] or a [`Denial`].
//!
//! `X-Api-Key` says which integration calls; its limits apply. `Authorization: Bearer …` says for which
//! organization, and with which scopes. [`Verifier::verify`] reads both and decides in memory: the store is
//! asked only for what the cache does not hold, or has not confirmed within the last seconds.
//!
//! ```
//! use dualkey_scope::Catalogue;
//! use dualkey_store::Registry;
//! use dualkey_token::Prefix;
//! use dualkey_verify::Verifier;
//! use http::HeaderMap;
//!
//! # pollster::block_on(async {
//! let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
//! let requirement = catalogue.require_all(["guests:read"])?;
//! let verifier = Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw")));
//!
//! let denial = verifier.verify(&HeaderMap::new(), &requirement).await.unwrap_err();
//! assert_eq!((denial.code(), denial.status().as_u16()), ("api_key_missing", 401));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! A request's way through the files: `credentials.rs` reads the headers, `decide.rs` decides from the cache.
//! On a miss, `lookup.rs` begins a lookup in the store, and `resolve.rs` waits for it and decides again.
//! `decision.rs` holds the answers. Where processes share limits, `shared.rs` takes the permits.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod cache;
mod credentials;
mod decide;
mod decision;
#[cfg(feature = "axum")]
mod extract;
mod grant_builder;
mod live;
mod lookup;
mod maintenance;
mod recheck;
mod refusal;
mod resolve;
mod shared;
mod span;
mod standing;
mod telemetry;
mod verifier;

pub use credentials::{CredentialError, Credentials, HeaderNames};
pub use decide::Request;
pub use decision::{Anonymous, CredentialField, Denial, Grant};
#[cfg(feature = "axum")]
pub use extract::MissingGrant;
pub use grant_builder::GrantBuilder;
pub use lookup::StoreLookup;
pub use verifier::{Verifier, VerifierBuilder};
