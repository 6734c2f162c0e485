use std::hash::{BuildHasher as _, Hash};
use std::sync::{Mutex, OnceLock, PoisonError};

use foldhash::quality::RandomState;

use crate::index::Index;

/// Entries that never move: room is made in segments, and what is made stays.
pub(crate) struct Slab<T> {
    segments: Box<[OnceLock<Box<[T]>>]>,
}

impl<T: Default> Slab<T> {
    /// How many entries make up about 128 KiB.
    const SEGMENT: usize = (1 << 17) / size_of::<T>().next_power_of_two();

    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let segments = capacity.div_ceil(Self::SEGMENT);
        Self { segments: (0..segments).map(|_| OnceLock::new()).collect() }
    }

    /// The entry of this number, if there is room for it.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let at = number as usize;
        self.segments.get(at / Self::SEGMENT)?.get()?.get(at % Self::SEGMENT)
    }

    /// The entry of this number, for which room is made; none beyond the capacity.
    pub(crate) fn make(&self, number: u32) -> Option<&T> {
        let at = number as usize;
        let segment = self.segments.get(at / Self::SEGMENT)?;
        let make = || (0..Self::SEGMENT).map(|_| T::default()).collect();
        segment.get_or_init(make).get(at % Self::SEGMENT)
    }
}

/// Values of which there are few, each kept once under a number.
pub(crate) struct Interned<T> {
    values: Slab<OnceLock<T>>,
    index: Index,
    hasher: RandomState,
    /// How many there are; held while one is written.
    writing: Mutex<u32>,
}

impl<T: Clone + Eq + Hash> Interned<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let (values, index) = (Slab::with_capacity(capacity), Index::of_numbers_below(capacity));
        Self { values, index, hasher: RandomState::default(), writing: Mutex::default() }
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number)?.get()
    }

    /// The number of this value; none when there is no room for another.
    pub(crate) fn number(&self, value: &T) -> Option<u32> {
        let hash = |value: &T| self.hasher.hash_one(value);
        let mut count = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |number| (self.get(number)? == value).then_some(number);
        self.index.find(hash(value), is_it).or_else(|| {
            let number = *count;
            self.values.make(number)?.get_or_init(|| value.clone());
            self.index.insert(hash(value), number, |other| self.get(other).map_or(0, hash));
            *count += 1;
            Some(number)
        })
    }
}
