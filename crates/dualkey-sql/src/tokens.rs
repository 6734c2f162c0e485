use std::collections::BTreeMap;

use dualkey_limit::Timestamp;
use dualkey_store::{
    AuditEntry, InsertOutcome, OrganizationId, Page, RevokeOutcome, RotateOutcome, RotationRequest,
    StoreFuture, StoredToken, TokenId, TokenRecord, TokenStore, TokenUse,
};
use dualkey_token::TokenDigest;

use crate::mutation::Mutation;
use crate::row::Row;
use crate::shared::Shared;
use crate::statement::Statement;
use crate::value::values;
use crate::{SqlError, SqlStore};

/// Greater than all ids that are drawn.
const LAST: TokenId = TokenId::from_bytes([0xff; 16]);

impl TokenStore for SqlStore {
    fn insert_token(
        &self,
        token: StoredToken,
        max_tokens: usize,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome> {
        self.change(async move |shared| {
            let mut mutation = Mutation::begin(&shared).await?;
            if !mutation.has_room(&token.record.organization, max_tokens).await? {
                mutation.undo().await?;
                return Ok(InsertOutcome::Refused);
            }
            mutation.insert(&token).await?;
            mutation.commit(&entry).await?;
            Ok(InsertOutcome::Inserted)
        })
    }

    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>> {
        let digest = *digest;
        self.ask(async move |shared| {
            let rows = shared.ask(Statement::TokenByDigest, values![digest.as_bytes()]).await?;
            rows.first().map(Row::token).transpose()
        })
    }

    fn token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        let (organization, token) = (organization.clone(), *token);
        self.ask(async move |shared| {
            let rows = shared.ask(Statement::TokenOf, values![&organization, token]).await?;
            rows.first().map(Row::record).transpose()
        })
    }

    fn tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        page: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        let organization = organization.clone();
        self.ask(async move |shared| {
            let values = values![&organization, page.after.unwrap_or(LAST), page.limit];
            let rows = shared.ask(Statement::TokensPage, values).await?;
            rows.iter().map(Row::record).collect()
        })
    }

    fn rotate_token(
        &self,
        token: TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome> {
        self.change(async move |shared| rotate(&shared, token, &request, &entry).await)
    }

    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome> {
        let (organization, token) = (organization.clone(), *token);
        self.change(async move |shared| {
            let mut mutation = Mutation::begin(&shared).await?;
            let values = values![&organization, token];
            let rows = mutation.fetch(Statement::DeleteToken, values).await?;
            let Some(row) = rows.first() else {
                mutation.undo().await?;
                return Ok(RevokeOutcome::NotFound);
            };
            mutation.token_changed(&row.digest()?).await?;
            mutation.commit(&entry).await?;
            Ok(RevokeOutcome::Revoked)
        })
    }

    fn record_uses<'a>(&'a self, uses: &'a [TokenUse]) -> StoreFuture<'a, ()> {
        let uses = one_for_each_token(uses);
        self.ask(async move |shared| {
            shared.write(Statement::NoteUses, values![uses.as_slice()]).await
        })
    }
}

async fn rotate(
    shared: &Shared,
    token: TokenId,
    request: &RotationRequest,
    entry: &AuditEntry,
) -> Result<RotateOutcome, SqlError> {
    let RotationRequest { successor, old_expires_at, max_tokens } = request;
    let new = &successor.record;
    let mut mutation = Mutation::begin(shared).await?;
    let rows = mutation.fetch(Statement::TokenOf, values![&new.organization, token]).await?;
    let old = rows.first().map(Row::token).transpose()?;
    let old = match rotatable(old, new.created_at) {
        Ok(_) if !mutation.has_room(&new.organization, *max_tokens).await? => {
            Err(RotateOutcome::Refused)
        }
        rotatable => rotatable,
    };
    let old = match old {
        Ok(old) => old,
        Err(refusal) => {
            mutation.undo().await?;
            return Ok(refusal);
        }
    };
    let end = old.record.expires_at.map_or(*old_expires_at, |end| end.min(*old_expires_at));
    mutation.execute(Statement::EndToken, values![token, end, new.id]).await?;
    mutation.token_changed(&old.digest).await?;
    mutation.insert(successor).await?;
    mutation.commit(entry).await?;
    Ok(RotateOutcome::Rotated)
}

fn rotatable(old: Option<StoredToken>, now: Timestamp) -> Result<StoredToken, RotateOutcome> {
    let old = old.ok_or(RotateOutcome::NotFound)?;
    if old.record.expires_at.is_some_and(|end| end <= now) {
        return Err(RotateOutcome::Expired);
    }
    if old.record.replaced_by.is_some() { Err(RotateOutcome::AlreadyRotated) } else { Ok(old) }
}

impl Mutation<'_> {
    async fn has_room(
        &mut self,
        organization: &OrganizationId,
        max_tokens: usize,
    ) -> Result<bool, SqlError> {
        let rows = self.fetch(Statement::CountTokens, values![organization]).await?;
        let count = rows.first().map_or(Ok(0), |row| row.int("count"))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX) < max_tokens)
    }

    async fn insert(&mut self, token: &StoredToken) -> Result<(), SqlError> {
        let StoredToken { digest, record } = token;
        if record.scopes.iter().any(|name| name.is_empty() || name.contains(' ')) {
            return Err(SqlError::Encode("the name of a scope holds a space, or nothing"));
        }
        let scopes = record.scopes.join(" ");
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
            record.replaces,
            record.replaced_by,
        ];
        self.execute(Statement::InsertToken, values).await?;
        self.token_changed(digest).await
    }
}

/// In the order of their ids.
fn one_for_each_token(uses: &[TokenUse]) -> Vec<TokenUse> {
    let mut latest: BTreeMap<_, TokenUse> = BTreeMap::new();
    for noted in uses {
        let kept = latest.entry(noted.token).or_insert(*noted);
        kept.last_at = kept.last_at.max(noted.last_at);
    }
    latest.into_values().collect()
}
