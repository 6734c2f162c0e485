use std::num::NonZeroU32;

use dualkey_limit::{LimitPolicy, Rate};
use dualkey_store::{Partner, RegistryError};

use super::setup::{Setup, key, partner};

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
