use std::array;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use dualkey_token::TokenDigest;
use subtle::ConstantTimeEq as _;

/// One token: 48 bytes, free if its key is zero.
#[derive(Default)]
pub(crate) struct Slot {
    key: [AtomicU64; 2],
    id: [AtomicU64; 2],
    /// The number of what it opens.
    pub(crate) rights: AtomicU32,
    /// In the ticks of whoever holds the table, rounded down; the highest is never.
    pub(crate) expires_at: AtomicU32,
    /// In ticks, rounded down; zero is never.
    pub(crate) confirmed_at: AtomicU32,
    /// The second of its last use; above it, whether somebody waits to write that, and how often the slot
    /// was given to a token, so that a use that is noted late is not noted of another.
    used: AtomicU32,
}

const _: () = assert!(size_of::<Slot>() == 48);

/// Half a digest: whoever finds another text with this half has broken SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [u64; 2]);

/// What a slot holds, apart from its place.
#[derive(Clone, Copy)]
pub(crate) struct Contents {
    pub(crate) key: Key,
    pub(crate) id: u128,
    pub(crate) rights: u32,
    pub(crate) expires_at: u32,
    pub(crate) confirmed_at: u32,
    pub(crate) used: u32,
}

/// Of the word of its use.
const NOTED: u32 = 1 << 28;
const SECONDS: u32 = NOTED - 1;
const TURN: u32 = NOTED << 1;

impl Key {
    const NONE: Self = Self([0; 2]);

    #[inline]
    pub(crate) fn of(digest: &TokenDigest) -> Self {
        let bytes = digest.as_bytes();
        let word = |at| u64::from_ne_bytes(array::from_fn(|byte| bytes[at + byte]));
        Self([word(0), word(8)])
    }
}

impl Contents {
    /// A token that nobody used yet.
    pub(crate) const fn new(key: Key, id: u128) -> Self {
        Self { key, id, rights: 0, expires_at: 0, confirmed_at: 0, used: 0 }
    }

    /// How often the slot was given to a token, in the bits that are above the rest.
    pub(crate) const fn turn(&self) -> u32 {
        self.used & !(TURN - 1)
    }

    pub(crate) const fn last_use(&self) -> u32 {
        self.used & SECONDS
    }
}

impl Slot {
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.key.iter().all(|word| word.load(Ordering::Relaxed) == 0)
    }

    /// In a time that does not depend on where they differ.
    #[inline]
    pub(crate) fn is_of(&self, key: Key) -> bool {
        let [first, second] = &self.key;
        let difference = (first.load(Ordering::Relaxed) ^ key.0[0])
            | (second.load(Ordering::Relaxed) ^ key.0[1]);
        difference.ct_eq(&0).into()
    }

    #[inline]
    pub(crate) fn contents(&self) -> Contents {
        let [first, second] = &self.key;
        Contents {
            key: Key([first.load(Ordering::Relaxed), second.load(Ordering::Relaxed)]),
            id: self.id(),
            rights: self.rights.load(Ordering::Relaxed),
            expires_at: self.expires_at.load(Ordering::Relaxed),
            confirmed_at: self.confirmed_at.load(Ordering::Relaxed),
            used: self.used.load(Ordering::Relaxed),
        }
    }

    #[inline]
    pub(crate) fn id(&self) -> u128 {
        let [low, high] = [&self.id[0], &self.id[1]].map(|word| word.load(Ordering::Relaxed));
        u128::from(high) << 64 | u128::from(low)
    }

    /// Gives the slot to this token.
    pub(crate) fn put(&self, contents: &Contents) {
        self.renew(contents);
        let turn = self.contents().turn().wrapping_add(TURN);
        self.used.store(turn | contents.used & (TURN - 1), Ordering::Relaxed);
    }

    /// Writes anew what is known of its token.
    pub(crate) fn renew(&self, contents: &Contents) {
        let words = [contents.id & u128::from(u64::MAX), contents.id >> 64];
        for (word, value) in self.id.iter().zip(words) {
            word.store(u64::try_from(value).unwrap_or(0), Ordering::Relaxed);
        }
        for (word, value) in self.key.iter().zip(contents.key.0) {
            word.store(value, Ordering::Relaxed);
        }
        self.rights.store(contents.rights, Ordering::Relaxed);
        self.expires_at.store(contents.expires_at, Ordering::Relaxed);
        self.confirmed_at.store(contents.confirmed_at, Ordering::Relaxed);
    }

    pub(crate) fn free(&self) {
        self.put(&Contents::new(Key::NONE, 0));
    }

    /// Notes a use in this second by the token that had the slot at this turn. Whether that is news: nobody
    /// waits to write it.
    #[inline]
    pub(crate) fn note_use(&self, turn: u32, second: u32) -> bool {
        let is_noted = self.used.load(Ordering::Relaxed) & (TURN - 1) >= NOTED | second;
        !is_noted && self.note_first_use(turn, second)
    }

    fn note_first_use(&self, turn: u32, second: u32) -> bool {
        let later = |used: u32| {
            let is_its = used & !(TURN - 1) == turn;
            is_its.then_some(turn | NOTED | (used & SECONDS).max(second))
        };
        let noted = self.used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, later);
        noted.is_ok_and(|before| before & NOTED == 0)
    }

    pub(crate) fn last_use(&self) -> u32 {
        self.contents().last_use()
    }

    /// From here on the next use is news again, unless there was one after this second.
    pub(crate) fn settle(&self, second: u32) -> bool {
        let settled = |used: u32| (used & SECONDS == second).then_some(used & !NOTED);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, settled).is_ok()
    }
}

/// The latest second that a slot keeps, 8 years.
pub(crate) const LAST_SECOND: u32 = SECONDS;
