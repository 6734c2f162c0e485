use super::{MemoryStore, ready_ok};
use crate::{DailyUsage, PartnerId, StoreFuture, UsageStore};

/// The number of days of each partner that are kept.
const MAX_DAYS: usize = 32;

impl UsageStore for MemoryStore {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        let records = self.records();
        let permits = records.usage.get(&partner).and_then(|days| days.get(&day));
        ready_ok(permits.copied().unwrap_or(0))
    }

    fn usage_on(&self, day: i64) -> StoreFuture<'_, Vec<DailyUsage>> {
        let records = self.records();
        let usages = records.usage.iter().filter_map(|(&partner, days)| {
            days.get(&day).map(|&permits| DailyUsage { partner, day, permits })
        });
        ready_ok(usages.collect())
    }

    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()> {
        let mut records = self.records();
        for usage in usages {
            let days = records.usage.entry(usage.partner).or_default();
            // Makes room before the day is added, so that it stays even if all others are newer.
            if !days.contains_key(&usage.day) && days.len() >= MAX_DAYS {
                days.pop_first();
            }
            let permits = days.entry(usage.day).or_default();
            *permits = permits.saturating_add(usage.permits);
        }
        ready_ok(())
    }
}
