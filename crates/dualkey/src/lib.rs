#![cfg_attr(feature = "axum", doc = include_str!("../../../README.md"))]
#![cfg_attr(
    not(feature = "axum"),
    doc = "Guard an API with a partner key and an organization access token."
)]

pub use dualkey_limit::{
    Clock, FakeClock, InvalidPolicy, LimitPolicy, LimitState, Limiter, Meter, Outcome, Rate,
    Refusal, Standing, SystemClock, Timestamp, WhenFull,
};
pub use dualkey_scope::{
    Catalogue, CatalogueBuilder, CatalogueError, Requirement, Resolved, Scope, ScopeSet,
    UnknownScopes,
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use dualkey_sql::{SqlError, SqlOptions, SqlStore};
pub use dualkey_store::{
    AuditAction, AuditEntry, AuditId, AuditStore, AuditSubject, Change, Changes, Insertion,
    IssuedToken, LimitStore, Listener, MemoryStore, NewPartner, NewToken, OrganizationId, Page,
    Partner, PartnerId, PartnerStore, Registry, RegistryError, Revocation, Rotation, Store,
    StoreError, StoreFuture, StoredToken, Succession, TokenId, TokenRecord, TokenStatus,
    TokenStore, TokenUse, Usage,
};
pub use dualkey_token::{
    Digester, InvalidHint, InvalidPepper, InvalidPrefix, ParseTokenError, ParseTokenErrorKind,
    Pepper, PlainToken, Prefix, TokenDigest, TokenHint,
};
#[cfg(feature = "tower")]
pub use dualkey_tower::{
    Gate, GrpcStatus, Guard, GuardBody, GuardFuture, GuardLayer, RateLimitFields, RewriteRefusal,
};
#[cfg(feature = "axum")]
pub use dualkey_tower::{RouteGuard, RouteTable};
#[cfg(feature = "axum")]
pub use dualkey_verify::NotGuarded;
pub use dualkey_verify::{Credentials, Denial, Field, Grant, HeaderNames, Unreadable, Verifier};
