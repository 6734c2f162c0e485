use super::{MemoryStore, ready_ok};
use crate::{DailyUsage, PartnerId, StoreFuture, UsageStore};

impl UsageStore for MemoryStore {
    fn usage(&self, partner: PartnerId, day: i64) -> StoreFuture<'_, u64> {
        ready_ok(match self.records().usage.get(&partner) {
            Some((latest, permits)) if *latest == day => *permits,
            _ => 0,
        })
    }

    fn usage_on(&self, day: i64) -> StoreFuture<'_, Vec<DailyUsage>> {
        let records = self.records();
        let usages = records.usage.iter().filter(|(_, (latest, _))| *latest == day);
        let usages = usages.map(|(&partner, &(_, permits))| DailyUsage { partner, day, permits });
        ready_ok(usages.collect())
    }

    fn add_usage<'a>(&'a self, usages: &'a [DailyUsage]) -> StoreFuture<'a, ()> {
        let mut records = self.records();
        for usage in usages {
            let (latest, permits) = records.usage.entry(usage.partner).or_insert((usage.day, 0));
            if *latest < usage.day {
                (*latest, *permits) = (usage.day, 0);
            }
            if *latest == usage.day {
                *permits = permits.saturating_add(usage.permits);
            }
        }
        ready_ok(())
    }
}
