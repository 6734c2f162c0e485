mod issue;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;

use dualkey_limit::Timestamp;
use dualkey_token::TokenDigest;

use super::nonces::Nonces;
use super::organization::OrganizationTokens;
use crate::{
    ApiKey, AuditEntry, AuditTarget, DigestMethod, FormNonce, InsertOutcome, LimitsChange,
    LimitsOutcome, OrganizationId, Page, Partner, PartnerId, RotateOutcome, StoreError,
    StoredToken, TokenId, TokenRecord,
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
    tokens: BTreeMap<TokenId, StoredToken>,
    token_id_by_digest: HashMap<[u8; 32], TokenId>,
    tokens_by_organization: HashMap<OrganizationId, OrganizationTokens>,
    pub(super) nonces: Nonces,
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
        let tokens = self.tokens_by_organization.get(organization).into_iter();
        let ids = tokens.flat_map(OrganizationTokens::newest_first);
        ids.filter_map(|id| self.tokens.get(&id))
    }

    pub(super) fn unpeppered_tokens(&self, page: Page<TokenId>) -> Vec<TokenRecord> {
        let is_listed = |token: &&TokenRecord| {
            !matches!(token.digest_method, DigestMethod::Peppered(_))
                && page.after.is_none_or(|after| token.id < after)
        };
        let mut tokens: Vec<_> =
            self.tokens.values().map(|token| &token.record).filter(is_listed).collect();
        tokens.sort_unstable_by_key(|token| Reverse(token.id));
        tokens.into_iter().take(page.max_items()).cloned().collect()
    }

    /// Tokens that have expired at this time, in the order of their expiries.
    pub(super) fn expired_tokens(
        &self,
        organization: Option<&OrganizationId>,
        at: Timestamp,
        limit: usize,
    ) -> Vec<TokenRecord> {
        let mut expired: Vec<_> = match organization {
            Some(organization) => {
                let tokens = self.tokens_by_organization.get(organization).into_iter();
                tokens.flat_map(|tokens| tokens.expired(at)).collect()
            }
            None => {
                self.tokens_by_organization.values().flat_map(|tokens| tokens.expired(at)).collect()
            }
        };
        expired.sort_unstable();
        let records =
            expired.iter().filter_map(|(_, id)| Some(self.tokens.get(id)?.record.clone()));
        records.take(limit).collect()
    }

    /// An organization's active tokens that expire after a time and until another, in this order.
    pub(super) fn expiring_tokens(
        &self,
        organization: &OrganizationId,
        after: Timestamp,
        until: Timestamp,
    ) -> Vec<TokenRecord> {
        let tokens = self.tokens_by_organization.get(organization).into_iter();
        let expiring = tokens.flat_map(|tokens| tokens.expiring(after));
        let expiring = expiring.take_while(|(expiry, _)| *expiry <= until);
        let records = expiring.filter_map(|(_, id)| Some(&self.tokens.get(&id)?.record));
        records.filter(|token| token.replaced_by.is_none()).cloned().collect()
    }

    /// The tokens of all organizations whose ids are greater, in ascending order.
    pub(super) fn tokens_after(
        &self,
        after: Option<TokenId>,
    ) -> impl Iterator<Item = &StoredToken> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.tokens.range((start, Bound::Unbounded)).map(|(_, token)| token)
    }

    /// Removes those of the tokens that the entries are about which have expired at this time, and returns
    /// their digests.
    pub(super) fn prune_tokens(
        &mut self,
        at: Timestamp,
        entries: Vec<AuditEntry>,
    ) -> Vec<TokenDigest> {
        let prune = |entry: AuditEntry| {
            let AuditTarget::Token { organization, id } = entry.subject.clone() else {
                return None;
            };
            let token = self.token(&organization, &id)?;
            token.record.expires_at.filter(|expiry| *expiry <= at)?;
            self.remove_token(&organization, &id, entry)
        };
        entries.into_iter().filter_map(prune).collect()
    }

    /// Removes a token, and returns its digest.
    pub(super) fn remove_token(
        &mut self,
        organization: &OrganizationId,
        id: &TokenId,
        entry: AuditEntry,
    ) -> Option<TokenDigest> {
        let StoredToken { digest, record } = self.token(organization, id)?;
        let (digest, expires_at) = (*digest, record.expires_at);
        self.tokens.remove(id);
        self.token_id_by_digest.remove(digest.as_bytes());
        if let Some(tokens) = self.tokens_by_organization.get_mut(organization) {
            tokens.remove(*id, expires_at);
            if tokens.is_empty() {
                self.tokens_by_organization.remove(organization);
            }
        }
        self.append(entry);
        Some(digest)
    }

    fn add_token(&mut self, token: StoredToken, nonce: Option<FormNonce>) {
        let id = token.record.id;
        if let Some(nonce) = nonce {
            self.nonces.add(&token.record.organization, &nonce, token.record.created_at, id);
        }
        self.token_id_by_digest.insert(*token.digest.as_bytes(), id);
        let organization = token.record.organization.clone();
        let tokens = self.tokens_by_organization.entry(organization).or_default();
        tokens.add(id, token.record.expires_at);
        self.tokens.insert(id, token);
    }

    fn valid_token_count(&self, organization: &OrganizationId, now: Timestamp) -> usize {
        let tokens = self.tokens_by_organization.get(organization);
        tokens.map_or(0, |tokens| tokens.valid_count(now))
    }

    fn check_room_for_token(&self) -> Result<(), StoreError> {
        if self.tokens.len() >= MAX_TOKENS {
            return Err(StoreError::new("the memory store has its maximum of 1,000,000 tokens"));
        }
        self.nonces.check_room()
    }

    /// Appends to the audit trail, whose oldest entry is dropped when it is full.
    fn append(&mut self, entry: AuditEntry) {
        if self.audit.len() >= MAX_AUDIT_ENTRIES {
            self.audit.pop_front();
        }
        self.audit.push_back(entry);
    }
}
