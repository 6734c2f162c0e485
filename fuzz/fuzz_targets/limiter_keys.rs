//! A keyed limiter at its bound answers each key as if it had never dropped a state, or refuses a new
//! key for lack of room until `retry_after`; and it never holds more keys than its bound. A peek answers as
//! the take does.
#![no_main]

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::Arbitrary;
use dualkey_fuzz::Numbers;
use dualkey_limit::{AtCapacity, LimitState, Limiter, Outcome, Timestamp};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    policy: Numbers,
    max_keys: u8,
    requests: Vec<Request>,
}

#[derive(Arbitrary, Debug)]
struct Request {
    millis: u16,
    hours: u8,
    key: u8,
    permits: u8,
}

fuzz_target!(|input: Input| {
    let policy = input.policy.policy();
    let max_keys = usize::from(input.max_keys % 4);
    let limiter = Limiter::new(policy).with_max_keys(max_keys, AtCapacity::Refuse);
    let mut never_dropped = BTreeMap::<u8, LimitState>::new();
    let mut now = Timestamp::from_secs(1_700_000_000);
    for Request { millis, hours, key, permits } in input.requests {
        let hours = Duration::from_secs(3_600 * u64::from(hours));
        now = now.saturating_add(hours + Duration::from_millis(millis.into()));

        let key = key % 6;
        let state = never_dropped.entry(key).or_default();
        let (after, expected) = state.take(&policy, now, permits.into());
        let peeked = limiter.peek(&key, now, permits.into());
        let outcome = limiter.take(&key, now, permits.into());
        assert_eq!(peeked, outcome);
        if outcome == expected {
            *state = after;
        } else {
            assert!(state.is_fresh(&policy, now), "a dropped state was not fresh");
            assert_eq!(limiter.len(), max_keys);
            assert_eq!(outcome.burst_remaining(), 0);
            match outcome {
                Outcome::BurstExceeded(refusal) => {
                    let then = now.saturating_add(refusal.retry_after);
                    assert!(limiter.peek(&key, then, permits.into()).is_allowed());
                }
                _ => assert!(matches!(outcome, Outcome::Unsatisfiable(_)) && max_keys == 0),
            }
        }
        assert!(limiter.len() <= max_keys);
    }
});
