//! What a request costs, granted or refused: beside it SHA-256 of its token, the unit of everything.
//!
//! Partner and token are held in memory, as they are for all but one request in five seconds, on the
//! system's clock. Each decision is made at the first poll: nothing waits.

use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{Criterion, criterion_group, criterion_main};
use dualkey_benches::{at_once, request, swapped};
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
    /// One partner that is never refused, and one that has a single permit a day.
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let catalogue = Catalogue::builder().scope(SCOPE, "Reservations - Read").build()?;
        let requirement = catalogue.require_all([SCOPE])?;
        let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
        let plenty = NonZeroU32::new(1_000_000).expect("not zero");
        for (api_key, policy) in [
            (KEY, LimitPolicy::new(Rate::per_second(plenty), NonZeroU32::MAX)),
            (SPENT_KEY, LimitPolicy::new(Rate::per_day(NonZeroU32::MIN), NonZeroU32::MIN)),
        ] {
            let api_key = Some(ApiKey::parse(api_key)?);
            let name = "Benchmark".into();
            at_once(registry.register_partner(NewPartner { name, policy, api_key }))?;
        }
        let issued = at_once(registry.issue_token(NewToken {
            organization: "acme".into(),
            name: "Benchmark".into(),
            scopes: vec![SCOPE.into()],
            expires_at: None,
        }))?;
        Ok(Self { verifier: Verifier::new(registry), requirement, token: issued.secret })
    }

    fn verify(&self, headers: &HeaderMap) -> Result<Grant, &'static str> {
        let decided = at_once(self.verifier.verify(headers, &self.requirement));
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
        ("refused/unknown-key", request(b"partner-of-nobody", text), "api_key_invalid"),
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
