use std::collections::BTreeMap;

use dualkey_store::{DailyUsage, PartnerId, StoreFuture, UsageStore};

use crate::row::Row;
use crate::statement::Statement;
use crate::store::SqlStore;
use crate::value::values;

impl UsageStore for SqlStore {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        self.query(async move |shared| {
            let rows = shared.query(Statement::SelectUsage, values![partner, day]).await?;
            rows.first().map_or(Ok(0), Row::permits)
        })
    }

    fn usage_on(&self, day: i64) -> StoreFuture<'_, Vec<DailyUsage>> {
        self.query(async move |shared| {
            let rows = shared.query(Statement::SelectUsageOn, values![day]).await?;
            rows.iter().map(Row::usage).collect()
        })
    }

    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()> {
        let usages = merge_by_partner(usages);
        self.query(async move |shared| {
            shared.write(Statement::UpsertUsage, values![usages.as_slice()]).await
        })
    }
}

/// One entry per partner, with the sum of the permits of its latest day. Ordered by id.
fn merge_by_partner(usages: &[DailyUsage]) -> Vec<DailyUsage> {
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
