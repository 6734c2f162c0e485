use std::collections::BTreeMap;

use dualkey_limit::Timestamp;
use dualkey_store::{
    AuditEntry, AuditTarget, DigestMethod, FormNonce, IssueOutcome, IssueRequest, OrganizationId,
    Page, RenameOutcome, RenameRequest, RevokeOutcome, RotateOutcome, RotationRequest, StoreFuture,
    StoredToken, TokenId, TokenRecord, TokenStatus, TokenStore, TokenUse,
};
use dualkey_token::TokenDigest;

use crate::error::SqlError;
use crate::mutation::Mutation;
use crate::row::{Row, UNPEPPERED};
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
    ) -> StoreFuture<'_, Vec<StoredToken>> {
        self.query(async move |shared| {
            let values = values![after.unwrap_or(MIN_ID), limit];
            let rows = shared.query(Statement::SelectTokensAfter, values).await?;
            rows.iter().map(Row::token).collect()
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

/// Adds a token, unless it is refused. The caller commits or rolls back.
async fn issue(
    mutation: &mut Mutation<'_>,
    request: &IssueRequest,
) -> Result<IssueOutcome, SqlError> {
    let IssueRequest { token, max_tokens, nonce } = request;
    let TokenRecord { id, organization, name, created_at, .. } = &token.record;
    if let Some(token) = token_of(mutation, organization, nonce.as_ref()).await? {
        return Ok(IssueOutcome::AlreadyDone(token));
    }
    if !has_room(mutation, &token.record, *max_tokens).await? {
        return Ok(IssueOutcome::TooManyTokens);
    }
    if is_name_taken(mutation, organization, name, *id, *created_at).await? {
        return Ok(IssueOutcome::NameTaken);
    }
    insert(mutation, token, nonce.as_ref()).await?;
    Ok(IssueOutcome::Issued)
}

/// The token that the first use of this nonce issued.
async fn token_of(
    mutation: &mut Mutation<'_>,
    organization: &OrganizationId,
    nonce: Option<&FormNonce>,
) -> Result<Option<TokenId>, SqlError> {
    let Some(nonce) = nonce else { return Ok(None) };
    let values = values![organization, nonce.as_bytes()];
    let rows = mutation.fetch(Statement::SelectNonce, values).await?;
    rows.first().map(|row| row.token_id("token")).transpose()
}

async fn rename(
    shared: &Shared,
    request: &RenameRequest,
    entry: AuditEntry,
) -> Result<RenameOutcome, SqlError> {
    let RenameRequest { organization, token: id, name, at } = request;
    let mut mutation = Mutation::begin(shared).await?;
    let rows = mutation.fetch(Statement::SelectToken, values![organization, *id]).await?;
    let Some(row) = rows.first() else {
        mutation.rollback().await?;
        return Ok(RenameOutcome::NotFound);
    };
    let StoredToken { digest, record } = row.token()?;
    if record.name == *name {
        mutation.rollback().await?;
        return Ok(RenameOutcome::Renamed(record));
    }
    let is_active = record.status(*at) == TokenStatus::Active;
    if is_active && is_name_taken(&mut mutation, organization, name, *id, *at).await? {
        mutation.rollback().await?;
        return Ok(RenameOutcome::NameTaken);
    }
    mutation.execute(Statement::RenameToken, values![*id, name]).await?;
    mutation.token_changed(&digest).await?;
    let detail = request.detail(&record.name);
    mutation.commit(&[&AuditEntry { detail, ..entry }]).await?;
    Ok(RenameOutcome::Renamed(TokenRecord { name: name.clone(), ..record }))
}

/// Whether another active token of the organization has this name.
async fn is_name_taken(
    mutation: &mut Mutation<'_>,
    organization: &OrganizationId,
    name: &String,
    id: TokenId,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let values = values![organization, name, id, at];
    Ok(!mutation.fetch(Statement::SelectActiveTokenByName, values).await?.is_empty())
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

async fn rotate(
    shared: &Shared,
    token: TokenId,
    request: &RotationRequest,
    entry: &AuditEntry,
) -> Result<RotateOutcome, SqlError> {
    let RotationRequest { successor, old_expires_at, max_tokens, nonce } = request;
    let new = &successor.record;
    let mut mutation = Mutation::begin(shared).await?;
    if let Some(token) = token_of(&mut mutation, &new.organization, nonce.as_ref()).await? {
        mutation.rollback().await?;
        return Ok(RotateOutcome::AlreadyDone(token));
    }
    let rows = mutation.fetch(Statement::SelectToken, values![&new.organization, token]).await?;
    let old = rows.first().map(Row::token).transpose()?;
    let old = match check_rotatable(old, new.created_at) {
        Ok(_) if !has_room(&mut mutation, new, *max_tokens).await? => {
            Err(RotateOutcome::TooManyTokens)
        }
        checked => checked,
    };
    let old = match old {
        Ok(old) => old,
        Err(refusal) => {
            mutation.rollback().await?;
            return Ok(refusal);
        }
    };
    let expires_at = old.record.expires_at.map_or(*old_expires_at, |at| at.min(*old_expires_at));
    mutation.execute(Statement::ReplaceToken, values![token, expires_at, new.id]).await?;
    mutation.token_changed(&old.digest).await?;
    insert(&mut mutation, successor, nonce.as_ref()).await?;
    mutation.commit(&[entry]).await?;
    Ok(RotateOutcome::Rotated)
}

fn check_rotatable(old: Option<StoredToken>, now: Timestamp) -> Result<StoredToken, RotateOutcome> {
    let old = old.ok_or(RotateOutcome::NotFound)?;
    if old.record.expires_at.is_some_and(|at| at <= now) {
        return Err(RotateOutcome::Expired);
    }
    if old.record.replaced_by.is_some() { Err(RotateOutcome::AlreadyRotated) } else { Ok(old) }
}

/// Whether the organization of a new token has fewer tokens that have not expired than this maximum.
async fn has_room(
    mutation: &mut Mutation<'_>,
    new: &TokenRecord,
    max_tokens: usize,
) -> Result<bool, SqlError> {
    let values = values![&new.organization, new.created_at];
    let rows = mutation.fetch(Statement::CountValidTokens, values).await?;
    let count = rows.first().map_or(Ok(0), |row| row.int("count"))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX) < max_tokens)
}

async fn insert(
    mutation: &mut Mutation<'_>,
    token: &StoredToken,
    nonce: Option<&FormNonce>,
) -> Result<(), SqlError> {
    let StoredToken { digest, record } = token;
    if record.scopes.iter().any(|name| name.is_empty() || name.contains(' ')) {
        return Err(SqlError::Encode("a scope name is empty or contains a space"));
    }
    let scopes = record.scopes.join(" ");
    let pepper = match record.digest_method {
        DigestMethod::Peppered(id) => Some(id.to_string()),
        DigestMethod::Unpeppered => Some(UNPEPPERED.to_owned()),
        DigestMethod::Unknown => None,
    };
    let values = values![
        record.id,
        &record.organization,
        digest.as_bytes(),
        &record.name,
        record.hint.as_str(),
        &scopes,
        record.created_at,
        record.expires_at,
        record.first_used_at,
        record.last_used_at,
        record.last_used_by,
        record.replaces,
        record.replaced_by,
        pepper.as_deref(),
    ];
    mutation.execute(Statement::InsertToken, values).await?;
    if let Some(nonce) = nonce {
        let values = values![&record.organization, nonce.as_bytes(), record.created_at, record.id];
        mutation.execute(Statement::InsertNonce, values).await?;
    }
    mutation.token_changed(digest).await
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
