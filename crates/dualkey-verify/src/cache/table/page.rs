use std::array;

use super::geometry::SLOTS;
use super::slot::{Contents, Key, Slot};

/// Slots with open addressing and linear probing.
#[repr(align(64))]
pub(crate) struct Page([Slot; SLOTS]);

impl Default for Page {
    fn default() -> Self {
        Self(array::from_fn(|_| Slot::default()))
    }
}

impl Page {
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<&Slot> {
        let home = key.home_slot(SLOTS);
        for at in home..home + SLOTS {
            let slot = &self.0[at % SLOTS];
            if slot.has_key(key) {
                return Some(slot);
            }
            if slot.is_free() {
                break;
            }
        }
        None
    }

    /// Brings the cache line of this key, and the next, from memory.
    #[inline]
    pub(crate) fn prefetch(&self, key: Key) {
        prefetch_index::prefetch_index(&self.0, key.home_slot(SLOTS));
        prefetch_index::prefetch_index(&self.0, key.home_slot(SLOTS) + 1);
    }

    /// Adds a token. The caller sees to it that a slot is free.
    pub(crate) fn insert(&self, contents: &Contents) {
        let (before, from_home) = self.0.split_at(contents.key.home_slot(SLOTS));
        if let Some(free) = from_home.iter().chain(before).find(|slot| slot.is_free()) {
            free.assign(contents);
        }
    }

    /// The slots that hold a token.
    pub(crate) fn occupied(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().filter(|slot| !slot.is_free())
    }

    /// Removes all tokens but those to be kept; returns the removed ones.
    pub(crate) fn retain(&self, keep: impl Fn(&Contents) -> bool) -> Vec<Contents> {
        let all: Vec<Contents> = self.occupied().map(Slot::contents).collect();
        self.occupied().for_each(Slot::free);
        let (kept, removed): (Vec<_>, Vec<_>) = all.into_iter().partition(keep);
        kept.iter().for_each(|contents| self.insert(contents));
        removed
    }
}
