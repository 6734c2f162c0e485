//! The cost of a granted and of a refused request, with SHA-256 of its token as the unit.
//!
//! Partner and token are cached, as they are for all requests but one in five seconds. The clock is the
//! system clock. Each decision is ready at the first poll.

use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{Criterion, criterion_group, criterion_main};
use dualkey_benches::{ready_or_panic, request, swapped};
use dualkey_limit::{LimitPolicy, Rate};
use dualkey_scope::{Catalogue, Requirement};
use dualkey_store::{ApiKey, NewPartner, NewToken, Registry};
use dualkey_token::{PlainToken, Prefix};
use dualkey_verify::{Grant, Verifier};
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

const KEY: &[u8] = b"partner-of-the-benchmark";
const SPENT_KEY: &[u8] = b"partner-without-permits";
const SCOPE: &str = "reservations:read";

struct Guarded {
    verifier: Verifier,
    requirement: Requirement,
    token: PlainToken,
}

impl Guarded {
    /// A partner that is never limited, and one with a single permit a day.
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let catalogue = Catalogue::builder().scope(SCOPE, "Reservations - Read").build()?;
        let requirement = catalogue.require_all([SCOPE])?;
        let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
        let million = NonZeroU32::new(1_000_000).expect("not zero");
        for (api_key, policy) in [
            (KEY, LimitPolicy::new(Rate::per_second(million), NonZeroU32::MAX)),
            (SPENT_KEY, LimitPolicy::new(Rate::per_day(NonZeroU32::MIN), NonZeroU32::MIN)),
        ] {
            let partner = NewPartner::new("Benchmark").with_policy(policy);
            ready_or_panic(
                registry.register_partner(partner.with_api_key(ApiKey::parse(api_key)?)),
            )?;
        }
        let token = NewToken::new("acme", "Benchmark", [SCOPE]);
        let issued = ready_or_panic(registry.issue_token(token))?;
        Ok(Self { verifier: Verifier::new(registry), requirement, token: issued.secret })
    }

    fn verify(&self, headers: &HeaderMap) -> Result<Grant, &'static str> {
        let decided = ready_or_panic(self.verifier.verify(headers, &self.requirement));
        decided.map_err(|denial| denial.code())
    }
}

fn verify(c: &mut Criterion) {
    let mut group = c.benchmark_group("verify");
    let guarded = Guarded::new().expect("a store in memory does not fail");
    let text = guarded.token.expose_secret().as_bytes();

    group.bench_function("sha256", |b| b.iter(|| Sha256::digest(black_box(text))));

    let headers = request(KEY, text);
    assert!(guarded.verify(&headers).is_ok());
    group.bench_function("granted", |b| b.iter(|| guarded.verify(black_box(&headers))));
    assert!(guarded.verify(&headers).is_ok());

    assert!(guarded.verify(&request(SPENT_KEY, text)).is_ok());
    for (name, headers, code) in [
        ("refused/unknown-key", request(b"partner-unknown", text), "api_key_invalid"),
        ("refused/wrong-checksum", request(KEY, &swapped(text)), "token_invalid"),
        ("refused/burst-used-up", request(SPENT_KEY, text), "rate_limited"),
    ] {
        assert_eq!(guarded.verify(&headers).err(), Some(code));
        group.bench_function(name, |b| b.iter(|| guarded.verify(black_box(&headers))));
        assert_eq!(guarded.verify(&headers).err(), Some(code));
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
