use dualkey_limit::Timestamp;
use dualkey_store::{DailyUsage, TokenId, TokenUse};

use super::setup::{DAY, START, Setup, partner};

pub(super) async fn last_use_never_moves_backward(setup: Setup) {
    let token = setup.issue("acme", "token").await;
    let other = setup.issue("acme", "other").await;
    let unknown = TokenId::from_bytes([7; 16]);
    for (at, expected) in [(5, 5), (9, 9), (7, 9)] {
        let at = Timestamp::from_secs(at);
        let uses =
            [token.record.id, unknown].map(|token| TokenUse { token, first_at: at, last_at: at });
        setup.store.record_uses(&uses).await.expect("recorded");
        let record = setup.stored(&token).await.expect("the token is found").record;
        assert_eq!(record.first_used_at, Some(Timestamp::from_secs(5)));
        assert_eq!(record.last_used_at, Some(Timestamp::from_secs(expected)));
    }
    let idle = setup.registry.idle_tokens(&"acme".into(), Timestamp::from_secs(10)).await;
    let idle: Vec<_> = idle.expect("a list").into_iter().map(|token| token.id).collect();
    assert_eq!(
        idle,
        [token.record.id],
        "a token that was never used counts as used when it was issued"
    );
    let later = START.saturating_add(DAY);
    let idle = setup.registry.idle_tokens(&"acme".into(), later).await.expect("a list");
    assert_eq!(idle.len(), 2);
    assert_eq!(idle[0].id, other.record.id);
}

pub(super) async fn usage_adds_up_by_day(setup: Setup) {
    let Setup { store, registry, .. } = setup;
    let partner =
        registry.register_partner(partner("One", "key-number-1")).await.expect("registered").id;
    let usage = |day, permits| DailyUsage { partner, day, permits };
    assert_eq!(store.usage(partner, 7).await.expect("an answer"), 0);
    store.add_usage(&[usage(7, 3), usage(7, 4)]).await.expect("added");
    assert_eq!(store.usage(partner, 7).await.expect("an answer"), 7);
    store.add_usage(&[usage(8, 1)]).await.expect("added");
    assert_eq!(store.usage(partner, 8).await.expect("an answer"), 1);
    assert_eq!(store.usage(partner, 9).await.expect("an answer"), 0);
    store.add_usage(&[usage(7, 5)]).await.expect("ignored, or added to a past day");
    assert_eq!(store.usage(partner, 8).await.expect("an answer"), 1);
    assert_eq!(store.usage_on(8).await.expect("an answer"), [usage(8, 1)]);
    assert_eq!(store.usage_on(9).await.expect("an answer"), []);
}
