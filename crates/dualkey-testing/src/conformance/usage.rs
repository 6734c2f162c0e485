use dualkey_limit::Timestamp;
use dualkey_store::{DailyUsage, PartnerId, TokenId, TokenUse};

use super::setup::{DAY, START, Setup, partner};

pub(super) async fn last_use_never_moves_backward(setup: Setup) {
    let token = setup.issue("acme", "token").await;
    let other = setup.issue("acme", "other").await;
    let unknown = TokenId::from_bytes([7; 16]);
    let partner = |number: u8| Some(PartnerId::from_bytes([number; 16]));
    for (at, by, expected, expected_by) in [
        (5, partner(1), 5, partner(1)),
        (9, partner(2), 9, partner(2)),
        (7, partner(1), 9, partner(2)),
        (11, None, 11, None),
        (12, partner(1), 12, partner(1)),
    ] {
        let at = Timestamp::from_secs(at);
        let uses = [token.record.id, unknown].map(|token| TokenUse {
            token,
            first_at: at,
            last_at: at,
            last_by: by,
        });
        setup.store.record_uses(&uses, START).await.expect("recorded");
        let record = setup.stored(&token).await.expect("the token is found").record;
        assert_eq!(record.first_used_at, Some(Timestamp::from_secs(5)));
        assert_eq!(record.last_used_at, Some(Timestamp::from_secs(expected)));
        assert_eq!(record.last_used_by, expected_by, "the partner of the last use");
    }
    let use_of = |at, by| {
        let at = Timestamp::from_secs(at);
        TokenUse { token: token.record.id, first_at: at, last_at: at, last_by: by }
    };
    let uses = [use_of(14, partner(2)), use_of(13, partner(1))];
    setup.store.record_uses(&uses, START).await.expect("recorded");
    let record = setup.registry.tokens(&"acme".into()).await.expect("a list").pop();
    assert_eq!(record.expect("it is listed").last_used_by, partner(2), "in whichever order");
    let idle = setup.registry.idle_tokens(&"acme".into(), Timestamp::from_secs(15)).await;
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

pub(super) async fn a_use_ahead_of_now_is_corrected(setup: Setup) {
    let token = setup.issue("acme", "token").await;
    let [before, now, ahead] = [START.saturating_sub(DAY), START, START.saturating_add(DAY * 400)];
    let record = async |at, now| {
        let id = token.record.id;
        let uses = [TokenUse { token: id, first_at: at, last_at: at, last_by: None }];
        setup.store.record_uses(&uses, now).await.expect("recorded");
        let record = setup.stored(&token).await.expect("the token is found").record;
        (record.first_used_at, record.last_used_at)
    };
    assert_eq!(record(ahead, ahead).await, (Some(ahead), Some(ahead)), "by a clock that is ahead");
    assert_eq!(record(now, now).await, (Some(now), Some(now)), "the clock came back");
    assert_eq!(record(before, now).await, (Some(now), Some(now)), "written late");
    let later = now.saturating_add(DAY);
    assert_eq!(record(ahead, later).await, (Some(now), Some(later)), "used before it came back");
}

pub(super) async fn the_newest_32_days_of_usage_are_kept(setup: Setup) {
    let Setup { store, registry, .. } = setup;
    let partner =
        registry.register_partner(partner("One", "key-number-1")).await.expect("registered").id;
    let usage = |day, permits| DailyUsage { partner, day, permits };
    let used = async |day| store.usage(partner, day).await.expect("an answer");
    for day in 1..=40 {
        store.add_usage(&[usage(day, 1)]).await.expect("added");
    }
    assert_eq!((used(8).await, used(9).await, used(40).await), (0, 1, 1));

    store.add_usage(&[usage(400, 3)]).await.expect("added by a clock that is ahead");
    for _ in 0..3 {
        store.add_usage(&[usage(41, 2)]).await.expect("added");
    }
    assert_eq!((used(41).await, used(400).await), (6, 3), "each day has its own count");

    let ahead = Vec::from_iter((1_000..1_100).map(|day| usage(day, 1)));
    for usage in &ahead {
        store.add_usage(std::slice::from_ref(usage)).await.expect("added by a wilder clock");
    }
    for _ in 0..3 {
        store.add_usage(&[usage(42, 2)]).await.expect("added");
    }
    assert_eq!(used(42).await, 6, "a day that is added stays, although 32 others are newer");
    store.add_usage(&ahead).await.expect("added");
    store.add_usage(&[usage(43, 1)]).await.expect("added");
    assert_eq!((used(43).await, used(42).await), (1, 0));
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
    store.add_usage(&[usage(7, 5), usage(8, 1)]).await.expect("added");
    assert_eq!(store.usage(partner, 7).await.expect("an answer"), 12, "a past day goes on");
    assert_eq!(store.usage(partner, 8).await.expect("an answer"), 2);
    assert_eq!(store.usage_on(8).await.expect("an answer"), [usage(8, 2)]);
    assert_eq!(store.usage_on(9).await.expect("an answer"), []);
}
