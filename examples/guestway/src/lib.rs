//! The Guestway Open API, rebuilt on [`dualkey`]: an example of a program with two credential headers,
//! a catalogue of scopes, and a table of endpoints.
//!
//! ```
//! use guestway::{PREFIX, catalogue, router};
//! use dualkey::{Registry, Verifier};
//!
//! let catalogue = catalogue();
//! let registry = Registry::in_memory(catalogue.clone(), PREFIX);
//! let api = router(Verifier::new(registry), &catalogue)?;
//! # Ok::<(), dualkey::UnknownScopes>(())
//! ```
//!
//! `endpoints.rs` is the table of endpoints with the scope that each requires; `catalogue.rs` declares
//! the scopes.

mod activity;
mod body;
mod catalogue;
mod endpoints;
mod handlers;
mod log;
mod model;
mod organizations;
mod problem;
mod random;
mod records;
mod sample;
mod server;
mod settings;

pub use catalogue::{PREFIX, catalogue};
pub use endpoints::router;
pub use server::{ConnectionLimits, serve};
pub use settings::{InvalidSiteUrl, Sessions, SiteUrl, User, settings};

/// The program of the workspace's README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
