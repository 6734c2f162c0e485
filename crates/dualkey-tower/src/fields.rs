use std::cell::RefCell;

use dualkey_limit::{LimitPolicy, Standing};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::quota::{Left, Quota};
use crate::text::Text;

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

/// What an answer tells of the limits that its request was charged to.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) fields: RateLimitFields,
    pub(crate) standing: Standing,
}

impl Told {
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { fields, standing } = self;
        for (name, value) in [
            (POLICY, policy_again(*fields, standing.policy())),
            (LIMIT, limit_value(*fields, standing)),
        ] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
    }
}

type Said = (RateLimitFields, LimitPolicy, HeaderValue);

/// What a thread said of the policies that it met last is said again: callers share few plans. Threads
/// keep it apart, since they would wait for each other to count its references.
fn policy_again(fields: RateLimitFields, policy: &LimitPolicy) -> Option<HeaderValue> {
    const KEPT: usize = 8;
    thread_local! {
        static LAST: RefCell<Vec<Said>> = const { RefCell::new(Vec::new()) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some((.., value)) = last.iter().find(|said| (said.0, &said.1) == (fields, policy)) {
            return Some(value.clone());
        }
        let value = policy_value(fields, policy)?;
        last.truncate(KEPT - 1);
        last.insert(0, (fields, *policy, value.clone()));
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
        RateLimitFields::Draft11 => join(&Left::of(standing), Left::write),
        RateLimitFields::Draft7 => {
            let nearest = Left::of(standing).into_iter().flatten().min_by_key(|it| it.remaining);
            join(&[nearest, None], Left::write_7)
        }
        RateLimitFields::Off => None,
    }
}

impl Quota {
    fn write(&self, text: &mut Text) {
        text.prepend_number(self.window);
        text.prepend(";w=");
        text.prepend_number(self.quota.into());
        text.prepend("\";q=");
        text.prepend(self.name);
        text.prepend("\"");
    }

    fn write_7(&self, text: &mut Text) {
        text.prepend_number(self.window);
        text.prepend(";w=");
        text.prepend_number(self.quota.into());
    }
}

impl Left {
    fn write(&self, text: &mut Text) {
        text.prepend_number(self.effective);
        text.prepend(";t=");
        text.prepend_number(self.remaining);
        text.prepend("\";r=");
        text.prepend(self.name);
        text.prepend("\"");
    }

    fn write_7(&self, text: &mut Text) {
        text.prepend_number(self.effective);
        text.prepend(", reset=");
        text.prepend_number(self.remaining);
        text.prepend(", remaining=");
        text.prepend_number(self.quota.into());
        text.prepend("limit=");
    }
}

/// A list, written from its end: see [`Text`].
fn join<T>(items: &[Option<T>; 2], write: impl Fn(&T, &mut Text)) -> Option<HeaderValue> {
    let mut text = Text::new();
    for item in items.iter().flatten().rev() {
        if !text.is_empty() {
            text.prepend(", ");
        }
        write(item, &mut text);
    }
    HeaderValue::from_bytes(text.as_bytes()).ok()
}
