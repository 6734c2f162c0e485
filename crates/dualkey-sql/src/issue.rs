use dualkey_limit::Timestamp;
use dualkey_store::{
    AuditEntry, DigestMethod, FormNonce, IssueOutcome, IssueRequest, OrganizationId, RenameOutcome,
    RenameRequest, RotateOutcome, RotationRequest, StoredToken, TokenId, TokenRecord, TokenStatus,
};

use crate::error::SqlError;
use crate::mutation::Mutation;
use crate::row::{Row, UNPEPPERED};
use crate::shared::Shared;
use crate::statement::Statement;
use crate::value::values;

/// Adds a token, unless it is refused. The caller commits or rolls back.
pub(crate) async fn issue(
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

pub(crate) async fn rename(
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

pub(crate) async fn rotate(
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
