use std::array;
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

/// An access as a record holds it. A decision copies the words and decodes the organization last: a value with
/// a destructor, copied early, would be moved through memory several times.
#[derive(Clone)]
pub(crate) struct EncodedAccess {
    /// The organization's name, if it has at most [`MAX_INLINE`] bytes, and in the last byte its length; else
    /// [`LONG`].
    name: [u64; NAME_WORDS],
    scopes: [u64; 2],
    /// The organization, if its name is longer.
    long_organization: Option<Arc<OrganizationId>>,
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
    name: [AtomicU64; NAME_WORDS],
    scopes: [AtomicU64; 2],
    long_organization: ArcSwapOption<OrganizationId>,
}

const MAX_INLINE: usize = NAME_WORDS * 8 - 1;
const LONG: u8 = u8::MAX;

impl EncodedAccess {
    pub(crate) fn new(access: &Access) -> Self {
        let text = access.organization.as_str().as_bytes();
        let (mut bytes, mut long_organization) = ([0; NAME_WORDS * 8], None);
        if text.len() <= MAX_INLINE {
            bytes[..text.len()].copy_from_slice(text);
            bytes[MAX_INLINE] = text.len().try_into().unwrap_or(LONG);
        } else {
            long_organization = Some(Arc::new(access.organization.clone()));
            bytes[MAX_INLINE] = LONG;
        }
        let word = |at: usize| u64::from_le_bytes(array::from_fn(|byte| bytes[at * 8 + byte]));
        let half = |half: u128| half.try_into().unwrap_or(0);
        let scopes = [half(access.scopes & u128::from(u64::MAX)), half(access.scopes >> 64)];
        Self { name: array::from_fn(word), scopes, long_organization }
    }

    pub(crate) fn scopes(&self) -> u128 {
        u128::from(self.scopes[1]) << 64 | u128::from(self.scopes[0])
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        if let Some(organization) = &self.long_organization {
            return OrganizationId::clone(organization);
        }
        let mut bytes = [0; NAME_WORDS * 8];
        let (chunks, _) = bytes.as_chunks_mut();
        chunks.iter_mut().zip(self.name).for_each(|(chunk, word)| *chunk = word.to_le_bytes());
        let name = bytes.get(..bytes[MAX_INLINE].into()).unwrap_or_default();
        OrganizationId::new(str::from_utf8(name).unwrap_or_default())
    }

    pub(crate) fn decode(&self) -> Access {
        Access { organization: self.organization(), scopes: self.scopes() }
    }
}

impl AccessRecords {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { records: Arena::with_capacity(capacity), hasher: Hasher::default() }
    }

    /// The access of this number. If no slot refers to it any more, the value is meaningless: the caller finds
    /// that its slot has changed.
    #[inline(always)]
    pub(crate) fn read(&self, number: u32) -> Option<EncodedAccess> {
        self.records.get(number).map(Record::read)
    }

    /// The number of this access, with one more reference; none if there is no room.
    pub(crate) fn acquire(&self, index: &mut AccessIndex, access: &Access) -> Option<u32> {
        let hash = self.hasher.hash_one(access);
        let is_same =
            |number: &u32| self.read(*number).is_some_and(|other| other.decode() == *access);
        if let Some(number) = index.numbers.find(hash, is_same).copied() {
            index.references[number as usize] += 1;
            return Some(number);
        }
        let number = index.free.pop().or_else(|| u32::try_from(index.references.len()).ok())?;
        self.records.get_or_init(number)?.write(EncodedAccess::new(access));
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
        self.read(number).map_or(0, |access| self.hasher.hash_one(access.decode()))
    }
}

impl Record {
    #[inline(always)]
    fn read(&self) -> EncodedAccess {
        let name = self.name.each_ref().map(|word| word.load(Ordering::Relaxed));
        let scopes = self.scopes.each_ref().map(|word| word.load(Ordering::Relaxed));
        let is_long = name[NAME_WORDS - 1].to_le_bytes()[7] == LONG;
        let long_organization = if is_long { self.long_organization.load_full() } else { None };
        EncodedAccess { name, scopes, long_organization }
    }

    fn write(&self, access: EncodedAccess) {
        for (word, value) in self.name.iter().zip(access.name) {
            word.store(value, Ordering::Relaxed);
        }
        for (word, value) in self.scopes.iter().zip(access.scopes) {
            word.store(value, Ordering::Relaxed);
        }
        self.long_organization.store(access.long_organization);
    }
}
