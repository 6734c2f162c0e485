//! Scopes: what a token may do.
//!
//! An application lists its scopes once, in a [`Catalogue`] that is built when it starts. From then
//! on a set of scopes is a bit mask, and whether a token meets a route's [`Requirement`] is one AND.
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
//! assert!(catalogue.grant(["conversations:*"]).is_err()); // no wildcards: names match exactly
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A set and a requirement of two different catalogues never match: each catalogue that is built has
//! an identity of its own, and its clones share it.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;

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
