use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Entries that never move: room is made in segments, and what is made stays.
pub(crate) struct Slab<T> {
    segments: Box<[OnceLock<Box<[T]>>]>,
}

const SEGMENT: usize = 1_024;

impl<T: Default> Slab<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let segments = capacity.div_ceil(SEGMENT);
        Self { segments: (0..segments).map(|_| OnceLock::new()).collect() }
    }

    /// The entry of this number, if there is room for it.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let at = number as usize;
        self.segments.get(at / SEGMENT)?.get()?.get(at % SEGMENT)
    }

    /// The entry of this number, for which room is made; none beyond the capacity.
    pub(crate) fn make(&self, number: u32) -> Option<&T> {
        let at = number as usize;
        let segment = self.segments.get(at / SEGMENT)?;
        segment.get_or_init(|| (0..SEGMENT).map(|_| T::default()).collect()).get(at % SEGMENT)
    }
}

/// Values of which there are few, each kept once under a number.
pub(crate) struct Interned<T> {
    values: Slab<OnceLock<T>>,
    numbers: Mutex<HashMap<T, u32>>,
}

impl<T: Clone + Eq + Hash> Interned<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { values: Slab::with_capacity(capacity), numbers: Mutex::default() }
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number)?.get()
    }

    /// The number of this value; none when there is no room for another.
    pub(crate) fn number(&self, value: &T) -> Option<u32> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.get(value) {
            return Some(*number);
        }
        let number = u32::try_from(numbers.len()).ok()?;
        self.values.make(number)?.get_or_init(|| value.clone());
        numbers.insert(value.clone(), number);
        Some(number)
    }
}
