use dualkey_limit::Timestamp;
use dualkey_token::TokenDigest;

use super::{Records, Rotation};
use crate::{
    AuditEntry, IssueOutcome, IssueRequest, OrganizationId, RenameOutcome, RenameRequest,
    RotateOutcome, RotationRequest, StoreError, StoredToken, TokenId, TokenRecord, TokenStatus,
};

/// Changes that a name, a nonce or the number of tokens may prevent.
impl Records {
    pub(in crate::memory) fn insert_token(
        &mut self,
        request: IssueRequest,
        entry: AuditEntry,
    ) -> Result<IssueOutcome, StoreError> {
        let IssueRequest { token, max_tokens, nonce } = request;
        let TokenRecord { id, organization, name, created_at, .. } = &token.record;
        if let Some(token) = self.nonces.token(organization, nonce.as_ref()) {
            return Ok(IssueOutcome::AlreadyDone(token));
        }
        if self.valid_token_count(organization, *created_at) >= max_tokens {
            return Ok(IssueOutcome::TooManyTokens);
        }
        if self.is_name_taken(organization, name, id, *created_at) {
            return Ok(IssueOutcome::NameTaken);
        }
        self.check_room_for_token()?;
        self.add_token(token, nonce);
        self.append(entry);
        Ok(IssueOutcome::Issued)
    }

    /// Renames a token. Returns its digest too if its name changed.
    pub(in crate::memory) fn rename_token(
        &mut self,
        request: &RenameRequest,
        entry: AuditEntry,
    ) -> (RenameOutcome, Option<TokenDigest>) {
        let RenameRequest { organization, token: id, name, at } = request;
        let Some(StoredToken { digest, record }) = self.token(organization, id) else {
            return (RenameOutcome::NotFound, None);
        };
        if record.name == *name {
            return (RenameOutcome::Renamed(record.clone()), None);
        }
        let is_active = record.status(*at) == TokenStatus::Active;
        if is_active && self.is_name_taken(organization, name, id, *at) {
            return (RenameOutcome::NameTaken, None);
        }
        let (digest, old_name) = (*digest, record.name.clone());
        let renamed = TokenRecord { name: name.clone(), ..record.clone() };
        self.tokens.insert(*id, StoredToken { digest, record: renamed.clone() });
        self.append(AuditEntry { detail: request.detail(&old_name), ..entry });
        (RenameOutcome::Renamed(renamed), Some(digest))
    }

    /// Whether another active token of the organization has this name.
    fn is_name_taken(
        &self,
        organization: &OrganizationId,
        name: &str,
        id: &TokenId,
        at: Timestamp,
    ) -> bool {
        self.tokens_of(organization).any(|StoredToken { record, .. }| {
            record.name == name && record.id != *id && record.status(at) == TokenStatus::Active
        })
    }

    /// Adds the successor of a token, unless the token cannot be rotated.
    pub(in crate::memory) fn rotate_token(
        &mut self,
        id: &TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> Result<Rotation, StoreError> {
        let RotationRequest { successor, old_expires_at, max_tokens, nonce } = request;
        let organization = &successor.record.organization;
        if let Some(token) = self.nonces.token(organization, nonce.as_ref()) {
            return Ok(Rotation::NotDone(RotateOutcome::AlreadyDone(token)));
        }
        let Some(old) = self.token(organization, id) else {
            return Ok(Rotation::NotDone(RotateOutcome::NotFound));
        };
        if old.record.expires_at.is_some_and(|end| end <= successor.record.created_at) {
            return Ok(Rotation::NotDone(RotateOutcome::Expired));
        }
        if old.record.replaced_by.is_some() {
            return Ok(Rotation::NotDone(RotateOutcome::AlreadyRotated));
        }
        if self.valid_token_count(organization, successor.record.created_at) >= max_tokens {
            return Ok(Rotation::NotDone(RotateOutcome::TooManyTokens));
        }
        self.check_room_for_token()?;
        let old_digest = old.digest;
        if let Some(old) = self.tokens.get_mut(id) {
            let expiry = old.record.expires_at;
            let new_expiry = expiry.map_or(old_expires_at, |end| end.min(old_expires_at));
            old.record.expires_at = Some(new_expiry);
            old.record.replaced_by = Some(successor.record.id);
            if let Some(tokens) = self.tokens_by_organization.get_mut(organization) {
                tokens.change_expiry(*id, expiry, new_expiry);
            }
        }
        self.add_token(successor, nonce);
        self.append(entry);
        Ok(Rotation::Done { old_digest })
    }
}
