use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_limit::Standing;

/// In which form answers tell a caller what its limits are and what is left of them.
///
/// The fields are a draft, draft-ietf-httpapi-ratelimit-headers, and it is moving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitFields {
    /// Version 11: `RateLimit-Policy: "burst";q=10;w=2` and `RateLimit: "burst";r=9;t=2`, with an item
    /// for each limit.
    #[default]
    Draft11,
    /// Version 7: `RateLimit-Policy: 10;w=2` and `RateLimit: limit=10, remaining=9, reset=2`, which
    /// tells of the limit that is nearer to its end.
    Draft7,
    /// None.
    Off,
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// One of a caller's limits, in the terms of the draft.
struct Item {
    name: &'static str,
    quota: u32,
    /// The time to which the quota belongs, in seconds.
    window: u64,
    remaining: u64,
    /// The time in which no more than what remains may be used, in seconds.
    effective: u64,
}

/// What an answer tells of the limits that its request was charged to.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) fields: RateLimitFields,
    pub(crate) standing: Standing,
}

impl Told {
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let (burst, daily) = (burst(&self.standing), daily(&self.standing));
        let items = || [Some(&burst), daily.as_ref()].into_iter().flatten();
        let (policies, limits) = match self.fields {
            RateLimitFields::Draft11 => (join(items(), Item::policy), join(items(), Item::limit)),
            RateLimitFields::Draft7 => {
                let nearest = items().min_by_key(|item| item.remaining);
                (join(items(), Item::policy_7), join(nearest.into_iter(), Item::limit_7))
            }
            RateLimitFields::Off => return,
        };
        for (name, text) in [(POLICY, policies), (LIMIT, limits)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

impl Item {
    fn policy(&self, text: &mut String) {
        text.push('"');
        text.push_str(self.name);
        put(text, "\";q=", self.quota.into());
        put(text, ";w=", self.window);
    }

    fn limit(&self, text: &mut String) {
        text.push('"');
        text.push_str(self.name);
        put(text, "\";r=", self.remaining);
        put(text, ";t=", self.effective);
    }

    fn policy_7(&self, text: &mut String) {
        put(text, "", self.quota.into());
        put(text, ";w=", self.window);
    }

    fn limit_7(&self, text: &mut String) {
        put(text, "limit=", self.quota.into());
        put(text, ", remaining=", self.remaining);
        put(text, ", reset=", self.effective);
    }
}

/// In place of `write!`, which would be the greatest part of what a layer costs.
fn put(text: &mut String, label: &str, number: u64) {
    text.push_str(label);
    text.push_str(itoa::Buffer::new().format(number));
}

/// The window is the time in which an empty bucket fills: a shorter one would promise a faster rate.
fn burst(standing: &Standing) -> Item {
    let (policy, remaining) = (standing.policy(), standing.burst_remaining);
    let effective = match remaining {
        0 => until_one(standing),
        _ => policy.rate().time_for(remaining),
    };
    Item {
        name: "burst",
        quota: policy.burst().get(),
        window: whole_seconds(policy.fill_time()),
        remaining: remaining.into(),
        effective: whole_seconds(effective),
    }
}

/// The time until an empty bucket holds a permit, at most a nanosecond too long.
fn until_one(standing: &Standing) -> Duration {
    let policy = standing.policy();
    let (rate, others) = (policy.rate(), policy.burst().get() - 1);
    let behind_one =
        u128::from(others) * rate.period().as_nanos() / u128::from(rate.permits().get());
    standing.full_in().saturating_sub(Duration::from_nanos_u128(behind_one))
}

/// What remains is cut to what bucket and rate allow until the day ends, the part of a permit that is in
/// the bucket included.
fn daily(standing: &Standing) -> Option<Item> {
    let (policy, day_ends_in) = (standing.policy(), standing.day_ends_in());
    let quota = policy.daily()?.get();
    let coming = policy.rate().permits_in(day_ends_in);
    let held_for = policy.fill_time().saturating_sub(standing.full_in());
    let reachable = coming
        .saturating_add(standing.burst_remaining.into())
        .max(policy.rate().permits_in(day_ends_in.saturating_add(held_for)));
    Some(Item {
        name: "daily",
        quota,
        window: 86_400,
        remaining: u64::from(standing.daily_remaining?).min(reachable),
        effective: whole_seconds(day_ends_in),
    })
}

/// In whole seconds, rounded up and at least one, as `Retry-After` is too (RFC 9110 §10.2.3).
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}

fn join<'a>(items: impl Iterator<Item = &'a Item>, write: fn(&Item, &mut String)) -> String {
    let mut text = String::with_capacity(64);
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        write(item, &mut text);
    }
    text
}
