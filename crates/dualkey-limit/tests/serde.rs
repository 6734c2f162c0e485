//! Policies are serialized as their numbers, and validated when they are deserialized.
#![cfg(feature = "serde")]

use dualkey_limit::{LimitPolicy, Timestamp};
use serde_json::json;

#[test]
fn a_policy_is_serialized_as_its_numbers() {
    let written = json!({
        "rate": {"permits": 5, "per": "second"}, "burst": 10, "daily": 10_000, "utc_offset_secs": 0,
    });
    assert_eq!(serde_json::to_value(LimitPolicy::default()).unwrap(), written);
    let policy: LimitPolicy = serde_json::from_value(written).unwrap();
    assert_eq!(policy, LimitPolicy::default());

    let east = policy.without_daily().with_utc_offset_secs(3_600).unwrap();
    let written = serde_json::to_value(east).unwrap();
    assert_eq!(serde_json::from_value::<LimitPolicy>(written).unwrap(), east);
}

#[test]
fn invalid_policies_are_not_deserialized() {
    for written in [
        json!({"rate": {"permits": 2_000_000, "per": "second"}, "burst": 1}),
        json!({"rate": {"permits": 1, "per": "second"}, "burst": 0}),
        json!({"rate": {"permits": 1, "per": "week"}, "burst": 1}),
        json!({"rate": {"permits": 1, "per": "day"}, "burst": 4_294_967_295_u32, "daily": 70_000}),
        json!({"rate": {"permits": 1, "per": "day"}, "burst": 1, "dayly": 1}),
    ] {
        assert!(serde_json::from_value::<LimitPolicy>(written).is_err());
    }
}

#[test]
fn a_timestamp_is_serialized_as_nanoseconds() {
    assert_eq!(serde_json::to_value(Timestamp::from_nanos(7)).unwrap(), json!(7));
}
