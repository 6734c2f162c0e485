use std::collections::BTreeMap;

use dualkey_store::{DailyUsage, PartnerId, StoreFuture, UsageStore};

use crate::SqlStore;
use crate::row::Row;
use crate::statement::Statement;
use crate::value::values;

impl UsageStore for SqlStore {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        self.ask(async move |shared| {
            let rows = shared.ask(Statement::UsageOf, values![partner, day]).await?;
            rows.first().map_or(Ok(0), Row::permits)
        })
    }

    fn usage_on(&self, day: i64) -> StoreFuture<'_, Vec<DailyUsage>> {
        self.ask(async move |shared| {
            let rows = shared.ask(Statement::UsageOn, values![day]).await?;
            rows.iter().map(Row::usage).collect()
        })
    }

    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()> {
        let usages = one_for_each_partner(usages);
        self.ask(async move |shared| {
            shared.write(Statement::AddUsage, values![usages.as_slice()]).await
        })
    }
}

/// Of the latest day, in the order of their ids.
fn one_for_each_partner(usages: &[DailyUsage]) -> Vec<DailyUsage> {
    let mut latest: BTreeMap<PartnerId, DailyUsage> = BTreeMap::new();
    for usage in usages {
        let sum = latest.entry(usage.partner).or_insert(DailyUsage { permits: 0, ..*usage });
        if sum.day < usage.day {
            *sum = DailyUsage { permits: 0, ..*usage };
        }
        if sum.day == usage.day {
            sum.permits = sum.permits.saturating_add(usage.permits);
        }
    }
    latest.into_values().collect()
}
