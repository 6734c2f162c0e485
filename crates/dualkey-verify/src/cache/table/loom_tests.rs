//! The tables beside a reader, in the interleavings and with the stale values that the C++11 memory model
//! allows, by loom: compiled once more, with loom's primitives and with pages of two slots.
#![allow(dead_code, reason = "the tests use a part of the tables")]

#[path = "access.rs"]
mod access;
#[path = "arena.rs"]
mod arena;
#[path = "page.rs"]
mod page;
#[path = "slot.rs"]
mod slot;
#[path = "token_table.rs"]
mod token_table;

mod geometry {
    pub(crate) const SLOTS: usize = 2;
    pub(crate) const FULL: usize = 2;
    pub(crate) const FEWEST: usize = 1;
    pub(crate) const MAX_BITS: usize = 2;
    pub(crate) const CPU_CACHE_PAGES: usize = 128;
    /// One entry per segment.
    pub(crate) const SEGMENT_BYTES: usize = 0;
}

mod sync {
    pub(crate) use foldhash::quality::FixedState as Hasher;
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    /// loom has no `OnceLock`: this one publishes its value as the standard library's does.
    #[derive(Default)]
    pub(crate) struct OnceLock<T> {
        is_set: AtomicU32,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self { is_set: AtomicU32::new(0), value: std::sync::OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_set.load(Ordering::Acquire) == 0 { None } else { self.value.get() }
        }

        pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
            let value = self.value.get_or_init(init);
            self.is_set.store(1, Ordering::Release);
            value
        }
    }
}

use loom::sync::Arc;
use loom::thread;

use access::Access;
use slot::{Contents, Key, Slot};
use token_table::TokenTable;

/// The first bits select the page, the others the slot.
fn key(page_bits: u64, slot: u64) -> Key {
    Key([page_bits << 62 | 1, slot << 63 | 1])
}

fn contents(key: Key) -> Contents {
    Contents { confirmed_at: 1, ..Contents::new(key, id(key)) }
}

fn id(key: Key) -> u128 {
    u128::from(key.0[0] >> 62) << 1 | u128::from(key.0[1] >> 63) | 0x100
}

fn access(number: u128) -> Access {
    Access { organization: "o".repeat(number.try_into().unwrap()).as_str().into(), scopes: number }
}

/// What a reader sees of a token: nothing, or a whole and consistent entry.
fn get(table: &TokenTable, key: Key) -> Option<Access> {
    let entry = table.get(key)?;
    assert!(entry.contents.key == key && entry.contents.id == id(key), "a torn slot");
    let organization = table.organization(&entry.access)?;
    let seen = Access { organization, scopes: entry.access.scopes() };
    assert_eq!(seen, access(seen.scopes), "a torn access record");
    Some(seen)
}

/// Those of an update are fewer; those of a split are millions.
const MAX_EXECUTIONS: usize = 10_000;

/// Runs a writer beside a reader, with one preemption in any place and with each value that a load may
/// return, up to [`MAX_EXECUTIONS`].
///
/// The reader is the spawned thread, so that the writer runs first: loom compares an access only with the
/// last one to the same atomic, and the writer loads a directory word before it writes the word.
fn check(
    before: impl Fn(&TokenTable) + Send + Sync + 'static,
    write: impl Fn(&TokenTable) + Send + Sync + 'static,
    read: impl Fn(&TokenTable) + Send + Sync + Copy + 'static,
) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(1);
    model.checkpoint_interval = 100; // it stops at a multiple only
    model.max_permutations = Some(MAX_EXECUTIONS);
    model.check(move || {
        let table = Arc::new(TokenTable::with_capacity(4));
        before(&table);
        let reading = {
            let table = Arc::clone(&table);
            thread::spawn(move || read(&table))
        };
        write(&table);
        reading.join().unwrap();
        read(&table);
    });
}

fn upsert(table: &TokenTable, key: Key, number: u128) {
    assert!(table.write_lock().upsert(&contents(key), &access(number)));
}

#[test]
fn a_reader_beside_an_update_sees_the_old_or_the_new_access() {
    let token = key(0, 0);
    check(
        move |table| upsert(table, token, 1),
        move |table| upsert(table, token, 2),
        move |table| {
            let scopes = get(table, token).map(|access| access.scopes);
            assert!(matches!(scopes, Some(1 | 2)), "{scopes:?}");
        },
    );
}

#[test]
fn a_reader_beside_a_split_finds_both_tokens() {
    check(
        |table| {
            upsert(table, key(0, 0), 1);
            upsert(table, key(2, 1), 2);
        },
        |table| upsert(table, key(3, 0), 3),
        |table| {
            assert_eq!(get(table, key(0, 0)), Some(access(1)));
            assert_eq!(get(table, key(2, 1)), Some(access(2)));
        },
    );
}

#[test]
fn a_reader_beside_a_removal_sees_the_token_or_none() {
    check(
        |table| {
            upsert(table, key(0, 0), 1);
            upsert(table, key(0, 1), 2);
        },
        |table| table.write_lock().remove(key(0, 0)),
        |table| {
            assert!(get(table, key(0, 0)).is_none_or(|seen| seen == access(1)));
            assert_eq!(get(table, key(0, 1)), Some(access(2)));
        },
    );
}

/// The slot and the access record of the removed token are given to another one.
#[test]
fn a_reader_never_sees_the_access_of_the_next_token() {
    check(
        |table| upsert(table, key(0, 0), 1),
        |table| {
            table.write_lock().remove(key(0, 0));
            upsert(table, key(1, 0), 2);
        },
        |table| assert!(get(table, key(0, 0)).is_none_or(|seen| seen == access(1))),
    );
}

#[test]
fn a_late_use_never_reaches_the_next_token() {
    check(
        |table| upsert(table, key(0, 0), 1),
        |table| {
            table.write_lock().remove(key(0, 0));
            upsert(table, key(1, 0), 2);
            let entry = table.get(key(1, 0)).unwrap();
            assert!(entry.contents.last_use() == 0, "a use of the token before");
        },
        |table| {
            if let Some(entry) = table.get(key(0, 0)) {
                entry.slot.record_use(entry.contents.generation(), 7, 1);
            }
        },
    );
}

#[test]
fn a_late_use_names_no_partner_of_the_next_token() {
    loom::model(|| {
        let slot = Arc::new(Slot::default());
        slot.assign(&contents(key(0, 0)));
        let generation = slot.contents().generation();
        let using = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.record_use(generation, 7, 1))
        };
        slot.assign(&contents(key(1, 0)));
        using.join().unwrap();
        let next = slot.contents();
        assert_eq!((next.last_use(), next.last_partner()), (0, None));
    });
}
