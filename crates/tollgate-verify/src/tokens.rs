use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use subtle::ConstantTimeEq as _;
use tollgate_limit::Timestamp;
use tollgate_scope::{Catalogue, Resolved, ScopeSet};
use tollgate_store::{OrganizationId, StoredToken, TokenId};
use tollgate_token::TokenDigest;

use crate::index::Index;
use crate::slab::{Interned, Slab};

/// The tokens that this process has heard of, by digest: a bounded table that is read without a lock,
/// in 64 bytes a token and 4 a word of the index.
pub(crate) struct Tokens {
    catalogue: Catalogue,
    capacity: usize,
    /// Times within slots count from here.
    since: Timestamp,
    index: Index,
    slots: Slab<Slot>,
    rights: Interned<Rights>,
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

/// One token in one line of the cache, readable while it is being replaced: a reader compares the
/// version before and after, and an odd one is being written.
#[derive(Default)]
#[repr(align(64))]
struct Slot {
    /// Three of its four words: whoever finds another text with these finds one for all four.
    digest: [AtomicU64; 3],
    id: [AtomicU64; 2],
    /// In nanoseconds since the epoch; the end of time, if never.
    expires_at: AtomicU64,
    version: AtomicU32,
    rights: AtomicU32,
    /// In sixteenths of a second, rounded down; zero is never.
    confirmed_at: AtomicU32,
    /// In seconds; the highest bit says that somebody waits to write it.
    used_at: AtomicU32,
}

const _: () = assert!(size_of::<Slot>() == 64);

/// More would be 10 GB, and the addresses of their segments are kept from the start.
const MOST_TOKENS: usize = (1 << 27) - 1;
const NOTED: u32 = 1 << 31;
const SIXTEENTH: u64 = 1_000_000_000 / 16;
/// A token not used for so long is idle. Idle ones make room, and are looked for at most this often.
const IDLE: Duration = Duration::from_secs(60);

/// Whose data a token opens, and what it may do there: the same for many tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rights {
    pub(crate) organization: OrganizationId,
    pub(crate) scopes: ScopeSet,
}

/// What a request needs to know of its token.
#[derive(Clone, Copy)]
pub(crate) struct Token<'a> {
    id: u128,
    pub(crate) rights: &'a Rights,
    expires_at: Timestamp,
    /// When the store last said so; never, once a change was heard of.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// Where it is kept, if it is.
    number: Option<u32>,
}

impl Token<'_> {
    #[inline]
    pub(crate) fn id(&self) -> TokenId {
        TokenId::from_bytes(self.id.to_ne_bytes())
    }

    #[inline]
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

/// A token as the store just described it, kept or not.
#[derive(Clone)]
pub(crate) struct Described {
    id: TokenId,
    rights: Rights,
    expires_at: Timestamp,
    confirmed_at: Option<Timestamp>,
    number: Option<u32>,
}

impl Described {
    pub(crate) const fn token(&self) -> Token<'_> {
        let Self { id, rights, expires_at, confirmed_at, number } = self;
        let (id, expires_at) = (u128::from_ne_bytes(*id.as_bytes()), *expires_at);
        Token { id, rights, expires_at, confirmed_at: *confirmed_at, number: *number }
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
            index: Index::of_numbers_below(capacity),
            slots: Slab::with_capacity(capacity),
            rights: Interned::with_capacity(capacity),
            writing: Mutex::default(),
        }
    }

    /// Has the token with this digest brought from memory, if there may be one.
    #[inline]
    pub(crate) fn fetch(&self, digest: &TokenDigest) {
        self.index.find(hash(digest), Some).inspect(|number| self.slots.fetch(*number));
    }

    #[inline(always)]
    pub(crate) fn find(&self, digest: &TokenDigest) -> Option<Token<'_>> {
        self.index.find(hash(digest), |number| self.read(number, digest))
    }

    /// Keeps what the store said of a token, if there is room; confirmed only if nothing changed since
    /// it was asked.
    pub(crate) fn keep(
        &self,
        stored: StoredToken,
        now: Timestamp,
        is_current: impl FnOnce() -> bool,
    ) -> Described {
        let StoredToken { digest, record } = stored;
        let Resolved { scopes, unknown } = self.catalogue.resolve(&record.scopes);
        if !unknown.is_empty() {
            let (token, unknown) = (record.id, unknown.join(" "));
            tracing::warn!(%token, unknown, "a token has scopes that the catalogue does not know");
        }
        let mut token = Described {
            id: record.id,
            rights: Rights { organization: record.organization, scopes },
            expires_at: record.expires_at.unwrap_or(Timestamp::MAX),
            confirmed_at: Some(now),
            number: None,
        };
        let mut writing = self.writing();
        let known = self.number(&digest);
        if !is_current() {
            token.confirmed_at = None;
        }
        if let Some(rights) = self.rights.number(&token.rights)
            && let Some(number) = known.or_else(|| self.room(&mut writing, now))
        {
            token.number = Some(number);
            self.write(number, &digest, &token, rights);
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
    #[inline]
    pub(crate) fn note_use(&self, token: &Token<'_>, now: Timestamp) -> Option<Used> {
        let number = token.number?;
        let slot = self.slots.get(number)?;
        let seconds = self.seconds(now);
        let before = slot.used_at.load(Ordering::Relaxed);
        if before >= seconds | NOTED {
            return None;
        }
        let later = |used_at: u32| Some((used_at & !NOTED).max(seconds) | NOTED);
        let before = slot.used_at.fetch_update(Ordering::AcqRel, Ordering::Relaxed, later).ok()?;
        (before & NOTED == 0).then_some(Used { number, token: token.id() })
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
        let is_it = |number| self.slots.get(number)?.is_of(digest).then_some(number);
        self.index.find(hash(digest), is_it)
    }

    #[inline(always)]
    fn read(&self, number: u32, digest: &TokenDigest) -> Option<Token<'_>> {
        let slot = self.slots.get(number)?;
        let version = slot.version.load(Ordering::Acquire);
        if !slot.is_of(digest) {
            return None;
        }
        let confirmed_at = slot.confirmed_at.load(Ordering::Acquire);
        let (id, expires_at) = (load(&slot.id), slot.expires_at.load(Ordering::Relaxed));
        let rights = slot.rights.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if version % 2 == 1 || slot.version.load(Ordering::Relaxed) != version {
            return None;
        }
        Some(Token {
            id,
            rights: self.rights.get(rights)?,
            expires_at: Timestamp::from_nanos(expires_at),
            confirmed_at: (confirmed_at != 0).then(|| {
                let since = Duration::from_nanos(u64::from(confirmed_at) * SIXTEENTH);
                self.since.saturating_add(since)
            }),
            number: Some(number),
        })
    }

    fn write(&self, number: u32, digest: &TokenDigest, token: &Described, rights: u32) {
        let Some(slot) = self.slots.make(number) else { return };
        slot.replace(|| {
            for (word, value) in slot.digest.iter().zip(words(digest)) {
                word.store(value, Ordering::Relaxed);
            }
            store(&slot.id, u128::from_ne_bytes(*token.id.as_bytes()));
            slot.expires_at.store(token.expires_at.as_nanos(), Ordering::Relaxed);
            slot.rights.store(rights, Ordering::Relaxed);
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
    /// In a time that does not depend on where they differ.
    #[inline]
    fn is_of(&self, digest: &TokenDigest) -> bool {
        let pairs = self.digest.iter().zip(words(digest));
        let difference =
            pairs.fold(0, |so_far, (held, word)| so_far | (held.load(Ordering::Relaxed) ^ word));
        difference.ct_eq(&0).into()
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
    let [first, ..] = words(digest);
    first
}

fn words(digest: &TokenDigest) -> [u64; 3] {
    let bytes = digest.as_bytes();
    std::array::from_fn(|word| {
        u64::from_ne_bytes(std::array::from_fn(|byte| bytes[word * 8 + byte]))
    })
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
