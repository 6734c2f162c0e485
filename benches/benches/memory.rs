//! What is held in memory, counted by the allocator as it is asked for: an idle server's directory,
//! explained by its parts, and a limiter's keys beside two governors'.
//!
//! Counting costs some nanoseconds an allocation, so nothing is timed here.

use std::alloc::System;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::time::Duration;

use foldhash::fast::RandomState;
use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use http::HeaderMap;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tollgate_benches::{
    Report, Row, World, at_once, is_measuring, partner_key, rewrite, token_text,
};
use tollgate_limit::{FakeClock, LimitPolicy, Limiter, Timestamp};

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
    let ((), of_tokens) = held(|| (0..tokens).for_each(|number| ask(0, number)));
    let ((), of_partners) = held(|| (1..partners).for_each(|number| ask(number, 0)));
    let write = || held(|| at_once(world.verifier.write_behind()).expect("nothing fails")).1;
    let written = write();
    clock.advance(Duration::from_secs(61));
    let idle = write();
    let all = empty + of_partners + of_tokens + written + idle;
    let (n, m) = (tokens as f64, partners as f64);
    let parts = Parts { tokens, partners };
    let explained = parts.empty() + parts.of_partners() + parts.of_tokens() + parts.of_uses();
    vec![
        Row::new("empty: segments' addresses and what is known to be absent")
            .measured(empty, "bytes"),
        Row::new("of it explained").measured(parts.empty() / empty * 100.0, "%"),
        Row::new("a partner: entry, key, index").measured(of_partners / m, "bytes"),
        Row::new("of it explained").measured(parts.of_partners() / of_partners * 100.0, "%"),
        Row::new(
            "a token: 88 of its slot, index, a tenth of an organization, its use to be written",
        )
        .measured(of_tokens / n, "bytes"),
        Row::new("of it explained")
            .measured((parts.of_tokens() + parts.of_uses()) / of_tokens * 100.0, "%"),
        Row::new("a token: what writing its use adds for a minute").measured(written / n, "bytes"),
        Row::new("a token: what is given back after it").measured(-idle / n, "bytes"),
        Row::new("all, idle").measured(all / 1e6, "MB"),
        Row::new("all, idle, explained by the parts").at_most(
            (explained / all - 1.0).abs() * 100.0,
            10.0,
            "% off",
        ),
    ]
}

/// The bytes of each part, worked out from the numbers of entries and what an entry takes.
struct Parts {
    tokens: usize,
    partners: usize,
}

impl Parts {
    const SEGMENT: usize = 1_024;

    /// Addresses of segments, 16 bytes and a state each, for the tokens' and organizations' bound and
    /// twice for the partners'; two tables of 16,384 absences.
    fn empty(&self) -> f64 {
        let segments = 2 * self.tokens.div_ceil(Self::SEGMENT) + 2 * (1 << 20) / Self::SEGMENT;
        (24 * segments + 2 * 16 * (1 << 14)) as f64
    }

    /// Of 128 bytes each, in whole segments, beside keys of 16 bytes; a segment of policies; and the
    /// charge to be written.
    fn of_partners(&self) -> f64 {
        let whole = self.partners.next_multiple_of(Self::SEGMENT);
        (128 * whole + 16 * self.partners + 56 * Self::SEGMENT) as f64
            + Self::index(self.partners)
            + 4.0 * self.partners.next_power_of_two() as f64
    }

    /// Slots in whole segments; organizations in whole segments too and, once more, in a map.
    fn of_tokens(&self) -> f64 {
        let whole = self.tokens.next_multiple_of(Self::SEGMENT);
        let organizations = self.tokens / 10;
        let map = (organizations * 8 / 7).next_power_of_two() * 33;
        (88 * whole + 32 * organizations.next_multiple_of(Self::SEGMENT) + map) as f64
            + Self::index(self.tokens)
    }

    /// 48 bytes for each use, while it waits to be written and for the minute after; the queue keeps its
    /// room.
    fn of_uses(&self) -> f64 {
        (48 * self.tokens) as f64
    }

    /// Words of eight bytes, a quarter of them free; and each smaller table, which stays.
    fn index(entries: usize) -> f64 {
        let words = (entries * 4 / 3).next_power_of_two();
        (2 * 8 * words) as f64
    }
}

fn keys<K: Hash + Eq + Clone>(key: impl Fn(u64) -> K) -> Vec<Row> {
    let many = if is_measuring() { 1_000_000 } else { 100 };
    let now = Timestamp::from_secs(1_700_000_000);
    let (limiter, tollgate) = held(|| {
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
        Row::new("tollgate_limit::Limiter, both limits").measured(each(tollgate), "bytes"),
        Row::new("two governors").measured(each(two), "bytes"),
        Row::new("two governors, with Tollgate's hasher").measured(each(fast), "bytes"),
        Row::new("Tollgate against two governors").at_most(tollgate / two, 0.5, unit),
        Row::new("Tollgate against two governors, with Tollgate's hasher")
            .measured(tollgate / fast, unit),
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
