//! A policy can be built exactly when all its numbers are in range; otherwise the error names one that is
//! not. A policy returns the numbers that it was built from and survives JSON, and JSON accepts no policy
//! that cannot be built. The fill time is exact to the nanosecond.
#![no_main]

use std::num::NonZeroU32;
use std::time::Duration;

use arbitrary::Arbitrary;
use dualkey_fuzz::Per;
use dualkey_limit::{InvalidPolicy, LimitPolicy};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Numbers {
    per: Per,
    permits: u32,
    burst: u32,
    daily: Option<u32>,
    utc_offset_secs: i32,
}

fuzz_target!(|numbers: Numbers| {
    let faults = numbers.faults();
    let read = serde_json::from_value::<LimitPolicy>(numbers.json());
    let Some(built) = numbers.build() else {
        assert!(read.is_err(), "a policy has no zero");
        return;
    };
    match built {
        Ok(policy) => {
            assert_eq!(faults, []);
            numbers.check(&policy);
            assert_eq!(serde_json::to_value(policy).unwrap(), numbers.json());
            assert_eq!(read.unwrap(), policy);
        }
        Err(error) => {
            assert!(faults.contains(&error), "{error:?} is not among {faults:?}");
            assert!(read.is_err());
        }
    }
});

impl Numbers {
    fn faults(&self) -> Vec<InvalidPolicy> {
        let bits = |number: u32| format!("{number:b}").len();
        let rate = u64::from(self.permits) > 1_000_000 * self.seconds();
        let size = self.daily.is_some_and(|daily| bits(self.burst) + bits(daily) > 39);
        let utc_offset_secs = !(-86_399..=86_399).contains(&self.utc_offset_secs);
        let faults = [
            (rate, InvalidPolicy::Rate),
            (size, InvalidPolicy::TooLarge),
            (utc_offset_secs, InvalidPolicy::UtcOffset),
        ];
        faults.into_iter().filter_map(|(is_one, fault)| is_one.then_some(fault)).collect()
    }

    /// `None` if one of the numbers is zero.
    fn build(&self) -> Option<Result<LimitPolicy, InvalidPolicy>> {
        let rate = self.per.rate(NonZeroU32::new(self.permits)?);
        let policy = LimitPolicy::new(rate, NonZeroU32::new(self.burst)?);
        let policy = match self.daily {
            Some(daily) => policy.with_daily(NonZeroU32::new(daily)?),
            None => policy.validated(),
        };
        Some(policy.and_then(|policy| policy.with_utc_offset_secs(self.utc_offset_secs)))
    }

    fn check(&self, policy: &LimitPolicy) {
        let (rate, burst) = (policy.rate(), policy.burst().get());
        assert_eq!(rate.permits().get(), self.permits);
        assert_eq!(rate.period(), Duration::from_secs(self.seconds()));
        assert_eq!(burst, self.burst);
        assert_eq!(policy.daily().map(NonZeroU32::get), self.daily);
        assert_eq!(policy.utc_offset_secs(), self.utc_offset_secs);
        let fills = policy.fill_time();
        assert!(rate.permits_in(fills) >= burst.into());
        assert!(rate.permits_in(fills - Duration::from_nanos(1)) < burst.into());
    }

    fn json(&self) -> Value {
        let per = format!("{:?}", self.per).to_lowercase();
        let mut json = json!({
            "rate": { "permits": self.permits, "per": per },
            "burst": self.burst,
            "utc_offset_secs": self.utc_offset_secs,
        });
        if let Some(daily) = self.daily {
            json["daily"] = daily.into();
        }
        json
    }

    fn seconds(&self) -> u64 {
        match self.per {
            Per::Second => 1,
            Per::Minute => 60,
            Per::Hour => 3_600,
            Per::Day => 86_400,
        }
    }
}
