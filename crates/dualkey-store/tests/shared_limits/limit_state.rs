//! Shared limits beside `LimitState`: the same decisions at whole microseconds.

use std::time::Duration;

use dualkey_limit::{Clock, LimitState, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{EVENING, Shared, policies};

fn steps() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => Just(0),
        2 => 0..20_u64,
        4 => 0..2_000_000_u64,
        2 => 0..200_000_000_000_u64,
        1 => Just(86_400_000_000),
    ]
}

fn amounts() -> impl Strategy<Value = u32> {
    prop_oneof![5 => Just(1), 3 => 0..12_u32, 1 => any::<u32>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// `LimitState` rounds each grant towards refusal, by up to a tick of 2⁻¹⁰ ns, so it may grant later than
    /// the model by that, and never earlier. The usage is equal.
    #[test]
    fn decisions_equal_those_of_limit_state(
        policy in policies(),
        requests in vec((steps(), amounts(), 0..=100_000_u64), 1..80),
    ) {
        let shared = Shared::new(policy, EVENING);
        let mut state = LimitState::default();
        let (mut latest, mut grants) = (shared.micros(), 0);
        for (step, permits, back) in requests {
            latest += step;
            shared.clock.set(Timestamp::from_nanos((latest - back) * 1_000));
            let now = shared.clock.now();
            let (after, outcome) = state.take(&policy, now, permits);
            let standing = shared.peek();
            if let Some(wait) = outcome.retry_after()
                && standing.to_state(&policy).peek(&policy, standing.at, permits).is_allowed()
            {
                let wait = wait.saturating_sub(standing.at.saturating_duration_since(now));
                prop_assert!(wait <= Duration::from_nanos(1 + grants / 1_024), "{wait:?}");
                continue;
            }
            prop_assert_eq!(shared.take(permits), outcome.is_allowed());
            prop_assert_eq!(shared.peek().used(), after.used_today(&policy, now));
            grants += u64::from(outcome.is_allowed());
            state = after;
        }
    }

    /// A wait that is worked out from a standing without leases is enough, and at most a nanosecond too long,
    /// so at most a microsecond of the store's clock.
    #[test]
    fn a_wait_from_a_standing_is_exact(
        policy in policies(),
        requests in vec((steps(), amounts()), 1..40),
    ) {
        let shared = Shared::new(policy, EVENING);
        for (step, permits) in requests {
            shared.advance(step);
            if shared.take(permits) {
                continue;
            }
            let standing = shared.peek();
            let outcome = standing.to_state(&policy).peek(&policy, standing.at, permits);
            let Some(wait) = outcome.retry_after() else { continue };
            let micros = wait.as_nanos().div_ceil(1_000);
            if micros > 100 * 365 * 86_400_000_000 {
                continue; // later than a clock can be
            }
            let micros = u64::try_from(micros).unwrap();
            let early = micros.min(2);
            shared.advance(micros - early);
            prop_assert!(!shared.take(permits));
            shared.advance(early);
            prop_assert!(shared.take(permits));
        }
    }

    /// For any sequence of times, at most the burst and what accrues while the clock runs forwards.
    #[test]
    fn a_clock_that_jumps_grants_nothing_beyond_the_bound(
        policy in policies(),
        times in vec((0..u64::MAX / 2, amounts(), any::<bool>()), 1..60),
    ) {
        let shared = Shared::new(policy, EVENING);
        let (mut last, mut progress, mut spent) = (shared.micros(), 0_u128, 0_u128);
        for (index, (nanos, permits, is_lease)) in times.into_iter().enumerate() {
            shared.clock.set(Timestamp::from_nanos(nanos));
            progress += u128::from(shared.micros().saturating_sub(last));
            last = shared.micros();
            if is_lease {
                let lease = shared.lease(index as u64, permits);
                spent += lease.map_or(0, |lease| u128::from(lease.permits));
            } else if shared.take(permits) {
                spent += u128::from(permits);
            }
            let standing = shared.peek();
            let accrued = progress * u128::from(policy.rate().permits().get())
                / policy.rate().period().as_micros();
            prop_assert!(spent <= u128::from(policy.burst().get()) + accrued);
            prop_assert!(standing.level <= policy.burst().get() - standing.outstanding);
        }
    }
}
