//! Partners and tokens: their records, the changes that are allowed, and the ports of a store.
//!
//! [`Registry`] makes every change: it registers partners, and issues, lists, rotates and revokes
//! tokens. It works on a [`Store`], a port of a few atomic methods. [`MemoryStore`] is the store that needs
//! no database; the crate `dualkey-sql` has stores on SQLite and PostgreSQL.
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
//! registry.revoke_token(&organization, &issued.record.id).await?; // deletes it
//! assert!(registry.tokens(&organization).await?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod api_key;
mod audit;
mod change;
mod error;
mod id;
mod limits_change;
mod memory;
mod nonce;
mod organization;
mod outcome;
mod partner;
mod port;
mod registry;
mod shared_limits;
mod token;

pub use api_key::{ApiKey, InvalidApiKey};
pub use audit::{AuditAction, AuditEntry, AuditTarget};
pub use change::{Change, ChangeListener, ChangeNotifier};
pub use error::{RegistryError, StoreError};
pub use id::{AuditId, PartnerId, TokenId};
pub use limits_change::LimitsChange;
pub use memory::{MemorySharedLimits, MemoryStore};
pub use nonce::{FormNonce, InvalidFormNonce};
pub use organization::OrganizationId;
pub use outcome::{
    DailyUsage, InsertOutcome, IssueOutcome, IssueRequest, LimitsOutcome, Page, RenameOutcome,
    RenameRequest, RevokeOutcome, RotateOutcome, RotationRequest,
};
pub use partner::{NewPartner, Partner};
pub use port::{AuditStore, PartnerStore, Store, StoreFuture, TokenStore, UsageStore};
pub use registry::Registry;
pub use shared_limits::{
    Lease, LeaseId, LeaseRequest, LeaseSettlement, SharedCall, SharedLimits, SharedLimitsError,
    SharedLimitsErrorKind, SharedLimitsFuture, SharedStanding, SharedTake, SharedTaken, TakeRun,
};
pub use token::{
    DigestMethod, Expiry, IssuedToken, NewToken, StoredToken, TokenAccess, TokenRecord,
    TokenStatus, TokenUse,
};
