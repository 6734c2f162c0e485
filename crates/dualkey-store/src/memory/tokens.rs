use dualkey_limit::Timestamp;
use dualkey_token::TokenDigest;

use super::records::Rotation;
use super::{MemoryStore, ready_err, ready_ok};
use crate::{
    AuditEntry, Change, IssueOutcome, IssueRequest, OrganizationId, Page, RenameOutcome,
    RenameRequest, RevokeOutcome, RotateOutcome, RotationRequest, StoreFuture, StoredToken,
    TokenAccess, TokenId, TokenRecord, TokenStore, TokenUse,
};

impl TokenStore for MemoryStore {
    fn insert_token(
        &self,
        request: IssueRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, IssueOutcome> {
        let digest = request.token.digest;
        let issued = self.records().insert_token(request, entry);
        match issued {
            Ok(outcome) => {
                if outcome == IssueOutcome::Issued {
                    self.changes.publish(&Change::Token(digest));
                }
                ready_ok(outcome)
            }
            Err(error) => ready_err(error),
        }
    }

    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>> {
        ready_ok(self.records().token_by_digest(digest).cloned())
    }

    fn token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        let records = self.records();
        ready_ok(records.token(organization, token).map(|token| token.record.clone()))
    }

    fn tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        page: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        let records = self.records();
        let tokens = records.tokens_of(organization).map(|token| &token.record);
        let tokens = tokens.filter(|token| page.after.is_none_or(|after| token.id < after));
        ready_ok(tokens.take(page.max_items()).cloned().collect())
    }

    fn unpeppered_tokens(&self, page: Page<TokenId>) -> StoreFuture<'_, Vec<TokenRecord>> {
        ready_ok(self.records().unpeppered_tokens(page))
    }

    fn expired_tokens<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        at: Timestamp,
        limit: u32,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        ready_ok(self.records().expired_tokens(organization, at, limit))
    }

    fn expiring_tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        after: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        ready_ok(self.records().expiring_tokens(organization, after, until))
    }

    fn prune_tokens(&self, at: Timestamp, entries: Vec<AuditEntry>) -> StoreFuture<'_, u64> {
        let digests = self.records().prune_tokens(at, entries);
        for digest in &digests {
            self.changes.publish(&Change::Token(*digest));
        }
        ready_ok(u64::try_from(digests.len()).unwrap_or(u64::MAX))
    }

    fn tokens_after(
        &self,
        after: Option<TokenId>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<TokenAccess>> {
        let records = self.records();
        let tokens = records.tokens_after(after).take(limit);
        ready_ok(tokens.cloned().map(TokenAccess::from).collect())
    }

    fn rotate_token(
        &self,
        token: TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome> {
        let successor = request.successor.digest;
        let rotated = self.records().rotate_token(&token, request, entry);
        match rotated {
            Ok(Rotation::Done { old_digest }) => {
                self.changes.publish(&Change::Token(old_digest));
                self.changes.publish(&Change::Token(successor));
                ready_ok(RotateOutcome::Rotated)
            }
            Ok(Rotation::NotDone(outcome)) => ready_ok(outcome),
            Err(error) => ready_err(error),
        }
    }

    fn rename_token(
        &self,
        request: RenameRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RenameOutcome> {
        let (outcome, changed) = self.records().rename_token(&request, entry);
        if let Some(digest) = changed {
            self.changes.publish(&Change::Token(digest));
        }
        ready_ok(outcome)
    }

    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome> {
        let removed = self.records().remove_token(organization, token, entry);
        match removed {
            Some(digest) => {
                self.changes.publish(&Change::Token(digest));
                ready_ok(RevokeOutcome::Revoked)
            }
            None => ready_ok(RevokeOutcome::NotFound),
        }
    }

    fn prune_nonces(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        ready_ok(self.records().nonces.prune(before))
    }

    fn record_uses<'a>(&'a self, uses: &'a [TokenUse], now: Timestamp) -> StoreFuture<'a, ()> {
        let mut records = self.records();
        for token_use in uses {
            let TokenUse { token, first_at, last_at, last_by } = token_use.not_after(now);
            if let Some(StoredToken { record, .. }) = records.token_mut(&token) {
                let is_past = |at: &Timestamp| *at <= now;
                record.first_used_at = record.first_used_at.filter(is_past).or(Some(first_at));
                if record.last_used_at.filter(is_past).is_none_or(|at| at < last_at) {
                    record.last_used_at = Some(last_at);
                    record.last_used_by = last_by;
                }
            }
        }
        ready_ok(())
    }
}
