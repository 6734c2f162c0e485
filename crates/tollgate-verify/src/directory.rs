use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dashmap::{DashMap, Entry};
use foldhash::fast::RandomState;
use tollgate_limit::Timestamp;
use tollgate_scope::Catalogue;
use tollgate_store::{Change, Listener, Partner, Store, StoreError, StoredToken, Usage};
use tollgate_token::TokenDigest;

use crate::absent::Absent;
use crate::entry::{AsOf, Confirmed, Meters, PartnerEntry, TokenEntry, lock};

/// What this process holds in memory: partners by key, tokens by digest, and what it knows to be
/// absent.
///
/// An entry is served for at most `max_staleness` after the store last confirmed it, and not at all
/// once a change was heard of. An answer that was under way while anything changed serves the request
/// that asked for it, and none after.
pub(crate) struct Directory {
    store: Arc<dyn Store>,
    catalogue: Catalogue,
    held: Arc<Held>,
}

struct Held {
    partners: DashMap<Box<str>, Arc<PartnerEntry>, RandomState>,
    tokens: DashMap<[u8; 32], Arc<TokenEntry>, RandomState>,
    absent_keys: Absent,
    absent_tokens: Absent,
    /// How many changes were heard of.
    changes: AtomicU64,
    swept_at: AtomicU64,
    /// Tokens with uses, and partners with usage, that the store has not heard of.
    used: Mutex<Vec<Arc<TokenEntry>>>,
    charged: Mutex<Vec<Arc<PartnerEntry>>>,
}

/// What this process has heard of a partner or a token.
pub(crate) enum Heard<T> {
    /// This, within the staleness allowed.
    Of(Arc<T>),
    /// Something, too long ago to count.
    LongAgo,
    /// That the store has none.
    Absent,
    /// Nothing, or nothing that counts.
    Never,
}

/// Beyond so many tokens, idle ones are dropped, and if that is not enough, answers are not kept.
const MAX_TOKENS: usize = 1_000_000;
/// A token not used for so long is idle; how often those are looked for at most.
const IDLE: Duration = Duration::from_secs(60);

impl Directory {
    pub(crate) fn new(store: Arc<dyn Store>, catalogue: Catalogue) -> Self {
        let held = Arc::new(Held {
            partners: DashMap::default(),
            tokens: DashMap::default(),
            absent_keys: Absent::new(),
            absent_tokens: Absent::new(),
            changes: AtomicU64::new(0),
            swept_at: AtomicU64::new(0),
            used: Mutex::default(),
            charged: Mutex::default(),
        });
        store.changes().subscribe(&held);
        Self { store, catalogue, held }
    }

    pub(crate) fn as_of(&self, now: Timestamp, max_staleness: Duration) -> AsOf {
        AsOf { now, max_staleness, complete_until: self.store.changes().complete_until() }
    }

    /// What this process has heard of the partner with this key.
    pub(crate) fn partner(&self, api_key: &str, as_of: AsOf) -> Heard<PartnerEntry> {
        match self.held.partners.get(api_key) {
            Some(entry) if entry.confirmed.holds(as_of) => Heard::Of(Arc::clone(&entry)),
            Some(_) => Heard::LongAgo,
            None if self.held.absent_keys.knows(api_key, as_of) => Heard::Absent,
            None => Heard::Never,
        }
    }

    /// The partner with this key as the store has it.
    pub(crate) async fn ask_for_partner(
        &self,
        api_key: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<PartnerEntry>>, StoreError> {
        let changes = self.held.changes.load(Ordering::SeqCst);
        let Some(partner) = self.store.partner_by_key(api_key).await? else {
            self.held.partners.remove(api_key);
            self.held.note_absent(&self.held.absent_keys, api_key, now, changes);
            return Ok(None);
        };
        let held = self.held.partners.get(api_key).map(|entry| Arc::clone(&entry.meters));
        let meters = match held {
            Some(meters) => meters,
            None => {
                let used = self.store.usage(partner.id, partner.policy.day(now)).await?;
                Arc::new(Meters::restored(&partner.policy, now, used))
            }
        };
        Ok(Some(self.held.keep_partner(&partner, meters, now, changes)))
    }

    /// What this process has heard of the token with this digest.
    pub(crate) fn token(&self, digest: &TokenDigest, as_of: AsOf) -> Heard<TokenEntry> {
        match self.held.tokens.get(digest.as_bytes()) {
            Some(entry) if entry.confirmed.holds(as_of) => Heard::Of(Arc::clone(&entry)),
            Some(_) => Heard::LongAgo,
            None if self.held.absent_tokens.knows(digest.as_bytes(), as_of) => Heard::Absent,
            None => Heard::Never,
        }
    }

    /// The token with this digest as the store has it.
    pub(crate) async fn ask_for_token(
        &self,
        digest: &TokenDigest,
        now: Timestamp,
    ) -> Result<Option<Arc<TokenEntry>>, StoreError> {
        let changes = self.held.changes.load(Ordering::SeqCst);
        // A store may match loosely: only the row with exactly this digest counts.
        let stored = self.store.token_by_digest(digest).await?;
        let Some(stored) = stored.filter(|stored| stored.digest.ct_eq(digest).into()) else {
            self.held.tokens.remove(digest.as_bytes());
            let absent = &self.held.absent_tokens;
            self.held.note_absent(absent, digest.as_bytes(), now, changes);
            return Ok(None);
        };
        let scopes = self.catalogue.resolve(&stored.record.scopes);
        if !scopes.unknown.is_empty() {
            let (token, unknown) = (stored.record.id, scopes.unknown.join(" "));
            tracing::warn!(%token, unknown, "a token has scopes that the catalogue does not know");
        }
        Ok(Some(self.held.keep_token(stored, scopes.scopes, now, changes)))
    }

    /// Notes that the partner was charged and the token used: in memory, to be written behind.
    pub(crate) fn note_use(
        &self,
        partner: &Arc<PartnerEntry>,
        token: &Arc<TokenEntry>,
        now: Timestamp,
    ) {
        token.note_use(now);
        self.held.note_used(token);
        self.held.note_charged(partner);
    }

    /// Writes what the store has not heard of: usage, and the last uses that are due, or all of them.
    /// What fails to be written waits for the next time.
    pub(crate) async fn write_behind(&self, now: Timestamp, all: bool) -> Result<(), StoreError> {
        let usage = self.write_usage(now).await;
        self.write_uses(now, all).await.and(usage)
    }

    async fn write_usage(&self, now: Timestamp) -> Result<(), StoreError> {
        let charged = mem::take(&mut *lock(&self.held.charged));
        let taken = charged
            .into_iter()
            .filter_map(|partner| partner.take_usage(now).map(|usage| (partner, usage)));
        let (partners, usages): (Vec<_>, Vec<_>) = taken.unzip();
        if usages.is_empty() {
            return Ok(());
        }
        let unwritten = Unwritten { held: &self.held, partners, usages, tokens: Vec::new() };
        self.store.add_usage(&unwritten.usages).await?;
        unwritten.settle();
        Ok(())
    }

    async fn write_uses(&self, now: Timestamp, all: bool) -> Result<(), StoreError> {
        let is_due = |token: &mut Arc<TokenEntry>| all || token.is_due(now);
        let tokens: Vec<_> = lock(&self.held.used).extract_if(.., is_due).collect();
        if tokens.is_empty() {
            return Ok(());
        }
        let uses: Vec<_> = tokens.iter().map(|token| token.take_use(now)).collect();
        let (partners, usages) = (Vec::new(), Vec::new());
        let unwritten = Unwritten { held: &self.held, partners, usages, tokens };
        self.store.note_uses(&uses).await?;
        unwritten.settle();
        Ok(())
    }
}

/// What is being written. Unless it is said to be written, it goes back to wait for the next time, also
/// when the write is given up.
struct Unwritten<'a> {
    held: &'a Held,
    partners: Vec<Arc<PartnerEntry>>,
    usages: Vec<Usage>,
    tokens: Vec<Arc<TokenEntry>>,
}

impl Unwritten<'_> {
    fn settle(mut self) {
        self.partners.clear();
        self.tokens.clear();
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        for (partner, usage) in self.partners.drain(..).zip(&self.usages) {
            partner.return_usage(usage);
            self.held.note_charged(&partner);
        }
        for token in self.tokens.drain(..) {
            token.return_use();
            self.held.note_used(&token);
        }
    }
}

impl Held {
    fn note_used(&self, token: &Arc<TokenEntry>) {
        let is_noted = &token.uses.is_noted;
        if !is_noted.load(Ordering::Relaxed) && !is_noted.swap(true, Ordering::SeqCst) {
            lock(&self.used).push(Arc::clone(token));
        }
    }

    fn note_charged(&self, partner: &Arc<PartnerEntry>) {
        let is_charged = &partner.meters.is_charged;
        if !is_charged.load(Ordering::Relaxed) && !is_charged.swap(true, Ordering::SeqCst) {
            lock(&self.charged).push(Arc::clone(partner));
        }
    }

    /// Keeps the partner's meters in any case, and what the store said of it if nothing changed since.
    fn keep_partner(
        &self,
        partner: &Partner,
        meters: Arc<Meters>,
        now: Timestamp,
        changes: u64,
    ) -> Arc<PartnerEntry> {
        let slot = self.partners.entry(partner.api_key.as_str().into());
        let meters = match &slot {
            Entry::Occupied(held) => Arc::clone(&held.get().meters),
            Entry::Vacant(_) => meters,
        };
        let confirmed_at = if self.changed_since(changes) { Confirmed::NEVER } else { now };
        let entry = Arc::new(PartnerEntry::new(partner, meters, confirmed_at));
        slot.insert(Arc::clone(&entry));
        entry
    }

    fn keep_token(
        &self,
        stored: StoredToken,
        scopes: tollgate_scope::ScopeSet,
        now: Timestamp,
        changes: u64,
    ) -> Arc<TokenEntry> {
        let has_room = self.has_room(now);
        let slot = self.tokens.entry(*stored.digest.as_bytes());
        let uses = match &slot {
            Entry::Occupied(held) => Arc::clone(&held.get().uses),
            Entry::Vacant(_) => Arc::default(),
        };
        let entry = Arc::new(TokenEntry::new(stored, scopes, uses, now));
        // Within the lock of the slot: whoever announces a change counts it first, then comes here.
        if has_room && !self.changed_since(changes) {
            slot.insert(Arc::clone(&entry));
        }
        entry
    }

    fn has_room(&self, now: Timestamp) -> bool {
        if self.tokens.len() < MAX_TOKENS {
            return true;
        }
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        let since = Duration::from_nanos(now.as_nanos().abs_diff(swept_at));
        let (relaxed, nanos) = (Ordering::Relaxed, now.as_nanos());
        if since >= IDLE
            && self.swept_at.compare_exchange(swept_at, nanos, relaxed, relaxed).is_ok()
        {
            let idle_since = now.saturating_sub(IDLE);
            self.tokens.retain(|_, token| token.was_used_since(idle_since));
        }
        self.tokens.len() < MAX_TOKENS
    }

    /// Notes an absence, unless something changed since it was asked for. Whoever announces a change
    /// counts it first and then forgets what it is about, so one of the two of us forgets.
    fn note_absent(
        &self,
        absent: &Absent,
        what: &(impl std::hash::Hash + ?Sized),
        now: Timestamp,
        changes: u64,
    ) {
        absent.note(what, now);
        if self.changed_since(changes) {
            absent.forget(what);
        }
    }

    fn changed_since(&self, changes: u64) -> bool {
        self.changes.load(Ordering::SeqCst) != changes
    }
}

impl Listener for Held {
    fn changed(&self, change: &Change) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        match change {
            Change::Partner(api_key) => {
                self.absent_keys.forget(api_key.as_str());
                if let Some(entry) = self.partners.get(api_key.as_str()) {
                    entry.confirmed.withdraw();
                }
            }
            Change::Token(digest) => {
                self.absent_tokens.forget(digest.as_bytes());
                self.tokens.remove(digest.as_bytes());
            }
            _ => {
                self.absent_keys.forget_all();
                self.absent_tokens.forget_all();
                self.partners.iter().for_each(|entry| entry.confirmed.withdraw());
                self.tokens.clear();
            }
        }
    }
}
