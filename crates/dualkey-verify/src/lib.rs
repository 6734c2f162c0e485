//! From two headers to a [`Grant`] or a [`Denial`].
//!
//! `X-Api-Key` says which integration calls; its limits apply. `Authorization: Bearer …` says for
//! which organization, and with which scopes. [`Verifier::verify`] reads both and decides, in memory:
//! a store is asked only for what this process has not heard of within the last seconds.
//!
//! ```
//! use http::HeaderMap;
//! use dualkey_scope::{Catalogue, Requirement};
//! use dualkey_store::Registry;
//! use dualkey_token::Prefix;
//! use dualkey_verify::Verifier;
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
//! What happens to a request stands in three files: `credentials.rs` reads the headers, `verifier.rs`
//! decides from top to bottom, `decision.rs` holds the answers.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod absent;
#[cfg(feature = "axum")]
mod axum;
mod credentials;
mod decision;
mod directory;
mod flights;
mod index;
mod pages;
mod partners;
mod slab;
mod slot;
mod tokens;
mod unwritten;
mod verifier;

#[cfg(feature = "axum")]
pub use axum::MissingGrant;
pub use credentials::{CredentialError, Credentials, HeaderNames};
pub use decision::{CredentialField, Denial, Grant};
pub use verifier::Verifier;
