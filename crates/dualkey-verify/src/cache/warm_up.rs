use std::collections::HashMap;

use dualkey_limit::{Clock, LimitState, Timestamp};
use dualkey_store::{Partner, PartnerId, StoreError};

use super::fetch::Fetcher;

/// The tokens that one query reads.
const BATCH: usize = 10_000;

impl Fetcher {
    /// Reads all partners and tokens of the store into the cache, as long as there is room. While it reads,
    /// each change is recorded by name, and an entry that a change named is not fresh. So the cache is complete
    /// at the end, whatever was changed meanwhile.
    pub(crate) async fn warm_up(&self, clock: &dyn Clock) -> Result<(), StoreError> {
        // Without a feed that reads, a complete cache is of no use.
        self.store.catch_up().await?;
        let state = &self.state;
        let loading = state.coverage.start_loading();
        let loading = loading.ok_or_else(|| StoreError::new("another warm-up is under way"))?;
        state.announced_keys.clear();
        state.announced_tokens.clear();
        self.load(clock).await?;
        let (is_complete, tokens) = (loading.finish(), state.tokens.len());
        tracing::info!(tokens, is_complete, "partners and tokens are read from the store");
        Ok(())
    }

    async fn load(&self, clock: &dyn Clock) -> Result<(), StoreError> {
        self.load_partners(clock.now()).await?;
        let mut after = None;
        while self.state.coverage.is_loading() {
            let read_at = clock.now();
            let batch = self.store.tokens_after(after, BATCH).await?;
            let Some(last) = batch.last() else { break };
            after = Some(last.id);
            for token in batch {
                let digest = token.digest;
                let is_current = || self.state.announced_tokens.is_unchanged(digest.as_bytes());
                self.state.tokens.upsert(token, read_at, is_current);
            }
        }
        Ok(())
    }

    async fn load_partners(&self, read_at: Timestamp) -> Result<(), StoreError> {
        let partners = self.store.partners().await?;
        let usage = self.usage_today(&partners, read_at).await?;
        for partner in partners {
            let used = usage.get(&partner.id).copied().unwrap_or_default();
            let used = match used {
                0 => LimitState::default(),
                _ => LimitState::default().with_used_today(&partner.policy, read_at, used),
            };
            let key = partner.api_key.as_str().as_bytes();
            let is_current = || self.state.announced_keys.is_unchanged(key);
            if self.state.partners.upsert(&partner, used, read_at, is_current).is_none() {
                self.state.coverage.overflow();
            }
        }
        Ok(())
    }

    /// What each partner used on its current day, which depends on its UTC offset.
    async fn usage_today(
        &self,
        partners: &[Partner],
        now: Timestamp,
    ) -> Result<HashMap<PartnerId, u64>, StoreError> {
        let day_of: HashMap<_, _> =
            partners.iter().map(|partner| (partner.id, partner.policy.day(now))).collect();
        let mut days: Vec<_> = day_of.values().copied().collect();
        days.sort_unstable();
        days.dedup();
        let mut usage = HashMap::new();
        for day in days {
            let rows = self.store.usage_on(day).await?;
            let today = rows.into_iter().filter(|row| day_of.get(&row.partner) == Some(&day));
            usage.extend(today.map(|row| (row.partner, row.permits)));
        }
        Ok(usage)
    }
}
