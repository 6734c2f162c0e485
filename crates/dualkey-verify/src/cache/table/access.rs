use std::hash::BuildHasher as _;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use dualkey_store::OrganizationId;
use hashbrown::HashTable;

use super::arena::Arena;
use super::geometry::NAME_WORDS;
use super::sync::{AtomicU64, Hasher, Ordering};

/// The organization whose data a token opens, and the bits of its scopes: the same for many tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Access {
    pub(crate) organization: OrganizationId,
    pub(crate) scopes: u128,
}

/// Accesses by number, each held once, with a reference count: an interner.
///
/// A record is read within the seqlock of a slot that refers to it, and rewritten only when no slot does.
pub(crate) struct AccessRecords {
    records: Arena<Record>,
    hasher: Hasher,
}

/// The part of [`AccessRecords`] that only writers use, under their lock.
#[derive(Default)]
pub(crate) struct AccessIndex {
    numbers: HashTable<u32>,
    /// How many slots refer to each record.
    references: Vec<u32>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Record {
    scopes: [AtomicU64; 2],
    /// The organization's name, if it has at most [`MAX_INLINE`] bytes, and in the last byte its length; else
    /// [`LONG`].
    name: [AtomicU64; NAME_WORDS],
    /// The organization, if its name is longer.
    long_organization: ArcSwapOption<OrganizationId>,
}

const MAX_INLINE: usize = NAME_WORDS * 8 - 1;
const LONG: u8 = u8::MAX;

impl AccessRecords {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { records: Arena::with_capacity(capacity), hasher: Hasher::default() }
    }

    /// The access of this number, if a slot refers to it. If none does any more, the value is
    /// meaningless: the caller finds that its slot has changed.
    #[inline]
    pub(crate) fn read(&self, number: u32) -> Option<Access> {
        self.records.get(number).map(Record::read)
    }

    /// The number of this access, with one more reference; none if there is no room.
    pub(crate) fn acquire(&self, index: &mut AccessIndex, access: &Access) -> Option<u32> {
        let hash = self.hasher.hash_one(access);
        let is_same = |number: &u32| self.read(*number).as_ref() == Some(access);
        if let Some(number) = index.numbers.find(hash, is_same).copied() {
            index.references[number as usize] += 1;
            return Some(number);
        }
        let number = index.free.pop().or_else(|| u32::try_from(index.references.len()).ok())?;
        self.records.get_or_init(number)?.write(access);
        match index.references.get_mut(number as usize) {
            Some(references) => *references = 1,
            None => index.references.push(1),
        }
        index.numbers.insert_unique(hash, number, |number| self.hash(*number));
        Some(number)
    }

    /// Removes a reference. With the last one, the record is free for another access.
    pub(crate) fn release(&self, index: &mut AccessIndex, number: u32) {
        let references = &mut index.references[number as usize];
        *references -= 1;
        if *references > 0 {
            return;
        }
        if let Ok(entry) = index.numbers.find_entry(self.hash(number), |other| *other == number) {
            entry.remove();
        }
        index.free.push(number);
        if let Some(record) = self.records.get(number) {
            record.long_organization.store(None);
        }
    }

    fn hash(&self, number: u32) -> u64 {
        self.read(number).map_or(0, |access| self.hasher.hash_one(access))
    }
}

impl Record {
    #[inline]
    fn read(&self) -> Access {
        let [low, high] = self.scopes.each_ref().map(|word| word.load(Ordering::Relaxed));
        let mut bytes = [0; NAME_WORDS * 8];
        for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(&self.name) {
            *bytes = word.load(Ordering::Relaxed).to_le_bytes();
        }
        let organization = match bytes.get(..bytes[MAX_INLINE].into()) {
            Some(name) => OrganizationId::new(str::from_utf8(name).unwrap_or_default()),
            None => self.read_long_organization(),
        };
        Access { organization, scopes: u128::from(high) << 64 | u128::from(low) }
    }

    #[cold]
    fn read_long_organization(&self) -> OrganizationId {
        let organization = self.long_organization.load();
        organization.as_deref().map_or_else(|| OrganizationId::new(""), OrganizationId::clone)
    }

    fn write(&self, access: &Access) {
        let name = access.organization.as_str().as_bytes();
        let mut bytes = [0; NAME_WORDS * 8];
        if name.len() <= MAX_INLINE {
            bytes[..name.len()].copy_from_slice(name);
            bytes[MAX_INLINE] = name.len().try_into().unwrap_or(LONG);
        } else {
            self.long_organization.store(Some(Arc::new(access.organization.clone())));
            bytes[MAX_INLINE] = LONG;
        }
        for (word, bytes) in self.name.iter().zip(bytes.as_chunks().0) {
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        let halves = [access.scopes & u128::from(u64::MAX), access.scopes >> 64];
        for (word, half) in self.scopes.iter().zip(halves) {
            word.store(half.try_into().unwrap_or(0), Ordering::Relaxed);
        }
    }
}
