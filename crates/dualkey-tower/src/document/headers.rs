use std::collections::BTreeMap;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName};
use serde_json::Value;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::refusals::{Refusal, first_standing};
use crate::response::{RATE_LIMIT, RATE_LIMIT_POLICY, RateLimitFields, RateLimitState};

/// The response fields of guards that the document describes, with the spelling of their specifications.
const FIELDS: [(&str, HeaderName); 4] = [
    ("WWW-Authenticate", WWW_AUTHENTICATE),
    ("Retry-After", RETRY_AFTER),
    ("RateLimit-Policy", RATE_LIMIT_POLICY),
    ("RateLimit", RATE_LIMIT),
];

/// The fields of these refusals, each with the values that they have in the examples.
pub(crate) fn of_refusals(
    refusals: &[Refusal],
    version: RateLimitFields,
) -> BTreeMap<&'static str, Header> {
    let mut headers = BTreeMap::new();
    for (title, name) in FIELDS {
        let example = |refusal: &Refusal| {
            let value = value(&name, refusal.header(&name)?);
            Some((refusal.name, ExampleBuilder::new().value(Some(value))))
        };
        let examples: BTreeMap<_, _> = refusals.iter().filter_map(example).collect();
        if !examples.is_empty() {
            headers.insert(title, describe(&name, version).examples_from_iter(examples).build());
        }
    }
    headers
}

/// The `RateLimit` fields of this version, as a partner with the default limits gets them with its first
/// response of a day.
pub(crate) fn of_served_requests(version: RateLimitFields) -> Vec<(&'static str, Header)> {
    let mut fields = HeaderMap::new();
    RateLimitState::new(version, &first_standing()).insert_into(&mut fields);
    let headers = FIELDS.into_iter().filter_map(|(title, name)| {
        let text = fields.get(&name)?.to_str().ok()?.to_owned();
        Some((title, describe(&name, version).example(Some(value(&name, text))).build()))
    });
    headers.collect()
}

/// A value of this field, of the type that its schema has.
fn value(name: &HeaderName, text: String) -> Value {
    match text.parse::<u64>() {
        Ok(seconds) if *name == RETRY_AFTER => seconds.into(),
        _ => text.into(),
    }
}

fn describe(name: &HeaderName, version: RateLimitFields) -> HeaderBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    let (description, schema) = match *name {
        WWW_AUTHENTICATE => (
            "The challenge (RFC 9110 §11.6.1): of the scheme `ApiKey` for the partner key, of the scheme `Bearer` \
             (RFC 6750 §3) for the access token.",
            schema,
        ),
        RETRY_AFTER => (
            "The whole seconds after which the same request can succeed (RFC 9110 §10.2.3).",
            schema.schema_type(Type::Integer).minimum(Some(1)),
        ),
        ref name => {
            let (description, pattern) = rate_limit(*name == RATE_LIMIT_POLICY, version);
            (description, schema.pattern(Some(pattern)))
        }
    };
    HeaderBuilder::new().description(Some(description)).schema(Some(schema))
}

/// What one of the `RateLimit` fields means in this version, and its syntax as a regular expression.
const fn rate_limit(is_policy: bool, version: RateLimitFields) -> (&'static str, &'static str) {
    match (version, is_policy) {
        (RateLimitFields::Draft7, true) => (
            "The limits of the partner: the quota of each, and its window `w` in seconds \
             (draft-ietf-httpapi-ratelimit-headers-07).",
            "^[0-9]+;w=[0-9]+(, [0-9]+;w=[0-9]+)?$",
        ),
        (RateLimitFields::Draft7, false) => (
            "What is left of the limit with the fewest remaining requests: `reset` is in seconds \
             (draft-ietf-httpapi-ratelimit-headers-07).",
            "^limit=[0-9]+, remaining=[0-9]+, reset=[0-9]+$",
        ),
        (_, true) => (
            "The limits of the partner: the quota `q` of each, and its window `w` in seconds \
             (draft-ietf-httpapi-ratelimit-headers-11).",
            r#"^"burst";q=[0-9]+;w=[0-9]+(, "daily";q=[0-9]+;w=[0-9]+)?$"#,
        ),
        (_, false) => (
            "What is left of each limit: at most `r` more requests within the next `t` seconds \
             (draft-ietf-httpapi-ratelimit-headers-11).",
            r#"^"burst";r=[0-9]+;t=[0-9]+(, "daily";r=[0-9]+;t=[0-9]+)?$"#,
        ),
    }
}
