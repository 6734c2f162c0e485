//! The cost of minting, parsing and digesting one token, beside SHA-256 of a token's length, which is
//! the unit of all targets. Parsing takes at most 1.2 hashes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dualkey_benches::swapped;
use dualkey_token::{Digester, Pepper, PlainToken, Prefix};
use sha2::{Digest as _, Sha256};

const PREFIX: Prefix = Prefix::new("gw");

fn token(c: &mut Criterion) {
    let mut group = c.benchmark_group("token");
    let token = PlainToken::mint(&PREFIX);
    let text = token.expose_secret().as_bytes();
    assert_eq!(text.len(), 51);

    group.bench_function("sha256", |b| b.iter(|| Sha256::digest(black_box(text))));
    group.bench_function("mint", |b| b.iter(|| PlainToken::mint(&PREFIX)));

    let (swapped, hyphen) = (swapped(text), [&text[..50], b"-"].concat());
    for (name, presented) in [
        ("parse/good", text),
        ("parse/wrong-checksum", &swapped),
        ("parse/wrong-character", &hyphen),
        ("parse/wrong-length", &text[..50]),
        ("parse/wrong-prefix", b"sk_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"),
    ] {
        group.bench_function(name, |b| b.iter(|| PlainToken::parse(&PREFIX, black_box(presented))));
    }

    group.bench_function("digest", |b| b.iter(|| black_box(&token).digest()));
    let (mine, theirs) = (token.digest(), token.digest());
    group.bench_function("ct-eq", |b| b.iter(|| black_box(&mine).ct_eq(black_box(&theirs))));
    group.finish();
}

/// A lookup of a token stored under the newest pepper computes one digest. An unknown token costs all
/// three while two peppers and unpeppered digests are accepted.
fn peppers(c: &mut Criterion) {
    let mut group = c.benchmark_group("token");
    let token = PlainToken::mint(&PREFIX);
    let text = token.expose_secret().as_bytes();
    let pepper = |byte| Pepper::new([byte; 32]).expect("a pepper needs 32 bytes");
    let digester = Digester::peppered(pepper(1)).accept_previous(pepper(2)).accept_unpeppered();

    group.bench_function("peppered/newest", |b| b.iter(|| digester.digest(black_box(text))));
    group.bench_function("peppered/all-of-three", |b| {
        b.iter(|| digester.candidates(black_box(text)).for_each(|digest| _ = black_box(digest)));
    });
    group.finish();
}

criterion_group!(benches, token, peppers);
criterion_main!(benches);
