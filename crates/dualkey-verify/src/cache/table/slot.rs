use dualkey_token::TokenDigest;
use subtle::ConstantTimeEq as _;

use super::sync::{AtomicU32, AtomicU64, Ordering};

/// One token: 56 bytes. A slot whose key is zero is free.
#[derive(Default)]
pub(crate) struct Slot {
    key: [AtomicU64; 2],
    id: [AtomicU64; 2],
    /// The generation, the [`DIRTY`] bit, and the second of the last use.
    usage: AtomicU64,
    access: AtomicU32,
    expires_at: AtomicU32,
    confirmed_at: AtomicU32,
    /// The partner of the last use: see [`pack_partner`].
    partner: AtomicU32,
}

/// Half of a digest, 128 bits: to find another text with the same half, one has to break SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [u64; 2]);

/// A copy of a slot.
#[derive(Clone, Copy)]
pub(crate) struct Contents {
    pub(crate) key: Key,
    pub(crate) id: u128,
    /// The number of its access record.
    pub(crate) access: u32,
    /// In ticks of the cache, rounded down; `u32::MAX` is never.
    pub(crate) expires_at: u32,
    /// In ticks of the cache, rounded down; zero is never.
    pub(crate) confirmed_at: u32,
    pub(crate) usage: u64,
    /// See [`pack_partner`].
    pub(crate) partner: u32,
}

/// In a word of usage: the use is not written to the store yet.
const DIRTY: u64 = 1 << 31;
const SECONDS: u64 = LAST_SECOND as u64;
const GENERATION: u64 = 1 << 32;
/// The bits of a partner's number. The others of its word hold the end of the generation.
pub(crate) const PARTNER_BITS: u32 = 20;

/// The latest second that a slot holds: after 68 years.
pub(crate) const LAST_SECOND: u32 = (1 << 31) - 1;

impl Key {
    const FREE: Self = Self([0; 2]);

    #[inline]
    pub(crate) fn of(digest: &TokenDigest) -> Self {
        let (words, _) = digest.as_bytes().as_chunks();
        Self([u64::from_ne_bytes(words[0]), u64::from_ne_bytes(words[1])])
    }

    /// The word of a directory that leads to the key's page.
    ///
    /// Keys are twice as dense at the end of the directory as at its start: with `u` random in 0..1, the place
    /// is `u(4 - u)/3`. If they were spread evenly, all pages would split at almost the same number of tokens,
    /// and then be half empty; now some pages are full at any number of tokens, and others half full.
    ///
    /// G. N. N. Martin: Spiral storage: incrementally augmentable hash addressed storage. University of
    /// Warwick, 1979.
    #[inline]
    pub(crate) fn directory_index(self, words: usize) -> usize {
        let random = self.0[0] >> 33;
        let place = random * ((1 << 33) - random) / 3;
        scale(place << 2, words)
    }

    /// The slot of a page with which the key's probe sequence begins.
    #[inline]
    pub(crate) fn home_slot(self, slots: usize) -> usize {
        scale(self.0[1], slots)
    }
}

/// Maps 32 random bits to a number below the bound.
#[inline]
fn scale(random: u64, bound: usize) -> usize {
    (((random >> 32) * bound as u64) >> 32) as usize
}

impl Contents {
    /// A token without a use.
    pub(crate) const fn new(key: Key, id: u128) -> Self {
        let partner = pack_partner(0, None);
        Self { key, id, access: 0, expires_at: 0, confirmed_at: 0, usage: 0, partner }
    }

    /// How often the slot was given to a token.
    #[inline]
    pub(crate) const fn generation(&self) -> u32 {
        (self.usage >> 32) as u32
    }

    /// Whether the last use is not written yet.
    pub(crate) const fn is_dirty(&self) -> bool {
        self.usage & DIRTY != 0
    }

    /// The second of the last use.
    pub(crate) const fn last_use(&self) -> u32 {
        (self.usage & SECONDS) as u32
    }

    /// The number of the partner of the last use; none if it is not known.
    pub(crate) const fn last_partner(&self) -> Option<u32> {
        let is_of_this_token =
            self.partner >> PARTNER_BITS == self.generation() << PARTNER_BITS >> PARTNER_BITS;
        if is_of_this_token { Some(self.partner & ((1 << PARTNER_BITS) - 1)) } else { None }
    }
}

/// A partner's number, below the end of the generation of the token that it used: a use that is recorded late
/// names no partner of the next token in the slot, unless it is late by 4,096 generations. Without a partner,
/// the end of another generation.
const fn pack_partner(generation: u32, partner: Option<u32>) -> u32 {
    match partner {
        Some(number) => generation << PARTNER_BITS | number,
        None => !generation << PARTNER_BITS,
    }
}

impl Slot {
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.key.iter().all(|word| word.load(Ordering::Relaxed) == 0)
    }

    /// Compares in constant time.
    #[inline]
    pub(crate) fn has_key(&self, key: Key) -> bool {
        let [first, second] = &self.key;
        let difference = (first.load(Ordering::Relaxed) ^ key.0[0])
            | (second.load(Ordering::Relaxed) ^ key.0[1]);
        difference.ct_eq(&0).into()
    }

    #[inline]
    pub(crate) fn contents(&self) -> Contents {
        let ([key_first, key_second], [low, high]) = (&self.key, &self.id);
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
        Contents {
            key: Key([load(key_first), load(key_second)]),
            id: u128::from(load(high)) << 64 | u128::from(load(low)),
            access: self.access.load(Ordering::Relaxed),
            expires_at: self.expires_at.load(Ordering::Relaxed),
            confirmed_at: self.confirmed_at.load(Ordering::Relaxed),
            usage: self.usage.load(Ordering::Relaxed),
            partner: self.partner.load(Ordering::Relaxed),
        }
    }

    /// Gives the slot to this token: the next generation, in one step beside uses that are recorded.
    pub(crate) fn assign(&self, contents: &Contents) {
        let id = [contents.id & u128::from(u64::MAX), contents.id >> 64];
        for (word, half) in self.id.iter().zip(id) {
            word.store(half.try_into().unwrap_or(0), Ordering::Relaxed);
        }
        for (word, half) in self.key.iter().zip(contents.key.0) {
            word.store(half, Ordering::Relaxed);
        }
        self.update(contents);
        let next = |usage: u64| {
            let generation = (usage & !(GENERATION - 1)).wrapping_add(GENERATION);
            Some(generation | contents.usage & (GENERATION - 1))
        };
        let before = self.usage.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
        let generation = before.map_or(0, |usage| (usage >> 32) as u32).wrapping_add(1);
        self.partner.store(pack_partner(generation, contents.last_partner()), Ordering::Relaxed);
    }

    /// Overwrites what may change of its token: the access, the expiry, and when it was confirmed.
    pub(crate) fn update(&self, contents: &Contents) {
        self.access.store(contents.access, Ordering::Relaxed);
        self.expires_at.store(contents.expires_at, Ordering::Relaxed);
        self.confirmed_at.store(contents.confirmed_at, Ordering::Relaxed);
    }

    pub(crate) fn free(&self) {
        self.assign(&Contents::new(Key::FREE, 0));
    }

    /// The token is no longer served until it is confirmed again.
    pub(crate) fn invalidate(&self) {
        self.confirmed_at.store(0, Ordering::Release);
    }

    /// Records a use in this second by the token of this generation, with the number of the partner: that of
    /// the second's first use. True if the slot becomes dirty: the caller then enqueues the use to be written.
    #[inline]
    pub(crate) fn record_use(&self, generation: u32, second: u32, partner: u32) -> bool {
        let usage = self.usage.load(Ordering::Relaxed);
        let is_recorded = usage & (GENERATION - 1) >= DIRTY | u64::from(second);
        !is_recorded && self.mark_dirty(generation, second, partner)
    }

    fn mark_dirty(&self, generation: u32, second: u32, partner: u32) -> bool {
        let later = |usage: u64| {
            let seconds = (usage & SECONDS).max(second.into());
            let is_same_token = usage >> 32 == u64::from(generation);
            is_same_token.then_some(u64::from(generation) << 32 | DIRTY | seconds)
        };
        let Ok(before) = self.usage.fetch_update(Ordering::AcqRel, Ordering::Relaxed, later) else {
            return false;
        };
        if before & SECONDS <= u64::from(second) {
            self.partner.store(pack_partner(generation, Some(partner)), Ordering::Relaxed);
        }
        before & DIRTY == 0
    }

    /// The use of this second is written: the next one makes the slot dirty again. False if there was a
    /// later use.
    pub(crate) fn clear_dirty(&self, second: u32) -> bool {
        let cleared = |usage: u64| (usage & SECONDS == u64::from(second)).then_some(usage & !DIRTY);
        self.usage.fetch_update(Ordering::AcqRel, Ordering::Relaxed, cleared).is_ok()
    }
}
