//! The cost of a decision in units of SHA-256 of the token, which no decision avoids, and compared
//! with two implementations by hand, strict and plain.
//!
//! `DUALKEY_BENCH_10M=1` adds a run with 10 million tokens, which takes a minute and 3 GB.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Duration;
use std::{env, fs, thread};

use dualkey_benches::{
    HandPlain, HandStrict, Numbers, PREFIX, Refusals, Report, Requests, Row, SCOPE, Samples, Work,
    World, catalogue, interleave, is_measuring, partner_key, ready_or_panic, request, rewrite,
    speed_up, token_text,
};
use dualkey_limit::SystemClock;
use dualkey_store::{NewToken, Registry};
use dualkey_token::PlainToken;
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

const HASH: &str = "sha2, one digest of the token";
const DUALKEY: &str = "Dualkey";
const STRICT: &str = "by hand, strict";
const PLAIN: &str = "by hand, plain";
const ROUNDS: usize = 1_001;

fn main() {
    let report = Report::new("decision");
    report.table("one partner and token, hot", hot);
    report.table("one partner and token, hot, under a lease", leased);
    report.table("100,000 partners and tokens at random", || at_random(100_000));
    if !is_measuring() || env::var_os("DUALKEY_BENCH_10M").is_some() {
        report.table("10,000,000 tokens at random", ten_million);
    }
    report.table("refusals", refusals);
    report.table("two threads", two_threads);
    report.table("tokens", tokens);
}

fn hash<'a>() -> Work<'a> {
    let text = token_text(0);
    Work::new(HASH, move || Sha256::digest(black_box(text)))
}

fn row(samples: &Samples, work: &str) -> Row {
    Row::new(work).nanos(samples.nanos(work)).hashes(samples.ratio(work, HASH))
}

/// The rows that hot and cold decisions share.
fn decisions(samples: &Samples, ours: Row, most_strict: f64) -> Vec<Row> {
    let strict = samples.ratio(DUALKEY, STRICT);
    vec![
        row(samples, HASH),
        ours,
        row(samples, STRICT),
        row(samples, PLAIN),
        Row::new("Dualkey against strict").at_most(strict, most_strict, "× strict"),
        Row::new("Dualkey against plain").measured(samples.ratio(DUALKEY, PLAIN), "× plain"),
    ]
}

fn hot() -> Vec<Row> {
    let (world, strict, plain) = (World::new(1, 1), HandStrict::new(1, 1), HandPlain::new(1, 1));
    let headers = request(&partner_key(0), &token_text(0));
    assert!(strict.decide(&headers, 1).is_some() && plain.decide(&headers, 1).is_some());
    let works = vec![
        hash(),
        Work::new(DUALKEY, || world.verify(black_box(&headers))),
        Work::new(STRICT, || strict.decide(black_box(&headers), 1)),
        Work::new(PLAIN, || plain.decide(black_box(&headers), 1)),
    ];
    let samples = interleave(ROUNDS, works);
    let ours = row(&samples, DUALKEY).at_most(samples.ratio(DUALKEY, HASH), 2.4, "hashes");
    assert!(world.verify(&headers).is_ok() && strict.decide(&headers, 1).is_some());
    decisions(&samples, ours, 1.25)
}

/// Limits shared by many machines, while this process spends a lease, beside limits of its own.
fn leased() -> Vec<Row> {
    const OWN: &str = "without shared limits";
    const LEASED: &str = "with shared limits, under a lease";

    let (own, shared) = (World::new(1, 1), World::with_shared_limits(1, 1));
    let headers = request(&partner_key(0), &token_text(0));
    let works = vec![
        Work::new(OWN, || own.verify(black_box(&headers))),
        Work::new(LEASED, || shared.verify(black_box(&headers))),
    ];
    let samples = interleave(ROUNDS, works);
    assert!(own.verify(&headers).is_ok() && shared.verify(&headers).is_ok());
    let row = |name| Row::new(name).nanos(samples.nanos(name));
    vec![row(OWN), row(LEASED).at_most(samples.ratio(LEASED, OWN), 1.5, "× without")]
}

fn at_random(many: usize) -> Vec<Row> {
    let many = if is_measuring() { many } else { 100 };
    let (world, strict, plain) =
        (World::new(many, many), HandStrict::new(many, many), HandPlain::new(many, many));
    let requests = RefCell::new(Requests::to(&world));
    let works = vec![
        hash(),
        drawn(DUALKEY, &requests, |headers| world.verify(headers)),
        drawn(STRICT, &requests, |headers| strict.decide(headers, 1)),
        drawn(PLAIN, &requests, |headers| plain.decide(headers, 1)),
    ];
    let samples = interleave(ROUNDS, works);
    decisions(&samples, row(&samples, DUALKEY), 1.5)
}

fn drawn<'a, T>(
    name: &str,
    requests: &'a RefCell<Requests>,
    decide: impl Fn(&HeaderMap) -> T + 'a,
) -> Work<'a> {
    let first = requests.borrow().first();
    let renew = |headers: &mut HeaderMap| requests.borrow_mut().renew(headers);
    Work::over(name, first, renew, move |headers| decide(headers))
}

/// Bytes are the resident memory of the process, which the operating system counts in pages.
fn ten_million() -> Vec<Row> {
    let (partners, tokens) = if is_measuring() { (100_000, 10_000_000) } else { (10, 100) };
    let before = resident_bytes();
    let world = World::new(partners, tokens);
    let bytes = (resident_bytes() - before) / tokens as f64;
    let mut numbers = Numbers::from(11);
    let renew = |headers: &mut HeaderMap| {
        let (partner, token) = (numbers.below(partners), numbers.below(tokens));
        rewrite(headers, &partner_key(partner), &token_text(token));
    };
    let first = vec![request(&partner_key(0), &token_text(0)); 32];
    let ask = |headers: &mut HeaderMap| world.verify(headers);
    let samples = interleave(ROUNDS, vec![hash(), Work::over(DUALKEY, first, renew, ask)]);
    for _ in 0..2 {
        ready_or_panic(world.verifier.write_behind()).expect("the synthetic store does not fail");
        // On the accelerated clock this exceeds the minute in which a use is not written again.
        thread::sleep(Duration::from_secs(u64::from(is_measuring())));
    }
    let idle_bytes = (resident_bytes() - before) / tokens as f64;
    vec![
        row(&samples, HASH),
        row(&samples, DUALKEY).at_most(samples.ratio(DUALKEY, HASH), 22.0, "hashes"),
        Row::new("memory, while uses are to be written").measured(bytes, "bytes a token"),
        Row::new("memory, idle").at_most(idle_bytes, 100.0, "bytes a token"),
    ]
}

fn resident_bytes() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(f64::NAN) * 4_096.0
}

fn refusals() -> Vec<Row> {
    const UNKNOWN: &str = "unknown key";
    const CHECKSUM: &str = "bad checksum";
    const BURST: &str = "burst used up";

    let refusals = Refusals::new(SystemClock);
    let refuse = |headers| refusals.verify(black_box(headers));
    let works = vec![
        hash(),
        Work::new(UNKNOWN, || refuse(&refusals.unknown_key)),
        Work::new(CHECKSUM, || refuse(&refusals.bad_checksum)),
        Work::new(BURST, || refuse(&refusals.spent_burst)),
    ];
    let samples = interleave(ROUNDS, works);
    let refusal =
        |name, bound| row(&samples, name).at_most(samples.ratio(name, HASH), bound, "hashes");
    vec![row(&samples, HASH), refusal(UNKNOWN, 0.7), refusal(CHECKSUM, 3.2), refusal(BURST, 2.4)]
}

fn two_threads() -> Vec<Row> {
    let (world, strict) = (World::new(2, 2), HandStrict::new(2, 2));
    let requests = [0, 1].map(|number| request(&partner_key(number), &token_text(number)));
    let ours = |number: usize| assert!(world.verify(black_box(&requests[number])).is_ok());
    let peer = |number: usize| assert!(strict.decide(black_box(&requests[number]), 1).is_some());
    let unit = "× one thread";
    vec![
        Row::new("other keys").at_least(speed_up(201, ours), 1.8, unit),
        Row::new("the same key").at_least(speed_up(201, |_| ours(0)), 1.4, unit),
        Row::new("by hand, strict: other keys").measured(speed_up(201, peer), unit),
        Row::new("by hand, strict: the same key").measured(speed_up(201, |_| peer(0)), unit),
    ]
}

fn tokens() -> Vec<Row> {
    const PARSE: &str = "parse";
    const MINT: &str = "mint";
    const ISSUE: &str = "Registry::issue_token, in memory";

    let text = token_text(0);
    // A store in memory has room for a million tokens, and an organization for a hundred.
    let registry =
        Registry::in_memory(catalogue(), PREFIX).with_max_tokens_per_organization(usize::MAX);
    let mut issued = 0;
    let mut issue = || {
        issued += 1;
        let organization = format!("org-{}", issued / 10);
        ready_or_panic(registry.issue_token(NewToken::new(
            organization,
            format!("token {issued}"),
            [SCOPE],
        )))
    };
    assert!(issue().is_ok());
    let works = vec![
        hash(),
        Work::new(PARSE, || PlainToken::parse(&PREFIX, black_box(text))),
        Work::new(MINT, || PlainToken::mint(&PREFIX)),
        Work::new(ISSUE, || issue().is_ok()),
    ];
    let samples = interleave(ROUNDS, works);
    let nanos = |name, bound| row(&samples, name).at_most(samples.nanos(name), bound, "ns");
    vec![
        row(&samples, HASH),
        row(&samples, PARSE).at_most(samples.ratio(PARSE, HASH), 1.2, "hashes"),
        nanos(MINT, 2_000.0),
        nanos(ISSUE, 5_000.0),
    ]
}
