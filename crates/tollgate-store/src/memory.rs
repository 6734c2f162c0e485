use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tollgate_limit::{LimitPolicy, Timestamp};
use tollgate_token::TokenDigest;

use crate::{
    Change, Changes, Insertion, LimitStore, OrganizationId, Partner, PartnerId, PartnerStore,
    Revocation, Rotation, Store, StoreError, StoreFuture, StoredToken, TokenId, TokenRecord,
    TokenStore, TokenUse, Usage,
};

/// A [`Store`] in memory, for tests, demonstrations and servers whose partners come from elsewhere:
/// it forgets everything when the process ends.
///
/// It holds up to 1,000,000 tokens and 100,000 partners, and refuses more with an error.
#[derive(Default)]
pub struct MemoryStore {
    records: Mutex<Records>,
    changes: Changes,
}

#[derive(Default)]
struct Records {
    partners: Vec<Partner>,
    partner_by_key: HashMap<String, usize>,
    tokens: HashMap<TokenId, StoredToken>,
    by_digest: HashMap<[u8; 32], TokenId>,
    /// Oldest first.
    by_organization: HashMap<OrganizationId, Vec<TokenId>>,
    usage: HashMap<PartnerId, (i64, u64)>,
}

const MAX_TOKENS: usize = 1_000_000;
const MAX_PARTNERS: usize = 100_000;

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No code that holds the lock can leave records half changed, so a panic elsewhere is no reason
    /// to refuse.
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update_partner(
        &self,
        api_key: &str,
        update: impl FnOnce(&mut Partner),
    ) -> StoreFuture<'static, Option<Partner>> {
        let updated = self.records().partner_mut(api_key).map(|partner| {
            update(partner);
            partner.clone()
        });
        if updated.is_some() {
            self.changes.publish(&Change::Partner(api_key.to_owned()));
        }
        done(updated)
    }
}

fn done<T: Send + 'static>(answer: T) -> StoreFuture<'static, T> {
    Box::pin(ready(Ok(answer)))
}

fn full<T: Send + 'static>(what: &'static str) -> StoreFuture<'static, T> {
    Box::pin(ready(Err(StoreError::new(what))))
}

impl Records {
    fn partner_mut(&mut self, api_key: &str) -> Option<&mut Partner> {
        let at = self.partner_by_key.get(api_key)?;
        self.partners.get_mut(*at)
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

    fn remove(&mut self, organization: &OrganizationId, id: &TokenId) -> Option<TokenDigest> {
        let digest = self.token_mut(organization, id)?.digest;
        self.tokens.remove(id);
        self.by_digest.remove(digest.as_bytes());
        if let Some(ids) = self.by_organization.get_mut(organization) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.by_organization.remove(organization);
            }
        }
        Some(digest)
    }
}

impl Store for MemoryStore {
    fn changes(&self) -> &Changes {
        &self.changes
    }
}

impl PartnerStore for MemoryStore {
    fn insert_partner(&self, partner: Partner) -> StoreFuture<'_, Insertion> {
        let api_key = partner.api_key.clone();
        {
            let mut records = self.records();
            if records.partner_by_key.contains_key(&api_key) {
                return done(Insertion::Refused);
            }
            let at = records.partners.len();
            if at >= MAX_PARTNERS {
                return full("the store in memory holds as many partners as it may");
            }
            records.partner_by_key.insert(api_key.clone(), at);
            records.partners.push(partner);
        }
        self.changes.publish(&Change::Partner(api_key));
        done(Insertion::Inserted)
    }

    fn partner_by_key<'a>(&'a self, api_key: &'a str) -> StoreFuture<'a, Option<Partner>> {
        done(self.records().partner_mut(api_key).cloned())
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        done(self.records().partners.clone())
    }

    fn set_limits<'a>(
        &'a self,
        api_key: &'a str,
        policy: LimitPolicy,
    ) -> StoreFuture<'a, Option<Partner>> {
        self.update_partner(api_key, |partner| partner.policy = policy)
    }

    fn set_enabled<'a>(
        &'a self,
        api_key: &'a str,
        enabled: bool,
    ) -> StoreFuture<'a, Option<Partner>> {
        self.update_partner(api_key, |partner| partner.enabled = enabled)
    }
}

impl TokenStore for MemoryStore {
    fn insert_token(&self, token: StoredToken, bound: usize) -> StoreFuture<'_, Insertion> {
        let digest = token.digest;
        {
            let mut records = self.records();
            if records.count(&token.record.organization) >= bound {
                return done(Insertion::Refused);
            }
            if records.tokens.len() >= MAX_TOKENS {
                return full("the store in memory holds as many tokens as it may");
            }
            records.insert(token);
        }
        self.changes.publish(&Change::Token(digest));
        done(Insertion::Inserted)
    }

    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>> {
        let records = self.records();
        let id = records.by_digest.get(digest.as_bytes());
        done(id.and_then(|id| records.tokens.get(id)).cloned())
    }

    fn tokens<'a>(&'a self, organization: &'a OrganizationId) -> StoreFuture<'a, Vec<TokenRecord>> {
        let records = self.records();
        let ids = records.by_organization.get(organization).into_iter().flatten().rev();
        done(ids.filter_map(|id| Some(records.tokens.get(id)?.record.clone())).collect())
    }

    fn rotate_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
        successor: StoredToken,
        old_expires_at: Timestamp,
        bound: usize,
    ) -> StoreFuture<'a, Rotation> {
        let digests = {
            let mut records = self.records();
            let is_full = records.count(organization) >= bound;
            let is_crowded = records.tokens.len() >= MAX_TOKENS;
            let Some(old) = records.token_mut(organization, token) else {
                return done(Rotation::NotFound);
            };
            if old.record.expires_at.is_some_and(|end| end <= successor.record.created_at) {
                return done(Rotation::Expired);
            }
            if old.record.replaced_by.is_some() {
                return done(Rotation::AlreadyRotated);
            }
            if is_full {
                return done(Rotation::Refused);
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
            digests
        };
        for digest in digests {
            self.changes.publish(&Change::Token(digest));
        }
        done(Rotation::Rotated)
    }

    fn revoke_token<'a>(
        &'a self,
        organization: &'a OrganizationId,
        token: &'a TokenId,
    ) -> StoreFuture<'a, Revocation> {
        let removed = self.records().remove(organization, token);
        match removed {
            Some(digest) => {
                self.changes.publish(&Change::Token(digest));
                done(Revocation::Revoked)
            }
            None => done(Revocation::NotFound),
        }
    }

    fn note_uses<'a>(&'a self, uses: &'a [TokenUse]) -> StoreFuture<'a, ()> {
        let mut records = self.records();
        for TokenUse { token, at } in uses {
            if let Some(token) = records.tokens.get_mut(token) {
                token.record.last_used_at = token.record.last_used_at.max(Some(*at));
            }
        }
        done(())
    }
}

impl LimitStore for MemoryStore {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        done(match self.records().usage.get(&partner) {
            Some((latest, permits)) if *latest == day => *permits,
            _ => 0,
        })
    }

    fn add_usage<'a>(&'a self, usages: &'a [Usage]) -> StoreFuture<'a, ()> {
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
