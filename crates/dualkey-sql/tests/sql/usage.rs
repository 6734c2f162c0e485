//! Under concurrent writers, usage adds up and last uses only move forward.

use dualkey_limit::Timestamp;
use dualkey_store::{
    DailyUsage, Page, PartnerId, TokenId, TokenStore as _, TokenUse, UsageStore as _,
};

use crate::support::{Database, on_both};

on_both!(
    usage_of_two_stores_adds_up,
    usage_saturates_at_the_largest_integer,
    last_uses_of_two_stores_only_move_forward,
);

const BATCH: u32 = 10_000;

fn uuid(number: u32) -> [u8; 16] {
    let mut bytes = [0x77; 16];
    // Ids that differ in their first bytes are spread over the index.
    bytes[..4].copy_from_slice(&number.wrapping_mul(0x9E37_79B1).to_be_bytes());
    bytes
}

async fn usage_of_two_stores_adds_up(database: Database) {
    let stores = [database.open().await, database.open().await];
    let writers = (0..8_u32).map(|writer| {
        let store = stores[usize::from(writer % 2 == 0)].clone();
        let usage = move |number| {
            let partner = PartnerId::from_bytes(uuid(number));
            DailyUsage {
                partner,
                day: 20_000 + i64::from(number % 2),
                permits: u64::from(writer) + 1,
            }
        };
        let mut usages = Vec::from_iter((0..BATCH).map(usage));
        if writer % 2 == 1 {
            usages.reverse();
        }
        tokio::spawn(async move { store.add_usage(&usages).await.unwrap() })
    });
    for writer in Vec::from_iter(writers) {
        writer.await.unwrap();
    }
    let mut usages = stores[0].usage_on(20_000).await.unwrap();
    usages.extend(stores[0].usage_on(20_001).await.unwrap());
    assert_eq!(usages.len(), BATCH as usize);
    assert!(usages.iter().all(|usage| usage.permits == 36));
}

async fn usage_saturates_at_the_largest_integer(database: Database) {
    let store = database.open().await;
    let partner = PartnerId::from_bytes(uuid(1));
    let usage = |permits| DailyUsage { partner, day: 7, permits };
    store.add_usage(&[usage(5)]).await.unwrap();
    store.add_usage(&[usage(u64::MAX), usage(u64::MAX)]).await.unwrap();
    store.add_usage(&[usage(9)]).await.unwrap();
    assert_eq!(store.usage(partner, 7).await.unwrap(), i64::MAX.unsigned_abs());
    store.add_usage(&[]).await.unwrap();
}

async fn last_uses_of_two_stores_only_move_forward(database: Database) {
    let stores = [database.open().await, database.open().await];
    database.run(&tokens(database.is_sqlite())).await;
    let time = |second: u64| Timestamp::from_secs(1_000_000 + second);
    let partner = |second: u64| PartnerId::from_bytes(u128::from(second).to_be_bytes());
    let token = TokenId::from_bytes(uuid(0));
    let first = [TokenUse { token, first_at: time(0), last_at: time(0), last_by: None }];
    stores[0].record_uses(&first, time(0)).await.unwrap();
    let writers = [5_u64, 8, 2, 7, 1, 6, 3, 4].map(|second| {
        let store = stores[usize::from(second % 2 == 0)].clone();
        let token_use = move |number| TokenUse {
            token: TokenId::from_bytes(uuid(number)),
            first_at: time(second),
            last_at: time(second + 100),
            last_by: Some(partner(second)),
        };
        let mut uses = Vec::from_iter((0..BATCH).map(token_use));
        if second % 2 == 1 {
            uses.reverse();
        }
        tokio::spawn(async move { store.record_uses(&uses, time(1_000)).await.unwrap() })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    let tokens = stores[0].tokens(&"acme".into(), Page::first(u32::MAX)).await.unwrap();
    assert_eq!(tokens.len(), BATCH as usize);
    for token in &tokens {
        assert_eq!(token.last_used_at, Some(time(108)));
        assert_eq!(token.last_used_by, Some(partner(8)));
        assert!(token.first_used_at.is_some_and(|first| first <= time(8)));
        if token.id == first[0].token {
            assert_eq!(token.first_used_at, Some(time(0)));
        }
    }
}

fn tokens(is_sqlite: bool) -> String {
    let digest =
        |number| if is_sqlite { format!("x'{number:064}'") } else { format!("'\\x{number:064}'") };
    let row = |number| {
        let (id, digest) = (TokenId::from_bytes(uuid(number)), digest(number));
        format!(
            "('{id}', 'acme', {digest}, 'token', 'abc', 'a:read', '2026-01-01T00:00:00.000000Z')"
        )
    };
    let rows = Vec::from_iter((0..BATCH).map(row)).join(",");
    format!(
        "insert into dualkey_tokens (id, organization, digest, name, hint, scopes, created_at)
         values {rows}"
    )
}
