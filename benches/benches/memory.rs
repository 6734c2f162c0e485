//! The bytes in use, counted by the allocator: those of an idle server, compared with the sum of its parts,
//! and those of a limiter's keys, compared with the keys of two governors.
//!
//! Counting costs some nanoseconds an allocation, so nothing is timed here.

use std::alloc::System;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::time::Duration;

use dualkey_benches::{
    Report, Row, World, is_measuring, partner_key, ready_or_panic, rewrite, token_text,
};
use dualkey_limit::{AtCapacity, FakeClock, LimitPolicy, Limiter, Timestamp};
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
    report.table("a key of type u64, mean over 0.6 to 1.2 million", || keys(|number| number));
    report.table("a key of type [u8; 16], mean over 0.6 to 1.2 million", || {
        keys(|number| u128::from(number).to_ne_bytes())
    });
    report.table("a key of type String, mean over 0.6 to 1.2 million", || {
        keys(|number| format!("partner-{number:08}"))
    });
}

/// The result of `make`, and the bytes that it added to those in use.
fn held<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let region = Region::new(ALLOCATOR);
    let made = make();
    (made, bytes_since(&region))
}

/// The bytes in use now, less those in use when the region began.
fn bytes_since(region: &Region<'_, System>) -> f64 {
    let change = region.change();
    change.bytes_allocated as f64 - change.bytes_deallocated as f64
}

fn idle_server() -> Vec<Row> {
    let (partners, tokens) = if is_measuring() { (10_000, 1_000_000) } else { (10, 1_024) };
    let clock = FakeClock::new(Timestamp::from_secs(1_700_000_000));
    let (world, empty) = held(|| World::cold(partners, tokens, clock.clone()));
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
    let write = || held(|| ready_or_panic(world.verifier.write_behind()).expect("nothing fails")).1;
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

/// The bytes of each part, computed from the number of its entries and the size of one.
fn parts(partners: usize, tokens: usize) -> Vec<(String, f64)> {
    /// The bytes of a segment: memory for entries is allocated in segments.
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
        ("organizations with scopes, 64 bytes each", organizations.div_ceil(2_048) * 2_048 * 64),
        ("their index and reference counts", 9 * (organizations * 8 / 7).next_power_of_two()),
    ];
    parts.map(|(name, bytes)| (name.to_owned(), bytes as f64)).into()
}

/// The bytes of an index: words of four bytes, at most seven eighths of them in use, and all smaller
/// tables, which are never freed.
fn index(entries: usize) -> usize {
    2 * 4 * (entries * 8 / 7).next_power_of_two()
}

/// The number of pages that hold the tokens of a world: a page with more than 68 tokens is split by the next
/// bit of the places of its keys in the directory.
fn pages(tokens: usize) -> usize {
    let place = |number| {
        let digest = TokenDigest::of(&token_text(number));
        let half = digest.as_bytes()[4..8].try_into().map_or(0, u32::from_ne_bytes);
        let random = f64::from(half) / f64::from(u32::MAX);
        random * (4.0 - random) / 3.0
    };
    let mut places: Vec<f64> = (0..tokens).map(place).collect();
    places.sort_unstable_by(f64::total_cmp);
    pages_of(&places, 0.0, 1.0)
}

fn pages_of(places: &[f64], start: f64, len: f64) -> usize {
    if places.len() <= 68 {
        return 1;
    }
    let half = len / 2.0;
    let (lower, upper) = places.split_at(places.partition_point(|place| *place < start + half));
    pages_of(lower, start, half) + pages_of(upper, start + half, half)
}

/// Bytes per key, averaged over several sizes: each map doubles at its own sizes, so at a single size one
/// side may have just doubled while the other is about to.
fn keys<K: Hash + Eq + Clone>(key: impl Fn(u64) -> K) -> Vec<Row> {
    let now = Timestamp::from_secs(1_700_000_000);
    let limiter =
        || Limiter::new(LimitPolicy::default()).with_max_keys(2_000_000, AtCapacity::Refuse);
    let ours = bytes_a_key(limiter, |limiter, number| {
        assert!(limiter.take(&key(number), now, 1).is_allowed());
    });
    let two = two_governors(&key, RateLimiter::<K, _, _, _>::dashmap);
    let fast = two_governors(&key, |quota| {
        RateLimiter::<K, _, _, _>::dashmap_with_hasher(quota, RandomState::default())
    });
    let [our_mean, mean, fast_mean] = [&ours, &two, &fast].map(|bytes| mean(bytes));
    let unit = "× two governors";
    let mut rows = vec![
        Row::new("dualkey_limit::Limiter, both limits").measured(our_mean, "bytes"),
        Row::new("two governors").measured(mean, "bytes"),
        Row::new("two governors, with Dualkey's hasher").measured(fast_mean, "bytes"),
        Row::new("Dualkey against two governors").at_most(our_mean / mean, 0.75, unit),
        Row::new("Dualkey against two governors, with Dualkey's hasher")
            .measured(our_mean / fast_mean, unit),
    ];
    rows.extend(SIZES.iter().zip(ours.iter().zip(&two)).map(|(size, (ours, two))| {
        Row::new(&format!("of this, at {size} keys")).measured(ours / two, unit)
    }));
    rows
}

/// Maps double, so that one size would show only one state of their growth.
const SIZES: [u64; 5] = [600_000, 750_000, 900_000, 1_000_000, 1_200_000];

/// The bytes held for each key at each of these sizes. The keys are added to one map in turn.
fn bytes_a_key<T>(make: impl FnOnce() -> T, add: impl Fn(&T, u64)) -> Vec<f64> {
    let scale = if is_measuring() { 1 } else { 10_000 };
    let region = Region::new(ALLOCATOR);
    let map = make();
    let mut added = 0;
    let held = SIZES.iter().map(|size| {
        let size = size / scale;
        (added..size).for_each(|number| add(&map, number));
        added = size;
        bytes_since(&region) / size as f64
    });
    held.collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

type Governor<K, S> = RateLimiter<K, DashMapStateStore<K, S>, DefaultClock>;

/// The bytes that two governors hold for each of these keys.
fn two_governors<K: Hash + Eq + Clone, S: BuildHasher + Clone>(
    key: impl Fn(u64) -> K,
    make: impl Fn(Quota) -> Governor<K, S>,
) -> Vec<f64> {
    let quotas = [
        Quota::per_second(NonZeroU32::new(5).expect("not zero")),
        Quota::per_hour(NonZeroU32::new(417).expect("not zero")),
    ];
    bytes_a_key(
        || quotas.map(make),
        |governors, number| {
            let key = key(number);
            assert!(governors.iter().all(|governor| governor.check_key(&key).is_ok()));
        },
    )
}
