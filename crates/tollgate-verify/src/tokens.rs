use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tollgate_limit::Timestamp;
use tollgate_scope::{Catalogue, ScopeSet};
use tollgate_store::{OrganizationId, StoredToken, TokenId};
use tollgate_token::TokenDigest;

use crate::index::Index;
use crate::slab::{Interned, Slab};

/// The tokens that this process has heard of, by digest: a bounded table that is read without a lock,
/// in 88 bytes a token and 8 a word of the index.
pub(crate) struct Tokens {
    catalogue: Catalogue,
    capacity: usize,
    /// Times within slots count from here.
    since: Timestamp,
    index: Index,
    slots: Slab<Slot>,
    organizations: Interned<OrganizationId>,
    /// Held while a slot is written.
    writing: Mutex<Writing>,
}

#[derive(Default)]
struct Writing {
    /// How many slots were ever used, and which of them are free again.
    used: u32,
    free: Vec<u32>,
    swept_at: Timestamp,
}

/// One token, readable while it is being replaced: a reader compares the version before and after, and
/// an odd one is being written.
#[derive(Default)]
struct Slot {
    digest: [AtomicU64; 4],
    id: [AtomicU64; 2],
    scopes: [AtomicU64; 2],
    /// In nanoseconds since the epoch; the end of time, if never.
    expires_at: AtomicU64,
    version: AtomicU32,
    organization: AtomicU32,
    /// In sixteenths of a second, rounded down; zero is never.
    confirmed_at: AtomicU32,
    /// In seconds; the highest bit says that somebody waits to write it.
    used_at: AtomicU32,
}

/// More would be 12 GB, and the addresses of their segments are kept from the start.
const MOST_TOKENS: usize = 1 << 27;
const NOTED: u32 = 1 << 31;
const SIXTEENTH: u64 = 1_000_000_000 / 16;
/// A token not used for so long is idle. Idle ones make room, and are looked for at most this often.
const IDLE: Duration = Duration::from_secs(60);

/// What a request needs to know of its token.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) id: TokenId,
    pub(crate) organization: OrganizationId,
    pub(crate) scopes: ScopeSet,
    expires_at: u64,
    /// When the store last said so; never, once a change was heard of.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// Where it is kept, if it is.
    number: Option<u32>,
}

impl Token {
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now.as_nanos()
    }
}

/// A token whose use is to be written.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    number: u32,
    pub(crate) token: TokenId,
}

impl Tokens {
    pub(crate) fn new(catalogue: Catalogue, max_tokens: usize, now: Timestamp) -> Self {
        let capacity = max_tokens.min(MOST_TOKENS);
        Self {
            catalogue,
            capacity,
            since: Timestamp::from_secs(now.as_secs().saturating_sub(1)),
            index: Index::new(),
            slots: Slab::with_capacity(capacity),
            organizations: Interned::with_capacity(capacity),
            writing: Mutex::default(),
        }
    }

    pub(crate) fn find(&self, digest: &TokenDigest) -> Option<Token> {
        self.index.find(hash(digest), |number| self.read(number, digest))
    }

    /// Keeps what the store said of a token, if there is room; confirmed only if nothing changed since
    /// it was asked.
    pub(crate) fn keep(
        &self,
        stored: StoredToken,
        now: Timestamp,
        is_current: impl FnOnce() -> bool,
    ) -> Token {
        let StoredToken { digest, record } = stored;
        let scopes = self.catalogue.resolve(&record.scopes);
        if !scopes.unknown.is_empty() {
            let (token, unknown) = (record.id, scopes.unknown.join(" "));
            tracing::warn!(%token, unknown, "a token has scopes that the catalogue does not know");
        }
        let mut token = Token {
            id: record.id,
            organization: record.organization,
            scopes: scopes.scopes,
            expires_at: record.expires_at.map_or(u64::MAX, Timestamp::as_nanos),
            confirmed_at: Some(now),
            number: None,
        };
        let mut writing = self.writing();
        let known = self.number(&digest);
        if !is_current() {
            token.confirmed_at = None;
        }
        if let Some(organization) = self.organizations.number(&token.organization)
            && let Some(number) = known.or_else(|| self.room(&mut writing, now))
        {
            token.number = Some(number);
            self.write(number, &digest, &token, organization);
            if known.is_none() {
                self.index.insert(hash(&digest), number, |number| self.hash_of(number));
            }
        }
        token
    }

    /// No longer serves what was kept of this token.
    pub(crate) fn withdraw(&self, digest: &TokenDigest) {
        let _writing = self.writing();
        if let Some(slot) = self.number(digest).and_then(|number| self.slots.get(number)) {
            slot.confirmed_at.store(0, Ordering::Release);
        }
    }

    /// No longer serves anything that was kept.
    pub(crate) fn withdraw_all(&self) {
        let writing = self.writing();
        for slot in (0..writing.used).filter_map(|number| self.slots.get(number)) {
            slot.confirmed_at.store(0, Ordering::Release);
        }
    }

    pub(crate) fn forget(&self, digest: &TokenDigest) {
        let mut writing = self.writing();
        if let Some(number) = self.number(digest) {
            self.remove(&mut writing, number);
        }
    }

    /// Notes a use. Whoever gets an answer is to have it written, and to ask for it by
    /// [`last_use`](Self::last_use) then.
    pub(crate) fn note_use(&self, token: &Token, now: Timestamp) -> Option<Used> {
        let number = token.number?;
        let slot = self.slots.get(number)?;
        let seconds = self.seconds(now);
        let before = slot.used_at.load(Ordering::Relaxed);
        if before >= seconds | NOTED {
            return None;
        }
        let later = |used_at: u32| Some((used_at & !NOTED).max(seconds) | NOTED);
        let before = slot.used_at.fetch_update(Ordering::AcqRel, Ordering::Relaxed, later).ok()?;
        (before & NOTED == 0).then_some(Used { number, token: token.id })
    }

    /// When the token was last used, if this is still known.
    pub(crate) fn last_use(&self, used: Used) -> Option<Timestamp> {
        let slot = self.slots.get(used.number)?;
        let is_it = load(&slot.id) == u128::from_ne_bytes(*used.token.as_bytes());
        let seconds = slot.used_at.load(Ordering::Acquire) & !NOTED;
        is_it.then(|| self.since.saturating_add(Duration::from_secs(seconds.into())))
    }

    /// From here on the next use is news again, unless there was one after this.
    pub(crate) fn settle(&self, used: Used, last: Timestamp) -> bool {
        let Some(slot) = self.slots.get(used.number) else { return true };
        let noted = self.seconds(last) | NOTED;
        let (ok, fail) = (Ordering::AcqRel, Ordering::Relaxed);
        slot.used_at.compare_exchange(noted, noted & !NOTED, ok, fail).is_ok()
    }

    /// Where the token with this digest is kept, for whoever holds the lock of writers.
    fn number(&self, digest: &TokenDigest) -> Option<u32> {
        let is_it = |number| {
            let held = self.slots.get(number)?.digest();
            bool::from(held.ct_eq(digest)).then_some(number)
        };
        self.index.find(hash(digest), is_it)
    }

    fn read(&self, number: u32, digest: &TokenDigest) -> Option<Token> {
        let slot = self.slots.get(number)?;
        let version = slot.version.load(Ordering::Acquire);
        if !bool::from(slot.digest().ct_eq(digest)) {
            return None;
        }
        let confirmed_at = slot.confirmed_at.load(Ordering::Acquire);
        let token = Token {
            id: TokenId::from_bytes(load(&slot.id).to_ne_bytes()),
            organization: self
                .organizations
                .get(slot.organization.load(Ordering::Relaxed))?
                .clone(),
            scopes: self.catalogue.set_of_bits(load(&slot.scopes)),
            expires_at: slot.expires_at.load(Ordering::Relaxed),
            confirmed_at: (confirmed_at != 0).then(|| {
                let since = Duration::from_nanos(u64::from(confirmed_at) * SIXTEENTH);
                self.since.saturating_add(since)
            }),
            number: Some(number),
        };
        fence(Ordering::Acquire);
        let is_whole = version % 2 == 0 && slot.version.load(Ordering::Relaxed) == version;
        is_whole.then_some(token)
    }

    fn write(&self, number: u32, digest: &TokenDigest, token: &Token, organization: u32) {
        let Some(slot) = self.slots.make(number) else { return };
        slot.replace(|| {
            for (word, bytes) in slot.digest.iter().zip(digest.as_bytes().chunks_exact(8)) {
                word.store(word_of(bytes), Ordering::Relaxed);
            }
            store(&slot.id, u128::from_ne_bytes(*token.id.as_bytes()));
            store(&slot.scopes, token.scopes.to_bits());
            slot.expires_at.store(token.expires_at, Ordering::Relaxed);
            slot.organization.store(organization, Ordering::Relaxed);
            let confirmed_at = token.confirmed_at.map_or(0, |at| self.sixteenths(at));
            slot.confirmed_at.store(confirmed_at, Ordering::Relaxed);
        });
    }

    fn remove(&self, writing: &mut Writing, number: u32) {
        let Some(slot) = self.slots.get(number) else { return };
        self.index.remove(self.hash_of(number), number, |number| self.hash_of(number));
        slot.replace(|| {
            slot.digest.iter().for_each(|word| word.store(0, Ordering::Relaxed));
            store(&slot.id, 0);
            slot.used_at.store(0, Ordering::Relaxed);
        });
        writing.free.push(number);
    }

    /// A free slot, for which idle tokens are removed if need be.
    fn room(&self, writing: &mut Writing, now: Timestamp) -> Option<u32> {
        let is_due = now.saturating_duration_since(writing.swept_at) >= IDLE;
        if writing.free.is_empty() && self.index.len() >= self.capacity && is_due {
            writing.swept_at = now;
            let idle = self.seconds(now.saturating_sub(IDLE));
            for number in 0..writing.used {
                let is_idle = |slot: &Slot| slot.used_at.load(Ordering::Relaxed) & !NOTED < idle;
                if self.slots.get(number).is_some_and(is_idle) {
                    self.remove(writing, number);
                }
            }
        }
        writing.free.pop().or_else(|| {
            let number = writing.used;
            let has_room = (number as usize) < self.capacity;
            has_room.then(|| {
                writing.used += 1;
                number
            })
        })
    }

    fn hash_of(&self, number: u32) -> u64 {
        self.slots.get(number).map_or(0, |slot| slot.digest[0].load(Ordering::Relaxed))
    }

    fn seconds(&self, time: Timestamp) -> u32 {
        let seconds = time.saturating_duration_since(self.since).as_secs();
        u32::try_from(seconds).unwrap_or(u32::MAX).min(NOTED - 1)
    }

    fn sixteenths(&self, time: Timestamp) -> u32 {
        let nanos = time.saturating_duration_since(self.since).as_nanos();
        u32::try_from(nanos / u128::from(SIXTEENTH)).unwrap_or(u32::MAX)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn digest(&self) -> TokenDigest {
        let mut digest = [0; 32];
        for (bytes, word) in digest.chunks_exact_mut(8).zip(&self.digest) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        TokenDigest::from_bytes(digest)
    }

    /// Runs this while readers see that the slot is being written.
    fn replace(&self, write: impl FnOnce()) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        write();
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }
}

/// A digest is as good as random already.
fn hash(digest: &TokenDigest) -> u64 {
    word_of(&digest.as_bytes()[..8])
}

fn word_of(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_ne_bytes)
}

fn load(words: &[AtomicU64; 2]) -> u128 {
    let [low, high] = [&words[0], &words[1]].map(|word| u128::from(word.load(Ordering::Relaxed)));
    high << 64 | low
}

fn store(words: &[AtomicU64; 2], value: u128) {
    let half = |value: u128| u64::try_from(value & u128::from(u64::MAX)).unwrap_or(0);
    words[0].store(half(value), Ordering::Relaxed);
    words[1].store(half(value >> 64), Ordering::Relaxed);
}
