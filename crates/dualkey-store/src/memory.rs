use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dualkey_limit::LimitPolicy;
use dualkey_token::TokenDigest;

use crate::{
    ApiKey, AuditEntry, AuditId, AuditStore, AuditTarget, Change, ChangeNotifier, DailyUsage,
    InsertOutcome, OrganizationId, Page, Partner, PartnerId, PartnerStore, RevokeOutcome,
    RotateOutcome, RotationRequest, Store, StoreError, StoreFuture, StoredToken, TokenId,
    TokenRecord, TokenStore, TokenUse, UsageStore,
};

/// A [`Store`] in memory, for tests, demonstrations and servers whose partners come from elsewhere:
/// it forgets everything when the process ends.
///
/// It holds up to 1,000,000 tokens and 100,000 partners, and refuses more with an error; of the audit
/// trail, the latest 100,000 entries.
pub struct MemoryStore {
    records: Mutex<Records>,
    changes: ChangeNotifier,
}

#[derive(Default)]
struct Records {
    partners: Vec<Partner>,
    partner_by_key: HashMap<ApiKey, usize>,
    partner_by_id: HashMap<PartnerId, usize>,
    tokens: HashMap<TokenId, StoredToken>,
    by_digest: HashMap<[u8; 32], TokenId>,
    /// Oldest first.
    by_organization: HashMap<OrganizationId, Vec<TokenId>>,
    usage: HashMap<PartnerId, (i64, u64)>,
    /// Oldest first.
    audit: VecDeque<AuditEntry>,
}

const MAX_TOKENS: usize = 1_000_000;
const MAX_PARTNERS: usize = 100_000;
const MAX_AUDIT_ENTRIES: usize = 100_000;

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { records: Mutex::default(), changes: ChangeNotifier::always_current() }
    }

    /// No code that holds the lock can leave records half changed, so a panic elsewhere is no reason
    /// to refuse.
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update_partner(
        &self,
        partner: PartnerId,
        update: impl FnOnce(&mut Partner),
        entry: AuditEntry,
    ) -> StoreFuture<'static, Option<Partner>> {
        let updated = self.records().update_partner(partner, update, entry);
        if let Some(partner) = &updated {
            self.changes.publish(&Change::Partner(partner.api_key.clone()));
        }
        done(updated)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

fn done<T: Send + 'static>(answer: T) -> StoreFuture<'static, T> {
    Box::pin(ready(Ok(answer)))
}

fn full<T: Send + 'static>(what: &'static str) -> StoreFuture<'static, T> {
    Box::pin(ready(Err(StoreError::new(what))))
}

impl Records {
    fn update_partner(
        &mut self,
        partner: PartnerId,
        update: impl FnOnce(&mut Partner),
        entry: AuditEntry,
    ) -> Option<Partner> {
        let at = *self.partner_by_id.get(&partner)?;
        let partner = self.partners.get_mut(at)?;
        update(partner);
        let updated = partner.clone();
        self.note(entry);
        Some(updated)
    }

    fn note(&mut self, entry: AuditEntry) {
        if self.audit.len() >= MAX_AUDIT_ENTRIES {
            self.audit.pop_front();
        }
        self.audit.push_back(entry);
    }

    fn count(&self, organization: &OrganizationId) -> usize {
        self.by_organization.get(organization).map_or(0, Vec::len)
    }

    fn token_mut(
        &mut self,
        organization: &OrganizationId,
        id: &TokenId,
    ) -> Option<&mut StoredToken> {
        self.tokens.get_mut(id).filter(|token| token.record.organization == *organization)
    }

    fn insert(&mut self, token: StoredToken) {
        let id = token.record.id;
        self.by_digest.insert(*token.digest.as_bytes(), id);
        self.by_organization.entry(token.record.organization.clone()).or_default().push(id);
        self.tokens.insert(id, token);
    }

    fn remove(
        &mut self,
        organization: &OrganizationId,
        id: &TokenId,
        entry: AuditEntry,
    ) -> Option<TokenDigest> {
        let digest = self.token_mut(organization, id)?.digest;
        self.tokens.remove(id);
        self.by_digest.remove(digest.as_bytes());
        if let Some(ids) = self.by_organization.get_mut(organization) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.by_organization.remove(organization);
            }
        }
        self.note(entry);
        Some(digest)
    }
}

impl Store for MemoryStore {
    fn changes(&self) -> &ChangeNotifier {
        &self.changes
    }
}

impl PartnerStore for MemoryStore {
    fn insert_partner(
        &self,
        partner: Partner,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome> {
        let api_key = partner.api_key.clone();
        {
            let mut records = self.records();
            if records.partner_by_key.contains_key(&api_key) {
                return done(InsertOutcome::Refused);
            }
            let at = records.partners.len();
            if at >= MAX_PARTNERS {
                return full("the store in memory holds as many partners as it may");
            }
            records.partner_by_key.insert(api_key.clone(), at);
            records.partner_by_id.insert(partner.id, at);
            records.partners.push(partner);
            records.note(entry);
        }
        self.changes.publish(&Change::Partner(api_key));
        done(InsertOutcome::Inserted)
    }

    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>> {
        let records = self.records();
        let at = records.partner_by_key.get(api_key);
        done(at.and_then(|at| records.partners.get(*at)).cloned())
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        done(self.records().partners.clone())
    }

    fn set_limits(
        &self,
        partner: PartnerId,
        policy: LimitPolicy,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.update_partner(partner, |partner| partner.policy = policy, entry)
    }

    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.update_partner(partner, |partner| partner.enabled = enabled, entry)
    }
}

impl TokenStore for MemoryStore {
    fn insert_token(
        &self,
        token: StoredToken,
        max_tokens: usize,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome> {
        let digest = token.digest;
        {
            let mut records = self.records();
            if records.count(&token.record.organization) >= max_tokens {
                return done(InsertOutcome::Refused);
            }
            if records.tokens.len() >= MAX_TOKENS {
                return full("the store in memory holds as many tokens as it may");
            }
            records.insert(token);
            records.note(entry);
        }
        self.changes.publish(&Change::Token(digest));
        done(InsertOutcome::Inserted)
    }

    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>> {
        let records = self.records();
        let id = records.by_digest.get(digest.as_bytes());
        done(id.and_then(|id| records.tokens.get(id)).cloned())
    }

    fn token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        let mut records = self.records();
        done(records.token_mut(organization, token).map(|token| token.record.clone()))
    }

    fn tokens<'a>(
        &'a self,
        organization: &'a OrganizationId,
        page: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        let records = self.records();
        let ids = records.by_organization.get(organization).into_iter().flatten().rev();
        let ids = ids.filter(|id| page.after.is_none_or(|after| **id < after));
        let tokens = ids.filter_map(|id| Some(records.tokens.get(id)?.record.clone()));
        done(tokens.take(count(page.limit)).collect())
    }

    fn rotate_token(
        &self,
        token: TokenId,
        request: RotationRequest,
        entry: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome> {
        let RotationRequest { successor, old_expires_at, max_tokens } = request;
        let digests = {
            let mut records = self.records();
            let organization = successor.record.organization.clone();
            let is_full = records.count(&organization) >= max_tokens;
            let is_crowded = records.tokens.len() >= MAX_TOKENS;
            let Some(old) = records.token_mut(&organization, &token) else {
                return done(RotateOutcome::NotFound);
            };
            if old.record.expires_at.is_some_and(|end| end <= successor.record.created_at) {
                return done(RotateOutcome::Expired);
            }
            if old.record.replaced_by.is_some() {
                return done(RotateOutcome::AlreadyRotated);
            }
            if is_full {
                return done(RotateOutcome::Refused);
            }
            if is_crowded {
                return full("the store in memory holds as many tokens as it may");
            }
            let expires_at =
                old.record.expires_at.map_or(old_expires_at, |end| end.min(old_expires_at));
            old.record.expires_at = Some(expires_at);
            old.record.replaced_by = Some(successor.record.id);
            let digests = [old.digest, successor.digest];
            records.insert(successor);
            records.note(entry);
            digests
        };
        for digest in digests {
            self.changes.publish(&Change::Token(digest));
        }
        done(RotateOutcome::Rotated)
    }

    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        entry: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome> {
        let removed = self.records().remove(organization, token, entry);
        match removed {
            Some(digest) => {
                self.changes.publish(&Change::Token(digest));
                done(RevokeOutcome::Revoked)
            }
            None => done(RevokeOutcome::NotFound),
        }
    }

    fn record_uses<'a>(&'a self, uses: &'a [TokenUse]) -> StoreFuture<'a, ()> {
        let mut records = self.records();
        for TokenUse { token, first_at, last_at } in uses {
            if let Some(token) = records.tokens.get_mut(token) {
                token.record.first_used_at.get_or_insert(*first_at);
                token.record.last_used_at = token.record.last_used_at.max(Some(*last_at));
            }
        }
        done(())
    }
}

impl UsageStore for MemoryStore {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        done(match self.records().usage.get(&partner) {
            Some((latest, permits)) if *latest == day => *permits,
            _ => 0,
        })
    }

    fn usages(&self) -> StoreFuture<'_, Vec<DailyUsage>> {
        let records = self.records();
        let usages = records.usage.iter();
        let usages = usages.map(|(&partner, &(day, permits))| DailyUsage { partner, day, permits });
        done(usages.collect())
    }

    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()> {
        let mut records = self.records();
        for usage in usages {
            let (latest, permits) = records.usage.entry(usage.partner).or_insert((usage.day, 0));
            if *latest < usage.day {
                (*latest, *permits) = (usage.day, 0);
            }
            if *latest == usage.day {
                *permits = permits.saturating_add(usage.permits);
            }
        }
        done(())
    }
}

impl AuditStore for MemoryStore {
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        let is_of = |entry: &&AuditEntry| match &entry.subject {
            AuditTarget::Token { organization: of, .. } => organization == Some(of),
            AuditTarget::Partner { .. } => organization.is_none(),
        };
        let records = self.records();
        let entries = records.audit.iter().rev().filter(is_of);
        let entries = entries.filter(|entry| page.after.is_none_or(|after| entry.id < after));
        done(entries.take(count(page.limit)).cloned().collect())
    }
}

fn count(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Shows how much is kept, and none of it.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.records();
        f.debug_struct("MemoryStore")
            .field("partners", &records.partners.len())
            .field("tokens", &records.tokens.len())
            .finish_non_exhaustive()
    }
}
