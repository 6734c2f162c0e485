//! The cost of a granted and of a refused request, with SHA-256 of its token as the unit. Partner and token are
//! cached, as they are for all requests but one in five seconds, and each decision is ready at the first poll.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dualkey_benches::{Refusals, World, partner_key, request, token_text};
use dualkey_limit::SystemClock;
use sha2::{Digest as _, Sha256};

fn verify(c: &mut Criterion) {
    let mut group = c.benchmark_group("verify");
    group.bench_function("sha256", |b| b.iter(|| Sha256::digest(black_box(token_text(0)))));

    let (world, headers) = (World::new(1, 1), request(&partner_key(0), &token_text(0)));
    group.bench_function("granted", |b| b.iter(|| world.verify(black_box(&headers))));
    assert!(world.verify(&headers).is_ok());

    let refusals = Refusals::new(SystemClock);
    for (name, headers) in [
        ("refused/unknown-key", &refusals.unknown_key),
        ("refused/wrong-checksum", &refusals.bad_checksum),
        ("refused/burst-used-up", &refusals.spent_burst),
    ] {
        group.bench_function(name, |b| b.iter(|| refusals.verify(black_box(headers))));
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
