use std::sync::atomic::Ordering;

use dualkey_limit::Timestamp;
use dualkey_store::{
    ApiKey, AuditEntry, AuditId, AuditStore, DailyUsage, InsertOutcome, IssueOutcome, IssueRequest,
    LimitsChange, LimitsOutcome, OrganizationId, Page, Partner, PartnerId, PartnerStore,
    RenameOutcome, RenameRequest, RevokeOutcome, RotateOutcome, RotationRequest, StoreFuture,
    StoredToken, TokenAccess, TokenId, TokenRecord, TokenStore, TokenUse, UsageStore,
};
use dualkey_token::TokenDigest;

use super::{FaultyStore, count};

impl PartnerStore for FaultyStore {
    fn insert_partner(
        &self,
        partner: Partner,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome> {
        self.call(|inner| inner.insert_partner(partner, entry))
    }

    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>> {
        count(&self.partner_lookups);
        self.call(move |inner| inner.partner_by_key(api_key))
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        self.call(|inner| inner.partners())
    }

    fn change_limits(
        &self,
        partner: PartnerId,
        change: LimitsChange,
        entry: AuditEntry,
    ) -> StoreFuture<'_, LimitsOutcome> {
        self.call(move |inner| inner.change_limits(partner, change, entry))
    }

    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.call(move |inner| inner.set_enabled(partner, enabled, entry))
    }
}

impl TokenStore for FaultyStore {
    fn insert_token(
        &self,
        request: IssueRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, IssueOutcome> {
        self.call(move |inner| inner.insert_token(request, entry))
    }

    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>> {
        count(&self.token_lookups);
        self.call(move |inner| inner.token_by_digest(digest))
    }

    fn token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        self.call(move |inner| inner.token(organization, token))
    }

    fn tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        page: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        self.call(move |inner| inner.tokens(organization, page))
    }

    fn unpeppered_tokens(&self, page: Page<TokenId>) -> StoreFuture<'_, Vec<TokenRecord>> {
        self.call(move |inner| inner.unpeppered_tokens(page))
    }

    fn expired_tokens<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        at: Timestamp,
        limit: u32,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        self.call(move |inner| inner.expired_tokens(organization, at, limit))
    }

    fn expiring_tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        after: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        self.call(move |inner| inner.expiring_tokens(organization, after, until))
    }

    fn prune_tokens(&self, at: Timestamp, entries: Vec<AuditEntry>) -> StoreFuture<'_, u64> {
        self.call(move |inner| inner.prune_tokens(at, entries))
    }

    fn tokens_after(
        &self,
        after: Option<TokenId>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<TokenAccess>> {
        self.call(move |inner| inner.tokens_after(after, limit))
    }

    fn rotate_token(
        &self,
        token: TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome> {
        self.call(move |inner| inner.rotate_token(token, request, entry))
    }

    fn rename_token(
        &self,
        request: RenameRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RenameOutcome> {
        self.call(move |inner| inner.rename_token(request, entry))
    }

    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome> {
        self.call(move |inner| inner.revoke_token(organization, token, entry))
    }

    fn prune_nonces(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        self.call(move |inner| inner.prune_nonces(before))
    }

    fn record_uses<'a>(&'a self, uses: &'a [TokenUse], now: Timestamp) -> StoreFuture<'a, ()> {
        count(&self.writes);
        self.rows_written.fetch_add(uses.len(), Ordering::SeqCst);
        self.call(move |inner| inner.record_uses(uses, now))
    }
}

impl UsageStore for FaultyStore {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        self.call(move |inner| inner.usage(partner, day))
    }

    fn usage_on(&self, day: i64) -> StoreFuture<'_, Vec<DailyUsage>> {
        self.call(move |inner| inner.usage_on(day))
    }

    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()> {
        count(&self.writes);
        self.rows_written.fetch_add(usages.len(), Ordering::SeqCst);
        self.call(move |inner| inner.add_usage(usages))
    }
}

impl AuditStore for FaultyStore {
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        self.call(move |inner| inner.audit(organization, page))
    }
}
