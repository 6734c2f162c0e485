//! Scopes of access tokens (RFC 6749 §3.3), and the requirements of routes.
//!
//! An application declares its scopes in a [`Catalogue`], built once at start-up. A [`ScopeSet`] is a
//! bit mask over the catalogue, and the check of a route's [`Requirement`] is one AND.
//!
//! ```
//! use dualkey_scope::{Catalogue, Requirement};
//!
//! let catalogue = Catalogue::builder()
//!     .scope("conversations:read", "Conversations - Read")
//!     .scope("conversations:edit", "Conversations - Edit")
//!     .implies("conversations:edit", ["conversations:read"])
//!     .build()?;
//!
//! let granted = catalogue.grant(["conversations:edit"])?;
//! let requirement = catalogue.require_all(["conversations:read"])?;
//! assert!(requirement.is_met_by(&granted));
//! assert!(Requirement::NONE.is_met_by(&granted));
//!
//! assert!(catalogue.grant(["conversations:*"]).is_err()); // no wildcards
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A set and a requirement of two different catalogues never match: each build has a unique identity,
//! which clones share.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod builder;
mod catalogue;
mod error;
mod requirement;
mod scope;
#[cfg(feature = "serde")]
mod serde;
mod set;

#[cfg(feature = "serde")]
pub use self::serde::ScopeSetSeed;
pub use builder::CatalogueBuilder;
pub use catalogue::{Catalogue, ResolvedScopes, ScopeNames};
pub use error::{CatalogueError, UnknownScopes};
pub use requirement::Requirement;
pub use scope::Scope;
pub use set::ScopeSet;
