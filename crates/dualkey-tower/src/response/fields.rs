use std::cell::RefCell;

use dualkey_limit::{LimitPolicy, Standing};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::quota::{Quota, Remaining};
use super::reverse_buffer::ReverseBuffer;

/// The version of the fields that tell a caller its limits and what remains of them.
///
/// The fields are a draft, draft-ietf-httpapi-ratelimit-headers, which still changes.
///
/// ```
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
/// # use dualkey_tower::{Gate, Verifier};
/// use dualkey_tower::RateLimitFields;
///
/// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
/// let gate = Gate::new(Verifier::new(registry)).with_rate_limit_fields(RateLimitFields::Draft7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitFields {
    /// Draft 11: `RateLimit-Policy: "burst";q=10;w=2` and `RateLimit: "burst";r=9;t=2`, with an item
    /// for each limit.
    #[default]
    Draft11,
    /// Draft 7: `RateLimit-Policy: 10;w=2` and `RateLimit: limit=10, remaining=9, reset=2`. The second
    /// field describes the limit with fewer permits remaining.
    Draft7,
    /// No fields.
    Off,
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The limits that a request was charged to, after the charge, and the fields to write them in.
#[derive(Clone, Copy)]
pub(crate) struct RateLimitState {
    fields: RateLimitFields,
    standing: Standing,
}

impl RateLimitState {
    pub(crate) const fn new(fields: RateLimitFields, standing: &Standing) -> Self {
        Self { fields, standing: *standing }
    }

    /// Inserts both fields, replacing what is there under their names.
    pub(crate) fn insert_into(&self, headers: &mut HeaderMap) {
        let Self { fields, standing } = self;
        for (name, value) in [
            (POLICY, cached_policy(*fields, standing.policy())),
            (LIMIT, limit_value(*fields, standing)),
        ] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
    }
}

struct CachedField {
    fields: RateLimitFields,
    policy: LimitPolicy,
    value: HeaderValue,
}

/// The policy field, from a cache of the last few policies: partners share few plans. Each thread has
/// its own cache, so that threads do not contend for one reference count.
fn cached_policy(fields: RateLimitFields, policy: &LimitPolicy) -> Option<HeaderValue> {
    const CAPACITY: usize = 8;
    thread_local! {
        static CACHE: RefCell<Vec<CachedField>> = const { RefCell::new(Vec::new()) };
    }
    CACHE.with_borrow_mut(|cache| {
        let hit = cache.iter().find(|it| (it.fields, &it.policy) == (fields, policy));
        if let Some(CachedField { value, .. }) = hit {
            return Some(value.clone());
        }
        let value = policy_value(fields, policy)?;
        cache.truncate(CAPACITY - 1);
        cache.insert(0, CachedField { fields, policy: *policy, value: value.clone() });
        Some(value)
    })
}

fn policy_value(fields: RateLimitFields, policy: &LimitPolicy) -> Option<HeaderValue> {
    match fields {
        RateLimitFields::Draft11 => join(&Quota::of(policy), Quota::write),
        RateLimitFields::Draft7 => join(&Quota::of(policy), Quota::write_7),
        RateLimitFields::Off => None,
    }
}

fn limit_value(fields: RateLimitFields, standing: &Standing) -> Option<HeaderValue> {
    match fields {
        RateLimitFields::Draft11 => join(&Remaining::of(standing), Remaining::write),
        RateLimitFields::Draft7 => {
            let limits = Remaining::of(standing).into_iter().flatten();
            let fewest = limits.min_by_key(|limit| limit.permits);
            join(&[fewest, None], Remaining::write_7)
        }
        RateLimitFields::Off => None,
    }
}

impl Quota {
    fn write(&self, buffer: &mut ReverseBuffer) {
        buffer.prepend_number(self.window);
        buffer.prepend(";w=");
        buffer.prepend_number(self.quota.into());
        buffer.prepend("\";q=");
        buffer.prepend(self.name);
        buffer.prepend("\"");
    }

    fn write_7(&self, buffer: &mut ReverseBuffer) {
        buffer.prepend_number(self.window);
        buffer.prepend(";w=");
        buffer.prepend_number(self.quota.into());
    }
}

impl Remaining {
    fn write(&self, buffer: &mut ReverseBuffer) {
        buffer.prepend_number(self.window);
        buffer.prepend(";t=");
        buffer.prepend_number(self.permits);
        buffer.prepend("\";r=");
        buffer.prepend(self.name);
        buffer.prepend("\"");
    }

    fn write_7(&self, buffer: &mut ReverseBuffer) {
        buffer.prepend_number(self.window);
        buffer.prepend(", reset=");
        buffer.prepend_number(self.permits);
        buffer.prepend(", remaining=");
        buffer.prepend_number(self.quota.into());
        buffer.prepend("limit=");
    }
}

/// A list of items, written from its end.
fn join<T>(items: &[Option<T>; 2], write: impl Fn(&T, &mut ReverseBuffer)) -> Option<HeaderValue> {
    let mut buffer = ReverseBuffer::new();
    for item in items.iter().flatten().rev() {
        if !buffer.is_empty() {
            buffer.prepend(", ");
        }
        write(item, &mut buffer);
    }
    HeaderValue::from_bytes(buffer.as_bytes()).ok()
}
