use std::collections::BTreeMap;

use dualkey_store::{LimitStore, PartnerId, StoreFuture, Usage};

use crate::SqlStore;
use crate::row::Row;
use crate::statement::Statement;
use crate::value::values;

impl LimitStore for SqlStore {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        self.ask(async move |shared| {
            let rows = shared.ask(Statement::UsageOf, values![partner, day]).await?;
            rows.first().map_or(Ok(0), Row::permits)
        })
    }

    fn usages(&self) -> StoreFuture<'_, Vec<Usage>> {
        self.ask(async move |shared| {
            let rows = shared.ask(Statement::Usages, values![]).await?;
            rows.iter().map(Row::usage).collect()
        })
    }

    fn add_usage<'a>(&'a self, usages: &'a [Usage]) -> StoreFuture<'a, ()> {
        let usages = one_for_each_partner(usages);
        self.ask(async move |shared| {
            shared.write(Statement::AddUsage, values![usages.as_slice()]).await
        })
    }
}

/// Of the latest day, in the order of their ids.
fn one_for_each_partner(usages: &[Usage]) -> Vec<Usage> {
    let mut latest: BTreeMap<PartnerId, Usage> = BTreeMap::new();
    for usage in usages {
        let sum = latest.entry(usage.partner).or_insert(Usage { permits: 0, ..*usage });
        if sum.day < usage.day {
            *sum = Usage { permits: 0, ..*usage };
        }
        if sum.day == usage.day {
            sum.permits = sum.permits.saturating_add(usage.permits);
        }
    }
    latest.into_values().collect()
}
