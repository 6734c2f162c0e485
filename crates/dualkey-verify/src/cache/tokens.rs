use std::cell::RefCell;
use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_scope::{Catalogue, ResolvedScopes, ScopeSet};
use dualkey_store::{OrganizationId, TokenAccess, TokenId};
use dualkey_token::TokenDigest;

use super::coverage::Coverage;
use super::freshness::{CacheLookup, RequestTime, is_within};
use super::table::{Access, Contents, EncodedAccess, Key, LAST_SECOND, Slot, TokenTable, Writer};
use crate::telemetry::Counter;

/// The tokens of this process by digest: a bounded table that is read without a lock.
pub(crate) struct Tokens {
    catalogue: Catalogue,
    capacity: usize,
    /// The time at which the ticks and seconds of the table start.
    epoch: Timestamp,
    table: TokenTable,
    /// When idle tokens were last evicted, in seconds.
    evicted_at: AtomicU64,
    coverage: Arc<Coverage>,
    evictions: Counter,
    /// The last uses of evicted tokens that are not written.
    evicted: Mutex<HashMap<TokenId, LastUse>>,
}

/// The last use of a token: its time, and the number of the partner if that is known. Later ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LastUse {
    pub(crate) at: Timestamp,
    pub(crate) partner: Option<u32>,
}

/// The bound on tokens: 10 GB, whose segments are addressed from the start.
const MAX_TOKENS: usize = 1 << 27;
/// The unit in which the table holds when a token was confirmed and when it expires.
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 16);
const NEVER: u32 = u32::MAX;
/// A token without a use for this long is idle. At the bound, idle tokens are evicted, at most this often.
const IDLE: Duration = Duration::from_secs(60);
/// Uses that wait to be written, beside those of the tokens that are held.
const MIN_PENDING: usize = 1 << 16;

/// A valid token.
#[derive(Clone, Copy)]
pub(crate) struct Token<'a> {
    key: Key,
    id: u128,
    access: EncodedAccess,
    /// Its slot, and the generation of that.
    slot: Option<(&'a Slot, u32)>,
}

impl Token<'_> {
    #[inline]
    pub(crate) fn id(&self) -> TokenId {
        TokenId::from_bytes(self.id.to_ne_bytes())
    }

    /// Whether [`short_organization`](Self::short_organization) is its organization.
    #[inline]
    pub(crate) fn has_short_organization(&self) -> bool {
        self.access.has_short_name()
    }

    #[inline]
    pub(crate) fn short_organization(&self) -> OrganizationId {
        self.access.short_organization()
    }

    #[inline]
    pub(crate) fn key(&self) -> Key {
        self.key
    }
}

/// A token as the store described it, cached or not.
#[derive(Clone)]
pub(crate) struct FetchedToken {
    token: Token<'static>,
    organization: OrganizationId,
    expires_at: Option<Timestamp>,
}

impl FetchedToken {
    pub(crate) fn id(&self) -> TokenId {
        self.token.id()
    }

    /// The token and its organization, unless it has expired.
    pub(crate) fn valid_at(&self, now: Timestamp) -> Option<(Token<'static>, OrganizationId)> {
        let is_valid = self.expires_at.is_none_or(|expires_at| now < expires_at);
        is_valid.then(|| (self.token, self.organization.clone()))
    }
}

/// A token whose use is to be written.
#[derive(Clone, Copy)]
pub(crate) struct UsedToken {
    key: Key,
    pub(crate) id: TokenId,
}

impl Tokens {
    pub(crate) fn new(
        catalogue: Catalogue,
        max_tokens: usize,
        coverage: Arc<Coverage>,
        evictions: Counter,
        now: Timestamp,
    ) -> Self {
        let capacity = max_tokens.min(MAX_TOKENS);
        Self {
            catalogue,
            capacity,
            epoch: Timestamp::from_secs(now.as_secs().saturating_sub(1)),
            table: TokenTable::with_capacity(capacity),
            evicted_at: AtomicU64::new(0),
            coverage,
            evictions,
            evicted: Mutex::default(),
        }
    }

    /// Brings the entry of this digest from memory.
    #[inline]
    pub(crate) fn prefetch(&self, digest: &TokenDigest) {
        self.table.prefetch(Key::of(digest));
    }

    /// What is held of the token with this digest. In the last sixteenth of a second before its expiry it
    /// is stale, so that it expires to the nanosecond.
    #[inline(always)]
    pub(crate) fn get(
        &self,
        digest: &TokenDigest,
        time: &RequestTime<'_>,
    ) -> CacheLookup<Token<'_>> {
        self.get_by_key(Key::of(digest), time)
    }

    /// What is held of the token with this key.
    #[inline(always)]
    pub(crate) fn get_by_key(&self, key: Key, time: &RequestTime<'_>) -> CacheLookup<Token<'_>> {
        let Some(entry) = self.table.get(key) else { return CacheLookup::Miss };
        let Contents { id, expires_at, confirmed_at, .. } = entry.contents;
        if confirmed_at == 0 || !time.is_fresh(self.time(confirmed_at)) {
            return CacheLookup::Stale;
        }
        let now_to_expiry = match expires_at {
            NEVER => Less,
            _ => self.ticks(time.now()).cmp(&expires_at),
        };
        match now_to_expiry {
            Less => {
                let slot = Some((entry.slot, entry.contents.generation()));
                CacheLookup::Fresh(Token { key, id, access: entry.access, slot })
            }
            Equal => CacheLookup::Stale,
            Greater => CacheLookup::NegativeHit,
        }
    }

    /// Caches a token of the store, if there is room; as fresh only if the answer is current.
    pub(crate) fn upsert(
        &self,
        stored: TokenAccess,
        read_at: Timestamp,
        is_current: impl FnOnce() -> bool,
    ) -> FetchedToken {
        let ResolvedScopes { scopes, unknown } = self.catalogue.resolve(&stored.scopes);
        if !unknown.is_empty() {
            let (token, unknown) = (stored.id, unknown.join(" "));
            tracing::warn!(%token, unknown, "a token has scopes that the catalogue does not know");
        }
        let access = Access { organization: stored.organization, scopes: scopes.to_bits() };
        let key = Key::of(&stored.digest);
        let mut writer = self.table.write_lock();
        if writer.find(key).is_some() || self.has_room(&mut writer, read_at) {
            let expires_at = stored.expires_at.map_or(NEVER, |at| self.ticks(at));
            let confirmed_at = if is_current() { self.ticks(read_at) } else { 0 };
            let contents = Contents::new(key, to_word(stored.id));
            if !writer.upsert(&Contents { expires_at, confirmed_at, ..contents }, &access) {
                self.coverage.overflow();
            }
        }
        let token = Token { key, id: to_word(stored.id), access: (&access).into(), slot: None };
        FetchedToken { token, organization: access.organization, expires_at: stored.expires_at }
    }

    /// The organization of a token; none if the token may have changed since it was looked up.
    #[cold]
    pub(crate) fn organization(&self, token: &Token<'_>) -> Option<OrganizationId> {
        self.table.organization(&token.access)
    }

    /// The id of a token that is held. Its expiry is not compared.
    pub(crate) fn id_of(&self, digest: &TokenDigest) -> Option<TokenId> {
        let contents = self.table.get(Key::of(digest))?.contents;
        Some(TokenId::from_bytes(contents.id.to_ne_bytes()))
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The scopes of a token.
    #[inline]
    pub(crate) fn scopes(&self, token: &Token<'_>) -> ScopeSet {
        self.catalogue.scope_set_from_bits(token.access.scopes())
    }

    /// The token is looked up before it is served again. False if it is not held.
    pub(crate) fn invalidate(&self, digest: &TokenDigest) -> bool {
        let writer = self.table.write_lock();
        let slot = writer.find(Key::of(digest));
        slot.inspect(|slot| slot.invalidate()).is_some()
    }

    pub(crate) fn invalidate_all(&self) {
        self.table.write_lock().for_each(Slot::invalidate);
    }

    pub(crate) fn remove(&self, digest: &TokenDigest) {
        self.table.write_lock().remove(Key::of(digest));
    }

    /// Records a use. If it returns the token, the caller enqueues it to be written: each use of a token that
    /// is not held.
    #[inline]
    pub(crate) fn record_use(
        &self,
        token: &Token<'_>,
        partner: u32,
        now: Timestamp,
    ) -> Option<UsedToken> {
        let is_dirty = match token.slot.or_else(|| self.slot_of(token)) {
            Some((slot, generation)) => slot.record_use(generation, self.seconds(now), partner),
            None => true,
        };
        is_dirty.then(|| UsedToken { key: token.key, id: token.id() })
    }

    #[cold]
    fn slot_of(&self, token: &Token<'_>) -> Option<(&Slot, u32)> {
        let entry = self.table.get(token.key)?;
        (entry.contents.id == token.id).then(|| (entry.slot, entry.contents.generation()))
    }

    /// The last use of the token; none if it is no longer held.
    pub(crate) fn last_use(&self, used: UsedToken) -> Option<LastUse> {
        let contents = self.table.get(used.key)?.contents;
        (contents.id == to_word(used.id)).then(|| self.last_use_in(&contents))
    }

    fn last_use_in(&self, contents: &Contents) -> LastUse {
        let seconds = Duration::from_secs(contents.last_use().into());
        LastUse { at: self.epoch.saturating_add(seconds), partner: contents.last_partner() }
    }

    /// Removes the last uses of evicted tokens that are not written.
    pub(crate) fn take_evicted(&self) -> HashMap<TokenId, LastUse> {
        mem::take(&mut self.evicted())
    }

    /// How many uses wait to be written at most: more than the tokens that are held.
    pub(crate) const fn max_pending(&self) -> usize {
        self.capacity.saturating_add(MIN_PENDING)
    }

    fn evicted(&self) -> MutexGuard<'_, HashMap<TokenId, LastUse>> {
        self.evicted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last use is written: the next one is enqueued again. False if there was a later use.
    pub(crate) fn clear_dirty(&self, used: UsedToken, last_use: Timestamp) -> bool {
        let writer = self.table.write_lock();
        writer
            .find(used.key)
            .filter(|slot| slot.contents().id == to_word(used.id))
            .is_none_or(|slot| slot.clear_dirty(self.seconds(last_use)))
    }

    /// Whether there is room for one more token, after idle ones are evicted if need be.
    fn has_room(&self, writer: &mut Writer<'_>, now: Timestamp) -> bool {
        let evicted_at = Timestamp::from_secs(self.evicted_at.load(Ordering::Relaxed));
        if self.table.len() >= self.capacity && !is_within(evicted_at, now, IDLE) {
            self.evicted_at.store(now.as_secs(), Ordering::Relaxed);
            self.coverage.overflow();
            let idle = self.seconds(now.saturating_sub(IDLE));
            let evicted = RefCell::new(self.evicted());
            let (capacity, before) = (self.max_pending(), self.table.len());
            writer.retain(|token| {
                let is_kept = token.last_use() >= idle;
                let mut evicted = evicted.borrow_mut();
                if !is_kept && token.is_dirty() && evicted.len() < capacity {
                    let id = TokenId::from_bytes(token.id.to_ne_bytes());
                    evicted.insert(id, self.last_use_in(token));
                }
                is_kept
            });
            self.evictions.increment((before - self.table.len()) as u64);
        }
        let has_room = self.table.len() < self.capacity;
        if !has_room {
            self.coverage.overflow();
        }
        has_room
    }

    fn seconds(&self, time: Timestamp) -> u32 {
        let seconds = time.saturating_duration_since(self.epoch).as_secs();
        u32::try_from(seconds).unwrap_or(u32::MAX).min(LAST_SECOND)
    }

    /// Rounded down.
    fn ticks(&self, time: Timestamp) -> u32 {
        let nanos = time.saturating_duration_since(self.epoch).as_nanos();
        u32::try_from(nanos / TICK.as_nanos()).unwrap_or(u32::MAX).min(NEVER - 1)
    }

    fn time(&self, ticks: u32) -> Timestamp {
        self.epoch.saturating_add(TICK * ticks)
    }
}

fn to_word(id: TokenId) -> u128 {
    u128::from_ne_bytes(*id.as_bytes())
}
