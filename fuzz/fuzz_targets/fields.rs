//! Under every policy and in every state of a limiter, the `RateLimit` fields are structured fields (RFC
//! 9651) for an independent parser, and their numbers are those of exact arithmetic. After the time that
//! the fields give for an empty bucket, a request passes.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::Arbitrary;
use dualkey_fuzz::Numbers;
use dualkey_limit::{LimitPolicy, LimitState, Outcome, Timestamp};
use dualkey_scope::{Catalogue, Requirement};
use dualkey_store::Registry;
use dualkey_token::Prefix;
use dualkey_tower::{Denial, Gate, RateLimitFields, Verifier};
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parser};

#[derive(Arbitrary, Debug)]
struct Input {
    start: u64,
    utc_offset_secs: i32,
    policy: Numbers,
    /// The state before the first request, if the partner has one.
    word: Option<u128>,
    requests: Vec<Request>,
}

#[derive(Arbitrary, Debug)]
struct Request {
    time: Time,
    permits: Permits,
}

#[derive(Arbitrary, Debug)]
enum Time {
    Same,
    Nanos(u16),
    Millis(u16),
    Minutes(u16),
    /// The time of a permit less some whole seconds, and a few nanoseconds more or less.
    Permit {
        seconds: u8,
        nanos: i8,
    },
}

#[derive(Arbitrary, Debug)]
enum Permits {
    One,
    Some(u8),
    Ready,
}

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let catalogue = Catalogue::builder().build().expect("a catalogue may be empty");
    Gate::new(Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw"))))
});

fuzz_target!(|input: Input| {
    let policy = input.policy.policy();
    let policy =
        policy.with_utc_offset_secs(input.utc_offset_secs % 86_400).expect("less than a day");
    let mut now = Timestamp::from_nanos(input.start);
    let mut state = input.word.map_or_else(LimitState::default, LimitState::from_bits);
    for request in input.requests.iter().take(32) {
        now = now.saturating_add(request.time.after(&policy));
        let permits = match request.permits {
            Permits::One => 1,
            Permits::Some(permits) => permits.into(),
            Permits::Ready => state.peek(&policy, now, 0).burst_remaining(),
        };
        let (after, outcome) = state.take(&policy, now, permits);
        state = after;
        Decision { policy, state, now, outcome }.assert_fields();
    }
});

impl Time {
    fn after(&self, policy: &LimitPolicy) -> Duration {
        match *self {
            Self::Same => Duration::ZERO,
            Self::Nanos(nanos) => Duration::from_nanos(nanos.into()),
            Self::Millis(millis) => Duration::from_millis(millis.into()),
            Self::Minutes(minutes) => Duration::from_secs(u64::from(minutes) * 60),
            Self::Permit { seconds, nanos } => {
                let rest =
                    policy.rate().time_for(1).saturating_sub(Duration::from_secs(seconds.into()));
                let few = Duration::from_nanos(nanos.unsigned_abs().into());
                if nanos < 0 { rest.saturating_sub(few) } else { rest + few }
            }
        }
    }
}

/// A decision, and the state after it.
struct Decision {
    policy: LimitPolicy,
    state: LimitState,
    now: Timestamp,
    outcome: Outcome,
}

/// A limit in the fields: name, quota, window, permits remaining, and the effective window of these.
type Limit = (String, u128, u128, u128, u128);

impl Decision {
    fn assert_fields(&self) {
        let limits = draft_11(&self.fields(RateLimitFields::Draft11));
        let (burst, daily) = match &*limits {
            [burst] => (burst, None),
            [burst, daily] => (burst, Some(daily)),
            _ => panic!("{limits:?}"),
        };
        self.assert_burst(burst);
        assert_eq!(daily.is_some(), self.policy.daily().is_some());
        daily.into_iter().for_each(|daily| self.assert_daily(daily));
        assert_draft_7(&self.fields(RateLimitFields::Draft7), &limits);
        let off = self.fields(RateLimitFields::Off);
        assert!(!off.contains_key("ratelimit") && !off.contains_key("ratelimit-policy"));
    }

    fn fields(&self, fields: RateLimitFields) -> HeaderMap {
        let standing = *self.outcome.standing();
        let denial = match self.outcome {
            Outcome::BurstExceeded(refusal) => Denial::RateLimited { refusal },
            Outcome::QuotaExceeded(refusal) => Denial::QuotaExceeded { refusal },
            _ => Denial::ScopeInsufficient { required: Requirement::DENY_ALL, standing },
        };
        let gate = GATE.clone().with_rate_limit_fields(fields);
        gate.refusal_response(&denial).into_parts().0.headers
    }

    fn assert_burst(&self, (name, quota, window, remaining, effective): &Limit) {
        let ready = u128::from(self.outcome.burst_remaining());
        let burst = u128::from(self.policy.burst().get());
        let is = (name.as_str(), *quota, *window, *remaining);
        assert_eq!(is, ("burst", burst, self.seconds_for(burst), ready));
        if ready > 0 {
            assert_eq!(*effective, self.seconds_for(ready));
            return;
        }
        // The limiter keeps fractions of a nanosecond, and gives whole ones: two of them may be lost.
        let wait = self.wait();
        assert!(*effective >= seconds(wait), "{effective} s are not {wait} ns");
        assert!(*effective <= seconds(wait + 2), "{effective} s are more than {wait} ns");
    }

    fn assert_daily(&self, (name, quota, window, remaining, effective): &Limit) {
        let standing = self.outcome.standing();
        let left = standing.daily_remaining().map(u128::from).expect("there is a quota");
        let quota_resets_in = standing.quota_resets_in().as_nanos();
        let is = (name.as_str(), Some(*quota), *window, *effective);
        let daily = self.policy.daily().map(|daily| u128::from(daily.get()));
        assert_eq!(is, ("daily", daily, 86_400, seconds(quota_resets_in)));
        // The bucket may also hold a partial permit.
        let (permits, period) = self.rate();
        let reach = u128::from(standing.burst_remaining()) + quota_resets_in * permits / period;
        assert!(
            (left.min(reach)..=left.min(reach + 1)).contains(remaining),
            "{remaining} of {reach}"
        );
    }

    /// Permits, and the nanoseconds in which the rate brings them.
    fn rate(&self) -> (u128, u128) {
        let rate = self.policy.rate();
        (rate.permits().get().into(), rate.period().as_nanos())
    }

    /// The whole seconds in which the rate brings this many permits.
    fn seconds_for(&self, count: u128) -> u128 {
        let (permits, period) = self.rate();
        (count * period).div_ceil(permits * 1_000_000_000).max(1)
    }

    /// The nanoseconds until the bucket holds a permit, regardless of the daily quota.
    fn wait(&self) -> u128 {
        let policy = LimitPolicy::new(self.policy.rate(), self.policy.burst());
        let policy = policy.with_utc_offset_secs(self.policy.utc_offset_secs()).expect("as before");
        let wait = self.state.peek(&policy, self.now, 1).retry_after();
        wait.expect("the bucket is empty").as_nanos()
    }
}

fn seconds(nanos: u128) -> u128 {
    nanos.div_ceil(1_000_000_000).max(1)
}

fn draft_11(fields: &HeaderMap) -> Vec<Limit> {
    let policies =
        list(fields, "ratelimit-policy").into_iter().map(|item| named(&item, ["q", "w"]));
    let limits = list(fields, "ratelimit").into_iter().map(|item| named(&item, ["r", "t"]));
    let (policies, limits): (Vec<_>, Vec<_>) = (policies.collect(), limits.collect());
    assert_eq!(policies.len(), limits.len());
    let pairs = policies.into_iter().zip(limits);
    let limits = pairs.map(|((name, [quota, window]), (of, [remaining, effective]))| {
        assert_eq!(name, of);
        (name, quota, window, remaining, effective)
    });
    limits.collect()
}

fn assert_draft_7(fields: &HeaderMap, limits: &[Limit]) {
    let policies = list(fields, "ratelimit-policy").into_iter();
    let policies: Vec<_> =
        policies.map(|item| (number(&item.bare_item), params(&item, ["w"]))).collect();
    let expected: Vec<_> =
        limits.iter().map(|(_, quota, window, ..)| (*quota, [*window])).collect();
    assert_eq!(policies, expected);

    let limit: Dictionary = Parser::new(text(fields, "ratelimit")).parse().expect("a dictionary");
    let keys: Vec<_> = limit.keys().map(|key| key.as_str()).collect();
    assert_eq!(keys, ["limit", "remaining", "reset"]);
    let numbers: Vec<_> = limit.into_values().map(|entry| number(&item(entry).bare_item)).collect();
    let fewest = limits.iter().min_by_key(|(.., remaining, _)| *remaining).expect("the burst");
    let (_, quota, _, remaining, effective) = fewest;
    assert_eq!(numbers, [*quota, *remaining, *effective]);
}

fn text<'a>(fields: &'a HeaderMap, name: &str) -> &'a str {
    assert_eq!(fields.get_all(name).iter().count(), 1, "{name}");
    fields[name].to_str().expect("visible characters")
}

fn list(fields: &HeaderMap, name: &str) -> Vec<Item> {
    let list: List = Parser::new(text(fields, name)).parse().expect("a list");
    list.into_iter().map(item).collect()
}

fn item(entry: ListEntry) -> Item {
    match entry {
        ListEntry::Item(item) => item,
        ListEntry::InnerList(list) => panic!("an inner list: {list:?}"),
    }
}

fn named<const N: usize>(item: &Item, keys: [&str; N]) -> (String, [u128; N]) {
    let name = item.bare_item.as_string().expect("a string").as_str().to_owned();
    (name, params(item, keys))
}

fn params<const N: usize>(item: &Item, keys: [&str; N]) -> [u128; N] {
    let found: Vec<_> = item.params.keys().map(|key| key.as_str()).collect();
    assert_eq!(found, keys);
    keys.map(|key| number(&item.params[key]))
}

fn number(item: &BareItem) -> u128 {
    let number = item.as_integer().expect("an integer");
    u128::try_from(i64::from(number)).expect("not below zero")
}
