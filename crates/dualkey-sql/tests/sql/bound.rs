//! The maximum of tokens per organization is exact under concurrent issuers.

use std::iter::repeat_n;

use crate::support::{Database, issue, on_both};

on_both!(sixteen_concurrent_issuers_do_not_exceed_the_maximum);

async fn sixteen_concurrent_issuers_do_not_exceed_the_maximum(database: Database) {
    let stores = [database.registry().await, database.registry().await];
    let issuers = stores.iter().flat_map(|registry| repeat_n(registry, 8)).map(|registry| {
        let registry = registry.clone().with_max_tokens_per_organization(50);
        tokio::spawn(async move {
            let mut issued = 0;
            for _ in 0..8 {
                issued += usize::from(issue(&registry, "acme").await.is_ok());
            }
            issued
        })
    });
    let mut issued = 0;
    for issuer in Vec::from_iter(issuers) {
        issued += issuer.await.unwrap();
    }
    assert_eq!(issued, 50);
    assert_eq!(stores[1].tokens(&"acme".into()).await.unwrap().len(), 50);
}
