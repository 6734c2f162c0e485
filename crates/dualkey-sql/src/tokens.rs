use std::collections::BTreeMap;

use dualkey_limit::Timestamp;
use dualkey_store::{
    AuditEntry, AuditTarget, IssueOutcome, IssueRequest, OrganizationId, Page, RenameOutcome,
    RenameRequest, RevokeOutcome, RotateOutcome, RotationRequest, StoreFuture, StoredToken,
    TokenAccess, TokenId, TokenRecord, TokenStore, TokenUse,
};
use dualkey_token::TokenDigest;

use crate::batch::decode_batch;
use crate::error::SqlError;
use crate::issue::{issue, rename, rotate};
use crate::mutation::Mutation;
use crate::row::Row;
use crate::shared::Shared;
use crate::statement::Statement;
use crate::store::SqlStore;
use crate::value::values;

/// Less than every generated id. The first batch begins after it, with the oldest token.
const MIN_ID: TokenId = TokenId::from_bytes([0; 16]);
/// Greater than every generated id. The first page begins below it, with the newest token.
const MAX_ID: TokenId = TokenId::from_bytes([0xff; 16]);

impl TokenStore for SqlStore {
    fn insert_token(
        &self,
        request: IssueRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, IssueOutcome> {
        self.execute(async move |shared| {
            let mut mutation = Mutation::begin(&shared).await?;
            let outcome = issue(&mut mutation, &request).await?;
            match outcome {
                IssueOutcome::Issued => mutation.commit(&[&entry]).await?,
                _ => mutation.rollback().await?,
            }
            Ok(outcome)
        })
    }

    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>> {
        let digest = *digest;
        self.query(async move |shared| {
            let rows =
                shared.query(Statement::SelectTokenByDigest, values![digest.as_bytes()]).await?;
            rows.first().map(Row::token).transpose()
        })
    }

    fn token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        let (organization, token) = (organization.clone(), *token);
        self.query(async move |shared| {
            let rows = shared.query(Statement::SelectToken, values![&organization, token]).await?;
            rows.first().map(Row::record).transpose()
        })
    }

    fn tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        page: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        let organization = organization.clone();
        self.query(async move |shared| {
            let values = values![&organization, page.after.unwrap_or(MAX_ID), page.limit];
            let rows = shared.query(Statement::SelectTokensPage, values).await?;
            rows.iter().map(Row::record).collect()
        })
    }

    fn unpeppered_tokens(&self, page: Page<TokenId>) -> StoreFuture<'_, Vec<TokenRecord>> {
        self.query(async move |shared| {
            let values = values![page.after.unwrap_or(MAX_ID), page.limit];
            let rows = shared.query(Statement::SelectUnpepperedTokens, values).await?;
            rows.iter().map(Row::record).collect()
        })
    }

    fn expired_tokens<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        at: Timestamp,
        limit: u32,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        let organization = organization.cloned();
        self.query(async move |shared| {
            let rows = match &organization {
                Some(organization) => {
                    let values = values![organization, at, limit];
                    shared.query(Statement::SelectExpiredOrganizationTokens, values).await?
                }
                None => shared.query(Statement::SelectExpiredTokens, values![at, limit]).await?,
            };
            rows.iter().map(Row::record).collect()
        })
    }

    fn expiring_tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        after: Timestamp,
        until: Timestamp,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        let organization = organization.clone();
        self.query(async move |shared| {
            let values = values![&organization, after, until];
            let rows = shared.query(Statement::SelectExpiringTokens, values).await?;
            rows.iter().map(Row::record).collect()
        })
    }

    fn prune_tokens(&self, at: Timestamp, entries: Vec<AuditEntry>) -> StoreFuture<'_, u64> {
        self.execute(async move |shared| prune(&shared, at, &entries).await)
    }

    fn tokens_after(
        &self,
        after: Option<TokenId>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<TokenAccess>> {
        self.query(async move |shared| {
            let values = values![after.unwrap_or(MIN_ID), limit];
            let rows = shared.query(Statement::SelectTokensAfter, values).await?;
            decode_batch(&rows)
        })
    }

    fn rotate_token(
        &self,
        token: TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome> {
        self.execute(async move |shared| rotate(&shared, token, &request, &entry).await)
    }

    fn rename_token(
        &self,
        request: RenameRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RenameOutcome> {
        self.execute(async move |shared| rename(&shared, &request, entry).await)
    }

    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome> {
        let (organization, token) = (organization.clone(), *token);
        self.execute(async move |shared| {
            let mut mutation = Mutation::begin(&shared).await?;
            let values = values![&organization, token];
            let rows = mutation.fetch(Statement::DeleteToken, values).await?;
            let Some(row) = rows.first() else {
                mutation.rollback().await?;
                return Ok(RevokeOutcome::NotFound);
            };
            mutation.token_changed(&row.digest()?).await?;
            mutation.commit(&[&entry]).await?;
            Ok(RevokeOutcome::Revoked)
        })
    }

    fn prune_nonces(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        self.query(async move |shared| {
            let mut session = shared.begin().await?;
            let statement = Statement::DeleteOldNonces;
            let deleted = shared.execute(&mut session, statement, values![before]).await?;
            session.end("commit").await?;
            Ok(deleted)
        })
    }

    fn record_uses<'a>(&'a self, uses: &'a [TokenUse], now: Timestamp) -> StoreFuture<'a, ()> {
        let uses = merge_by_token(uses, now);
        self.query(async move |shared| {
            shared.write(&[Statement::UpdateLastUsed], values![uses.as_slice(), now]).await
        })
    }
}

async fn prune(shared: &Shared, at: Timestamp, entries: &[AuditEntry]) -> Result<u64, SqlError> {
    let mut mutation = Mutation::begin(shared).await?;
    let mut pruned = Vec::new();
    for entry in entries {
        let AuditTarget::Token { organization, id } = &entry.subject else { continue };
        let values = values![organization, *id, at];
        let rows = mutation.fetch(Statement::DeleteExpiredToken, values).await?;
        if let Some(row) = rows.first() {
            mutation.token_changed(&row.digest()?).await?;
            pruned.push(entry);
        }
    }
    if pruned.is_empty() {
        mutation.rollback().await?;
    } else {
        mutation.commit(&pruned).await?;
    }
    Ok(u64::try_from(pruned.len()).unwrap_or(u64::MAX))
}

/// One entry per token, with its first and its last use, none of them ahead of now. Ordered by id.
fn merge_by_token(uses: &[TokenUse], now: Timestamp) -> Vec<TokenUse> {
    let mut merged: BTreeMap<_, TokenUse> = BTreeMap::new();
    for token_use in uses.iter().map(|token_use| token_use.not_after(now)) {
        let entry = merged.entry(token_use.token).or_insert(token_use);
        if entry.last_at < token_use.last_at {
            entry.last_at = token_use.last_at;
            entry.last_by = token_use.last_by;
        }
    }
    merged.into_values().collect()
}
