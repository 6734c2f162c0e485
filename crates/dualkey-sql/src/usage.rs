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
        let usages = merge_by_partner_and_day(usages);
        self.query(async move |shared| {
            let statements = [Statement::DeleteOldUsage, Statement::UpsertUsage];
            shared.write(&statements, values![usages.as_slice()]).await
        })
    }
}

/// One entry per partner and day, with the sum of its permits. Ordered by both.
fn merge_by_partner_and_day(usages: &[DailyUsage]) -> Vec<DailyUsage> {
    let mut sums: BTreeMap<(PartnerId, i64), u64> = BTreeMap::new();
    for DailyUsage { partner, day, permits } in usages {
        let sum = sums.entry((*partner, *day)).or_default();
        *sum = sum.saturating_add(*permits);
    }
    let usage = |((partner, day), permits)| DailyUsage { partner, day, permits };
    sums.into_iter().map(usage).collect()
}
