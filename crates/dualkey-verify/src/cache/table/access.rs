use std::array;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use dualkey_store::OrganizationId;
use hashbrown::HashTable;

use super::arena::Arena;
use super::sync::{AtomicU64, Hasher, Ordering};

/// The organization whose data a token opens, and the bits of its scopes: the same for many tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Access {
    pub(crate) organization: OrganizationId,
    pub(crate) scopes: u128,
}

/// An access as a record holds it: words, which a reader copies without a reference count.
#[derive(Clone, Copy)]
pub(crate) struct EncodedAccess {
    /// A short name, as [`OrganizationId::to_short`] has it. Of a long one: its serial number, the number of
    /// its record, and [`LONG`] in the last byte.
    name: [u64; NAME_WORDS],
    scopes: [u64; 2],
}

/// A long name, and the serial number that no other name ever gets.
struct LongName {
    serial: u64,
    organization: OrganizationId,
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
    /// How many records were written so far.
    serial: u64,
}

/// One cache line.
#[derive(Default)]
#[repr(align(64))]
struct Record {
    name: [AtomicU64; NAME_WORDS],
    scopes: [AtomicU64; 2],
    long_name: ArcSwapOption<LongName>,
}

const NAME_WORDS: usize = (OrganizationId::SHORT + 1) / 8;
const LONG: u8 = u8::MAX;

/// The access of a token without a record, whose organization is not read from here if its name is long.
impl From<&Access> for EncodedAccess {
    fn from(access: &Access) -> Self {
        Self::new(access, 0, 0)
    }
}

impl EncodedAccess {
    fn new(access: &Access, record: u32, serial: u64) -> Self {
        let name = match access.organization.to_short() {
            Some(bytes) => {
                array::from_fn(|at| u64::from_le_bytes(array::from_fn(|byte| bytes[at * 8 + byte])))
            }
            None => [serial, record.into(), 0, 0, u64::from(LONG) << 56],
        };
        let half = |half: u128| half.try_into().unwrap_or(0);
        let scopes = [half(access.scopes & u128::from(u64::MAX)), half(access.scopes >> 64)];
        Self { name, scopes }
    }

    #[inline]
    pub(crate) fn scopes(&self) -> u128 {
        u128::from(self.scopes[1]) << 64 | u128::from(self.scopes[0])
    }

    #[inline]
    pub(crate) fn has_short_name(&self) -> bool {
        self.name[NAME_WORDS - 1].to_le_bytes()[7] != LONG
    }

    /// The organization, if its name is short.
    #[inline]
    pub(crate) fn short_organization(&self) -> OrganizationId {
        let mut bytes = [0; OrganizationId::SHORT + 1];
        let (chunks, _) = bytes.as_chunks_mut();
        chunks.iter_mut().zip(self.name).for_each(|(chunk, word)| *chunk = word.to_le_bytes());
        OrganizationId::from_short(bytes)
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

    /// The organization of an access that was read before; none if its name is long and its record has been
    /// rewritten since.
    pub(crate) fn organization(&self, access: &EncodedAccess) -> Option<OrganizationId> {
        if access.has_short_name() {
            return Some(access.short_organization());
        }
        let [serial, record, ..] = access.name;
        let long_name = self.records.get(u32::try_from(record).ok()?)?.long_name.load();
        let same = long_name.as_deref().filter(|name| name.serial == serial)?;
        Some(same.organization.clone())
    }

    /// The number of this access, with one more reference; none if there is no room.
    pub(crate) fn acquire(&self, index: &mut AccessIndex, access: &Access) -> Option<u32> {
        let hash = self.hasher.hash_one(access);
        let is_same = |number: &u32| self.decode(*number).as_ref() == Some(access);
        if let Some(number) = index.numbers.find(hash, is_same).copied() {
            index.references[number as usize] += 1;
            return Some(number);
        }
        let number = index.free.pop().or_else(|| u32::try_from(index.references.len()).ok())?;
        index.serial += 1;
        self.records.get_or_init(number)?.write(access, number, index.serial);
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
            record.long_name.store(None);
        }
    }

    fn hash(&self, number: u32) -> u64 {
        self.decode(number).map_or(0, |access| self.hasher.hash_one(access))
    }

    fn decode(&self, number: u32) -> Option<Access> {
        let access = self.read(number)?;
        Some(Access { organization: self.organization(&access)?, scopes: access.scopes() })
    }
}

impl Record {
    #[inline(always)]
    fn read(&self) -> EncodedAccess {
        EncodedAccess {
            name: self.name.each_ref().map(|word| word.load(Ordering::Relaxed)),
            scopes: self.scopes.each_ref().map(|word| word.load(Ordering::Relaxed)),
        }
    }

    fn write(&self, access: &Access, number: u32, serial: u64) {
        let EncodedAccess { name, scopes } = EncodedAccess::new(access, number, serial);
        for (word, value) in self.name.iter().zip(name) {
            word.store(value, Ordering::Relaxed);
        }
        for (word, value) in self.scopes.iter().zip(scopes) {
            word.store(value, Ordering::Relaxed);
        }
        let organization = access.organization.clone();
        let is_long = organization.to_short().is_none();
        self.long_name.store(is_long.then(|| Arc::new(LongName { serial, organization })));
    }
}
