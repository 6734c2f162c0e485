use std::hash::{BuildHasher as _, Hash};
use std::sync::{Mutex, OnceLock, PoisonError};

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::arena::Arena;

/// Values by number, each held once and never removed: for values of which there are few.
pub(crate) struct Interner<T> {
    values: Arena<OnceLock<T>>,
    hasher: RandomState,
    /// The numbers by the hash of their values; locked while a value is added.
    numbers: Mutex<HashTable<u32>>,
}

impl<T: Clone + Eq + Hash> Interner<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            values: Arena::with_capacity(capacity),
            hasher: RandomState::default(),
            numbers: Mutex::default(),
        }
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number)?.get()
    }

    /// The number of this value; none if the interner is full.
    pub(crate) fn intern(&self, value: &T) -> Option<u32> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = self.hasher.hash_one(value);
        if let Some(number) = numbers.find(hash, |number| self.get(*number) == Some(value)) {
            return Some(*number);
        }
        let number = u32::try_from(numbers.len()).ok()?;
        self.values.get_or_init(number)?.get_or_init(|| value.clone());
        let hash_of =
            |number: &u32| self.get(*number).map_or(0, |value| self.hasher.hash_one(value));
        numbers.insert_unique(hash, number, hash_of);
        Some(number)
    }
}
