use std::collections::{BTreeMap, HashMap, VecDeque};

use dualkey_token::TokenDigest;

use crate::{
    ApiKey, AuditEntry, InsertOutcome, LimitsChange, LimitsOutcome, OrganizationId, Partner,
    PartnerId, RotateOutcome, RotationRequest, StoreError, StoredToken, TokenId,
};

const MAX_TOKENS: usize = 1_000_000;
const MAX_PARTNERS: usize = 100_000;
const MAX_AUDIT_ENTRIES: usize = 100_000;

/// The tables of a store in memory, with their indexes.
#[derive(Default)]
pub(super) struct Records {
    /// Oldest first. Partners are never removed, so that indexes into this list stay valid.
    partners: Vec<Partner>,
    partner_index_by_key: HashMap<ApiKey, usize>,
    partner_index_by_id: HashMap<PartnerId, usize>,
    tokens: HashMap<TokenId, StoredToken>,
    token_id_by_digest: HashMap<[u8; 32], TokenId>,
    /// Oldest first in each organization.
    token_ids_by_organization: HashMap<OrganizationId, Vec<TokenId>>,
    /// The permits that each partner used, by day.
    pub(super) usage: HashMap<PartnerId, BTreeMap<i64, u64>>,
    /// Oldest first.
    pub(super) audit: VecDeque<AuditEntry>,
}

/// The result of [`Records::rotate_token`].
pub(super) enum Rotation {
    /// The successor is stored.
    Done { old_digest: TokenDigest },
    /// Nothing changed, for this reason.
    NotDone(RotateOutcome),
}

impl Records {
    pub(super) fn partner_count(&self) -> usize {
        self.partners.len()
    }

    pub(super) fn partners(&self) -> &[Partner] {
        &self.partners
    }

    pub(super) fn partner_by_key(&self, api_key: &ApiKey) -> Option<&Partner> {
        self.partners.get(*self.partner_index_by_key.get(api_key)?)
    }

    pub(super) fn insert_partner(
        &mut self,
        partner: Partner,
        entry: AuditEntry,
    ) -> Result<InsertOutcome, StoreError> {
        if self.partner_index_by_key.contains_key(&partner.api_key) {
            return Ok(InsertOutcome::Refused);
        }
        let index = self.partners.len();
        if index >= MAX_PARTNERS {
            return Err(StoreError::new("the memory store has its maximum of 100,000 partners"));
        }
        self.partner_index_by_key.insert(partner.api_key.clone(), index);
        self.partner_index_by_id.insert(partner.id, index);
        self.partners.push(partner);
        self.append(entry);
        Ok(InsertOutcome::Inserted)
    }

    pub(super) fn change_limits(
        &mut self,
        partner: PartnerId,
        change: LimitsChange,
        entry: AuditEntry,
    ) -> LimitsOutcome {
        let Some(partner) = self.partner_mut(partner) else { return LimitsOutcome::NotFound };
        match change.apply(partner.policy) {
            Ok(policy) => partner.policy = policy,
            Err(error) => return LimitsOutcome::Invalid(error),
        }
        let changed = partner.clone();
        self.append(AuditEntry { detail: changed.policy.to_string(), ..entry });
        LimitsOutcome::Changed(changed)
    }

    pub(super) fn set_enabled(
        &mut self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> Option<Partner> {
        let partner = self.partner_mut(partner)?;
        partner.enabled = enabled;
        let changed = partner.clone();
        self.append(entry);
        Some(changed)
    }

    fn partner_mut(&mut self, partner: PartnerId) -> Option<&mut Partner> {
        self.partners.get_mut(*self.partner_index_by_id.get(&partner)?)
    }

    pub(super) fn token_count(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn token_by_digest(&self, digest: &TokenDigest) -> Option<&StoredToken> {
        self.tokens.get(self.token_id_by_digest.get(digest.as_bytes())?)
    }

    pub(super) fn token(
        &self,
        organization: &OrganizationId,
        id: &TokenId,
    ) -> Option<&StoredToken> {
        self.tokens.get(id).filter(|token| token.record.organization == *organization)
    }

    pub(super) fn token_mut(&mut self, id: &TokenId) -> Option<&mut StoredToken> {
        self.tokens.get_mut(id)
    }

    /// An organization's tokens, newest first.
    pub(super) fn tokens_of(
        &self,
        organization: &OrganizationId,
    ) -> impl Iterator<Item = &StoredToken> {
        let ids = self.token_ids_by_organization.get(organization).into_iter().flatten().rev();
        ids.filter_map(|id| self.tokens.get(id))
    }

    pub(super) fn insert_token(
        &mut self,
        token: StoredToken,
        max_tokens: usize,
        entry: AuditEntry,
    ) -> Result<InsertOutcome, StoreError> {
        if self.token_count_of(&token.record.organization) >= max_tokens {
            return Ok(InsertOutcome::Refused);
        }
        self.check_room_for_token()?;
        self.add_token(token);
        self.append(entry);
        Ok(InsertOutcome::Inserted)
    }

    /// Adds the successor of a token, unless the token cannot be rotated.
    pub(super) fn rotate_token(
        &mut self,
        id: &TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> Result<Rotation, StoreError> {
        let RotationRequest { successor, old_expires_at, max_tokens } = request;
        let organization = &successor.record.organization;
        let Some(old) = self.token(organization, id) else {
            return Ok(Rotation::NotDone(RotateOutcome::NotFound));
        };
        if old.record.expires_at.is_some_and(|end| end <= successor.record.created_at) {
            return Ok(Rotation::NotDone(RotateOutcome::Expired));
        }
        if old.record.replaced_by.is_some() {
            return Ok(Rotation::NotDone(RotateOutcome::AlreadyRotated));
        }
        if self.token_count_of(organization) >= max_tokens {
            return Ok(Rotation::NotDone(RotateOutcome::Refused));
        }
        self.check_room_for_token()?;
        let old_digest = old.digest;
        if let Some(old) = self.tokens.get_mut(id) {
            let expiry = old.record.expires_at;
            old.record.expires_at =
                Some(expiry.map_or(old_expires_at, |end| end.min(old_expires_at)));
            old.record.replaced_by = Some(successor.record.id);
        }
        self.add_token(successor);
        self.append(entry);
        Ok(Rotation::Done { old_digest })
    }

    /// Removes a token, and returns its digest.
    pub(super) fn remove_token(
        &mut self,
        organization: &OrganizationId,
        id: &TokenId,
        entry: AuditEntry,
    ) -> Option<TokenDigest> {
        let digest = self.token(organization, id)?.digest;
        self.tokens.remove(id);
        self.token_id_by_digest.remove(digest.as_bytes());
        if let Some(ids) = self.token_ids_by_organization.get_mut(organization) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.token_ids_by_organization.remove(organization);
            }
        }
        self.append(entry);
        Some(digest)
    }

    fn add_token(&mut self, token: StoredToken) {
        let id = token.record.id;
        self.token_id_by_digest.insert(*token.digest.as_bytes(), id);
        self.token_ids_by_organization
            .entry(token.record.organization.clone())
            .or_default()
            .push(id);
        self.tokens.insert(id, token);
    }

    fn token_count_of(&self, organization: &OrganizationId) -> usize {
        self.token_ids_by_organization.get(organization).map_or(0, Vec::len)
    }

    fn check_room_for_token(&self) -> Result<(), StoreError> {
        if self.tokens.len() >= MAX_TOKENS {
            return Err(StoreError::new("the memory store has its maximum of 1,000,000 tokens"));
        }
        Ok(())
    }

    /// Appends to the audit trail, whose oldest entry is dropped when it is full.
    fn append(&mut self, entry: AuditEntry) {
        if self.audit.len() >= MAX_AUDIT_ENTRIES {
            self.audit.pop_front();
        }
        self.audit.push_back(entry);
    }
}
