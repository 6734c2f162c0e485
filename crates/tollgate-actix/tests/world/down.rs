use tollgate_limit::LimitPolicy;
use tollgate_store::{
    AuditEntry, AuditId, AuditStore, Changes, Insertion, LimitStore, OrganizationId, Page, Partner,
    PartnerId, PartnerStore, Revocation, Rotation, Store, StoreError, StoreFuture, StoredToken,
    Succession, TokenId, TokenRecord, TokenStore, TokenUse, Usage,
};
use tollgate_token::TokenDigest;

/// A store that answers with an error, or never.
#[derive(Debug, Default)]
pub(crate) struct Down {
    changes: Changes,
    hangs: bool,
}

impl Down {
    pub(crate) fn hanging() -> Self {
        Self { hangs: true, ..Self::default() }
    }

    fn fail<'a, T: Send + 'a>(&self) -> StoreFuture<'a, T> {
        if self.hangs {
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(Err(StoreError::new("connection refused"))))
    }
}

impl Store for Down {
    fn changes(&self) -> &Changes {
        &self.changes
    }
}

impl PartnerStore for Down {
    fn insert_partner(&self, _: Partner, _: AuditEntry) -> StoreFuture<'_, Insertion> {
        self.fail()
    }

    fn partner_by_key<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<Partner>> {
        self.fail()
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        self.fail()
    }

    fn set_limits(
        &self,
        _: PartnerId,
        _: LimitPolicy,
        _: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.fail()
    }

    fn set_enabled(
        &self,
        _: PartnerId,
        _: bool,
        _: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.fail()
    }
}

impl TokenStore for Down {
    fn insert_token(&self, _: StoredToken, _: usize, _: AuditEntry) -> StoreFuture<'_, Insertion> {
        self.fail()
    }

    fn token_by_digest<'a>(&'a self, _: &'a TokenDigest) -> StoreFuture<'a, Option<StoredToken>> {
        self.fail()
    }

    fn token<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        self.fail()
    }

    fn tokens<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        self.fail()
    }

    fn rotate_token(&self, _: TokenId, _: Succession, _: AuditEntry) -> StoreFuture<'_, Rotation> {
        self.fail()
    }

    fn revoke_token<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: &'a TokenId,
        _: AuditEntry,
    ) -> StoreFuture<'a, Revocation> {
        self.fail()
    }

    fn note_uses<'a>(&'a self, _: &'a [TokenUse]) -> StoreFuture<'a, ()> {
        self.fail()
    }
}

impl LimitStore for Down {
    fn usage(&self, _: PartnerId, _: i64) -> StoreFuture<'_, u64> {
        self.fail()
    }

    fn usages(&self) -> StoreFuture<'_, Vec<Usage>> {
        self.fail()
    }

    fn add_usage<'a>(&'a self, _: &'a [Usage]) -> StoreFuture<'a, ()> {
        self.fail()
    }
}

impl AuditStore for Down {
    fn audit<'a>(
        &'a self,
        _: Option<&'a OrganizationId>,
        _: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        self.fail()
    }
}
