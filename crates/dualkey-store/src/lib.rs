//! Partners and tokens: what is recorded of them, where it is kept, and what may happen to it.
//!
//! [`Registry`] is the one door for changes: it registers partners and issues, lists, rotates and
//! revokes tokens. It keeps them in a [`Store`], a port of few atomic verbs; [`MemoryStore`] is the
//! one that needs nothing.
//!
//! ```
//! use dualkey_scope::Catalogue;
//! use dualkey_store::{NewToken, Registry};
//! use dualkey_token::Prefix;
//!
//! # pollster::block_on(async {
//! let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
//! let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
//!
//! let token = NewToken::new("acme", "Zapier - production", ["guests:read"]);
//! let issued = registry.issue_token(token).await?;
//! println!("copy this, it is shown once: {}", issued.secret.expose_secret());
//!
//! let organization = "acme".into();
//! assert_eq!(registry.tokens(&organization).await?.len(), 1);
//! registry.revoke_token(&organization, &issued.record.id).await?; // gone for good
//! assert!(registry.tokens(&organization).await?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod audit;
mod change;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
#[cfg(feature = "testing")]
mod faulty;
mod id;
mod memory;
mod partner;
mod port;
mod registry;
mod token;

pub use audit::{AuditAction, AuditEntry, AuditTarget};
pub use change::{Change, ChangeListener, ChangeNotifier};
pub use error::{RegistryError, StoreError};
#[cfg(feature = "testing")]
pub use faulty::{Fault, FaultyStore};
pub use id::{AuditId, OrganizationId, PartnerId, TokenId};
pub use memory::MemoryStore;
pub use partner::{NewPartner, Partner, is_api_key};
pub use port::{
    AuditStore, DailyUsage, InsertOutcome, Page, PartnerStore, RevokeOutcome, RotateOutcome,
    RotationRequest, Store, StoreFuture, TokenStore, UsageStore,
};
pub use registry::Registry;
pub use token::{IssuedToken, NewToken, StoredToken, TokenRecord, TokenStatus, TokenUse};
