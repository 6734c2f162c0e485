//! Whether comparisons of secrets take the same time, whatever they compare: a Welch test (dudect) on the
//! times of two classes of inputs.
//!
//! ```sh
//! cargo run --release --manifest-path benches/timing/Cargo.toml
//! ```
//!
//! `max t` is the test's statistic over 1,000,000 measurements. Below 4.5 in absolute value, no difference is
//! found; the first function is one that must be found, with a value above 10.

use std::hint::black_box;

use dualkey_store::OrganizationId;
use dualkey_token::TokenDigest;
use dudect_bencher::{BenchRng, Class, CtRunner, ctbench_main};
use rand::{Rng as _, RngExt as _};

#[allow(dead_code, reason = "only lookups are timed")]
#[path = "../../../crates/dualkey-verify/src/cache/table"]
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

const MEASUREMENTS: usize = 1_000_000;

/// Times the comparison of inputs that are equal except for the first byte (left) or the last (right).
fn compare(
    runner: &mut CtRunner,
    rng: &mut BenchRng,
    is_equal: impl Fn(&[u8; 32], &[u8; 32]) -> bool,
) {
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    let (mut left, mut right) = (secret, secret);
    left[0] ^= 1;
    right[31] ^= 1;
    for _ in 0..MEASUREMENTS {
        // Both are copied, so that the classes read the same memory.
        let (class, input) =
            if rng.random() { (Class::Left, left) } else { (Class::Right, right) };
        runner.run_one(class, || is_equal(black_box(&secret), black_box(&input)));
    }
}

/// Stops at the first difference: the positive control.
fn control(runner: &mut CtRunner, rng: &mut BenchRng) {
    compare(runner, rng, |secret, input| {
        secret.iter().zip(input).all(|(one, other)| black_box(one) == black_box(other))
    });
}

fn digest_comparison(runner: &mut CtRunner, rng: &mut BenchRng) {
    compare(runner, rng, |secret, input| {
        TokenDigest::from_bytes(*secret).ct_eq(&TokenDigest::from_bytes(*input)).into()
    });
}

/// Keys that lead to the slot of a token in the table, and differ from the token's key in the last bit of its
/// first word (left) or of its second word (right).
fn digest_lookup(runner: &mut CtRunner, rng: &mut BenchRng) {
    let table = TokenTable::with_capacity(1_000);
    let access = Access { organization: OrganizationId::new("acme"), scopes: 1 };
    let keys: Vec<Key> = (0..1_000).map(|_| Key([rng.next_u64(), rng.next_u64()])).collect();
    for key in &keys {
        assert!(table.write_lock().upsert(&Contents::new(*key, 1), &access));
    }
    for _ in 0..MEASUREMENTS {
        let Key([first, second]) = keys[rng.random_range(0..keys.len())];
        let (class, input) = if rng.random() {
            (Class::Left, Key([first ^ 1, second]))
        } else {
            (Class::Right, Key([first, second ^ 1]))
        };
        runner.run_one(class, || table.get(black_box(input)).is_some());
    }
}

ctbench_main!(control, digest_comparison, digest_lookup);
