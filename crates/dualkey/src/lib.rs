#![cfg_attr(feature = "axum", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "axum"),
    doc = "Guard an API with a partner key and an organization access token."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "console")]
pub use dualkey_console::{
    Console, ConsoleBuilder, Operator, OperatorBuilder, PageContent, Staff, TokenChange, Visitor,
};
pub use dualkey_limit::{
    AtCapacity, Clock, FakeClock, InvalidPolicy, LimitPolicy, LimitState, Limiter, Meter, Outcome,
    Rate, Refusal, Standing, SystemClock, Timestamp,
};
#[cfg(feature = "redis")]
pub use dualkey_redis::{RedisLimits, ServerReport, ServerWarning};
pub use dualkey_scope::{
    Catalogue, CatalogueBuilder, CatalogueError, Requirement, ResolvedScopes, Scope, ScopeSet,
    UnknownScopes,
};
pub use dualkey_shared::{InvalidOutagePolicy, OutagePolicies, OutagePolicy};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use dualkey_sql::{Address, SqlError, SqlOptions, SqlStore};
pub use dualkey_store::{
    ApiKey, AuditAction, AuditEntry, AuditId, AuditStore, AuditTarget, Change, ChangeListener,
    ChangeNotifier, DailyUsage, DigestMethod, Expiry, FormNonce, InsertOutcome, InvalidApiKey,
    InvalidFormNonce, IssueOutcome, IssueRequest, IssuedToken, LimitsChange, LimitsOutcome,
    MemorySharedLimits, MemoryStore, NewPartner, NewToken, OrganizationId, Page, Partner,
    PartnerId, PartnerStore, Registry, RegistryError, RenameOutcome, RenameRequest, RevokeOutcome,
    RotateOutcome, RotationRequest, SharedLimits, SharedLimitsError, SharedLimitsErrorKind, Store,
    StoreError, StoreFuture, StoredToken, TokenAccess, TokenId, TokenRecord, TokenStatus,
    TokenStore, TokenUse, UsageStore,
};
pub use dualkey_token::{
    Digester, InvalidHint, InvalidPepper, InvalidPepperId, InvalidPrefix, ParseTokenError,
    ParseTokenErrorKind, Pepper, PepperId, PlainToken, Prefix, TokenDigest, TokenHint,
};
#[cfg(feature = "axum")]
pub use dualkey_tower::GuardedRouter;
#[cfg(feature = "openapi")]
pub use dualkey_tower::OpenApiMismatch;
#[cfg(feature = "tower")]
pub use dualkey_tower::{
    Decision, Gate, GrpcRefusals, Guard, GuardBody, GuardFuture, GuardLayer, GuardRule, MapRefusal,
    RateLimitFields, RouteGuard, RouteTable,
};
#[cfg(feature = "axum")]
pub use dualkey_verify::MissingGrant;
pub use dualkey_verify::{
    Anonymous, CredentialError, CredentialField, Credentials, Denial, Grant, GrantBuilder,
    HeaderNames, Verifier, VerifierBuilder,
};
