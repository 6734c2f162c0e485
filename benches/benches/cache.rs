//! The token table of dualkey-verify beside maps of well-kept crates that hold the same entries: time per
//! lookup, and bytes per token as the allocator counts them.
//!
//! The table is private, so its files are compiled here once more.

use std::alloc::System;
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;

use dashmap::DashMap;
use dualkey_benches::{Numbers, Report, Row, Samples, Work, interleave, is_measuring};
use dualkey_store::OrganizationId;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[allow(dead_code, reason = "the bench uses a part of the table")]
#[path = "../../crates/dualkey-verify/src/cache/table"]
mod table {
    pub(crate) mod access;
    mod arena;
    mod geometry;
    mod page;
    pub(crate) mod slot;
    mod sync;
    pub(crate) mod token_table;
}

use table::access::Access;
use table::slot::{Contents, Key};
use table::token_table::TokenTable;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TABLE: &str = "TokenTable";
const DASHMAP: &str = "dashmap";
const PAPAYA: &str = "papaya";
const ROUNDS: usize = 1_001;
/// Tokens per organization.
const PER_ORGANIZATION: u64 = 10;

fn main() {
    let report = Report::new("cache");
    report.table("one token", || lookups(1));
    report.table("over 100,000 tokens", || lookups(100_000));
    report.table("over 1,000,000 tokens", || lookups(1_000_000));
}

/// The entry of a map.
struct Token {
    id: u128,
    organization: OrganizationId,
    scopes: u128,
    expires_at: u32,
    confirmed_at: u32,
    usage: u64,
}

impl Token {
    /// What a decision reads.
    fn read(&self) -> (u128, OrganizationId, u128, [u32; 2], u64) {
        let times = [self.expires_at, self.confirmed_at];
        (self.id, self.organization.clone(), self.scopes, times, self.usage)
    }
}

/// Keys are parts of digests, so they need no hash.
#[derive(Default)]
struct FirstWord(u64);

impl Hasher for FirstWord {
    fn write(&mut self, bytes: &[u8]) {
        unreachable!("keys are words, not {} bytes", bytes.len());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type ByFirstWord = BuildHasherDefault<FirstWord>;

/// Random, as a part of a digest is.
fn key(number: u64) -> u64 {
    Numbers::from(number).draw()
}

/// Both words of a key of the table are random.
fn table_key(number: u64) -> Key {
    Key([key(number), key(number).swap_bytes() ^ 0x55])
}

fn organization(number: u64) -> OrganizationId {
    format!("organization-{}", number / PER_ORGANIZATION).as_str().into()
}

fn token(number: u64) -> Token {
    Token {
        id: number.into(),
        organization: organization(number),
        scopes: 1,
        expires_at: u32::MAX,
        confirmed_at: 1,
        usage: 0,
    }
}

fn contents(number: u64) -> Contents {
    let contents = Contents::new(table_key(number), number.into());
    Contents { expires_at: u32::MAX, confirmed_at: 1, ..contents }
}

/// A value, and the bytes that it holds.
fn held<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let region = Region::new(ALLOCATOR);
    let made = make();
    let change = region.change();
    (made, change.bytes_allocated as f64 - change.bytes_deallocated as f64)
}

fn lookups(tokens: u64) -> Vec<Row> {
    let tokens = if is_measuring() { tokens } else { tokens.min(1_000) };
    let capacity = usize::try_from(tokens).expect("it fits");
    let (table, table_bytes) = held(|| {
        let table = TokenTable::with_capacity(capacity);
        for number in 0..tokens {
            let access = Access { organization: organization(number), scopes: 1 };
            assert!(table.write_lock().upsert(&contents(number), &access));
        }
        table
    });
    let (dashmap, dashmap_bytes) = held(|| {
        let map = DashMap::<u64, Token, ByFirstWord>::default();
        (0..tokens).for_each(|number| _ = map.insert(key(number), token(number)));
        map
    });
    let (papaya, papaya_bytes) = held(|| {
        let map = papaya::HashMap::<u64, Token, ByFirstWord>::default();
        (0..tokens).for_each(|number| _ = map.pin().insert(key(number), token(number)));
        map
    });
    let drawn = || {
        let mut numbers = Numbers::from(7);
        move |number: &mut u64| *number = numbers.below(capacity) as u64
    };
    let first = || vec![0_u64; 256];
    let works = vec![
        Work::over(TABLE, first(), drawn(), |number| {
            table.get(table_key(black_box(*number))).map(|entry| {
                (entry.contents, entry.access.short_organization(), entry.access.scopes())
            })
        }),
        Work::over(DASHMAP, first(), drawn(), |number| {
            dashmap.get(&key(black_box(*number))).map(|token| token.read())
        }),
        Work::over(PAPAYA, first(), drawn(), |number| {
            papaya.pin().get(&key(black_box(*number))).map(Token::read)
        }),
    ];
    let samples = interleave(ROUNDS, works);
    let bytes = [table_bytes, dashmap_bytes, papaya_bytes].map(|bytes| bytes / tokens as f64);
    rows(&samples, bytes)
}

fn rows(samples: &Samples, bytes: [f64; 3]) -> Vec<Row> {
    let names = [TABLE, DASHMAP, PAPAYA];
    let mut rows: Vec<_> =
        names.iter().map(|name| Row::new(name).nanos(samples.nanos(name))).collect();
    for (name, peer_bytes) in [(DASHMAP, bytes[1]), (PAPAYA, bytes[2])] {
        let time = samples.ratio(TABLE, name);
        rows.push(
            Row::new(&format!("TokenTable against {name}, time"))
                .measured(time, &format!("× {name}")),
        );
        let memory = bytes[0] / peer_bytes;
        rows.push(
            Row::new(&format!("TokenTable against {name}, bytes"))
                .measured(memory, &format!("× {name}")),
        );
    }
    for (name, bytes) in names.iter().zip(bytes) {
        rows.push(Row::new(&format!("{name}, memory")).measured(bytes, "bytes a token"));
    }
    rows
}
