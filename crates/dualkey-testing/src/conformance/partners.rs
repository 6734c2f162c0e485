use std::num::NonZeroU32;

use dualkey_limit::{LimitPolicy, Rate};
use dualkey_store::{LimitsChange, Page, Partner, RegistryError};

use super::setup::{Setup, join_all, key, partner};

pub(super) async fn keys_match_exactly(setup: Setup) {
    let Setup { store, registry, .. } = setup;
    let one = registry.register_partner(partner("One", "Key-number-1")).await.expect("registered");
    let other =
        registry.register_partner(partner("Other", "key-number-1")).await.expect("registered");
    for (text, expected) in [
        ("Key-number-1", Some(&one)),
        ("key-number-1", Some(&other)),
        ("KEY-NUMBER-1", None),
        ("Key-number-", None),
        ("Key-number-11", None),
        ("Key-number-_", None),
        ("%%%%%%%%", None),
    ] {
        let found = store.partner_by_key(&key(text)).await.expect("an answer");
        assert_eq!(found.as_ref(), expected, "{text:?}");
    }
    let taken = registry.register_partner(partner("Third", "Key-number-1")).await;
    assert!(matches!(taken, Err(RegistryError::ApiKeyTaken)));
    assert_eq!(registry.partners().await.expect("a list"), [one, other]);
}

pub(super) async fn limits_and_enabled_flag_change(setup: Setup) {
    let Setup { store, registry, .. } = setup;
    let before =
        registry.register_partner(partner("One", "key-number-1")).await.expect("registered");
    let ten = NonZeroU32::new(10).expect("not zero");
    let policy = LimitPolicy::new(Rate::per_minute(ten), ten);
    let changed = registry.set_limits(&before.api_key, policy).await.expect("changed");
    assert_eq!(changed, Partner { policy, ..before.clone() });
    let disabled = registry.set_enabled(&key("key-number-1"), false).await.expect("changed");
    assert_eq!(disabled, Partner { enabled: false, ..changed });
    assert_eq!(store.partner_by_key(&before.api_key).await.expect("an answer"), Some(disabled));
    let unknown = registry.set_limits(&key("key-number-2"), policy).await;
    assert!(matches!(unknown, Err(RegistryError::NotFound)));
    let unknown = registry.set_enabled(&key("key-number-2"), true).await;
    assert!(matches!(unknown, Err(RegistryError::NotFound)));
}

pub(super) async fn a_change_of_limits_leaves_the_others(setup: Setup) {
    let Setup { registry, .. } = setup;
    let number = |n| NonZeroU32::new(n).expect("not zero");
    let offset = LimitPolicy::default().with_utc_offset_secs(3_600).expect("in range");
    let new = partner("One", "key-number-1").with_policy(offset);
    let one = registry.register_partner(new).await.expect("registered");
    let nothing = LimitsChange::default();
    for (change, expected) in [
        (nothing, "5 a second, burst 10, 10000 a day"),
        (LimitsChange { burst: Some(number(20)), ..nothing }, "5 a second, burst 20, 10000 a day"),
        (LimitsChange { daily: Some(Some(number(9))), ..nothing }, "5 a second, burst 20, 9 a day"),
        (
            LimitsChange { rate: Some(Rate::per_minute(number(7))), ..nothing },
            "7 a minute, burst 20, 9 a day",
        ),
        (LimitsChange { daily: Some(None), ..nothing }, "7 a minute, burst 20"),
    ] {
        let changed = registry.change_limits(&one.api_key, change).await.expect("changed");
        assert_eq!(changed.policy.to_string(), expected);
        assert_eq!(changed.policy.utc_offset_secs(), 3_600);
        let trail = registry.audit(None, Page::first(1)).await.expect("a page");
        assert_eq!(trail[0].detail, expected, "the trail has all limits after the change");
    }
    let trail = registry.audit(None, Page::first(100)).await.expect("a page");
    let refused = LimitsChange { utc_offset_secs: Some(86_400), ..nothing };
    let refused = registry.change_limits(&one.api_key, refused).await;
    assert!(matches!(refused, Err(RegistryError::InvalidPolicy(_))));
    let unknown = registry.change_limits(&key("key-number-2"), nothing).await;
    assert!(matches!(unknown, Err(RegistryError::NotFound)));
    assert_eq!(registry.audit(None, Page::first(100)).await.expect("a page"), trail);
}

pub(super) async fn concurrent_changes_of_limits_all_stay(setup: Setup) {
    let Setup { registry, .. } = setup;
    let one = registry.register_partner(partner("One", "key-number-1")).await.expect("registered");
    for round in 1..=20 {
        let number = NonZeroU32::new(round).expect("not zero");
        let nothing = LimitsChange::default();
        let changes = [
            LimitsChange { rate: Some(Rate::per_second(number)), ..nothing },
            LimitsChange { burst: Some(number), ..nothing },
            LimitsChange { daily: Some(Some(number)), ..nothing },
        ];
        let changing = changes.map(|change| registry.change_limits(&one.api_key, change));
        assert!(join_all(changing).await.iter().all(Result::is_ok));
        let policy = registry.partner(&one.api_key).await.expect("the partner").policy;
        let expected = LimitPolicy::new(Rate::per_second(number), number).with_daily(number);
        assert_eq!(Ok(policy), expected);
    }
}
