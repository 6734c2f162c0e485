//! What is held in memory, counted by the allocator as it is asked for: an idle server's directory,
//! explained by its parts, and a limiter's keys beside two governors'.
//!
//! Counting costs some nanoseconds an allocation, so nothing is timed here.

use std::alloc::System;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::time::Duration;

use dualkey_benches::{
    Report, Row, World, at_once, is_measuring, partner_key, rewrite, token_text,
};
use dualkey_limit::{FakeClock, LimitPolicy, Limiter, Timestamp};
use dualkey_token::TokenDigest;
use foldhash::fast::RandomState;
use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use http::HeaderMap;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let report = Report::new("memory");
    report.table("an idle server with 1,000,000 tokens and 10,000 partners", idle_server);
    report.table("a key, of 1,000,000 of type u64", || keys(|number| number));
    report.table("a key, of 1,000,000 of type [u8; 16]", || {
        keys(|number| u128::from(number).to_ne_bytes())
    });
    report.table("a key, of 1,000,000 of type String", || {
        keys(|number| format!("partner-{number:08}"))
    });
}

/// Bytes that something added to what is held.
fn held<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let region = Region::new(ALLOCATOR);
    let made = make();
    let change = region.change();
    (made, change.bytes_allocated as f64 - change.bytes_deallocated as f64)
}

fn idle_server() -> Vec<Row> {
    let (partners, tokens) = if is_measuring() { (10_000, 1_000_000) } else { (10, 1_024) };
    let clock = FakeClock::new(Timestamp::from_secs(1_700_000_000));
    let (world, empty) = held(|| World::asleep(partners, tokens, clock.clone()));
    let mut headers = HeaderMap::new();
    let mut ask = |partner, token| {
        clock.advance(Duration::from_micros(10));
        rewrite(&mut headers, &partner_key(partner), &token_text(token));
        assert!(world.verify(&headers).is_ok());
    };
    let ((), asked) = held(|| {
        (0..tokens).for_each(|number| ask(0, number));
        (1..partners).for_each(|number| ask(number, 0));
    });
    let write = || held(|| at_once(world.verifier.write_behind()).expect("nothing fails")).1;
    let busy = asked + write();
    clock.advance(Duration::from_secs(61));
    let idle = busy + write();

    let parts = parts(partners, tokens);
    let explained: f64 = parts.iter().map(|(_, bytes)| bytes).sum();
    let all = empty + idle;
    let mut rows = vec![
        Row::new("all, idle").measured(all / 1e6, "MB"),
        Row::new("while uses are to be written, above that").measured((busy - idle) / 1e6, "MB"),
    ];
    let each = |(name, bytes): &(String, f64)| Row::new(name).measured(bytes / 1e6, "MB");
    rows.extend(parts.iter().map(each));
    let off = (explained / all - 1.0).abs() * 100.0;
    rows.push(Row::new("the parts together, against all").at_most(off, 10.0, "% off"));
    rows
}

/// What is held, worked out from the numbers of entries and the bytes that one takes.
fn parts(partners: usize, tokens: usize) -> Vec<(String, f64)> {
    /// Of entries, that room is made for at once.
    const SEGMENT: usize = 128 << 10;

    let segments = |entries: usize, bytes: usize| (entries * bytes).div_ceil(SEGMENT);
    let (organizations, pages) = (tokens / 10, pages(tokens));
    let addresses = segments(tokens / 24 + 8, 4_096)
        + segments(tokens, 64)
        + segments(1 << 20, 128)
        + segments(1 << 20, 32);
    let of_pages = format!("{pages} pages of tokens, 4,096 bytes each");
    let parts = [
        ("two tables of 16,384 absences, 16 bytes each", 2 * (16 << 14)),
        ("addresses of segments, 24 bytes each", 24 * addresses),
        ("a segment of limits", SEGMENT),
        ("partners, 128 bytes each", segments(partners, 128) * SEGMENT),
        ("their index", index(partners)),
        (&of_pages, segments(pages, 4_096) * SEGMENT),
        ("the directory of pages", 2 * 8 * pages.next_power_of_two()),
        ("organizations with scopes, 56 bytes each", organizations.div_ceil(2_048) * 2_048 * 56),
        ("their index", index(organizations)),
    ];
    parts.map(|(name, bytes)| (name.to_owned(), bytes as f64)).into()
}

/// Words of four bytes, an eighth of them free; and each smaller table, which stays.
fn index(entries: usize) -> usize {
    2 * 4 * (entries * 8 / 7).next_power_of_two()
}

/// How many pages hold the tokens of a world: one that has more than 76 is divided by the next bit.
fn pages(tokens: usize) -> usize {
    let half = |number| TokenDigest::of(&token_text(number)).as_bytes()[4..8].try_into();
    let mut keys: Vec<u32> =
        (0..tokens).map(|number| half(number).map_or(0, u32::from_ne_bytes)).collect();
    keys.sort_unstable();
    divided(&keys, 0)
}

fn divided(keys: &[u32], bits: u32) -> usize {
    if keys.len() <= 76 {
        return 1;
    }
    let (lower, upper) = keys.split_at(keys.partition_point(|key| key << bits < 1 << 31));
    divided(lower, bits + 1) + divided(upper, bits + 1)
}

fn keys<K: Hash + Eq + Clone>(key: impl Fn(u64) -> K) -> Vec<Row> {
    let many = if is_measuring() { 1_000_000 } else { 100 };
    let now = Timestamp::from_secs(1_700_000_000);
    let (limiter, ours) = held(|| {
        let limiter = Limiter::new(LimitPolicy::default());
        for number in 0..many {
            assert!(limiter.take(&key(number), now, 1).is_allowed());
        }
        limiter
    });
    drop(limiter);
    let keys = || (0..many).map(&key);
    let two = two_governors(keys(), RateLimiter::<K, _, _, _>::dashmap);
    let fast = two_governors(keys(), |quota| {
        RateLimiter::<K, _, _, _>::dashmap_with_hasher(quota, RandomState::default())
    });
    let each = |bytes: f64| bytes / many as f64;
    let unit = "× two governors";
    vec![
        Row::new("dualkey_limit::Limiter, both limits").measured(each(ours), "bytes"),
        Row::new("two governors").measured(each(two), "bytes"),
        Row::new("two governors, with Dualkey's hasher").measured(each(fast), "bytes"),
        Row::new("Dualkey against two governors").at_most(ours / two, 0.5, unit),
        Row::new("Dualkey against two governors, with Dualkey's hasher")
            .measured(ours / fast, unit),
    ]
}

type Governor<K, S> = RateLimiter<K, DashMapStateStore<K, S>, DefaultClock>;

/// Bytes that two of them hold for these keys.
fn two_governors<K: Hash + Eq + Clone, S: BuildHasher + Clone>(
    keys: impl Iterator<Item = K>,
    make: impl Fn(Quota) -> Governor<K, S>,
) -> f64 {
    let quotas = [
        Quota::per_second(NonZeroU32::new(5).expect("not zero")),
        Quota::per_hour(NonZeroU32::new(417).expect("not zero")),
    ];
    let (governors, bytes) = held(|| {
        let governors = quotas.map(make);
        for key in keys {
            assert!(governors.iter().all(|governor| governor.check_key(&key).is_ok()));
        }
        governors
    });
    drop(governors);
    bytes
}
