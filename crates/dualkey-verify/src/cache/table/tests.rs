use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;

use super::{Access, Contents, Index, Interner, Key, TokenTable};

/// As a digest: random, and always the same for one number.
fn key(number: u64) -> Key {
    let word =
        |salt: u64| (number * 2 + salt + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    Key([word(0), word(1)])
}

fn contents(number: u64) -> Contents {
    Contents::new(key(number), number.into())
}

/// Every third organization has a name that is too long for a record.
fn access(number: u64) -> Access {
    let suffix =
        if number.is_multiple_of(3) { "-with-a-name-of-more-than-39-bytes-in-all" } else { "" };
    Access { organization: format!("org-{number}{suffix}").into(), scopes: number.into() }
}

fn get(table: &TokenTable, number: u64) -> Option<Access> {
    let entry = table.get(key(number))?;
    assert_eq!(entry.contents.id, number.into());
    let organization = table.organization(&entry.access)?;
    Some(Access { organization, scopes: entry.access.scopes() })
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Upsert(u64, u64),
    Remove(u64),
    RetainFrom(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        60 => (0..700_u64, 0..20_u64).prop_map(|(number, access)| Step::Upsert(number, access)),
        20 => (0..700_u64).prop_map(Step::Remove),
        1 => (0..700_u64).prop_map(Step::RetainFrom),
    ];
    proptest::collection::vec(step, 0..2_000)
}

proptest! {
    #[test]
    fn the_table_is_a_map(steps in steps()) {
        let table = TokenTable::with_capacity(700);
        let mut model = HashMap::new();
        for step in steps {
            let mut writer = table.write_lock();
            match step {
                Step::Upsert(number, of) => {
                    prop_assert!(writer.upsert(&contents(number), &access(of)));
                    model.insert(number, access(of));
                }
                Step::Remove(number) => {
                    writer.remove(key(number));
                    model.remove(&number);
                }
                Step::RetainFrom(least) => {
                    writer.retain(|contents| contents.id >= least.into());
                    model.retain(|number, _| *number >= least);
                }
            }
            prop_assert_eq!(table.len(), model.len());
        }
        for number in 0..700 {
            prop_assert_eq!(get(&table, number), model.get(&number).cloned());
        }
    }

    /// Few distinct hashes, so that probe sequences overlap.
    #[test]
    fn the_index_finds_what_was_inserted(
        numbers in proptest::collection::btree_set(0..3_000_u32, 0..600),
    ) {
        let hash_of = |number: u32| u64::from(number % 7) << 61 | u64::from(number % 50);
        let index = Index::with_capacity(3_000);
        for number in &numbers {
            index.insert(hash_of(*number), *number, hash_of);
        }
        for number in 0..3_000 {
            let found = index.find(hash_of(number), |other| (other == number).then_some(()));
            prop_assert_eq!(found.is_some(), numbers.contains(&number));
        }
    }
}

#[test]
fn tokens_are_found_while_pages_split_and_others_change() {
    let (table, is_over) = (TokenTable::with_capacity(100_000), AtomicBool::new(false));
    for number in 0..50 {
        table.write_lock().upsert(&contents(number), &access(number));
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for number in 0..50 {
                    assert_eq!(get(&table, number), Some(access(number)));
                }
            }
        });
        for number in 50..20_000 {
            table.write_lock().upsert(&contents(number), &access(number));
            if number.is_multiple_of(3) {
                table.write_lock().remove(key(number - 1));
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(table.len(), 20_000 - 6_650);
}

#[test]
fn access_records_are_reused_after_their_last_token() {
    let table = TokenTable::with_capacity(10);
    for number in 0..100_000 {
        let mut writer = table.write_lock();
        assert!(writer.upsert(&contents(number), &access(number)), "number {number}");
        if number >= 10 {
            writer.remove(key(number - 10));
        }
    }
    for number in 100_000 - 10..100_000 {
        assert_eq!(get(&table, number), Some(access(number)));
    }
}

#[test]
fn a_long_name_is_not_read_from_a_record_written_since() {
    let table = TokenTable::with_capacity(1);
    let long_named = |number: u64| access(number * 3);
    table.write_lock().upsert(&contents(1), &long_named(1));
    let before = table.get(key(1)).unwrap().access;
    assert_eq!(table.organization(&before), Some(long_named(1).organization));

    table.write_lock().remove(key(1));
    assert_eq!(table.organization(&before), None);
    table.write_lock().upsert(&contents(1), &long_named(2));
    assert_eq!(table.organization(&before), None);
}

#[test]
fn an_update_releases_the_access_record_of_before() {
    let table = TokenTable::with_capacity(1);
    for number in 0..100_000 {
        assert!(table.write_lock().upsert(&contents(1), &access(number)), "number {number}");
    }
    assert_eq!(get(&table, 1), Some(access(99_999)));
}

#[test]
fn a_late_use_is_not_recorded_for_the_next_token_in_the_slot() {
    let table = TokenTable::with_capacity(10);
    table.write_lock().upsert(&contents(1), &access(1));
    let entry = table.get(key(1)).unwrap();
    let (slot, generation) = (entry.slot, entry.contents.generation());
    assert!(slot.record_use(generation, 5, 1));
    assert!(!slot.record_use(generation, 6, 2), "a write is pending already");
    assert_eq!((slot.contents().last_use(), slot.contents().last_partner()), (6, Some(2)));

    slot.assign(&contents(2));
    assert!(!slot.record_use(generation, 7, 3));
    assert_eq!(slot.contents().last_partner(), None);
    assert!(slot.record_use(slot.contents().generation(), 7, 0), "no write is pending");
    assert_eq!(slot.contents().last_partner(), Some(0));
}

#[test]
fn an_interner_numbers_each_value_once_until_it_is_full() {
    let interner = Interner::with_capacity(1);
    assert_eq!(interner.intern(&"first".to_owned()), Some(0));
    assert_eq!(interner.intern(&"second".to_owned()), Some(1));
    assert_eq!(interner.intern(&"first".to_owned()), Some(0));
    assert_eq!(interner.get(1).map(String::as_str), Some("second"));
    let full = (2..1_000_000_u32).find(|number| interner.intern(&number.to_string()).is_none());
    assert!(full.is_some_and(|number| interner.intern(&(number - 1).to_string()).is_some()));
}
