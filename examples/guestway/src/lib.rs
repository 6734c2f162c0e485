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
mod documented;
mod endpoints;
mod fields;
mod handlers;
mod lists;
mod log;
mod model;
mod openapi;
mod organizations;
mod page;
mod path;
mod problem;
mod query;
mod random;
mod records;
mod reference;
mod sample;
mod server;
mod settings;
mod stays;

pub use catalogue::{PREFIX, catalogue};
pub use endpoints::{document, router};
pub use openapi::Document;
pub use reference::reference;
pub use server::{ConnectionLimits, serve};
pub use settings::{InvalidSiteUrl, Sessions, SiteUrl, User, settings};

/// The program of the workspace's README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
