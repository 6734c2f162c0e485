use tollgate::{
    AuditEntry, AuditId, AuditStore, Changes, Insertion, LimitPolicy, LimitStore, OrganizationId,
    Page, Partner, PartnerId, PartnerStore, Revocation, Rotation, Store, StoreError, StoreFuture,
    StoredToken, Succession, TokenDigest, TokenId, TokenRecord, TokenStore, TokenUse, Usage,
};

/// A store that never answers but with an error.
#[derive(Debug, Default)]
pub(crate) struct Down(Changes);

fn down<'a, T: Send + 'a>() -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Err(StoreError::new("connection refused"))))
}

impl Store for Down {
    fn changes(&self) -> &Changes {
        &self.0
    }
}

impl PartnerStore for Down {
    fn insert_partner(&self, _: Partner, _: AuditEntry) -> StoreFuture<'_, Insertion> {
        down()
    }

    fn partner_by_key<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<Partner>> {
        down()
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        down()
    }

    fn set_limits(
        &self,
        _: PartnerId,
        _: LimitPolicy,
        _: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        down()
    }

    fn set_enabled(
        &self,
        _: PartnerId,
        _: bool,
        _: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        down()
    }
}

impl TokenStore for Down {
    fn insert_token(&self, _: StoredToken, _: usize, _: AuditEntry) -> StoreFuture<'_, Insertion> {
        down()
    }

    fn token_by_digest<'a>(&'a self, _: &'a TokenDigest) -> StoreFuture<'a, Option<StoredToken>> {
        down()
    }

    fn token<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        down()
    }

    fn tokens<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        down()
    }

    fn rotate_token(&self, _: TokenId, _: Succession, _: AuditEntry) -> StoreFuture<'_, Rotation> {
        down()
    }

    fn revoke_token<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: &'a TokenId,
        _: AuditEntry,
    ) -> StoreFuture<'a, Revocation> {
        down()
    }

    fn note_uses<'a>(&'a self, _: &'a [TokenUse]) -> StoreFuture<'a, ()> {
        down()
    }
}

impl LimitStore for Down {
    fn usage(&self, _: PartnerId, _: i64) -> StoreFuture<'_, u64> {
        down()
    }

    fn usages(&self) -> StoreFuture<'_, Vec<Usage>> {
        down()
    }

    fn add_usage<'a>(&'a self, _: &'a [Usage]) -> StoreFuture<'a, ()> {
        down()
    }
}

impl AuditStore for Down {
    fn audit<'a>(
        &'a self,
        _: Option<&'a OrganizationId>,
        _: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        down()
    }
}
